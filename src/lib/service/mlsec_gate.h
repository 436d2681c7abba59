/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * So many calls at once, of all workers together, and those that wait.
 *
 * There is no counter that all of them change, since a worker that is killed
 * would take what it has counted with it.  Each has a cell of its own in the
 * registry, and the number is the sum of the cells of the living.  So entering
 * is done in three steps: say that one is in, look at the sum, and go back if
 * that is too much.  Who looks last sees all the others, so there are never
 * more calls than there may be.  Two that come at once for the last place may
 * both go back; each tries a few times.
 *
 * Who waits is known to its own worker alone, in order.  The others know of a
 * worker how many wait there, and since when the first of them does.  Whoever
 * has made room looks whose first one waits longest, and wakes that worker.
 * A newcomer does not pass those who wait.
 *
 * A worker that hangs would hold up all the others, with its line in front of
 * theirs and nobody to serve it.  So one in which somebody waits says now and
 * then that it is awake; the line of one that does not is passed.
 *
 * There are two kinds of calls: those that have to be made and those that need
 * not be.  The second kind has four fifths of the places and half of the
 * queue, and goes when none of the first kind waits.
 *
 * Going back makes room, and so does the end of a call or of a wait: after each
 * of them mlsec_gate_next() is to be asked.  A worker that begins to wait does
 * the same.  Either it sees the room, or who has made it sees the wait.
 */


#ifndef _MLSEC_GATE_H_INCLUDED_
#define _MLSEC_GATE_H_INCLUDED_


#include <lib/service/mlsec_registry.h>


#define MLSEC_GATE_QUEUE_MAX  65535

/* for how long a worker may not have said that it is awake, ms */

#define MLSEC_GATE_PATIENCE   500

/* calls that have to be made; the others */

#define MLSEC_GATE_REQUIRED   0
#define MLSEC_GATE_OPTIONAL   1


/* one service for one worker */

typedef struct {
    const mlsec_registry_t  *registry;
    mlsec_cell_t            *cell;       /* the worker's */
    mlsec_worker_t          *self;       /* the worker */
    uint32_t                 service;
    unsigned                 max;        /* calls at once, 1 and up */
    unsigned                 queue;      /* that wait; 0: none */
} mlsec_gate_t;


/* those that wait in one worker, of one kind */

typedef struct {
    unsigned                 n;          /* 0-MLSEC_GATE_QUEUE_MAX */
    uint64_t                 since;      /* ms, of the first; n is not 0 */
} mlsec_gate_line_t;


/*
 * Asks for a place.  kind: MLSEC_GATE_*.
 *
 * 1: the caller has it, until mlsec_gate_leave().  0: there is none.
 */
int mlsec_gate_enter(const mlsec_gate_t *g, unsigned kind);

/*
 * Gives back a place that mlsec_gate_enter() has given.
 */
void mlsec_gate_leave(const mlsec_gate_t *g);

/*
 * Says that this worker is awake, for all of its lines.  now: ms.  To be called
 * before somebody begins to wait, and while somebody does every fifth of
 * MLSEC_GATE_PATIENCE.
 */
void mlsec_gate_awake(const mlsec_gate_t *g, uint64_t now);

/*
 * Whether somebody waits whom a newcomer of this kind must not pass, 1 or 0.
 * now: ms.
 */
int mlsec_gate_ahead(const mlsec_gate_t *g, unsigned kind, uint64_t now);

/*
 * Says that one more waits here: line is what there is with it.
 *
 * 1: it may; 0: too many do, in all workers, and nothing has changed.
 */
int mlsec_gate_join(const mlsec_gate_t *g, unsigned kind,
    const mlsec_gate_line_t *line);

/*
 * Says who waits here, after one has gone.
 */
void mlsec_gate_tell(const mlsec_gate_t *g, unsigned kind,
    const mlsec_gate_line_t *line);

/*
 * Who should try now, ms: 1 with *worker, its number in the registry, which may
 * be the caller's; 0: nobody waits, or there is no room.  A worker that hangs
 * is not told; it finds out when it goes on.
 */
int mlsec_gate_next(const mlsec_gate_t *g, uint64_t now, unsigned *worker);

/*
 * How many wait for a service, in all workers.
 */
uint64_t mlsec_gate_waiting(const mlsec_registry_t *r, uint32_t service);


#endif /* _MLSEC_GATE_H_INCLUDED_ */
