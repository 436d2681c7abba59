/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Whether something outside is of use, as several processes see it that each
 * find out by themselves: a gateway has one line in its log for each
 * transition, not one of each worker.
 *
 *      lost: one process cannot use it any more   ---> the first one says so
 *      found: no process is left that cannot      ---> the last one says so
 *
 * A process that has died counts no more.  Two that pass each other at the
 * same moment may leave a word that is late, until the next transition of any
 * process; there is never a line for nothing.
 */


#ifndef _MLSEC_STANDING_H_INCLUDED_
#define _MLSEC_STANDING_H_INCLUDED_


#include <lib/mlsec_atomic.h>
#include <lib/mlsec_leader.h>


#define MLSEC_STANDING_SLOTS  256            /* of processes */


/* In shared memory, zeroed: nobody has said anything yet. */

typedef struct {
    mlsec_atomic_t    state;                 /* lost, found, and why */
    mlsec_atomic_t    down[MLSEC_STANDING_SLOTS];    /* pid, or 0 */
} mlsec_standing_t;


typedef enum {
    MLSEC_STANDING_QUIET = 0,                /* nothing to be said */
    MLSEC_STANDING_LOST,
    MLSEC_STANDING_FIRST,                    /* found, for the first time */
    MLSEC_STANDING_AGAIN                     /* found after it was lost */
} mlsec_standing_e;


/* A process begins or ends: it counts among those that have lost no more. */
void mlsec_standing_leave(mlsec_standing_t *standing, unsigned slot);

/*
 * A process cannot use it.
 *
 * slot: a number that no other living process has, modulo
 * MLSEC_STANDING_SLOTS.  cause: 1-255.  telling: 1: worth a line of its own
 * when another cause was told before.
 *
 * MLSEC_STANDING_LOST: the caller has to say so; MLSEC_STANDING_QUIET.
 */
mlsec_standing_e mlsec_standing_lost(mlsec_standing_t *standing,
    unsigned slot, const mlsec_process_t *process, unsigned cause,
    int telling);

/*
 * A process can use it, again or for the first time.
 *
 * MLSEC_STANDING_FIRST, _AGAIN: the caller has to say so, all others can;
 * MLSEC_STANDING_QUIET.
 */
mlsec_standing_e mlsec_standing_found(mlsec_standing_t *standing,
    unsigned slot, const mlsec_process_t *process);


#endif /* _MLSEC_STANDING_H_INCLUDED_ */
