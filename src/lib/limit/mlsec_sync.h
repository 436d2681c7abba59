/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * How a gateway stands with the store that it shares its limits through: one
 * for all of its workers, in shared memory, words that change in one exchange.
 *
 *   in touch --- failures in a row, 3 and more ---> alone
 *       ^                                             |
 *       +--- a heartbeat has come back ---------------+
 *
 * Each way back begins a new generation: what was used while alone is never
 * told, it was taken from this gateway's part of the limit.
 */


#ifndef _MLSEC_SYNC_H_INCLUDED_
#define _MLSEC_SYNC_H_INCLUDED_


#include <lib/mlsec_atomic.h>
#include <lib/mlsec_types.h>


#define MLSEC_SYNC_FAILURES  3


/* How a decision about a shared limit came about. */

typedef enum {
    MLSEC_SYNC_LEASED = 0,       /* by a lease, at once */
    MLSEC_SYNC_ASKED,            /* the store was asked and has answered */
    MLSEC_SYNC_LATE,             /* was asked and has not, in time */
    MLSEC_SYNC_ALONE,            /* was not asked, being down */
    MLSEC_SYNC_HOWS
} mlsec_sync_how_e;


typedef struct {
    mlsec_atomic_t    state;             /* generation * 2 + (1: alone) */
    mlsec_atomic_t    since;             /* ms, of the last transition */
    mlsec_atomic_t    failures;          /* in a row */
    mlsec_atomic_t    beat;              /* ms, when one is due */
    mlsec_atomic_t    nodes;             /* that were alive; 0: not known */
    mlsec_atomic_t    node;              /* this one's number, random */
    mlsec_atomic_t    transitions;       /* to being alone */
    mlsec_atomic_t    batches;           /* that were sent and have ended */
    mlsec_atomic_t    failed;            /* of them */
    mlsec_atomic_t    keys;              /* told in them */
} __attribute__((aligned(64))) mlsec_sync_t;


/* Makes one: in touch until the contrary is known.  node: random, not 0. */
void mlsec_sync_format(mlsec_sync_t *sync, uint64_t node, uint64_t now);

/* Whether the store is out of reach, and nobody is to ask it: 1 or 0. */
int mlsec_sync_alone(const mlsec_sync_t *sync);

/* The number of times that it was found again, for leases. */
uint64_t mlsec_sync_generation(const mlsec_sync_t *sync);

/*
 * A call has failed.  now: ms.
 *
 * 1: that was one too many, and this is who has to say so; 0.
 */
int mlsec_sync_failed(mlsec_sync_t *sync, uint64_t now);

/* A call has come back. */
void mlsec_sync_worked(mlsec_sync_t *sync);

/*
 * A heartbeat has come back, with the number of gateways that are alive.
 *
 * 1: this ends being alone, and this is who has to say so; 0.
 */
int mlsec_sync_beat(mlsec_sync_t *sync, uint64_t nodes, uint64_t now);

/*
 * Whether a heartbeat is due: 1 to one of all the workers that ask; the next
 * one is then due after "period" ms.
 */
int mlsec_sync_due(mlsec_sync_t *sync, uint64_t now, uint64_t period);

/* How many gateways there are, at least 1; "otherwise" if it is not known. */
uint64_t mlsec_sync_nodes(const mlsec_sync_t *sync, uint64_t otherwise);


#endif /* _MLSEC_SYNC_H_INCLUDED_ */
