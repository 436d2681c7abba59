/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Whatever a key is: what is written has a bounded length and no byte that
 * means something elsewhere, and two keys that differ, or are cut elsewhere,
 * differ when they are written.
 *
 * The input: two lengths, then bytes, which are cut twice into zone, name and
 * key: once by the lengths, and once one byte further.
 */


#include "fuzz.h"
#include <lib/limit/mlsec_shared_key.h>
#include <string.h>


int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);


static size_t
fuzz_write(const unsigned char *data, size_t size, size_t zone, size_t name,
    unsigned char *out)
{
    size_t              i, len;
    mlsec_shared_key_t  parts;

    zone = zone < size ? zone : size;
    name = name < size - zone ? name : size - zone;

    parts.prefix = (mlsec_str_t) { (const unsigned char *) "p:", 2 };
    parts.zone = (mlsec_str_t) { data, zone };
    parts.name = (mlsec_str_t) { data + zone, name };
    parts.key = (mlsec_str_t) { data + zone + name, size - zone - name };
    parts.window = 0;

    len = mlsec_shared_key(&parts, out);

    fuzz_assert(len > 7 && len <= 7 + MLSEC_SHARED_KEY_TEXT);
    fuzz_assert(memcmp(out, "p:limit", 7) == 0);

    for (i = 0; i < len; i++) {
        fuzz_assert(out[i] > ' ' && out[i] < 0x7f && out[i] != '{'
                    && out[i] != '"' && out[i] != '\\');
    }

    return len;
}


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    size_t         a, b, zone, name, rest;
    unsigned char  one[MLSEC_SHARED_KEY_SIZE], two[MLSEC_SHARED_KEY_SIZE];
    unsigned char  other[512];

    if (size < 3 || size > sizeof(other)) {
        return 0;
    }

    zone = data[0];
    name = data[1];
    data += 2;
    rest = size - 2;

    a = fuzz_write(data, rest, zone, name, one);

    /* cut elsewhere */

    if (zone < rest) {
        b = fuzz_write(data, rest, zone + 1, name, two);
        fuzz_assert(a != b || memcmp(one, two, a) != 0);
    }

    if (zone + name < rest) {
        b = fuzz_write(data, rest, zone, name + 1, two);
        fuzz_assert(a != b || memcmp(one, two, a) != 0);
    }

    /* one bit of another */

    memcpy(other, data, rest);
    other[zone % rest] ^= (unsigned char) (1 << name % 8);
    b = fuzz_write(other, rest, zone, name, two);
    fuzz_assert(a != b || memcmp(one, two, a) != 0);

    return 0;
}
