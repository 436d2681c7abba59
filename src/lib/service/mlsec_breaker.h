/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * A circuit breaker that several processes share.
 *
 *              too many of the window's calls are bad
 *       closed ------------------------------------------> open
 *         ^  10 %, 20 % ... of the calls for a while         |
 *         |                                                  | its time is up
 *         |  most of the trials went well                    v
 *         +---------------------------------------------- half-open
 *                                                            |
 *             open for twice as long <-----------------------+
 *                                      too many trials failed
 *
 * The state is one atomic word; what moves it is an exchange that only one
 * process wins, and the winner is told so that it can log.  A trial whose
 * process has died is written off when no trial has been let through for the
 * time that the breaker stays open at first.
 */


#ifndef _MLSEC_BREAKER_H_INCLUDED_
#define _MLSEC_BREAKER_H_INCLUDED_


#include <lib/mlsec_types.h>
#include <lib/service/mlsec_window.h>


#define MLSEC_BREAKER_TRIALS_MAX  15
#define MLSEC_BREAKER_RAMP        10000      /* ms, in 10 steps */
#define MLSEC_BREAKER_TIME_BITS   40         /* of the state, ms: 34 years */


typedef struct {
    uint64_t            window;      /* ms */
    uint64_t            open;        /* ms, the first time; at least 1 */
    uint64_t            max_open;    /* ms, at least open */
    uint64_t            slow;        /* ms, 0: no call is slow */
    unsigned            ratio;       /* % of bad calls that opens, 1-100 */
    unsigned            slow_ratio;  /* % of slow calls that opens, 1-100 */
    unsigned            volume;      /* calls in a window, fewer say nothing */
    unsigned            trials;      /* 1-MLSEC_BREAKER_TRIALS_MAX */
} mlsec_breaker_conf_t;


/* zeroed: closed */

typedef struct {
    mlsec_atomic_t      state;
    mlsec_atomic_t      last_bad;    /* ms, 0: never */
    mlsec_window_t      failures;
    mlsec_window_t      slow;
} mlsec_breaker_t;


typedef enum {
    MLSEC_BREAKER_CLOSED = 0,
    MLSEC_BREAKER_OPEN,
    MLSEC_BREAKER_HALF_OPEN
} mlsec_breaker_state_e;


typedef enum {
    MLSEC_FORCE_NONE = 0,
    MLSEC_FORCE_OPEN,
    MLSEC_FORCE_CLOSED
} mlsec_breaker_force_e;


/* a call that was let through */

typedef struct {
    unsigned            era:4;       /* of the breaker */
    unsigned            trial:1;
    unsigned            ramp:1;      /* one of the share let through */
} mlsec_breaker_ticket_t;


typedef enum {
    MLSEC_CALL_OK = 0,
    MLSEC_CALL_FAILED,
    MLSEC_CALL_NEUTRAL               /* says nothing about the service */
} mlsec_call_e;


typedef enum {
    MLSEC_BREAKER_NOTHING = 0,
    MLSEC_BREAKER_OPENED,
    MLSEC_BREAKER_REOPENED,
    MLSEC_BREAKER_RECOVERED          /* half-open, now closed */
} mlsec_breaker_event_e;


/* what processes have counted and the breaker's windows have not */

typedef struct {
    mlsec_tallies_t     all;
    mlsec_tally_t      *own;         /* of this process; NULL: none */
} mlsec_breaker_tallies_t;


/* when a call ended, what is drawn for it, and how long it took */

typedef struct {
    uint64_t            now;         /* ms, as for mlsec_breaker_admit() */
    unsigned            random;      /* 0-99 with equal chances */
    uint64_t            elapsed;     /* ms */
} mlsec_moment_t;


/* the breaker for a reader */

typedef struct {
    mlsec_breaker_state_e  state;
    mlsec_breaker_force_e  force;
    uint64_t               wait;     /* ms until a trial is let through */
    unsigned               share;    /* % of calls that are let through */
    unsigned               trials;   /* let through, half-open */
    unsigned               opened;   /* times in a row, not the first */
    mlsec_window_sum_t     failures;
    mlsec_window_sum_t     slow;
} mlsec_breaker_view_t;


/* The era of a breaker's state, 0-15: how often it has opened, wrapping. */
static inline unsigned
mlsec_breaker_era(uint64_t state)
{
    return state >> 60;
}


/*
 * Whether a breaker is closed, for all calls, and by nobody's word: what it is
 * nearly always, told by one read and without taking the word apart.
 *
 * now: as for mlsec_breaker_admit(), which is not needed then.  1 with *ticket
 * set as by that; 0: that has to be asked.
 */
static inline int
mlsec_breaker_passes(const mlsec_breaker_t *b, uint64_t now,
    mlsec_breaker_ticket_t *ticket)
{
    uint64_t  state, since;

    state = mlsec_atomic_load(&b->state);
    since = state & ((1ull << MLSEC_BREAKER_TIME_BITS) - 1);

    ticket->era = mlsec_breaker_era(state);
    ticket->trial = 0;
    ticket->ramp = 0;

    return ((state >> MLSEC_BREAKER_TIME_BITS) & 15) == 0
           && (since == 0 || now - since >= MLSEC_BREAKER_RAMP);
}


/*
 * Whether a call may be made.
 *
 * now: ms, monotonic, the same clock in all processes; not 0.
 * random: 0-99 with equal chances.
 *
 * MLSEC_OK: *ticket is set, and has to come back, exactly once, in
 * mlsec_breaker_report().  MLSEC_DECLINED: the service is spared; *wait is
 * when to ask again, ms, at least 1.
 */
int mlsec_breaker_admit(mlsec_breaker_t *b,
    const mlsec_breaker_conf_t *conf, uint64_t now, unsigned random,
    mlsec_breaker_ticket_t *ticket, uint64_t *wait);

/*
 * Whether no call of the last window was bad: a good one needs no look at it
 * then.  now: ms.
 */
static inline int
mlsec_breaker_quiet(const mlsec_breaker_t *b, const mlsec_breaker_conf_t *conf,
    uint64_t now)
{
    uint64_t  last_bad;

    last_bad = mlsec_atomic_load(&b->last_bad);

    return last_bad == 0 || now - last_bad > conf->window;
}

/*
 * Counts a good call of a breaker that has been well for the length of its
 * window, in the tally of this process: what nearly all calls are.  elapsed,
 * now: ms.
 *
 * 1, and mlsec_breaker_report() is not needed then; 0: that has to be called.
 */
static inline int
mlsec_breaker_well(const mlsec_breaker_t *b, const mlsec_breaker_conf_t *conf,
    mlsec_tally_t *own, mlsec_breaker_ticket_t ticket, uint64_t elapsed,
    uint64_t now)
{
    uint64_t  state;

    state = mlsec_atomic_load(&b->state);

    return ((state >> MLSEC_BREAKER_TIME_BITS) & 3) == MLSEC_BREAKER_CLOSED
           && !ticket.trial && mlsec_breaker_era(state) == ticket.era
           && mlsec_breaker_quiet(b, conf, now)
           && (conf->slow == 0 || elapsed < conf->slow)
           && mlsec_tally_add(own, now, ticket.era);
}

/*
 * What has become of a call that was let through.  MLSEC_CALL_NEUTRAL is for
 * one that was not made, or was broken off by whoever asked for it: a trial is
 * then free for another call.
 *
 * tallies: of b, with the one of this process; NULL: there are none.
 *
 * What this very call has changed, for the log; never the same change for two
 * callers.
 */
mlsec_breaker_event_e mlsec_breaker_report(mlsec_breaker_t *b,
    const mlsec_breaker_conf_t *conf, const mlsec_breaker_tallies_t *tallies,
    mlsec_breaker_ticket_t ticket, mlsec_call_e call, mlsec_moment_t at);

/*
 * An operator's word: all calls are refused, or let through and never
 * counted against the service; MLSEC_FORCE_NONE starts anew, closed.
 */
void mlsec_breaker_force(mlsec_breaker_t *b, mlsec_breaker_force_e force);

/*
 * Reads everything, changes nothing.  An open breaker whose time is up is
 * still reported as open, with a wait of 0: the next call makes it half-open.
 *
 * tallies: NULL: there are none, or what was counted is not asked for.
 */
void mlsec_breaker_view(const mlsec_breaker_t *b,
    const mlsec_breaker_conf_t *conf, const mlsec_breaker_tallies_t *tallies,
    uint64_t now, mlsec_breaker_view_t *view);

/*
 * How long a breaker stays open that opens for the (times + 1)-th time in a
 * row: the open time doubled each time, 20 % more or less, at most max_open.
 */
uint64_t mlsec_breaker_open_time(const mlsec_breaker_conf_t *conf,
    unsigned times, unsigned random);


#endif /* _MLSEC_BREAKER_H_INCLUDED_ */
