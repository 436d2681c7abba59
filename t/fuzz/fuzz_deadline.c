/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * A deadline is in its bounds, and what it was read from means the same when
 * it is written anew.
 */


#include "fuzz.h"
#include <lib/mlsec_deadline.h>
#include <stdio.h>


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    char         text[32];
    uint64_t     ms;
    mlsec_str_t  in;

    in.data = data;
    in.len = size;

    ms = mlsec_deadline_parse(in);

    fuzz_assert(ms <= MLSEC_DEADLINE_MAX);

    in.len = (size_t) snprintf(text, sizeof(text), "%llu",
                               (unsigned long long) ms);
    in.data = (const unsigned char *) text;

    fuzz_assert(mlsec_deadline_parse(in) == ms);

    return 0;
}
