/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Whatever the text: bytes only become asterisks, what says that there was
 * nothing has changed nothing, and UTF-8 stays UTF-8.
 */


#include "fuzz.h"
#include <lib/json/mlsec_json.h>
#include <lib/redact/mlsec_mask.h>


static void check(size_t (*mask)(unsigned char *text, size_t len),
    const unsigned char *data, size_t size);
static int is_utf8(const unsigned char *data, size_t size);


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    check(mlsec_mask_email, data, size);
    check(mlsec_mask_card, data, size);
    check(mlsec_mask_phone, data, size);

    return 0;
}


static void
check(size_t (*mask)(unsigned char *text, size_t len),
    const unsigned char *data, size_t size)
{
    size_t          i, n;
    unsigned char  *text;

    text = malloc(size + 1);
    fuzz_assert(text != NULL);
    memcpy(text, data, size);

    n = mask(text, size);

    fuzz_assert(n != 0 || memcmp(text, data, size) == 0);

    for (i = 0; i < size; i++) {
        fuzz_assert(text[i] == data[i] || text[i] == '*');
    }

    fuzz_assert(!is_utf8(data, size) || is_utf8(text, size));

    free(text);
}


/* As the inside of a JSON string: without what would have to be escaped. */

static int
is_utf8(const unsigned char *data, size_t size)
{
    size_t              i;
    unsigned char       c;
    mlsec_json_scan_t   s;

    mlsec_json_scan_init(&s, 0);
    mlsec_json_scan_feed(&s, (const unsigned char *) "\"", 1);

    for (i = 0; i < size; i++) {
        c = (data[i] < 0x20 || data[i] == '"' || data[i] == '\\') ? ' '
                                                                  : data[i];
        mlsec_json_scan_feed(&s, &c, 1);
    }

    return mlsec_json_scan_feed(&s, (const unsigned char *) "\"", 1)
               == MLSEC_OK
           && mlsec_json_scan_finish(&s) == MLSEC_OK;
}
