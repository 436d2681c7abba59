/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/service/mlsec_gate.h>
#include <lib/mlsec_chaos.h>


#define MLSEC_GATE_TRIES      4
#define MLSEC_GATE_TIME_BITS  48             /* ms; above them how many */


/* Its clock may be a little ahead of that of another one. */

static int
mlsec_gate_hangs(const mlsec_worker_t *worker, uint64_t now)
{
    uint64_t  awake;

    awake = mlsec_atomic_load(&worker->awake);

    return awake < now && now - awake > MLSEC_GATE_PATIENCE;
}


/*
 * Of all workers that are there, of all of them with now of 0, else of those
 * that do not hang.
 */

static void
mlsec_gate_lines(const mlsec_registry_t *r, uint32_t service, unsigned kind,
    uint64_t now, mlsec_gate_line_t *all, unsigned *first)
{
    uint64_t  word, since;
    unsigned  i;

    all->n = 0;
    all->since = 0;

    for (i = 0; i < MLSEC_REGISTRY_WORKERS; i++) {

        if (mlsec_atomic_load(&r->workers[i].pid) == 0) {
            continue;
        }

        word = mlsec_atomic_load(
                   &mlsec_registry_cell(r, i, service)->waiting[kind]);

        if (word == 0
            || (now != 0 && mlsec_gate_hangs(&r->workers[i], now)))
        {
            continue;
        }

        since = word & ((1ull << MLSEC_GATE_TIME_BITS) - 1);

        if (all->n == 0 || since < all->since) {
            all->since = since;
            *first = i;
        }

        all->n += (unsigned) (word >> MLSEC_GATE_TIME_BITS);
    }
}


static uint64_t
mlsec_gate_max(const mlsec_gate_t *g, unsigned kind)
{
    if (kind == MLSEC_GATE_OPTIONAL && g->max > 1) {
        return (uint64_t) g->max * 4 / 5;
    }

    return g->max;
}


int
mlsec_gate_enter(const mlsec_gate_t *g, unsigned kind)
{
    uint64_t  max;
    unsigned  i;

    max = mlsec_gate_max(g, kind);

    for (i = 0; i < MLSEC_GATE_TRIES; i++) {

        /* those who only look do not stand in anybody's way */

        if (mlsec_registry_inflight(g->registry, g->service) >= max) {
            break;
        }

        mlsec_atomic_add(&g->cell->calls, 1);
        mlsec_atomic_fence();
        mlsec_chaos_point("place-asked");

        if (mlsec_registry_inflight(g->registry, g->service) <= max) {
            return 1;
        }

        mlsec_atomic_add(&g->cell->calls, (uint64_t) -1);
    }

    mlsec_atomic_fence();

    return 0;
}


void
mlsec_gate_leave(const mlsec_gate_t *g)
{
    mlsec_atomic_add(&g->cell->calls, (uint64_t) -1);
    mlsec_atomic_fence();
}


void
mlsec_gate_awake(const mlsec_gate_t *g, uint64_t now)
{
    mlsec_atomic_store(&g->self->awake, now);
}


int
mlsec_gate_ahead(const mlsec_gate_t *g, unsigned kind, uint64_t now)
{
    unsigned           first;
    mlsec_gate_line_t  all;

    mlsec_gate_lines(g->registry, g->service, MLSEC_GATE_REQUIRED, now, &all,
                     &first);

    if (all.n == 0 && kind == MLSEC_GATE_OPTIONAL) {
        mlsec_gate_lines(g->registry, g->service, kind, now, &all, &first);
    }

    return all.n != 0;
}


void
mlsec_gate_tell(const mlsec_gate_t *g, unsigned kind,
    const mlsec_gate_line_t *line)
{
    uint64_t  word;

    word = 0;

    if (line->n) {
        word = ((uint64_t) line->n << MLSEC_GATE_TIME_BITS)
               | (line->since & ((1ull << MLSEC_GATE_TIME_BITS) - 1));
    }

    mlsec_atomic_store(&g->cell->waiting[kind], word);
    mlsec_atomic_fence();
}


int
mlsec_gate_join(const mlsec_gate_t *g, unsigned kind,
    const mlsec_gate_line_t *line)
{
    uint64_t  old, max;
    unsigned  i;

    /* of a queue of one the second kind has that one */

    max = (kind == MLSEC_GATE_OPTIONAL) ? ((uint64_t) g->queue + 1) / 2
                                        : g->queue;

    old = mlsec_atomic_load(&g->cell->waiting[kind]);

    for (i = 0; i < MLSEC_GATE_TRIES; i++) {

        if (mlsec_gate_waiting(g->registry, g->service) >= max) {
            break;
        }

        mlsec_gate_tell(g, kind, line);
        mlsec_chaos_point("line-joined");

        if (mlsec_gate_waiting(g->registry, g->service) <= max) {
            return 1;
        }

        mlsec_atomic_store(&g->cell->waiting[kind], old);
    }

    return 0;
}


int
mlsec_gate_next(const mlsec_gate_t *g, uint64_t now, unsigned *worker)
{
    unsigned           kind;
    mlsec_gate_line_t  all;

    kind = MLSEC_GATE_REQUIRED;
    mlsec_gate_lines(g->registry, g->service, kind, now, &all, worker);

    if (all.n == 0) {
        kind = MLSEC_GATE_OPTIONAL;
        mlsec_gate_lines(g->registry, g->service, kind, now, &all, worker);
    }

    return all.n
           && mlsec_registry_inflight(g->registry, g->service)
              < mlsec_gate_max(g, kind);
}


uint64_t
mlsec_gate_waiting(const mlsec_registry_t *r, uint32_t service)
{
    unsigned           first;
    mlsec_gate_line_t  required, optional;

    mlsec_gate_lines(r, service, MLSEC_GATE_REQUIRED, 0, &required, &first);
    mlsec_gate_lines(r, service, MLSEC_GATE_OPTIONAL, 0, &optional, &first);

    return (uint64_t) required.n + optional.n;
}
