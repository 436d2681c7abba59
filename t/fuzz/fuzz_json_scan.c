/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The first two bytes say where to cut, the rest is the document.  Whole,
 * byte by byte and in pieces it gets the same verdict at the same offset;
 * what was accepted can be walked, and written again the same way; what was
 * not can be walked without harm.
 */


#include "fuzz.h"
#include <lib/json/mlsec_json.h>


static int
fuzz_scan(mlsec_json_scan_t *s, mlsec_str_t text, size_t first, size_t step)
{
    int             rc;
    size_t          i, n;
    unsigned char  *copy;

    mlsec_json_scan_init(s, 0);
    rc = MLSEC_OK;

    for (i = 0; i < text.len && rc == MLSEC_OK; i += n) {
        n = i < first ? first - i : step;
        n = n < text.len - i ? n : text.len - i;

        copy = malloc(n);
        fuzz_assert(copy != NULL);
        memcpy(copy, text.data + i, n);
        rc = mlsec_json_scan_feed(s, copy, n);
        free(copy);
    }

    return mlsec_json_scan_finish(s);
}


static void
fuzz_walk(fuzz_text_t *out, mlsec_str_t value, unsigned depth)
{
    size_t             n;
    mlsec_str_t        key, v;
    unsigned char     *decoded;
    mlsec_json_iter_t  it;

    n = 0;
    value = mlsec_json_trim(value);

    if (depth > 2 * MLSEC_JSON_DEFAULT_DEPTH) {
        return;
    }

    if (mlsec_json_members(&it, value) == MLSEC_OK) {
        fuzz_put(out, (const unsigned char *) "{", 1);

        while (mlsec_json_next_member(&it, &key, &v) == MLSEC_OK) {
            fuzz_put(out, (const unsigned char *) ",\"", n++ ? 2 : 0);
            fuzz_put(out, (const unsigned char *) "\"", n == 1);
            fuzz_put(out, key.data, key.len);
            fuzz_put(out, (const unsigned char *) "\":", 2);
            fuzz_walk(out, v, depth + 1);

            decoded = malloc(key.len + 1);
            fuzz_assert(decoded != NULL);
            v.data = decoded;
            v.len = mlsec_json_decode(decoded, key);
            fuzz_assert(v.len <= key.len);
            (void) mlsec_json_key_is(key, v);
            free(decoded);
        }

        fuzz_put(out, (const unsigned char *) "}", 1);

    } else if (mlsec_json_elements(&it, value) == MLSEC_OK) {
        fuzz_put(out, (const unsigned char *) "[", 1);

        while (mlsec_json_next_element(&it, &v) == MLSEC_OK) {
            fuzz_put(out, (const unsigned char *) ",", n++ ? 1 : 0);
            fuzz_walk(out, v, depth + 1);
        }

        fuzz_put(out, (const unsigned char *) "]", 1);

    } else {
        fuzz_put(out, value.data, value.len);
    }
}


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    int                whole, pieces, bytes;
    size_t             first, step;
    fuzz_text_t        one, two;
    mlsec_str_t        text;
    mlsec_json_scan_t  a, b, c;

    if (size < 2) {
        return 0;
    }

    text.data = data + 2;
    text.len = size - 2;
    first = data[0] * text.len / 255;
    step = 1 + data[1] * (text.len + 1) / 255;

    whole = fuzz_scan(&a, text, 0, text.len + 1);
    bytes = fuzz_scan(&b, text, 0, 1);
    pieces = fuzz_scan(&c, text, first, step);

    fuzz_assert(whole == bytes && a.offset == b.offset && a.type == b.type);
    fuzz_assert(whole == pieces && a.offset == c.offset && a.type == c.type);
    fuzz_assert(whole != MLSEC_OK || a.offset == text.len);

    memset(&one, 0, sizeof(fuzz_text_t));
    memset(&two, 0, sizeof(fuzz_text_t));

    fuzz_walk(&one, text, 0);

    if (whole == MLSEC_OK) {
        text.data = one.data;
        text.len = one.len;

        fuzz_assert(mlsec_json_scan(text, 0, NULL, NULL) == MLSEC_OK);
        fuzz_assert(mlsec_json_skip(text.data, text.data + text.len)
                    == text.data + text.len);

        fuzz_walk(&two, text, 0);
        fuzz_assert(one.len == two.len
                    && memcmp(one.data, two.data, one.len) == 0);
    }

    free(one.data);
    free(two.data);

    return 0;
}
