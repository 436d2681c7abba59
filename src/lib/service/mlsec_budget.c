/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/service/mlsec_budget.h>


static uint64_t
mlsec_budget_max(uint64_t calls, uint64_t share, uint64_t min)
{
    uint64_t  max;

    max = calls * share / 100;

    return max > min ? max : min;
}


void
mlsec_budget_settle(mlsec_budget_t *b, mlsec_tally_t *own, uint64_t now)
{
    if (own == NULL) {
        mlsec_window_add(&b->window, MLSEC_BUDGET_SPAN, now, MLSEC_BUDGET_ERA,
                         0);
        return;
    }

    mlsec_window_merge(&b->window, own, MLSEC_BUDGET_SPAN, now,
                       MLSEC_BUDGET_ERA);
    mlsec_tally_begin(own, MLSEC_BUDGET_SPAN, now, MLSEC_BUDGET_ERA, 1);
}


int
mlsec_budget_take(mlsec_budget_t *b, const mlsec_budget_conf_t *conf,
    const mlsec_tallies_t *tallies, const mlsec_budget_live_t *live,
    uint64_t now)
{
    uint64_t            first, floor;
    mlsec_window_sum_t  sum;

    first = live->calls > live->retries ? live->calls - live->retries : 0;

    /* where calls are short hardly any runs at any moment */

    mlsec_window_last(&b->window, tallies, MLSEC_BUDGET_SPAN, now,
                      MLSEC_BUDGET_ERA, &sum);

    if (sum.total - sum.bad > first) {
        first = sum.total - sum.bad;
    }

    if (live->retries >= mlsec_budget_max(first, conf->share, conf->min)) {
        mlsec_atomic_add(&b->refused, 1);
        return 0;
    }

    mlsec_window_sum(&b->window, tallies, MLSEC_BUDGET_SPAN, now,
                     MLSEC_BUDGET_ERA, &sum);

    floor = (uint64_t) conf->min * (MLSEC_BUDGET_SPAN / 1000);

    if (sum.bad >= mlsec_budget_max(sum.total - sum.bad, conf->share, floor))
    {
        mlsec_atomic_add(&b->refused, 1);
        return 0;
    }

    mlsec_window_add(&b->window, MLSEC_BUDGET_SPAN, now, MLSEC_BUDGET_ERA, 1);

    return 1;
}


uint64_t
mlsec_backoff(uint64_t base, uint64_t cap, unsigned n, uint64_t random)
{
    uint64_t  longest;

    longest = base;

    while (n > 1 && longest < cap) {
        longest *= 2;
        n--;
    }

    if (longest > cap) {
        longest = cap;
    }

    return longest ? 1 + random % longest : 1;
}
