/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/service/mlsec_window.h>


/*
 * A bucket, from the highest bit: 4 bits of era, 20 of time, 20 of calls,
 * 20 of bad ones.  A time comes back after 2^20 tenths, which is 12 days with
 * a window of 10 s: a bucket that nobody has touched for exactly as long would
 * be taken for a new one.
 */

#define MLSEC_WINDOW_COUNT_BITS  20
#define MLSEC_WINDOW_COUNT_MAX   ((1u << MLSEC_WINDOW_COUNT_BITS) - 1)
#define MLSEC_WINDOW_TIME_MAX    ((1u << 20) - 1)


static uint64_t
mlsec_window_stamp(uint64_t tick, unsigned era)
{
    return ((uint64_t) (era & 15) << 20) | (tick & MLSEC_WINDOW_TIME_MAX);
}


static uint64_t
mlsec_window_width(uint64_t span)
{
    span /= MLSEC_WINDOW_BUCKETS;

    return span ? span : 1;
}


void
mlsec_window_add(mlsec_window_t *w, uint64_t span, uint64_t now, unsigned era,
    unsigned bad)
{
    uint64_t         tick, stamp, old, total, failed;
    mlsec_atomic_t  *bucket;

    tick = now / mlsec_window_width(span);
    stamp = mlsec_window_stamp(tick, era);
    bucket = &w->buckets[tick % MLSEC_WINDOW_BUCKETS];

    old = mlsec_atomic_load(bucket);

    do {
        total = 0;
        failed = 0;

        if (old >> (2 * MLSEC_WINDOW_COUNT_BITS) == stamp) {
            total = (old >> MLSEC_WINDOW_COUNT_BITS) & MLSEC_WINDOW_COUNT_MAX;
            failed = old & MLSEC_WINDOW_COUNT_MAX;
        }

        if (total == MLSEC_WINDOW_COUNT_MAX) {
            total /= 2;
            failed /= 2;
        }

        total++;
        failed += bad;

    } while (!mlsec_atomic_cas(bucket, &old,
                               (stamp << (2 * MLSEC_WINDOW_COUNT_BITS))
                               | (total << MLSEC_WINDOW_COUNT_BITS)
                               | failed));
}


static void
mlsec_window_bucket(const mlsec_window_t *w, uint64_t tick, unsigned era,
    mlsec_window_sum_t *sum)
{
    uint64_t  word;

    word = mlsec_atomic_load(&w->buckets[tick % MLSEC_WINDOW_BUCKETS]);

    sum->total = 0;
    sum->bad = 0;

    if (word >> (2 * MLSEC_WINDOW_COUNT_BITS) == mlsec_window_stamp(tick, era))
    {
        sum->total = (word >> MLSEC_WINDOW_COUNT_BITS)
                     & MLSEC_WINDOW_COUNT_MAX;
        sum->bad = word & MLSEC_WINDOW_COUNT_MAX;
    }
}


void
mlsec_window_sum(const mlsec_window_t *w, uint64_t span, uint64_t now,
    unsigned era, mlsec_window_sum_t *sum)
{
    uint64_t            tick;
    unsigned            i;
    mlsec_window_sum_t  one;

    tick = now / mlsec_window_width(span);

    sum->total = 0;
    sum->bad = 0;

    for (i = 0; i < MLSEC_WINDOW_BUCKETS && i <= tick; i++) {
        mlsec_window_bucket(w, tick - i, era, &one);

        sum->total += one.total;
        sum->bad += one.bad;
    }
}


void
mlsec_window_last(const mlsec_window_t *w, uint64_t span, uint64_t now,
    unsigned era, mlsec_window_sum_t *sum)
{
    uint64_t            tick;
    mlsec_window_sum_t  before;

    tick = now / mlsec_window_width(span);

    mlsec_window_bucket(w, tick, era, sum);

    if (tick != 0) {
        mlsec_window_bucket(w, tick - 1, era, &before);

        if (before.total > sum->total) {
            *sum = before;
        }
    }
}
