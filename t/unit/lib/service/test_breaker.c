/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/service/mlsec_breaker.h>


/*
 * A script of calls, one after the other:
 *
 *   +  a good call      -  a bad one      s  a good one that is slow
 *   n  a neutral one    x  one that is expected to be refused
 *   l  a call that is let through and never reported
 *   a number: ms that pass
 *   C O H  what the state has to be here
 *   E R V  the last report has opened it, opened it again, let it recover
 */

typedef struct {
    const char            *name;
    mlsec_breaker_conf_t   conf;
    const char            *script;
} breaker_case_t;


#define CONF(volume, trials)                                                  \
    { 1000, 500, 4000, 0, 50, 0, volume, trials }

#define SLOW(volume, slow_ratio)                                              \
    { 1000, 500, 4000, 200, 50, slow_ratio, volume, 1 }


static const breaker_case_t  cases[] = {
    { "closed from the start", CONF(4, 1), "C + C" },
    { "not below the volume", CONF(4, 1), "- - - C" },
    { "opens with the volume", CONF(4, 1), "- - - - E O x" },
    { "a good call completes the volume", CONF(4, 1), "- - - + E O" },
    { "half is enough", CONF(4, 1), "+ + - - E O" },
    { "less than half is not", CONF(4, 1), "+ + + - C + - + - C" },
    { "neutral calls are not counted", CONF(4, 1), "n n n n n - - - C n C" },
    { "old failures are forgotten", CONF(4, 1), "- - - 1000 - C" },
    { "no call before its time is up", CONF(2, 1), "- - O 499 x x O" },
    { "a trial after it", CONF(2, 1), "- - O 500 + V C" },
    { "one trial at a time", CONF(2, 1), "- - O 500 l H x x" },
    { "three trials, most of them good", CONF(2, 3),
      "- - O 500 + H - H + V C" },
    { "three trials, most of them bad", CONF(2, 3),
      "- - O 500 - H - R O" },
    { "as many as trials=", CONF(2, 3), "- - O 500 l l l x H" },
    { "lost trials are written off", CONF(2, 2),
      "- - O 500 l l x 900 x 200 + + V C" },
    { "a neutral trial leaves its place", CONF(2, 1),
      "- - O 500 n H n H + V C" },
    { "open for longer each time", CONF(2, 1),
      "- - O 500 - R O 999 x 1 - R O 1999 x 1 - R O 3999 x 1 - R O 3999 x "
      "1 + V C" },
    { "not for longer than max_open=", CONF(2, 1),
      "- - 500 - 1000 - 2000 - 4000 - R O 3999 x 1 + V" },
    { "after a good while the first time again", CONF(2, 1),
      "- - 500 - O 1000 + V 10000 - - E O 499 x 1 + V" },
    { "soon after, the next time", CONF(2, 1),
      "- - 500 + V 9900 - - E O 999 x 1 + V" },
    { "slow calls", SLOW(4, 80), "s s s s E O" },
    { "slow calls, not enough", SLOW(4, 80), "s s s + C" },
    { "slow calls, fewer are enough", SLOW(4, 50), "s s + + E O" },
    { "a slow trial", SLOW(2, 80), "s s E 500 s R O" },
    { "slow is no failure", SLOW(4, 100), "s s s + C + C" },
    { "failures of before do not count after", CONF(4, 1),
      "- - - - E 500 + V 9999 - - - C" }
};


/*
 * Each script has the same end if its calls are made by one process that keeps
 * no tally, by one that does, and by three in turn.
 */

#define PROCESSES  3

typedef struct {
    mlsec_breaker_t              b;
    const mlsec_breaker_conf_t  *conf;
    uint64_t                     now;
    mlsec_breaker_event_e        event;
    mlsec_tally_t                own[PROCESSES];
    mlsec_atomic_t               words[PROCESSES];
    mlsec_atomic_t               processes;  /* 0: no tallies */
    unsigned                     calls;
} breaker_run_t;


static void
run_begin(breaker_run_t *run, const mlsec_breaker_conf_t *conf,
    unsigned processes)
{
    memset(run, 0, sizeof(breaker_run_t));

    run->conf = conf;
    run->now = 100000;
    run->processes.word = processes;
}


static void
run_tallies(breaker_run_t *run, mlsec_breaker_tallies_t *tallies)
{
    uint64_t  n, i;

    n = run->processes.word;

    tallies->all.first = run->words;
    tallies->all.step = sizeof(mlsec_atomic_t);
    tallies->all.used = &run->processes;
    tallies->own = NULL;

    if (n) {
        i = run->calls++ % n;
        run->own[i].word = &run->words[i];
        tallies->own = &run->own[i];
    }
}


static mlsec_breaker_event_e
run_report(breaker_run_t *run, mlsec_breaker_ticket_t ticket,
    mlsec_call_e call, uint64_t elapsed)
{
    mlsec_breaker_tallies_t  tallies;

    run_tallies(run, &tallies);

    if (tallies.own != NULL && call == MLSEC_CALL_OK
        && mlsec_breaker_well(&run->b, run->conf, tallies.own, ticket, elapsed,
                              run->now))
    {
        return MLSEC_BREAKER_NOTHING;
    }

    return mlsec_breaker_report(&run->b, run->conf,
                                tallies.own ? &tallies : NULL, ticket, call,
                                /* 20: exactly the open time, no jitter */
                                (mlsec_moment_t) { run->now, 20, elapsed });
}


static int
run_state(breaker_run_t *run, char c)
{
    mlsec_breaker_view_t  view;

    mlsec_breaker_view(&run->b, run->conf, NULL, run->now, &view);

    switch (c) {
    case 'C':
        return view.state == MLSEC_BREAKER_CLOSED;
    case 'O':
        return view.state == MLSEC_BREAKER_OPEN;
    case 'H':
        return view.state == MLSEC_BREAKER_HALF_OPEN;
    case 'E':
        return run->event == MLSEC_BREAKER_OPENED;
    case 'R':
        return run->event == MLSEC_BREAKER_REOPENED;
    default:
        return run->event == MLSEC_BREAKER_RECOVERED;
    }
}


static int
run_call(breaker_run_t *run, char c)
{
    int                      rc;
    uint64_t                 wait;
    mlsec_call_e             call;
    mlsec_breaker_ticket_t   ticket;

    wait = 0;
    rc = mlsec_breaker_admit(&run->b, run->conf, run->now, 0, &ticket, &wait);

    if (c == 'x') {
        return rc == MLSEC_DECLINED && wait >= 1;
    }

    if (rc != MLSEC_OK || c == 'l') {
        return rc == MLSEC_OK;
    }

    call = (c == '-') ? MLSEC_CALL_FAILED
           : (c == 'n') ? MLSEC_CALL_NEUTRAL : MLSEC_CALL_OK;

    run->event = run_report(run, ticket, call, c == 's' ? 200 : 199);

    return 1;
}


static void
test_case(const breaker_case_t *c, unsigned processes)
{
    int             pass;
    char           *end;
    const char     *p;
    breaker_run_t   run;

    run_begin(&run, &c->conf, processes);

    for (p = c->script; *p; p++) {

        if (*p == ' ') {
            continue;
        }

        if (*p >= '0' && *p <= '9') {
            run.now += strtoul(p, &end, 10);
            p = end - 1;
            continue;
        }

        pass = strchr("COHERV", *p) ? run_state(&run, *p) : run_call(&run, *p);

        if (!pass) {
            tap_ok(0, "breaker: %s: \"%s\", at %d", c->name, c->script,
                   (int) (p - c->script));
            return;
        }
    }

    tap_ok(1, "breaker: %s", c->name);
}


static void
test_jitter(void)
{
    unsigned              i, times, wrong;
    uint64_t              t, first, last;
    mlsec_breaker_conf_t  conf = CONF(2, 1);

    static const uint64_t  expected[] = { 500, 1000, 2000, 4000, 4000, 4000 };

    wrong = 0;
    first = 100000;
    last = 0;

    for (times = 0; times < 6; times++) {

        for (i = 0; i < 100; i++) {
            t = mlsec_breaker_open_time(&conf, times, i);

            wrong += (t < expected[times] * 80 / 100
                      || t > expected[times] * 120 / 100
                      || t > conf.max_open);

            if (times == 0) {
                first = t < first ? t : first;
                last = t > last ? t : last;
            }
        }
    }

    tap_ok(wrong == 0, "jitter: 20 %% at most, %u are not", wrong);
    tap_ok(first == 400 && last == 600, "jitter: all of 400-600 ms");

    conf.open = conf.max_open = 1;
    tap_ok(mlsec_breaker_open_time(&conf, 15, 0) == 1, "jitter: at least 1");
}


/* After recovery: 10 % of the calls, and 10 % more every second. */

static void
test_ramp(void)
{
    unsigned                step, i, admitted;
    uint64_t                wait;
    breaker_run_t           run;
    mlsec_breaker_ticket_t  ticket;
    mlsec_breaker_conf_t    conf = CONF(2, 1);

    run_begin(&run, &conf, 0);

    run_call(&run, '-');
    run_call(&run, '-');
    run.now += 500;
    run_call(&run, '+');

    for (step = 0; step <= 10; step++) {
        admitted = 0;

        for (i = 0; i < 100; i++) {
            admitted += mlsec_breaker_admit(&run.b, &conf,
                                            run.now + step * 1000 + 999, i,
                                            &ticket, &wait)
                        == MLSEC_OK;
        }

        tap_ok(admitted == (step < 9 ? (step + 1) * 10 : 100),
               "ramp: second %u: %u %%", step, admitted);
    }
}


static void
test_force(void)
{
    unsigned               i;
    breaker_run_t          run;
    mlsec_breaker_conf_t   conf = CONF(2, 1);

    run_begin(&run, &conf, 0);

    mlsec_breaker_force(&run.b, MLSEC_FORCE_OPEN);
    tap_ok(run_call(&run, 'x'), "forced open: refused");
    run.now += 1000000;
    tap_ok(run_call(&run, 'x'), "forced open: for ever");

    mlsec_breaker_force(&run.b, MLSEC_FORCE_CLOSED);

    for (i = 0; i < 10; i++) {
        run_call(&run, '-');
    }

    tap_ok(run_state(&run, 'C') && run_call(&run, '+'),
           "forced closed: failures do not open it");

    mlsec_breaker_force(&run.b, MLSEC_FORCE_NONE);
    tap_ok(run_call(&run, '-') && run_state(&run, 'C'),
           "released: what was counted before is forgotten");
    tap_ok(run_call(&run, '-') && run_state(&run, 'O'),
           "released: failures open it");
}


/* A call that began before the breaker opened ends when it is closed again. */

static void
test_late(void)
{
    unsigned                i;
    uint64_t                wait;
    breaker_run_t           run;
    mlsec_breaker_view_t    view;
    mlsec_breaker_conf_t    conf = CONF(2, 1);
    mlsec_breaker_ticket_t  late, trial;

    run_begin(&run, &conf, 0);

    (void) mlsec_breaker_admit(&run.b, &conf, run.now, 0, &late, &wait);
    run_call(&run, '-');
    run_call(&run, '-');

    run.now += 500;
    (void) mlsec_breaker_admit(&run.b, &conf, run.now, 0, &trial, &wait);

    for (i = 0; i < 5; i++) {
        (void) run_report(&run, late, MLSEC_CALL_OK, 1);
    }

    tap_ok(run_state(&run, 'H'), "late: no trial, cannot close it");

    (void) run_report(&run, trial, MLSEC_CALL_OK, 1);

    for (i = 0; i < 5; i++) {
        (void) run_report(&run, late, MLSEC_CALL_FAILED, 1);
        (void) run_report(&run, trial, MLSEC_CALL_FAILED, 1);
    }

    mlsec_breaker_view(&run.b, &conf, NULL, run.now, &view);
    tap_ok(view.state == MLSEC_BREAKER_CLOSED && view.failures.total == 0,
           "late: not counted once it is closed again");
}


/*
 * What others have counted for themselves is known when a call fails: with it
 * there are enough calls, and with it there are enough good ones.
 */

static void
test_others(void)
{
    unsigned                 i;
    breaker_run_t            run;
    mlsec_breaker_view_t     view;
    mlsec_breaker_tallies_t  tallies;
    mlsec_breaker_conf_t     conf = CONF(10, 1);

    run_begin(&run, &conf, PROCESSES);

    for (i = 0; i < 8; i++) {
        run_call(&run, '+');
    }

    run_call(&run, '-');
    tap_ok(run_state(&run, 'C'), "others: nine calls, one is bad");
    run_call(&run, '-');
    tap_ok(run_state(&run, 'C'), "others: two of ten, not half of them");

    run_tallies(&run, &tallies);
    mlsec_breaker_view(&run.b, &conf, &tallies, run.now, &view);
    tap_is((long long) view.failures.total, 10, "others: all are shown");
    tap_is((long long) view.failures.bad, 2, "others: bad ones");
    tap_is((long long) view.slow.total, 0, "others: none was to be slow");

    for (i = 0; i < 6; i++) {
        run_call(&run, '-');
    }

    tap_ok(run_state(&run, 'E') && run_state(&run, 'O'),
           "others: eight of sixteen");
}


int
main(void)
{
    size_t  i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        test_case(&cases[i], 0);
        test_case(&cases[i], 1);
        test_case(&cases[i], PROCESSES);
    }

    test_jitter();
    test_ramp();
    test_force();
    test_late();
    test_others();

    return tap_done();
}
