/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/service/mlsec_window.h>


/*
 * A time comes back after 2^20 tenths, which is 12 days with a window of 10 s:
 * a bucket that nobody has touched for exactly as long would be taken for a new
 * one.
 */

#define MLSEC_WINDOW_COUNT_MAX   ((1u << MLSEC_WINDOW_COUNT_BITS) - 1)
#define MLSEC_WINDOW_TIME_MAX    ((1u << 20) - 1)


static uint64_t
mlsec_window_stamp(uint64_t tick, unsigned era)
{
    return ((uint64_t) (era & 15) << 20) | (tick & MLSEC_WINDOW_TIME_MAX);
}


static uint64_t
mlsec_window_stamp_of(uint64_t word)
{
    return word >> (2 * MLSEC_WINDOW_COUNT_BITS);
}


static uint64_t
mlsec_window_width(uint64_t span)
{
    span /= MLSEC_WINDOW_BUCKETS;

    return span ? span : 1;
}


static void
mlsec_window_counts(uint64_t word, mlsec_window_sum_t *sum)
{
    sum->total = (word >> MLSEC_WINDOW_COUNT_BITS) & MLSEC_WINDOW_COUNT_MAX;
    sum->bad = word & MLSEC_WINDOW_COUNT_MAX;
}


/*
 * Adds calls to the bucket of a stamp.  calls: up to half of what it holds.
 */

static void
mlsec_window_count(mlsec_atomic_t *bucket, uint64_t stamp,
    const mlsec_window_sum_t *calls)
{
    uint64_t            old;
    mlsec_window_sum_t  sum;

    old = mlsec_atomic_load(bucket);

    do {
        sum.total = 0;
        sum.bad = 0;

        if (mlsec_window_stamp_of(old) == stamp) {
            mlsec_window_counts(old, &sum);
        }

        if (sum.total + calls->total > MLSEC_WINDOW_COUNT_MAX) {
            sum.total /= 2;
            sum.bad /= 2;
        }

        sum.total += calls->total;
        sum.bad += calls->bad;

    } while (!mlsec_atomic_cas(bucket, &old,
                               (stamp << (2 * MLSEC_WINDOW_COUNT_BITS))
                               | (sum.total << MLSEC_WINDOW_COUNT_BITS)
                               | sum.bad));
}


void
mlsec_window_add(mlsec_window_t *w, uint64_t span, uint64_t now, unsigned era,
    unsigned bad)
{
    uint64_t            tick;
    mlsec_window_sum_t  one;

    tick = now / mlsec_window_width(span);

    one.total = 1;
    one.bad = bad;

    mlsec_window_count(&w->buckets[tick % MLSEC_WINDOW_BUCKETS],
                       mlsec_window_stamp(tick, era), &one);
}


/*
 * How many tenths ago it was that a tally was counted for, which is more than a
 * window has if it is of another era.
 */

static uint64_t
mlsec_tally_age(uint64_t word, uint64_t tick, unsigned era)
{
    uint64_t  stamp;

    stamp = mlsec_window_stamp_of(word);

    return stamp >> 20 == (era & 15)
           ? (tick - stamp) & MLSEC_WINDOW_TIME_MAX : MLSEC_WINDOW_TIME_MAX;
}


void
mlsec_window_merge(mlsec_window_t *w, const mlsec_tally_t *t, uint64_t span,
    uint64_t now, unsigned era)
{
    uint64_t            age, tick, word;
    mlsec_window_sum_t  calls;

    word = mlsec_atomic_load(t->word);
    mlsec_window_counts(word, &calls);

    tick = now / mlsec_window_width(span);
    age = mlsec_tally_age(word, tick, era);

    if (calls.total == 0 || age >= MLSEC_WINDOW_BUCKETS || age > tick) {
        return;
    }

    mlsec_window_count(&w->buckets[(tick - age) % MLSEC_WINDOW_BUCKETS],
                       mlsec_window_stamp_of(word), &calls);
}


void
mlsec_tally_begin(mlsec_tally_t *t, uint64_t span, uint64_t now, unsigned era,
    unsigned calls)
{
    uint64_t  tick, width;

    width = mlsec_window_width(span);
    tick = now / width;

    t->until = (tick + 1) * width;

    mlsec_atomic_store(t->word,
                       (mlsec_window_stamp(tick, era)
                        << (2 * MLSEC_WINDOW_COUNT_BITS))
                       | (uint64_t) calls << MLSEC_WINDOW_COUNT_BITS);
}


/*
 * Adds those that were counted for tenths from so long ago until so long ago.
 *
 * To be called before the buckets are looked at: what is in no tally any more
 * is in a bucket then.  The other way round it could be in neither, when its
 * process adds it in between.
 */

static void
mlsec_tallies_sum(const mlsec_tallies_t *tallies, uint64_t tick,
    unsigned era, uint64_t oldest, uint64_t newest, mlsec_window_sum_t *sum)
{
    uint64_t            i, n, age, word;
    mlsec_window_sum_t  one;

    n = (tallies && tallies->used) ? mlsec_atomic_load(tallies->used) : 0;

    for (i = 0; i < n; i++) {
        word = mlsec_atomic_load((const mlsec_atomic_t *) (const void *)
                                 ((const unsigned char *) tallies->first
                                  + i * tallies->step));
        age = mlsec_tally_age(word, tick, era);

        if (age <= oldest && age >= newest) {
            mlsec_window_counts(word, &one);
            sum->total += one.total;
        }
    }
}


static void
mlsec_window_bucket(const mlsec_window_t *w, uint64_t tick, unsigned era,
    mlsec_window_sum_t *sum)
{
    uint64_t            word;
    mlsec_window_sum_t  one;

    word = mlsec_atomic_load(&w->buckets[tick % MLSEC_WINDOW_BUCKETS]);

    if (mlsec_window_stamp_of(word) == mlsec_window_stamp(tick, era)) {
        mlsec_window_counts(word, &one);

        sum->total += one.total;
        sum->bad += one.bad;
    }
}


void
mlsec_window_sum(const mlsec_window_t *w, const mlsec_tallies_t *tallies,
    uint64_t span, uint64_t now, unsigned era, mlsec_window_sum_t *sum)
{
    uint64_t  tick;
    unsigned  i;

    tick = now / mlsec_window_width(span);

    sum->total = 0;
    sum->bad = 0;

    mlsec_tallies_sum(tallies, tick, era, MLSEC_WINDOW_BUCKETS - 1, 0, sum);

    for (i = 0; i < MLSEC_WINDOW_BUCKETS && i <= tick; i++) {
        mlsec_window_bucket(w, tick - i, era, sum);
    }
}


/* Of the tenth that was so long ago. */

static void
mlsec_window_tenth(const mlsec_window_t *w, const mlsec_tallies_t *tallies,
    uint64_t tick, unsigned ago, unsigned era, mlsec_window_sum_t *sum)
{
    sum->total = 0;
    sum->bad = 0;

    mlsec_tallies_sum(tallies, tick, era, ago, ago, sum);
    mlsec_window_bucket(w, tick - ago, era, sum);
}


void
mlsec_window_last(const mlsec_window_t *w, const mlsec_tallies_t *tallies,
    uint64_t span, uint64_t now, unsigned era, mlsec_window_sum_t *sum)
{
    uint64_t            tick;
    mlsec_window_sum_t  before;

    tick = now / mlsec_window_width(span);

    mlsec_window_tenth(w, tallies, tick, 0, era, sum);

    if (tick != 0) {
        mlsec_window_tenth(w, tallies, tick, 1, era, &before);

        if (before.total > sum->total) {
            *sum = before;
        }
    }
}
