/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/limit/mlsec_quota.h>


#define MLSEC_QUOTA_BITS    40                   /* of the count */
#define MLSEC_QUOTA_DAY_S   86400ull
#define MLSEC_QUOTA_NS      1000000000ull        /* of a second */

/* days from 0000-03-01, where leap days are at the end, to 1970-01-01 */

#define MLSEC_QUOTA_EPOCH   719468ull
#define MLSEC_QUOTA_ERA     146097ull            /* days of 400 years */


typedef struct {
    uint64_t    number;          /* of the day or month */
    uint64_t    start;           /* seconds since 1970 */
    uint64_t    end;
} mlsec_quota_span_t;


/* Days since 1970 to the first of a month; month: 0 for March. */

static uint64_t
mlsec_quota_month_start(uint64_t year, uint64_t month)
{
    year += month / 12;
    month %= 12;

    return year * 365 + year / 4 - year / 100 + year / 400
           + (153 * month + 2) / 5 - MLSEC_QUOTA_EPOCH;
}


static void
mlsec_quota_span(const mlsec_quota_t *quota, uint64_t now,
    mlsec_quota_span_t *span)
{
    uint64_t  day, era, of_era, year, month;

    day = now / MLSEC_QUOTA_DAY_S;

    if (quota->window == MLSEC_QUOTA_DAY) {
        span->number = day;
        span->start = day * MLSEC_QUOTA_DAY_S;
        span->end = span->start + MLSEC_QUOTA_DAY_S;
        return;
    }

    /* the proleptic Gregorian calendar in years that begin with March */

    era = (day + MLSEC_QUOTA_EPOCH) / MLSEC_QUOTA_ERA;
    of_era = (day + MLSEC_QUOTA_EPOCH) % MLSEC_QUOTA_ERA;
    year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    month = (5 * (of_era - (365 * year + year / 4 - year / 100)) + 2) / 153;
    year += era * 400;

    span->number = year * 12 + month;
    span->start = mlsec_quota_month_start(year, month) * MLSEC_QUOTA_DAY_S;
    span->end = mlsec_quota_month_start(year, month + 1) * MLSEC_QUOTA_DAY_S;
}


/*
 * The word after "cost" units; a window that is over counts as empty, and so
 * does one that lies further ahead than a clock is set back by accident.
 */

static int
mlsec_quota_decide(const mlsec_quota_t *quota, uint64_t word, uint64_t now,
    uint64_t cost, uint64_t *next, mlsec_gcra_state_t *state)
{
    int                 rc;
    uint64_t            number, count;
    mlsec_quota_span_t  span;

    mlsec_quota_span(quota, now, &span);

    number = word >> MLSEC_QUOTA_BITS;
    count = mlsec_quota_count(word);

    if (number != span.number && number != span.number + 1) {
        number = span.number;
        count = 0;
    }

    *next = word;
    rc = MLSEC_DECLINED;
    state->wait = (span.end - now) * MLSEC_QUOTA_NS;

    if (cost > quota->limit) {
        state->wait = MLSEC_GCRA_NEVER;

    } else if (cost == 0 || count + cost <= quota->limit) {
        rc = MLSEC_OK;
        state->wait = 0;
        count += cost;
        *next = (number << MLSEC_QUOTA_BITS) | count;
    }

    state->remaining = count < quota->limit ? quota->limit - count : 0;
    state->reset = (span.end - now) * MLSEC_QUOTA_NS;

    return rc;
}


int
mlsec_quota_take(mlsec_atomic_t *word, const mlsec_quota_t *quota,
    uint64_t now, uint64_t cost, mlsec_gcra_state_t *state)
{
    int       rc;
    uint64_t  old, next;

    old = mlsec_atomic_load(word);

    do {
        rc = mlsec_quota_decide(quota, old, now, cost, &next, state);

    } while (rc == MLSEC_OK && cost != 0
             && !mlsec_atomic_cas(word, &old, next));

    return rc;
}


int
mlsec_quota_look(const mlsec_atomic_t *word, const mlsec_quota_t *quota,
    uint64_t now, uint64_t cost, mlsec_gcra_state_t *state)
{
    int       rc;
    uint64_t  next;

    rc = mlsec_quota_decide(quota, mlsec_atomic_load(word), now, cost, &next,
                            state);

    if (rc == MLSEC_OK) {
        state->remaining += cost;
    }

    return rc;
}


void
mlsec_quota_give_back(mlsec_atomic_t *word, const mlsec_quota_t *quota,
    uint64_t now, uint64_t cost)
{
    uint64_t            old, number;
    mlsec_quota_span_t  span;

    mlsec_quota_span(quota, now, &span);

    old = mlsec_atomic_load(word);

    do {
        number = old >> MLSEC_QUOTA_BITS;

        if ((number != span.number && number != span.number + 1)
            || mlsec_quota_count(old) < cost)
        {
            return;
        }

    } while (!mlsec_atomic_cas(word, &old, old - cost));
}


void
mlsec_quota_set(mlsec_atomic_t *word, const mlsec_quota_t *quota,
    uint64_t now, uint64_t count)
{
    mlsec_quota_span_t  span;

    mlsec_quota_span(quota, now, &span);

    if (count > MLSEC_QUOTA_MAX) {
        count = MLSEC_QUOTA_MAX;
    }

    mlsec_atomic_store(word, span.number << MLSEC_QUOTA_BITS | count);
}


uint64_t
mlsec_quota_window(const mlsec_quota_t *quota, uint64_t now, uint64_t *left)
{
    mlsec_quota_span_t  span;

    mlsec_quota_span(quota, now, &span);

    *left = span.end - now;

    return 2 * span.number + (quota->window == MLSEC_QUOTA_MONTH);
}


uint64_t
mlsec_quota_count(uint64_t word)
{
    return word & ((1ull << MLSEC_QUOTA_BITS) - 1);
}


uint64_t
mlsec_quota_length(const mlsec_quota_t *quota, uint64_t now)
{
    mlsec_quota_span_t  span;

    mlsec_quota_span(quota, now, &span);

    return span.end - span.start;
}
