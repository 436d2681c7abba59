/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/service/mlsec_budget.h>


static const mlsec_budget_conf_t  conf = { 20, 3 };


/* what runs, and whether one more may */

typedef struct {
    const char           *name;
    mlsec_budget_live_t   live;
    int                   granted;
} live_case_t;


static const live_case_t  lives[] = {
    { "nothing runs", { 0, 0 }, 1 },
    { "below the floor", { 2, 2 }, 1 },
    { "the floor", { 3, 3 }, 0 },
    { "they wait to be made", { 0, 3 }, 0 },
    { "ten parts, two again", { 10, 2 }, 1 },
    { "ten parts, three again", { 10, 3 }, 0 },
    { "a fifth of the first ones", { 119, 19 }, 1 },
    { "not of all", { 120, 20 }, 0 },
    { "a fifth of many", { 1200, 200 }, 0 },
    { "more than there can be", { 1, 5 }, 0 }
};


static void
test_live(void)
{
    size_t          i;
    mlsec_budget_t  b;

    for (i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
        memset(&b, 0, sizeof(b));

        tap_is(mlsec_budget_take(&b, &conf, NULL, &lives[i].live, 5000),
               lives[i].granted, lives[i].name);
        tap_is((long long) b.refused.word, !lives[i].granted,
               "live: what is refused is counted");
    }
}


/* how many of "n" are granted at one moment, where none runs for long */

static unsigned
granted(mlsec_budget_t *b, unsigned n, uint64_t now)
{
    unsigned                   i, sum;
    const mlsec_budget_live_t  none = { 0, 0 };

    for (i = 0, sum = 0; i < n; i++) {
        sum += (unsigned) mlsec_budget_take(b, &conf, NULL, &none,
                                          now);
    }

    return sum;
}


static void
test_window(void)
{
    unsigned        i;
    mlsec_budget_t  b;

    memset(&b, 0, sizeof(b));

    tap_is(granted(&b, 100, 5000), 30, "window: the floor, 3 a second");
    tap_is(granted(&b, 100, 5000), 0, "window: used up");
    tap_is((long long) b.refused.word, 170, "window: refused");
    tap_is(granted(&b, 100, 14999), 0, "window: not yet over");
    tap_is(granted(&b, 100, 15000), 30, "window: ten seconds later");

    memset(&b, 0, sizeof(b));

    for (i = 0; i < 1000; i++) {
        mlsec_budget_call(&b, NULL, 5000);
    }

    tap_is(granted(&b, 1000, 5000), 200, "window: a fifth of the first ones");
    tap_is(granted(&b, 1000, 5000), 0, "window: second ones earn nothing");

    for (i = 0; i < 1000; i++) {
        mlsec_budget_call(&b, NULL, 9000);
    }

    tap_is(granted(&b, 1000, 9000), 200, "window: more of them");
    tap_is(granted(&b, 1000, 15000), 0, "window: what was used slides out");
}


/* a peer dies: all that it has at once, of calls that are short */

static void
test_burst(void)
{
    unsigned             i;
    mlsec_budget_t       b;
    mlsec_budget_live_t  live;

    memset(&b, 0, sizeof(b));

    for (i = 0; i < 2000; i++) {
        mlsec_budget_call(&b, NULL, 20000 + i / 2);
    }

    live.calls = 10;
    live.retries = 399;
    tap_is(mlsec_budget_take(&b, &conf, NULL, &live, 20999), 1,
           "burst: a fifth of the last second");
    live.retries = 400;
    tap_is(mlsec_budget_take(&b, &conf, NULL, &live, 20999), 0,
           "burst: no more");
    live.retries = 100;
    tap_is(mlsec_budget_take(&b, &conf, NULL, &live, 21000), 1,
           "burst: when another second has begun");
    tap_is(mlsec_budget_take(&b, &conf, NULL, &live, 22000), 0,
           "burst: of calls that were long ago it is not");
    live.calls = 700;
    tap_is(mlsec_budget_take(&b, &conf, NULL, &live, 22000), 1,
           "burst: calls that still run");
}


/* the same calls, counted by three processes for themselves */

static void
test_tallies(void)
{
    unsigned             i;
    mlsec_budget_t       b;
    mlsec_budget_live_t  live;
    mlsec_atomic_t       used = { 3 }, words[3] = { { 0 } };
    mlsec_tally_t        t[3] = { { words, 0 }, { words + 1, 0 },
                                  { words + 2, 0 } };
    mlsec_tallies_t      all = { words, sizeof(words[0]), &used };

    memset(&b, 0, sizeof(b));

    for (i = 0; i < 2000; i++) {
        mlsec_budget_call(&b, &t[i % 3], 20000 + i / 2);
    }

    live.calls = 10;
    live.retries = 399;
    tap_is(mlsec_budget_take(&b, &conf, &all, &live, 20999), 1,
           "tallies: a fifth of the last second");
    live.retries = 400;
    tap_is(mlsec_budget_take(&b, &conf, &all, &live, 20999), 0,
           "tallies: no more");
    live.retries = 100;
    tap_is(mlsec_budget_take(&b, &conf, &all, &live, 21000), 1,
           "tallies: when another second has begun");
    tap_is(mlsec_budget_take(&b, &conf, &all, &live, 22000), 0,
           "tallies: of calls that were long ago it is not");

    for (i = 0; i < 3; i++) {
        mlsec_budget_call(&b, &t[i], 22000);
    }

    live.retries = 0;

    for (i = 0;
         mlsec_budget_take(&b, &conf, &all, &live, 22000);
         i++)
    {
        /* void */
    }

    tap_is((long long) i, 398, "tallies: a fifth of 2003, less two");
}


static void
test_backoff(void)
{
    uint64_t  i, wait, least, most;

    least = 1000000;
    most = 0;

    for (i = 0; i < 1000; i++) {
        wait = mlsec_backoff(25, 1000, 3, i);
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
    }

    tap_is((long long) least, 1, "backoff: from 1 ms");
    tap_is((long long) most, 100, "backoff: to four times the base");
    tap_is((long long) mlsec_backoff(25, 1000, 1, 24), 25, "backoff: first");
    tap_is((long long) mlsec_backoff(25, 1000, 2, 49), 50, "backoff: second");
    tap_is((long long) mlsec_backoff(25, 1000, 9, 999), 1000, "backoff: cap");
    tap_is((long long) mlsec_backoff(25, 1000, 9, 1000), 1,
           "backoff: no longer than cap");
    tap_is((long long) mlsec_backoff(1, 7, 4000000000u, 6), 7,
           "backoff: as often as you like");
    tap_is((long long) mlsec_backoff(50, 20, 1, 19), 20,
           "backoff: a base above the cap");
    tap_is((long long) mlsec_backoff(1ull << 62, ~0ull, 2, 5), 6,
           "backoff: large numbers");
    tap_is((long long) mlsec_backoff(0, 0, 1, 5), 1, "backoff: nothing");
}


int
main(void)
{
    test_live();
    test_window();
    test_burst();
    test_tallies();
    test_backoff();

    return tap_done();
}
