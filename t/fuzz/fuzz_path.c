/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * A path that is taken decodes to what it was compared with, and that has no
 * backslash, no empty segment and no segment of dots; decoding it a second
 * time changes nothing.
 */


#include "fuzz.h"
#include <lib/edge/mlsec_path.h>
#include <stdlib.h>
#include <string.h>


static size_t
decode(unsigned char *out, const unsigned char *in, size_t len)
{
    char    hex[3];
    char   *end;
    size_t  i, n;
    long    byte;

    n = 0;

    for (i = 0; i < len; i++) {

        if (in[i] == '%' && len - i > 2) {
            memcpy(hex, in + i + 1, 2);
            hex[2] = '\0';
            byte = strtol(hex, &end, 16);

            if (end == hex + 2 && hex[0] != '+' && hex[0] != '-'
                && hex[0] != ' ')
            {
                out[n++] = (unsigned char) byte;
                i += 2;
                continue;
            }
        }

        out[n++] = in[i];
    }

    return n;
}


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    mlsec_str_t     raw, plain;
    unsigned char  *once, *twice;

    if (size == 0 || memchr(data, '?', size) != NULL) {
        return 0;
    }

    once = malloc(size);
    twice = malloc(size + 1);
    fuzz_assert(once != NULL && twice != NULL);

    raw.data = data;
    raw.len = size;
    plain.data = once;
    plain.len = decode(once, data, size);

    if (mlsec_path_check(raw, plain) == MLSEC_PATH_OK) {
        fuzz_assert(memchr(once, '\\', plain.len) == NULL);
        fuzz_assert(memchr(once, ';', plain.len) == NULL);
        fuzz_assert(memchr(once, '\0', plain.len) == NULL);
        fuzz_assert(decode(twice, once, plain.len) == plain.len
                    && memcmp(twice, once, plain.len) == 0);

        memcpy(twice, once, plain.len);
        twice[plain.len] = '\0';
        fuzz_assert(strstr((char *) twice, "//") == NULL);
        fuzz_assert(strstr((char *) twice, "/../") == NULL);
        fuzz_assert(strstr((char *) twice, "/./") == NULL);

        plain.len--;
        fuzz_assert(mlsec_path_check(raw, plain) == MLSEC_PATH_OTHER);
    }

    free(once);
    free(twice);

    return 0;
}
