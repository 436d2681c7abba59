/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/limit/mlsec_gcra.h>
#include <lib/limit/mlsec_quota.h>
#include <pthread.h>


#define S     1000000000ull
#define DAY   (86400 * S)


static void
test_make(void)
{
    mlsec_gcra_t  g;

    tap_is(mlsec_gcra_make(&g, 100, S, 200), MLSEC_OK, "make: 100r/s");
    tap_is((long long) g.interval, 10000000, "make: interval");
    tap_is((long long) g.tolerance, 2000000000, "make: tolerance");

    tap_is(mlsec_gcra_make(&g, 3, S, 1), MLSEC_OK, "make: 3r/s");
    tap_is((long long) g.interval, 333333334, "make: rounded up");

    tap_is(mlsec_gcra_make(&g, 0, S, 1), MLSEC_INVALID, "make: no count");
    tap_is(mlsec_gcra_make(&g, 1, S, 0), MLSEC_INVALID, "make: no burst");
    tap_is(mlsec_gcra_make(&g, 1, 0, 1), MLSEC_INVALID, "make: no period");
    tap_is(mlsec_gcra_make(&g, 1, DAY, MLSEC_GCRA_MAX_BURST + 1),
           MLSEC_INVALID, "make: a burst too large");
    tap_is(mlsec_gcra_make(&g, 1, DAY, 26687), MLSEC_OK,
           "make: a bucket of 73 years");
    tap_is(mlsec_gcra_make(&g, 1, DAY, 26689), MLSEC_INVALID,
           "make: of more");
}


static void
test_take(void)
{
    unsigned            i, n;
    mlsec_gcra_t        g;
    mlsec_atomic_t      w = { 0 };
    mlsec_gcra_state_t  st;

    (void) mlsec_gcra_make(&g, 10, S, 5);

    for (i = 0, n = 0; i < 6; i++) {
        n += mlsec_gcra_take(&w, &g, 7 * S, 1, &st) == MLSEC_OK;
    }

    tap_is(n, 5, "take: a burst of 5, not 6");
    tap_is((long long) st.remaining, 0, "take: nothing is left");
    tap_is((long long) st.wait, 100000000, "take: a tenth of a second to wait");
    tap_is((long long) st.reset, 500000000, "take: half a second until full");

    tap_is(mlsec_gcra_take(&w, &g, 7 * S + 99999999, 1, &st), MLSEC_DECLINED,
           "take: one ns too early");
    tap_is((long long) st.wait, 1, "take: one ns to wait");
    tap_is(mlsec_gcra_look(&w, &g, 7 * S + 100000000, 1, &st), MLSEC_OK,
           "look: in time");
    tap_is((long long) st.remaining, 1, "look: takes nothing");
    tap_is(mlsec_gcra_take(&w, &g, 7 * S + 100000000, 1, &st), MLSEC_OK,
           "take: in time");

    tap_is(mlsec_gcra_take(&w, &g, 9 * S, 3, &st), MLSEC_OK, "cost: 3 of 5");
    tap_is((long long) st.remaining, 2, "cost: 2 are left");
    tap_is(mlsec_gcra_take(&w, &g, 9 * S, 3, &st), MLSEC_DECLINED,
           "cost: not 3 of 2");
    tap_is((long long) st.wait, 100000000, "cost: for the third");
    tap_is((long long) st.remaining, 2, "cost: refused, nothing taken");
    tap_is(mlsec_gcra_take(&w, &g, 9 * S, 0, &st), MLSEC_OK, "cost: 0");
    tap_is(mlsec_gcra_take(&w, &g, 9 * S, 6, &st), MLSEC_DECLINED,
           "cost: over the burst");
    tap_ok(st.wait == MLSEC_GCRA_NEVER, "cost: never");
    tap_is(mlsec_gcra_take(&w, &g, 9 * S, UINT64_MAX, &st), MLSEC_DECLINED,
           "cost: the largest number");
    tap_ok(st.wait == MLSEC_GCRA_NEVER, "cost: never");

    mlsec_gcra_give_back(&w, &g, 3);
    (void) mlsec_gcra_look(&w, &g, 9 * S, 0, &st);
    tap_is((long long) st.remaining, 5, "give back: full again");
    mlsec_gcra_give_back(&w, &g, 1000000000);
    (void) mlsec_gcra_look(&w, &g, 9 * S, 0, &st);
    tap_is((long long) st.remaining, 5, "give back: never more than full");
}


/* A key that gets a faster rate does not pay for the slower one for hours. */

static void
test_change(void)
{
    unsigned            i;
    mlsec_gcra_t        slow, fast;
    mlsec_atomic_t      w = { 0 };
    mlsec_gcra_state_t  st;

    (void) mlsec_gcra_make(&slow, 1, 3600 * S, 100);
    (void) mlsec_gcra_make(&fast, 10, S, 10);

    for (i = 0; i < 100; i++) {
        (void) mlsec_gcra_take(&w, &slow, S, 1, &st);
    }

    tap_is(mlsec_gcra_take(&w, &fast, S, 1, &st), MLSEC_DECLINED,
           "change: an empty bucket stays empty");
    tap_is((long long) st.wait, 100000000, "change: and fills at the new rate");
    tap_is(mlsec_gcra_take(&w, &fast, 2 * S, 10, &st), MLSEC_OK,
           "change: full after a second");

    /* a clock that is behind by less than a second changes nothing */

    (void) mlsec_gcra_take(&w, &fast, 2 * S - 1000, 1, &st);
    tap_is((long long) st.wait, 100001000, "change: skew of clocks");
}


/*
 * The ideal limiter: a bucket in units of 1/period of a unit, where nothing
 * is ever rounded.
 */

typedef struct {
    __extension__ unsigned __int128  level;
    uint64_t                         count;
    uint64_t                         period;
    uint64_t                         burst;
    uint64_t                         last;
} ideal_t;


static int
ideal_take(ideal_t *b, uint64_t now, uint64_t cost)
{
    __extension__ unsigned __int128  full;

    full = (unsigned __int128) b->burst * b->period;
    b->level += (unsigned __int128) (now - b->last) * b->count;
    b->last = now;

    if (b->level > full) {
        b->level = full;
    }

    if (b->level < (unsigned __int128) cost * b->period) {
        return MLSEC_DECLINED;
    }

    b->level -= (unsigned __int128) cost * b->period;

    return MLSEC_OK;
}


static void
day(uint64_t count, uint64_t period, uint64_t burst, uint64_t mean)
{
    int                 rc;
    ideal_t             b;
    uint64_t            now, cost, differ, got;
    mlsec_gcra_t        g;
    mlsec_atomic_t      w = { 0 };
    mlsec_gcra_state_t  st;

    (void) mlsec_gcra_make(&g, count, period, burst);

    now = S;
    b = (ideal_t) { (unsigned __int128) burst * period, count, period, burst,
                    now };
    differ = got = 0;

    while (now < DAY) {
        cost = tap_random(3);
        now += tap_random(2 * mean);

        if (tap_random(1000) == 0) {
            now += tap_random(20 * g.tolerance);
        }

        rc = mlsec_gcra_take(&w, &g, now, cost, &st);
        got += rc == MLSEC_OK ? cost : 0;
        differ += rc != ideal_take(&b, now, cost);
    }

    tap_ok(differ == 0, "day: %llu in %llu ns, burst %llu: each decision is "
           "the ideal one, %llu units (%llu differ)",
           (unsigned long long) count, (unsigned long long) period,
           (unsigned long long) burst, (unsigned long long) got,
           (unsigned long long) differ);
}


static void
test_uneven(void)
{
    uint64_t            now, got, ideal;
    mlsec_gcra_t        g;
    mlsec_atomic_t      w = { 0 };
    mlsec_gcra_state_t  st;

    (void) mlsec_gcra_make(&g, 7, S, 7);
    ideal = 7 + 86400 * 7;

    for (now = S, got = 0; now <= S + DAY; now += 20000000) {
        got += mlsec_gcra_take(&w, &g, now, 1, &st) == MLSEC_OK;
    }

    tap_ok(got <= ideal && got >= ideal - 1, "day: 7r/s does not divide, "
           "%llu of %llu", (unsigned long long) got,
           (unsigned long long) ideal);
}


#define THREADS  4
#define BURST    100000

static mlsec_gcra_t    shared_gcra;
static mlsec_quota_t   shared_quota;
static mlsec_atomic_t  shared_word;
static uint64_t        shared_admitted[THREADS];


static void *
thread_rate(void *arg)
{
    uint64_t            i, *n = arg;
    mlsec_gcra_state_t  st;

    for (i = 0; i < BURST; i++) {
        *n += mlsec_gcra_take(&shared_word, &shared_gcra, S, 1, &st)
              == MLSEC_OK;
    }

    return NULL;
}


static void *
thread_quota(void *arg)
{
    uint64_t            i, *n = arg;
    mlsec_gcra_state_t  st;

    for (i = 0; i < BURST; i++) {
        *n += mlsec_quota_take(&shared_word, &shared_quota, 1000, 1, &st)
              == MLSEC_OK;
    }

    return NULL;
}


static void
crowd(void *(*run)(void *), const char *name)
{
    unsigned   i;
    uint64_t   sum;
    pthread_t  threads[THREADS];

    shared_word.word = 0;
    memset(shared_admitted, 0, sizeof(shared_admitted));

    for (i = 0; i < THREADS; i++) {
        (void) pthread_create(&threads[i], NULL, run, &shared_admitted[i]);
    }

    for (i = 0, sum = 0; i < THREADS; i++) {
        (void) pthread_join(threads[i], NULL);
        sum += shared_admitted[i];
    }

    tap_is((long long) sum, BURST, name);
}


static void
test_quota(void)
{
    mlsec_quota_t       day = { 5, MLSEC_QUOTA_DAY };
    mlsec_quota_t       month = { 5, MLSEC_QUOTA_MONTH };
    mlsec_atomic_t      w = { 0 };
    mlsec_gcra_state_t  st;

    /* 2024-02-29 12:00:00 */

    const uint64_t  noon = 1709208000;

    tap_is(mlsec_quota_take(&w, &day, noon, 4, &st), MLSEC_OK, "quota: 4 of 5");
    tap_is((long long) st.remaining, 1, "quota: 1 is left");
    tap_is((long long) st.reset, 43200ll * (long long) S, "quota: to midnight");
    tap_is(mlsec_quota_take(&w, &day, noon, 2, &st), MLSEC_DECLINED,
           "quota: not 2 of 1");
    tap_is((long long) st.wait, 43200ll * (long long) S, "quota: wait");
    tap_is(mlsec_quota_look(&w, &day, noon, 1, &st), MLSEC_OK, "quota: look");
    tap_is((long long) st.remaining, 1, "quota: look takes nothing");
    tap_is(mlsec_quota_take(&w, &day, noon, 6, &st), MLSEC_DECLINED,
           "quota: over the limit");
    tap_ok(st.wait == MLSEC_GCRA_NEVER, "quota: never");
    tap_is(mlsec_quota_take(&w, &day, noon, 0, &st), MLSEC_OK, "quota: free");

    mlsec_quota_give_back(&w, &day, noon, 2);
    (void) mlsec_quota_look(&w, &day, noon, 0, &st);
    tap_is((long long) st.remaining, 3, "quota: given back");
    mlsec_quota_give_back(&w, &day, noon, 3);
    (void) mlsec_quota_look(&w, &day, noon, 0, &st);
    tap_is((long long) st.remaining, 3, "quota: more than was taken");
    mlsec_quota_give_back(&w, &day, noon + 86400, 1);
    (void) mlsec_quota_look(&w, &day, noon, 0, &st);
    tap_is((long long) st.remaining, 3, "quota: of another day");

    (void) mlsec_quota_look(&w, &day, noon + 43199, 0, &st);
    tap_is((long long) st.remaining, 3, "quota: the last second");
    (void) mlsec_quota_look(&w, &day, noon + 43200, 0, &st);
    tap_is((long long) st.remaining, 5, "quota: the next day");

    (void) mlsec_quota_take(&w, &day, noon + 43200, 4, &st);
    (void) mlsec_quota_look(&w, &day, noon + 43199, 0, &st);
    tap_is((long long) st.remaining, 1, "quota: a clock set back by a second");
    (void) mlsec_quota_look(&w, &day, noon - 2 * 86400, 0, &st);
    tap_is((long long) st.remaining, 5, "quota: by days");

    w.word = 0;
    (void) mlsec_quota_take(&w, &month, noon, 4, &st);
    tap_is((long long) st.reset, 43200ll * (long long) S,
           "month: the end of February of a leap year");
    tap_is((long long) mlsec_quota_length(&month, noon), 29 * 86400,
           "month: of 29 days");
    tap_is((long long) mlsec_quota_length(&month, noon + 86400), 31 * 86400,
           "month: of 31");
    (void) mlsec_quota_look(&w, &month, noon + 43200, 0, &st);
    tap_is((long long) st.remaining, 5, "month: March");

    /* 2023-02-28 23:59:59, 2100-02-28 23:59:59, 2024-12-31 23:59:59 */

    tap_is((long long) mlsec_quota_length(&month, 1677628799), 28 * 86400,
           "month: no leap year");
    tap_is((long long) mlsec_quota_length(&month, 4107542399), 28 * 86400,
           "month: 2100 is none");
    (void) mlsec_quota_look(&w, &month, 1735689599, 0, &st);
    tap_is((long long) st.reset, (long long) S, "month: end of the year");

    /* against the C library, month by month */
    {
        time_t     t;
        unsigned   bad;
        struct tm  tm;

        for (t = 0, bad = 0; t < 4200000000; t += 86400 * 3 + 7) {
            (void) mlsec_quota_look(&w, &month, (uint64_t) t, 0, &st);
            t += (time_t) (st.reset / S);
            (void) gmtime_r(&t, &tm);
            bad += tm.tm_mday != 1 || tm.tm_hour || tm.tm_min || tm.tm_sec;
        }

        tap_is(bad, 0, "month: each ends where the next begins");
    }
}


int
main(void)
{
    (void) tap_seed();

    test_make();
    test_take();
    test_change();

    day(100, S, 200, 9 * S / 1000);
    day(100, S, 1, 9 * S / 1000);
    day(1000000, S, 1000, S / 100);
    day(10, 60 * S, 10, 3 * S);
    day(5000, DAY, 100, 10 * S);
    test_uneven();

    (void) mlsec_gcra_make(&shared_gcra, 1, S, BURST);
    shared_quota = (mlsec_quota_t) { BURST, MLSEC_QUOTA_MONTH };
    crowd(thread_rate, "crowd: 4 threads ask for 4N, exactly N");
    crowd(thread_quota, "crowd: the same for a quota");

    test_quota();

    return tap_done();
}
