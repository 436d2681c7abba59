/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * A world to try leases in: gateways with one key each, the store between
 * them, clients, a clock of milliseconds.  What the gateways do is src/lib's;
 * the store does what the script does, and what happens between the two
 * (messages that take a while, stores that are gone) is made here.
 *
 * For comparison there are two other ways of sharing a limit:
 *
 *   WORLD_COUNTERS   two counters of fixed windows in the store, weighted, as
 *                    other gateways have them, told and read every "every"
 *   WORLD_SPLIT      nobody talks, each gateway has its part of the limit
 */


#ifndef _LEASE_WORLD_H_INCLUDED_
#define _LEASE_WORLD_H_INCLUDED_


#include <math.h>
#include <stdio.h>
#include <string.h>
#include <lib/limit/mlsec_gcra.h>
#include <lib/limit/mlsec_lease.h>
#include <lib/limit/mlsec_sync.h>


#define WORLD_GATEWAYS  8
#define WORLD_SECONDS   120
#define WORLD_MS        1000000ull               /* ns */
#define WORLD_S         1000000000ull
#define WORLD_TIMEOUT   25                       /* ms */


typedef enum {
    WORLD_LEASES = 0,
    WORLD_COUNTERS,
    WORLD_SPLIT
} world_way_e;


typedef struct {
    world_way_e     way;
    unsigned        gateways;
    uint64_t        rate;                        /* units in a second */
    uint64_t        burst;
    uint64_t        share;                       /* of MLSEC_LEASE_WHOLE */
    unsigned        every;                       /* ms */
    unsigned        trip;                        /* ms, to the store and back */
    unsigned        seconds;
    double          offered[WORLD_GATEWAYS];     /* requests in a second */
    unsigned        down;                        /* s, when the store goes */
    unsigned        up;                          /* s, when it is back */
    uint64_t        seed;
} world_conf_t;


typedef struct {
    uint64_t        asked;
    uint64_t        admitted;
    uint64_t        ideal;                       /* by one that sees all */
    uint64_t        waited;                      /* asked the store first */
    uint64_t        messages;                    /* to the store */
    double          over;                        /* units above the limit */
    uint64_t        back;                        /* ms after "up", in touch */
    unsigned        second[WORLD_SECONDS];       /* admitted in it */
    unsigned        part[WORLD_SECONDS][WORLD_GATEWAYS];
} world_result_t;


typedef struct {
    mlsec_atomic_t  tat;
    mlsec_atomic_t  lease;
    mlsec_sync_t    sync;
    double          next;                        /* ms, of a client */
    uint64_t        turn;                        /* ms, of the next batch */
    unsigned        due;
    unsigned        now;
    unsigned        waiting;                     /* requests */

    /* the batch that is on its way */

    uint64_t        sent;                        /* ms; 0: none */
    unsigned        applied;
    uint64_t        used;
    mlsec_lease_ticket_t  ticket;
    unsigned        takes;
    unsigned        admitted;
    uint64_t        owed;                        /* ns */

    /* of WORLD_COUNTERS */

    uint64_t        window;
    uint64_t        delta;
    uint64_t        current;
    uint64_t        previous;
} world_gateway_t;


typedef struct {
    const world_conf_t  *conf;
    world_result_t      *result;
    mlsec_gcra_t         gcra;
    mlsec_lease_t        lease;
    uint64_t             ms;
    uint64_t             random;
    mlsec_atomic_t       ideal;
    double               owed;                   /* ns, by all, in truth */
    double               owed_at;                /* ms */
    uint64_t             tat;                    /* ns, the store's */
    uint64_t             counts[2];              /* even, odd windows */
    uint64_t             numbers[2];
    world_gateway_t      gateways[WORLD_GATEWAYS];
} world_t;


static inline double
world_random(world_t *w)
{
    w->random ^= w->random >> 12;
    w->random ^= w->random << 25;
    w->random ^= w->random >> 27;

    return ((double) (w->random * 0x2545f4914f6cdd1d >> 11) + 1)
           / 9007199254740994.0;
}


static inline uint64_t
world_now(const world_t *w)
{
    /* monotonic clocks do not begin with 0 */

    return (w->ms + 1000000) * WORLD_MS;
}


static inline int
world_store_up(const world_t *w)
{
    const world_conf_t  *c = w->conf;

    return c->up == 0 || w->ms < c->down * 1000ull || w->ms >= c->up * 1000ull;
}


/*
 * The measure: a bucket that everything which is admitted anywhere is taken
 * from, at once, full or not.
 */

static inline void
world_admit(world_t *w, unsigned gateway)
{
    double  over;

    w->owed -= ((double) w->ms - w->owed_at) * WORLD_MS;
    w->owed = (w->owed > 0 ? w->owed : 0) + (double) w->gcra.interval;
    w->owed_at = (double) w->ms;

    over = (w->owed - (double) w->gcra.tolerance) / (double) w->gcra.interval;

    if (over > w->result->over) {
        w->result->over = over;
    }

    w->result->admitted++;
    w->result->second[w->ms / 1000]++;
    w->result->part[w->ms / 1000][gateway]++;
}


static inline void
world_local(world_t *w, world_gateway_t *g)
{
    mlsec_gcra_t        local;
    mlsec_gcra_state_t  state;

    mlsec_lease_local(&w->gcra, mlsec_sync_nodes(&g->sync,
                                                 w->conf->gateways),
                      1, &local);

    if (w->conf->way == WORLD_LEASES) {
        mlsec_lease_distrust(&g->lease);
    }

    if (mlsec_gcra_take(&g->tat, &local, world_now(w), 1, &state) == MLSEC_OK) {
        world_admit(w, (unsigned) (g - w->gateways));
    }
}


static inline void
world_request_leases(world_t *w, world_gateway_t *g)
{
    mlsec_lease_due_e   due;
    mlsec_gcra_state_t  state;

    w->lease.generation = mlsec_sync_generation(&g->sync);

    if (mlsec_sync_alone(&g->sync)) {
        world_local(w, g);
        return;
    }

    if (mlsec_lease_stale(&g->lease, &w->lease)) {
        g->waiting++;
        w->result->waited++;
        return;
    }

    if (mlsec_gcra_take(&g->tat, &w->gcra, world_now(w), 1, &state)
        != MLSEC_OK)
    {
        return;
    }

    if (mlsec_lease_take(&g->lease, &w->lease, 1, &due) != MLSEC_OK) {
        g->waiting++;
        w->result->waited++;
        return;
    }

    g->due |= due == MLSEC_LEASE_DUE;
    g->now |= due == MLSEC_LEASE_SHORT;
    world_admit(w, (unsigned) (g - w->gateways));
}


static inline uint64_t
world_window(const world_t *w)
{
    return w->ms * WORLD_MS / w->gcra.tolerance;
}


static inline void
world_request_counters(world_t *w, world_gateway_t *g)
{
    double    into, estimate;
    uint64_t  window;

    window = world_window(w);

    if (window != g->window) {
        g->previous = window == g->window + 1 ? g->current + g->delta : 0;
        g->current = g->delta = 0;
        g->window = window;
    }

    into = (double) (w->ms * WORLD_MS % w->gcra.tolerance)
           / (double) w->gcra.tolerance;
    estimate = (double) g->previous * (1 - into) + (double) g->current
               + (double) g->delta;

    if (estimate + 1 <= (double) w->conf->burst) {
        g->delta++;
        world_admit(w, (unsigned) (g - w->gateways));
    }
}


static inline void
world_turn_counters(world_t *w, world_gateway_t *g)
{
    unsigned  slot;
    uint64_t  window;

    if (w->ms < g->turn || !world_store_up(w)) {
        return;
    }

    g->turn = w->ms + w->conf->every;
    w->result->messages++;

    window = world_window(w);
    slot = window % 2;

    if (w->numbers[slot] != window) {
        w->numbers[slot] = window;
        w->counts[slot] = 0;
    }

    if (g->window == window) {
        w->counts[slot] += g->delta;
        g->delta = 0;
    }

    g->window = window;
    g->current = w->counts[slot];
    g->previous = w->numbers[!slot] == window - 1 ? w->counts[!slot] : 0;
}


/* What the script does. */

static inline void
world_store(world_t *w, world_gateway_t *g)
{
    unsigned  i;
    uint64_t  owed, now;

    now = world_now(w);
    owed = w->tat > now ? w->tat - now : 0;
    owed = owed < 2 * w->gcra.tolerance ? owed : 2 * w->gcra.tolerance;
    owed += g->used * w->gcra.interval;

    for (i = 0, g->admitted = 0; i < g->takes; i++) {

        if (owed + w->gcra.interval <= w->gcra.tolerance) {
            owed += w->gcra.interval;
            g->admitted++;
        }
    }

    w->tat = now + owed;
    g->owed = owed;
    g->applied = 1;
}


static inline void
world_answer(world_t *w, world_gateway_t *g)
{
    unsigned              i;
    mlsec_lease_answer_t  answer;

    g->sent = 0;
    mlsec_sync_worked(&g->sync);

    for (i = 0; i < g->admitted; i++) {
        world_admit(w, (unsigned) (g - w->gateways));
    }

    answer.owed = g->owed;
    answer.now = world_now(w);
    answer.nodes = mlsec_sync_nodes(&g->sync, w->conf->gateways);
    answer.ticket = g->ticket;

    w->lease.generation = mlsec_sync_generation(&g->sync);
    mlsec_lease_merge(&g->tat, &g->lease, &w->lease, &w->gcra, &answer);
}


static inline void
world_lost(world_t *w, world_gateway_t *g)
{
    unsigned  i;

    g->sent = 0;
    (void) mlsec_sync_failed(&g->sync, w->ms);
    mlsec_lease_release(&g->lease, &w->lease, &g->ticket);
    g->ticket.told = 0;

    for (i = 0; i < g->takes; i++) {
        mlsec_gcra_give_back(&g->tat, &w->gcra, 1);
        world_local(w, g);
    }
}


static inline void
world_send(world_t *w, world_gateway_t *g)
{
    g->turn = w->ms + w->conf->every;
    g->takes = g->waiting;
    g->waiting = g->due = g->now = 0;

    if (mlsec_sync_alone(&g->sync)) {
        world_lost(w, g);
        return;
    }

    w->lease.generation = mlsec_sync_generation(&g->sync);
    g->used = mlsec_lease_report(&g->lease, &w->lease, w->ms / 1000,
                                 &g->ticket);
    g->sent = w->ms;
    g->applied = 0;
    w->result->messages++;
}


static inline void
world_turn_leases(world_t *w, world_gateway_t *g)
{
    if (g->sent) {

        if (!g->applied && w->ms >= g->sent + w->conf->trip / 2
            && world_store_up(w))
        {
            world_store(w, g);
        }

        if (g->applied && w->ms >= g->sent + w->conf->trip) {
            world_answer(w, g);

        } else if (w->ms >= g->sent + WORLD_TIMEOUT) {
            world_lost(w, g);
        }
    }

    if (!g->sent
        && (g->waiting || g->now || (g->due && w->ms >= g->turn)))
    {
        world_send(w, g);
    }

    if (!mlsec_sync_due(&g->sync, w->ms, 500)) {
        return;
    }

    if (!world_store_up(w)) {
        (void) mlsec_sync_failed(&g->sync, w->ms);

    } else if (mlsec_sync_beat(&g->sync, w->conf->gateways, w->ms)) {
        w->result->back = w->ms - w->conf->up * 1000ull;
    }
}


static inline void
world_clients(world_t *w, world_gateway_t *g)
{
    double              rate;
    mlsec_gcra_state_t  state;

    rate = w->conf->offered[g - w->gateways] / 1000;

    while (rate > 0 && g->next <= (double) w->ms) {
        g->next -= log(world_random(w)) / rate;
        w->result->asked++;
        w->result->ideal += mlsec_gcra_take(&w->ideal, &w->gcra,
                                            world_now(w), 1, &state)
                            == MLSEC_OK;

        switch (w->conf->way) {

        case WORLD_LEASES:
            world_request_leases(w, g);
            break;

        case WORLD_COUNTERS:
            world_request_counters(w, g);
            break;

        default:
            world_local(w, g);
        }
    }
}


/* conf: at most WORLD_GATEWAYS, WORLD_SECONDS. */

static inline void
world_run(const world_conf_t *conf, world_result_t *result)
{
    unsigned          i;
    world_t           w;
    world_gateway_t  *g;

    memset(&w, 0, sizeof(w));
    memset(result, 0, sizeof(world_result_t));

    w.conf = conf;
    w.result = result;
    w.random = conf->seed * 0x9e3779b97f4a7c15 + 1;
    w.lease.size = mlsec_lease_size(conf->burst, conf->share);
    (void) mlsec_gcra_make(&w.gcra, conf->rate, WORLD_S, conf->burst);

    for (i = 0; i < conf->gateways; i++) {
        g = &w.gateways[i];
        mlsec_sync_format(&g->sync, i + 1, i * 137);
        g->turn = (i + 1) * conf->every / conf->gateways;
        g->next = world_random(&w) * 10;
    }

    for (w.ms = 1; w.ms < conf->seconds * 1000ull; w.ms++) {

        for (i = 0; i < conf->gateways; i++) {
            g = &w.gateways[(i + w.ms) % conf->gateways];

            if (conf->way == WORLD_LEASES) {
                world_turn_leases(&w, g);
            }

            if (conf->way == WORLD_COUNTERS) {
                world_turn_counters(&w, g);
            }

            world_clients(&w, g);
        }
    }
}


#endif /* _LEASE_WORLD_H_INCLUDED_ */
