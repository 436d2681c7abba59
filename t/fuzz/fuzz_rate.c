/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Whatever a map says of a rate, a quota or a cost: what is taken is within
 * bounds, and a bucket of it never admits more than it holds.
 */


#include "fuzz.h"
#include <lib/limit/mlsec_rate.h>


int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    uint64_t            number;
    mlsec_str_t         text;
    mlsec_gcra_t        gcra;
    mlsec_rate_t        rate;
    mlsec_quota_t       quota;
    mlsec_atomic_t      word = { 0 };
    mlsec_gcra_state_t  state;

    text.data = data;
    text.len = size;

    if (mlsec_rate_parse(text, &rate) == MLSEC_OK) {
        fuzz_assert(rate.count >= 1 && rate.count <= MLSEC_GCRA_MAX_BURST);

        if (mlsec_gcra_make(&gcra, rate.count, rate.period, rate.count)
            == MLSEC_OK)
        {
            fuzz_assert(mlsec_gcra_take(&word, &gcra, 1, rate.count, &state)
                        == MLSEC_OK);
            fuzz_assert(state.remaining == 0);
            fuzz_assert(mlsec_gcra_take(&word, &gcra, 1, 1, &state)
                        == MLSEC_DECLINED);
            fuzz_assert(state.wait == gcra.interval);
        }
    }

    word.word = 0;

    if (mlsec_rate_quota(text, &quota) == MLSEC_OK) {
        fuzz_assert(quota.limit >= 1 && quota.limit <= MLSEC_QUOTA_MAX);
        fuzz_assert(mlsec_quota_take(&word, &quota, size * 86400,
                                     quota.limit, &state)
                    == MLSEC_OK);
        fuzz_assert(mlsec_quota_take(&word, &quota, size * 86400, 1, &state)
                    == MLSEC_DECLINED);
    }

    if (mlsec_rate_number(text, 1000, &number) == MLSEC_OK) {
        fuzz_assert(number <= 1000);
    }

    return 0;
}
