/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/mlsec_deadline.h>


uint64_t
mlsec_deadline_parse(mlsec_str_t text)
{
    size_t    i, n;
    uint64_t  ms;

    i = 0;
    n = text.len;

    while (i < n && (text.data[i] == ' ' || text.data[i] == '\t')) {
        i++;
    }

    while (n > i && (text.data[n - 1] == ' ' || text.data[n - 1] == '\t')) {
        n--;
    }

    for (ms = 0; i < n; i++) {

        if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }

        ms = ms * 10 + (text.data[i] - '0');

        if (ms > MLSEC_DEADLINE_MAX) {
            return 0;
        }
    }

    return ms;
}
