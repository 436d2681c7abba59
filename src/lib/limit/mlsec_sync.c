/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/limit/mlsec_sync.h>
#include <string.h>


void
mlsec_sync_format(mlsec_sync_t *sync, uint64_t node, uint64_t now)
{
    memset(sync, 0, sizeof(mlsec_sync_t));

    /* 0 is the generation of words that nobody has written */

    sync->state.word = 2;
    sync->since.word = now;
    sync->beat.word = now;
    sync->node.word = node;
}


int
mlsec_sync_alone(const mlsec_sync_t *sync)
{
    return mlsec_atomic_load(&sync->state) & 1;
}


uint64_t
mlsec_sync_generation(const mlsec_sync_t *sync)
{
    return mlsec_atomic_load(&sync->state) >> 1;
}


int
mlsec_sync_failed(mlsec_sync_t *sync, uint64_t now)
{
    uint64_t  old;

    mlsec_atomic_add(&sync->failures, 1);

    if (mlsec_atomic_load(&sync->failures) < MLSEC_SYNC_FAILURES) {
        return 0;
    }

    old = mlsec_atomic_load(&sync->state);

    if ((old & 1) || !mlsec_atomic_cas(&sync->state, &old, old | 1)) {
        return 0;
    }

    mlsec_atomic_store(&sync->since, now);
    mlsec_atomic_add(&sync->transitions, 1);

    return 1;
}


void
mlsec_sync_worked(mlsec_sync_t *sync)
{
    /* a shared line is not written for nothing */

    if (mlsec_atomic_load(&sync->failures) != 0) {
        mlsec_atomic_store(&sync->failures, 0);
    }
}


/*
 * Only what writes to the store brings back: a replica that answers and
 * cannot be written to would otherwise be left and found again for ever.
 */

int
mlsec_sync_beat(mlsec_sync_t *sync, uint64_t nodes, uint64_t now)
{
    uint64_t  old;

    mlsec_atomic_store(&sync->nodes, nodes ? nodes : 1);
    mlsec_sync_worked(sync);

    old = mlsec_atomic_load(&sync->state);

    if (!(old & 1) || !mlsec_atomic_cas(&sync->state, &old, old + 1)) {
        return 0;
    }

    mlsec_atomic_store(&sync->since, now);

    return 1;
}


int
mlsec_sync_due(mlsec_sync_t *sync, uint64_t now, uint64_t period)
{
    uint64_t  due;

    due = mlsec_atomic_load(&sync->beat);

    /* also when the clock stands far before it: it was another one */

    if (now < due && due - now <= period) {
        return 0;
    }

    return mlsec_atomic_cas(&sync->beat, &due, now + period);
}


uint64_t
mlsec_sync_nodes(const mlsec_sync_t *sync, uint64_t otherwise)
{
    uint64_t  nodes;

    nodes = mlsec_atomic_load(&sync->nodes);

    if (nodes == 0) {
        nodes = otherwise;
    }

    return nodes ? nodes : 1;
}
