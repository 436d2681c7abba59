/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * One process for all: a word of shared memory that says who it is, and until
 * when, so that one which has died or is stuck is followed by another.
 */


#ifndef _MLSEC_LEADER_H_INCLUDED_
#define _MLSEC_LEADER_H_INCLUDED_


#include <lib/mlsec_atomic.h>


/* How a process is told dead: 0, no process has this pid any more. */

typedef struct {
    int               (*alive)(void *ctx, uint32_t pid);
    void               *ctx;
    uint32_t            self;        /* pid of the caller, not 0 */
} mlsec_process_t;


/*
 * Asks to be the one, for the next "lease" ms.
 *
 * leader: the word, 0 when nobody is.  now: ms of a clock that all processes
 * have in common and that does not go back, below 2^40.
 *
 * 1 if the caller is the one: it was already, nobody was, or who was has died
 * or has not asked again in time.  0: another process is.
 */
int mlsec_leader_ask(mlsec_atomic_t *leader, const mlsec_process_t *process,
    uint64_t now, uint64_t lease);

/*
 * Whether some process is the one at this moment: 1, the caller may be it; 0,
 * nobody is, or who was has died or is late.
 */
int mlsec_leader_is_there(const mlsec_atomic_t *leader,
    const mlsec_process_t *process, uint64_t now);

/* Gives it up, if the caller has it. */
void mlsec_leader_resign(mlsec_atomic_t *leader, uint32_t pid);


#endif /* _MLSEC_LEADER_H_INCLUDED_ */
