/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/service/mlsec_breaker.h>
#include <lib/mlsec_chaos.h>
#include <lib/mlsec_types.h>


#define MLSEC_BREAKER_TIMES_MAX   15
#define MLSEC_BREAKER_WAIT        1000       /* ms, while trials are out */
#define MLSEC_BREAKER_LOST_MIN    1000       /* ms */


/*
 * The word, taken apart.  "time" is, closed: since when, 0 from the start;
 * open: until when; half-open: when the last trial was let through.
 */

typedef struct {
    unsigned  kind;
    unsigned  times;             /* opened in a row, not the first */
    unsigned  admitted;          /* trials: let through, */
    unsigned  succeeded;         /* of them went well, */
    unsigned  failed;            /* of them failed */
    unsigned  force;
    unsigned  era;               /* moves on whenever the breaker opens */
    uint64_t  time;              /* ms */
} mlsec_breaker_word_t;


static mlsec_rare mlsec_breaker_event_e mlsec_breaker_report_trial(
    mlsec_breaker_t *b, const mlsec_breaker_conf_t *conf, unsigned era,
    mlsec_call_e call, mlsec_moment_t at);
static void mlsec_breaker_count(mlsec_breaker_t *b,
    const mlsec_breaker_conf_t *conf, mlsec_call_e call, unsigned slow,
    unsigned era, uint64_t now);
static void mlsec_breaker_settle(mlsec_breaker_t *b,
    const mlsec_breaker_conf_t *conf, mlsec_tally_t *own, unsigned era,
    uint64_t now, unsigned calls);
static mlsec_rare mlsec_breaker_event_e mlsec_breaker_look(mlsec_breaker_t *b,
    const mlsec_breaker_conf_t *conf, const mlsec_breaker_tallies_t *tallies,
    unsigned era, mlsec_moment_t at);


static void
mlsec_breaker_unpack(uint64_t word, mlsec_breaker_word_t *s)
{
    s->time = word & ((1ull << MLSEC_BREAKER_TIME_BITS) - 1);
    word >>= MLSEC_BREAKER_TIME_BITS;

    s->kind = word & 3;
    s->force = (word >> 2) & 3;
    s->times = (word >> 4) & 15;
    s->admitted = (word >> 8) & 15;
    s->succeeded = (word >> 12) & 15;
    s->failed = (word >> 16) & 15;
    s->era = (word >> 20) & 15;
}


static uint64_t
mlsec_breaker_pack(const mlsec_breaker_word_t *s)
{
    uint64_t  word;

    word = s->kind | (s->force << 2) | (s->times << 4) | (s->admitted << 8)
           | (s->succeeded << 12) | (s->failed << 16)
           | ((s->era & 15) << 20);

    return (word << MLSEC_BREAKER_TIME_BITS)
           | (s->time & ((1ull << MLSEC_BREAKER_TIME_BITS) - 1));
}


uint64_t
mlsec_breaker_open_time(const mlsec_breaker_conf_t *conf, unsigned times,
    unsigned random)
{
    uint64_t  t;

    for (t = conf->open; times && t < conf->max_open; times--) {
        t *= 2;
    }

    if (t > conf->max_open) {
        t = conf->max_open;
    }

    t = t * (80 + random % 41) / 100;

    if (t > conf->max_open) {
        t = conf->max_open;
    }

    return t ? t : 1;
}


/* How many of the trials have to go well: more than half. */

static unsigned
mlsec_breaker_need(const mlsec_breaker_conf_t *conf)
{
    return conf->trials / 2 + 1;
}


/* The share of calls that is let through, in %. */

static unsigned
mlsec_breaker_share(const mlsec_breaker_word_t *s, uint64_t now)
{
    uint64_t  elapsed;

    if (s->force == MLSEC_FORCE_OPEN) {
        return 0;
    }

    if (s->force == MLSEC_FORCE_CLOSED) {
        return 100;
    }

    if (s->kind != MLSEC_BREAKER_CLOSED) {
        return 0;
    }

    elapsed = now - s->time;

    if (s->time == 0 || elapsed >= MLSEC_BREAKER_RAMP) {
        return 100;
    }

    return (elapsed / (MLSEC_BREAKER_RAMP / 10) + 1) * 10;
}


/*
 * Takes a trial out of an open breaker whose time is up, or of a half-open
 * one.  0: none is left.
 */

static int
mlsec_breaker_take_trial(mlsec_breaker_word_t *s,
    const mlsec_breaker_conf_t *conf, uint64_t now)
{
    uint64_t  lost;

    if (s->kind == MLSEC_BREAKER_OPEN) {
        s->kind = MLSEC_BREAKER_HALF_OPEN;
        s->admitted = 0;
        s->succeeded = 0;
        s->failed = 0;

    } else if (s->admitted >= conf->trials) {

        lost = conf->open > MLSEC_BREAKER_LOST_MIN ? conf->open
                                                   : MLSEC_BREAKER_LOST_MIN;

        if (now - s->time < lost) {
            return 0;
        }

        s->admitted = s->succeeded + s->failed;

        if (s->admitted >= conf->trials) {

            /* there were more of them before a reload */

            s->admitted = 0;
            s->succeeded = 0;
            s->failed = 0;
        }
    }

    s->admitted++;
    s->time = now;

    return 1;
}


int
mlsec_breaker_admit(mlsec_breaker_t *b, const mlsec_breaker_conf_t *conf,
    uint64_t now, unsigned random, mlsec_breaker_ticket_t *ticket,
    uint64_t *wait)
{
    uint64_t              old;
    unsigned              share;
    mlsec_breaker_word_t  s;

    old = mlsec_atomic_load(&b->state);

    for ( ;; ) {
        mlsec_breaker_unpack(old, &s);

        ticket->era = s.era;
        ticket->trial = 0;
        ticket->ramp = 0;

        if (s.kind == MLSEC_BREAKER_CLOSED || s.force) {
            share = mlsec_breaker_share(&s, now);

            ticket->ramp = (share < 100);

            if (random < share) {
                return MLSEC_OK;
            }

            *wait = share ? MLSEC_BREAKER_RAMP / 10 : conf->open;
            return MLSEC_DECLINED;
        }

        if (s.kind == MLSEC_BREAKER_OPEN && now < s.time) {
            *wait = s.time - now;
            return MLSEC_DECLINED;
        }

        if (!mlsec_breaker_take_trial(&s, conf, now)) {
            *wait = MLSEC_BREAKER_WAIT;
            return MLSEC_DECLINED;
        }

        ticket->trial = 1;

        if (mlsec_atomic_cas(&b->state, &old, mlsec_breaker_pack(&s))) {
            return MLSEC_OK;
        }
    }
}


static void
mlsec_breaker_open(mlsec_breaker_word_t *s, const mlsec_breaker_conf_t *conf,
    unsigned times, mlsec_moment_t at)
{
    s->kind = MLSEC_BREAKER_OPEN;
    s->times = times < MLSEC_BREAKER_TIMES_MAX ? times
                                               : MLSEC_BREAKER_TIMES_MAX;
    s->admitted = 0;
    s->succeeded = 0;
    s->failed = 0;
    s->era++;
    s->time = at.now + mlsec_breaker_open_time(conf, times, at.random);
}


static mlsec_breaker_event_e
mlsec_breaker_report_trial(mlsec_breaker_t *b,
    const mlsec_breaker_conf_t *conf, unsigned era, mlsec_call_e call,
    mlsec_moment_t at)
{
    uint64_t               old;
    unsigned               need;
    mlsec_breaker_word_t   s;
    mlsec_breaker_event_e  event;

    old = mlsec_atomic_load(&b->state);
    need = mlsec_breaker_need(conf);

    do {
        mlsec_breaker_unpack(old, &s);

        if (s.kind != MLSEC_BREAKER_HALF_OPEN || s.era != era
            || s.succeeded + s.failed >= s.admitted)
        {
            return MLSEC_BREAKER_NOTHING;
        }

        event = MLSEC_BREAKER_NOTHING;

        if (call == MLSEC_CALL_NEUTRAL) {
            s.admitted--;

        } else if (call == MLSEC_CALL_OK) {

            if (++s.succeeded >= need) {
                s.kind = MLSEC_BREAKER_CLOSED;
                s.time = at.now;
                event = MLSEC_BREAKER_RECOVERED;
            }

        } else if (++s.failed > conf->trials - need) {
            mlsec_breaker_open(&s, conf, s.times + 1, at);
            event = MLSEC_BREAKER_REOPENED;
        }

    } while (!mlsec_atomic_cas(&b->state, &old, mlsec_breaker_pack(&s)));

    return event;
}


static const mlsec_tallies_t *
mlsec_breaker_all(const mlsec_breaker_tallies_t *tallies)
{
    return tallies ? &tallies->all : NULL;
}


/*
 * Whether so many calls of a window are bad.  All that tallies have is good
 * calls, with which their share is only less: they need not be looked at where
 * there are not enough bad ones without.
 */

static int
mlsec_breaker_over(const mlsec_window_t *w, const mlsec_breaker_conf_t *conf,
    const mlsec_breaker_tallies_t *tallies, unsigned ratio, unsigned era,
    uint64_t now)
{
    mlsec_window_sum_t  sum;

    mlsec_window_sum(w, NULL, conf->window, now, era, &sum);

    if (sum.bad == 0 || sum.bad * 100 < sum.total * ratio) {
        return 0;
    }

    mlsec_window_sum(w, mlsec_breaker_all(tallies), conf->window, now, era,
                     &sum);

    return sum.total >= conf->volume && sum.bad * 100 >= sum.total * ratio;
}


static int
mlsec_breaker_too_many(const mlsec_breaker_t *b,
    const mlsec_breaker_conf_t *conf, const mlsec_breaker_tallies_t *tallies,
    unsigned era, uint64_t now)
{
    return mlsec_breaker_over(&b->failures, conf, tallies, conf->ratio, era,
                              now)
           || (conf->slow != 0
               && mlsec_breaker_over(&b->slow, conf, tallies,
                                     conf->slow_ratio, era, now));
}


static mlsec_breaker_event_e
mlsec_breaker_trip(mlsec_breaker_t *b, const mlsec_breaker_conf_t *conf,
    unsigned era, mlsec_moment_t at)
{
    uint64_t              old;
    unsigned              times;
    mlsec_breaker_word_t  s;

    old = mlsec_atomic_load(&b->state);

    do {
        mlsec_breaker_unpack(old, &s);

        if (s.kind != MLSEC_BREAKER_CLOSED || s.era != era || s.force) {
            return MLSEC_BREAKER_NOTHING;
        }

        /* it has not been well since it was open the last time */

        times = (s.time && at.now - s.time < MLSEC_BREAKER_RAMP)
                ? s.times + 1 : 0;
        mlsec_breaker_open(&s, conf, times, at);

    } while (!mlsec_atomic_cas(&b->state, &old, mlsec_breaker_pack(&s)));

    mlsec_chaos_point("breaker-opened");

    return MLSEC_BREAKER_OPENED;
}


static mlsec_breaker_event_e
mlsec_breaker_look(mlsec_breaker_t *b, const mlsec_breaker_conf_t *conf,
    const mlsec_breaker_tallies_t *tallies, unsigned era, mlsec_moment_t at)
{
    if (!mlsec_breaker_too_many(b, conf, tallies, era, at.now)) {
        return MLSEC_BREAKER_NOTHING;
    }

    return mlsec_breaker_trip(b, conf, era, at);
}


/* In the windows themselves. */

static void
mlsec_breaker_count(mlsec_breaker_t *b, const mlsec_breaker_conf_t *conf,
    mlsec_call_e call, unsigned slow, unsigned era, uint64_t now)
{
    mlsec_window_add(&b->failures, conf->window, now, era,
                     call == MLSEC_CALL_FAILED);

    if (conf->slow) {
        mlsec_window_add(&b->slow, conf->window, now, era, slow);
    }
}


/*
 * Adds a tally to the windows, and begins it anew with so many good calls.
 */

static void
mlsec_breaker_settle(mlsec_breaker_t *b, const mlsec_breaker_conf_t *conf,
    mlsec_tally_t *own, unsigned era, uint64_t now, unsigned calls)
{
    mlsec_window_merge(&b->failures, own, conf->window, now, era);

    if (conf->slow) {
        mlsec_window_merge(&b->slow, own, conf->window, now, era);
    }

    mlsec_tally_begin(own, conf->window, now, era, calls);
}


mlsec_breaker_event_e
mlsec_breaker_report(mlsec_breaker_t *b, const mlsec_breaker_conf_t *conf,
    const mlsec_breaker_tallies_t *tallies, mlsec_breaker_ticket_t ticket,
    mlsec_call_e call, mlsec_moment_t at)
{
    int             bad, slow, well;
    unsigned        era;
    uint64_t        word;
    mlsec_tally_t  *own;

    slow = (conf->slow && at.elapsed >= conf->slow);

    if (ticket.trial) {
        return mlsec_breaker_report_trial(b, conf, ticket.era,
                                          (slow && call == MLSEC_CALL_OK)
                                          ? MLSEC_CALL_FAILED : call, at);
    }

    if (call == MLSEC_CALL_NEUTRAL) {
        return MLSEC_BREAKER_NOTHING;
    }

    word = mlsec_atomic_load(&b->state);
    era = mlsec_breaker_era(word);

    /* it began before the breaker opened: news of yesterday */

    if (((word >> MLSEC_BREAKER_TIME_BITS) & 3) != MLSEC_BREAKER_CLOSED
        || era != ticket.era)
    {
        return MLSEC_BREAKER_NOTHING;
    }

    own = tallies ? tallies->own : NULL;
    bad = (call == MLSEC_CALL_FAILED || slow);
    well = (!bad && mlsec_breaker_quiet(b, conf, at.now));

    if (own != NULL) {
        mlsec_breaker_settle(b, conf, own, era, at.now, well);
    }

    if (own == NULL || !well) {
        mlsec_breaker_count(b, conf, call, slow, era, at.now);
    }

    if (bad) {
        mlsec_atomic_store(&b->last_bad, at.now);
    }

    /* a good call opens the breaker only by completing the volume */

    if (well) {
        return MLSEC_BREAKER_NOTHING;
    }

    mlsec_chaos_point("call-counted");

    return mlsec_breaker_look(b, conf, tallies, era, at);
}


void
mlsec_breaker_force(mlsec_breaker_t *b, mlsec_breaker_force_e force)
{
    uint64_t              old;
    mlsec_breaker_word_t  s;

    old = mlsec_atomic_load(&b->state);

    do {
        mlsec_breaker_unpack(old, &s);

        s.kind = MLSEC_BREAKER_CLOSED;
        s.force = force;
        s.times = 0;
        s.admitted = 0;
        s.succeeded = 0;
        s.failed = 0;
        s.era++;
        s.time = 0;

    } while (!mlsec_atomic_cas(&b->state, &old, mlsec_breaker_pack(&s)));
}


void
mlsec_breaker_view(const mlsec_breaker_t *b, const mlsec_breaker_conf_t *conf,
    const mlsec_breaker_tallies_t *tallies, uint64_t now,
    mlsec_breaker_view_t *view)
{
    mlsec_breaker_word_t  s;

    mlsec_breaker_unpack(mlsec_atomic_load(&b->state), &s);

    view->state = s.kind;
    view->force = s.force;
    view->share = mlsec_breaker_share(&s, now);
    view->trials = s.admitted;
    view->opened = s.times;
    view->wait = 0;

    if (s.kind == MLSEC_BREAKER_OPEN && now < s.time) {
        view->wait = s.time - now;
    }

    mlsec_window_sum(&b->failures, mlsec_breaker_all(tallies), conf->window,
                     now, s.era, &view->failures);
    mlsec_window_sum(&b->slow,
                     conf->slow ? mlsec_breaker_all(tallies) : NULL,
                     conf->window, now, s.era, &view->slow);
}
