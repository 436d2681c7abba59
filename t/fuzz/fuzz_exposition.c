/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Whatever Accept says, there is one of two answers; a label is as long as it
 * was said to be, has no bare quote or line feed, and is unchanged when it is
 * unescaped, unless it was no UTF-8.
 */


#include "fuzz.h"
#include <lib/metrics/mlsec_exposition.h>
#include <string.h>


int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    size_t              i, n, len;
    mlsec_str_t         text;
    unsigned char      *buf;
    mlsec_exposition_e  format;

    text.data = data;
    text.len = size;

    format = mlsec_exposition_accept(text);
    fuzz_assert(format == MLSEC_EXPOSITION_TEXT
                || format == MLSEC_EXPOSITION_OPENMETRICS);

    len = mlsec_exposition_escaped_len(text);
    buf = malloc(len + 1);
    fuzz_assert(buf != NULL);
    fuzz_assert(mlsec_exposition_escape(buf, text) == buf + len);

    for (i = 0, n = 0; i < len; i++, n++) {
        fuzz_assert(buf[i] != '"' && buf[i] != '\n');

        if (buf[i] == '\\') {
            i++;
            fuzz_assert(i < len && strchr("\\\"n", buf[i]) != NULL);
        }
    }

    fuzz_assert(n >= size);
    free(buf);

    return 0;
}
