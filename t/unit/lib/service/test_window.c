/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/service/mlsec_window.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>


/*
 * a script: "+" a good call, "-" a bad one, "a", "b" a good one in one of two
 * tallies, a number: ms that pass
 */

typedef struct {
    const char  *name;
    const char  *script;
    unsigned     total;
    unsigned     bad;
} window_case_t;


static const window_case_t  cases[] = {
    { "nothing", "", 0, 0 },
    { "one", "+", 1, 0 },
    { "one bad", "-", 1, 1 },
    { "mixed", "+-+-", 4, 2 },
    { "next tenth", "+ 100 -", 2, 1 },
    { "last of ten tenths", "- 900 +", 2, 1 },
    { "ten tenths later", "- 1000", 0, 0 },
    { "ten tenths later, the same bucket", "-- 1000 +", 1, 0 },
    { "sliding", "- 300 - 300 - 300 - 300", 3, 3 },
    { "a long pause", "----- 86400000 +", 1, 0 },
    { "a tally", "a", 1, 0 },
    { "two tallies and a window", "aab+-", 5, 1 },
    { "a tally, next tenth", "a 100 a", 2, 0 },
    { "a tally, last of ten tenths", "aa 900 a", 3, 0 },
    { "a tally, ten tenths later", "aa 1000 a", 1, 0 },
    { "a tally that nobody adds to", "aaa 900 b", 4, 0 },
    { "the same, too old", "aaa 1000 b", 1, 0 },
    { "a tally that is added to an old bucket", "- 100 a 800 a 99 +", 4, 1 },
    { "a tally, a long pause", "aaaa 86400000 a", 1, 0 },
    { "a tally for every bucket", "a 100 a 100 a 100 a 100 a 100 a 100 a 100 "
      "a 100 a 100 a", 10, 0 },
    { "every bucket", "- 100 - 100 - 100 - 100 - 100 - 100 - 100 - 100 - "
      "100 - ", 10, 10 }
};


/* as a process does it that has a tally */

static void
count(mlsec_window_t *w, mlsec_tally_t *t, uint64_t now)
{
    if (!mlsec_tally_add(t, now, 3)) {
        mlsec_window_merge(w, t, 1000, now, 3);
        mlsec_tally_begin(t, 1000, now, 3, 1);
    }
}


static void
test_case(const window_case_t *c)
{
    char                *end;
    uint64_t             now;
    const char          *p;
    mlsec_atomic_t       used;
    mlsec_atomic_t       words[2][3];
    mlsec_tally_t        tallies[2];
    mlsec_window_t       w;
    mlsec_tallies_t      all;
    mlsec_window_sum_t   sum;

    memset(&w, 0, sizeof(w));
    memset(words, 0, sizeof(words));
    memset(tallies, 0, sizeof(tallies));
    now = 5000;

    tallies[0].word = &words[0][1];
    tallies[1].word = &words[1][1];
    all.first = &words[0][1];
    all.step = sizeof(words[0]);
    all.used = &used;
    used.word = 2;

    for (p = c->script; *p; p++) {

        if (*p >= '0' && *p <= '9') {
            now += strtoul(p, &end, 10);
            p = end - 1;

        } else if (*p == 'a' || *p == 'b') {
            count(&w, &tallies[*p - 'a'], now);

        } else if (*p != ' ') {
            mlsec_window_add(&w, 1000, now, 3, *p == '-');
        }
    }

    mlsec_window_sum(&w, &all, 1000, now, 3, &sum);

    tap_ok(sum.total == c->total && sum.bad == c->bad,
           "window: %s: %u of %u", c->name, (unsigned) sum.bad,
           (unsigned) sum.total);

    mlsec_window_sum(&w, &all, 1000, now, 4, &sum);
    tap_ok(sum.total == 0 && sum.bad == 0, "window: %s: not in another era",
           c->name);
}


/* What a tally has is not for another era, and not for a clock behind it. */

static void
test_tally(void)
{
    mlsec_window_t      w;
    mlsec_window_sum_t  sum;
    mlsec_atomic_t      used = { 1 }, word = { 0 };
    mlsec_tally_t       t = { &word, 0 };
    mlsec_tallies_t     all = { &word, sizeof(word), &used };

    memset(&w, 0, sizeof(w));

    tap_is(mlsec_tally_add(&t, 5000, 0), 0, "tally: empty, none has begun");
    mlsec_tally_begin(&t, 1000, 5050, 0, 1);
    tap_is(mlsec_tally_add(&t, 5050, 0), 1, "tally: within its tenth");
    tap_is(mlsec_tally_add(&t, 5099, 0), 1, "tally: at its end");
    tap_is(mlsec_tally_add(&t, 5100, 0), 0, "tally: the next tenth");
    tap_is(mlsec_tally_add(&t, 5099, 1), 0, "tally: the next era");

    mlsec_window_sum(&w, &all, 1000, 5100, 0, &sum);
    tap_is((long long) sum.total, 3, "tally: counted");
    mlsec_window_sum(&w, NULL, 1000, 5100, 0, &sum);
    tap_is((long long) sum.total, 0, "tally: not in the window");
    mlsec_window_sum(&w, &all, 1000, 4999, 0, &sum);
    tap_is((long long) sum.total, 0, "tally: of a tenth that is to come");
    mlsec_window_last(&w, &all, 1000, 5100, 0, &sum);
    tap_is((long long) sum.total, 3, "tally: the tenth before");
    mlsec_window_last(&w, &all, 1000, 5200, 0, &sum);
    tap_is((long long) sum.total, 0, "tally: not the one before that");

    mlsec_window_merge(&w, &t, 1000, 5100, 1);
    mlsec_window_sum(&w, NULL, 1000, 5100, 1, &sum);
    tap_is((long long) sum.total, 0, "tally: not added in another era");

    mlsec_window_merge(&w, &t, 1000, 5100, 0);
    mlsec_window_sum(&w, NULL, 1000, 5100, 0, &sum);
    tap_is((long long) sum.total, 3, "tally: added");

    mlsec_tally_begin(&t, 1000, 5100, 0, 0);
    mlsec_window_sum(&w, &all, 1000, 5100, 0, &sum);
    tap_is((long long) sum.total, 3, "tally: begun anew");

    used.word = 0;
    tap_is(mlsec_tally_add(&t, 5100, 0), 1, "tally: goes on");
    mlsec_window_sum(&w, &all, 1000, 5100, 0, &sum);
    tap_is((long long) sum.total, 3, "tally: one that nobody has used");
}


/*
 * One process counts, and adds its tally at each call; another one sums up.
 * What was counted before it began is in the sum, once or, of the last one,
 * twice.
 */

#define CALLS  1000000

typedef struct {
    mlsec_atomic_t   counted;
    mlsec_atomic_t   word;
    mlsec_atomic_t   used;
    mlsec_window_t   w;
} shared_t;


static void
counter(shared_t *s)
{
    unsigned       i;
    mlsec_tally_t  t = { &s->word, 0 };

    mlsec_tally_begin(&t, 1000, 12345, 0, 0);

    for (i = 0; i < CALLS; i++) {
        (void) mlsec_tally_add(&t, 12345, 0);
        mlsec_atomic_own_add(&s->counted, 1);
        mlsec_window_merge(&s->w, &t, 1000, 12345, 0);
        mlsec_tally_begin(&t, 1000, 12345, 0, 0);
    }

    _exit(0);
}


static void
test_sum(void)
{
    uint64_t             counted, sums, less, more;
    shared_t            *s;
    mlsec_tallies_t      all;
    mlsec_window_sum_t   sum;

    s = mmap(NULL, sizeof(shared_t), PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    all.first = &s->word;
    all.step = sizeof(s->word);
    all.used = &s->used;
    s->used.word = 1;

    fflush(stdout);

    if (fork() == 0) {
        counter(s);
    }

    sums = 0;
    less = 0;
    more = 0;

    do {
        counted = mlsec_atomic_load(&s->counted);
        mlsec_window_sum(&s->w, &all, 1000, 12345, 0, &sum);
        less += (sum.total < counted);
        more += (sum.total > mlsec_atomic_load(&s->counted) + 2);
        sums++;

    } while (counted < CALLS);

    while (wait(NULL) > 0) { /* void */ }

    tap_ok(sums > 0, "sum: %u times", (unsigned) sums);
    tap_is((long long) less, 0, "sum: of all that was counted");
    tap_is((long long) more, 0, "sum: of not much more");

    munmap(s, sizeof(shared_t));
}


static void
test_tally_full(void)
{
    unsigned             i;
    mlsec_window_t       w;
    mlsec_atomic_t       word = { 0 };
    mlsec_tally_t        t = { &word, 0 };
    mlsec_window_sum_t   sum;

    memset(&w, 0, sizeof(w));
    mlsec_tally_begin(&t, 1000, 12345, 0, 0);

    for (i = 0; mlsec_tally_add(&t, 12345, 0); i++) { /* void */ }

    tap_is((long long) i, 1 << 19, "full: a tally stops half way");

    for (i = 0; i < 3; i++) {
        mlsec_window_merge(&w, &t, 1000, 12345, 0);
        mlsec_window_sum(&w, NULL, 1000, 12345, 0, &sum);
        tap_ok(sum.total >= 1 << 19 && sum.total < 1 << 20 && sum.bad == 0,
               "full: added %u times: %u", i + 1, (unsigned) sum.total);
    }
}


static void
test_full(void)
{
    unsigned             i;
    mlsec_window_t       w;
    mlsec_window_sum_t   sum;

    memset(&w, 0, sizeof(w));

    for (i = 0; i < 3000000; i++) {
        mlsec_window_add(&w, 1000, 12345, 0, i % 4 == 0);
    }

    mlsec_window_sum(&w, NULL, 1000, 12345, 0, &sum);

    tap_ok(sum.total > 500000 && sum.total < 1048576,
           "full: the count is halved, not wrapped: %u",
           (unsigned) sum.total);
    tap_ok(sum.bad * 100 / sum.total == 25
           || sum.bad * 100 / sum.total == 24,
           "full: the ratio stays: %u", (unsigned) sum.bad);
}


static void
test_start(void)
{
    mlsec_window_t       w;
    mlsec_window_sum_t   sum;

    memset(&w, 0, sizeof(w));

    mlsec_window_add(&w, 1000, 5, 0, 1);
    mlsec_window_sum(&w, NULL, 1000, 5, 0, &sum);
    tap_ok(sum.total == 1, "start: the first tenth of the clock");

    memset(&w, 0, sizeof(w));
    mlsec_window_add(&w, 3, 100, 0, 1);
    mlsec_window_sum(&w, NULL, 3, 100, 0, &sum);
    tap_ok(sum.total == 1, "a window shorter than its tenths");
}


int
main(void)
{
    size_t  i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        test_case(&cases[i]);
    }

    test_tally();
    test_sum();
    test_tally_full();
    test_full();
    test_start();

    return tap_done();
}
