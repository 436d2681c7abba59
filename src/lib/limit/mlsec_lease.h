/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * A lease: how many units of a limit that several gateways share one of them
 * may admit before it has told the others.  One word for each key, shared by
 * the workers of a gateway, that changes in one exchange:
 *
 *   generation (8 bits) | second (6) | round (6) | used (22) | left (22)
 *
 * What is used and not told, what is told and not answered, and what is left
 * are together never more than the lease, which is what bounds how much all
 * gateways together admit too much: docs/internals/leases.md.  What is on its
 * way is in no word.  So there is one report at a time, of all workers: the
 * round is odd meanwhile, and nothing is added to what is left before its
 * answer.  The second is when it was made: one that was never answered, its
 * worker having been killed, is given up.
 *
 * A word of 0 is a key that nothing was said about yet: a whole lease.  One of
 * another generation has nothing left, and its bucket is not to be believed
 * either: mlsec_lease_stale().  Nor is that of a word with 2^22 - 1 left, which
 * stands for a doubt: mlsec_lease_doubt().
 */


#ifndef _MLSEC_LEASE_H_INCLUDED_
#define _MLSEC_LEASE_H_INCLUDED_


#include <lib/mlsec_atomic.h>
#include <lib/limit/mlsec_gcra.h>
#include <lib/limit/mlsec_quota.h>
#include <lib/mlsec_types.h>


#define MLSEC_LEASE_MAX    ((1ull << 22) - 2)    /* units */
#define MLSEC_LEASE_WHOLE  10000ull              /* of a share: all */
#define MLSEC_LEASE_LOST   10u                   /* s, a report is waited for */


typedef struct {
    uint64_t    size;            /* units of a whole lease; 0: there are none,
                                  * every unit is asked for */
    uint64_t    generation;      /* modulo 254 */
} mlsec_lease_t;


/* What was so when the store was asked, for its answer. */

typedef struct {
    unsigned    round;
    unsigned    told;            /* 1: with what was used */
} mlsec_lease_ticket_t;


/* What the store has to say of a bucket. */

typedef struct {
    uint64_t    owed;            /* ns, or units of a quota */
    uint64_t    now;             /* ns, or s of a quota */
    uint64_t    nodes;           /* gateways that are alive */
    mlsec_lease_ticket_t  ticket;
} mlsec_lease_answer_t;


/* When what was used is to be told. */

typedef enum {
    MLSEC_LEASE_QUIET = 0,       /* not yet, it is too little */
    MLSEC_LEASE_DUE,             /* at the next turn */
    MLSEC_LEASE_SHORT            /* now, half of the lease is gone */
} mlsec_lease_due_e;


/*
 * Units of a whole lease.  limit: burst or quota; share: of MLSEC_LEASE_WHOLE.
 * At least one unit, at most MLSEC_LEASE_MAX; 0 only for a share of 0.
 */
uint64_t mlsec_lease_size(uint64_t limit, uint64_t share);

/*
 * Before anything else: whether a word is of another generation, or doubted.
 *
 * 1: what the bucket says is of a time when there was nobody to ask.  The store
 * has to say, whatever it is; if it does not, the bucket is what this gateway
 * has, and goes on from there.  0: all is well.
 */
int mlsec_lease_stale(const mlsec_atomic_t *word, const mlsec_lease_t *lease);

/*
 * For those who do not ask: makes a word of another generation one of this
 * one, with nothing used and nothing left.
 *
 * 1: it was another one's, and the bucket is to be made a full one.  0: all is
 * well.
 */
int mlsec_lease_settle(mlsec_atomic_t *word, const mlsec_lease_t *lease);

/* Makes a word one of no generation: the bucket is filled without asking. */
void mlsec_lease_distrust(mlsec_atomic_t *word);

/*
 * The same of a word of this generation, for a bucket that was filled without
 * asking once, while there is somebody to ask: what was used stays there, to be
 * told.  Until the next answer it is stale.
 */
void mlsec_lease_doubt(mlsec_atomic_t *word, const mlsec_lease_t *lease);

/*
 * Takes "cost" units.  Whatever is left is enough for any cost: the last
 * request of a lease may be dearer than what is left of it.
 *
 * MLSEC_OK: taken, *due says whether that is to be told.  MLSEC_DECLINED:
 * nothing is left, nothing was taken.  A cost of 0 is always admitted.
 */
int mlsec_lease_take(mlsec_atomic_t *word, const mlsec_lease_t *lease,
    uint64_t cost, mlsec_lease_due_e *due);

/* Takes back a mlsec_lease_take() that was MLSEC_OK. */
void mlsec_lease_give_back(mlsec_atomic_t *word, const mlsec_lease_t *lease,
    uint64_t cost);

/*
 * Notes "cost" units that have been used, lease or not.
 */
mlsec_lease_due_e mlsec_lease_note(mlsec_atomic_t *word,
    const mlsec_lease_t *lease, uint64_t cost);

/*
 * Takes over what was used and not told, which whoever calls this is going to
 * tell: once, whatever comes of it.  While another report is on its way there
 * is nothing to take over.
 *
 * second: of any clock that all workers have.
 *
 * The units, which may be 0; *ticket is for mlsec_lease_grant(), and if it says
 * "told" either that or mlsec_lease_release() has to be called with it.
 */
uint64_t mlsec_lease_report(mlsec_atomic_t *word, const mlsec_lease_t *lease,
    uint64_t second, mlsec_lease_ticket_t *ticket);

/* A report is not on its way any more, and there is no answer to it. */
void mlsec_lease_release(mlsec_atomic_t *word, const mlsec_lease_t *lease,
    const mlsec_lease_ticket_t *ticket);

/*
 * Begins a new lease.  share: its units; what was used since the report that
 * this is the answer to goes off.  While something is told that the answer does
 * not know of, the old one goes on.
 */
void mlsec_lease_grant(mlsec_atomic_t *word, const mlsec_lease_t *lease,
    uint64_t share, const mlsec_lease_ticket_t *ticket);

/*
 * Takes the answer to a report: the bucket is what all gateways together owe,
 * with what was used here since, and a new lease begins.
 *
 * tat: the word of the bucket.  owed: ns until the bucket of all is full.
 */
void mlsec_lease_merge(mlsec_atomic_t *tat, mlsec_atomic_t *word,
    const mlsec_lease_t *lease, const mlsec_gcra_t *gcra,
    const mlsec_lease_answer_t *answer);

/* The same of a quota; owed: units that all have taken; now: s since 1970. */
void mlsec_lease_merge_quota(mlsec_atomic_t *count, mlsec_atomic_t *word,
    const mlsec_lease_t *lease, const mlsec_quota_t *quota,
    const mlsec_lease_answer_t *answer);

/* Whether there is something to be told now: an answer has come. */
mlsec_lease_due_e mlsec_lease_due(const mlsec_atomic_t *word,
    const mlsec_lease_t *lease);

/* Units that were used and not told. */
uint64_t mlsec_lease_used(const mlsec_atomic_t *word,
    const mlsec_lease_t *lease);

/*
 * The units that one of "nodes" gateways gets when "remaining" are left for
 * all: its part of them, rounded up, and no more than a lease.
 */
uint64_t mlsec_lease_share(const mlsec_lease_t *lease, uint64_t remaining,
    uint64_t nodes);

/*
 * What one of "nodes" gateways admits when it knows nothing of the others: a
 * part of the rate and of the burst, but one unit and "cost" in any case.  A
 * word means the same under both: what is owed in time stays.
 */
void mlsec_lease_local(const mlsec_gcra_t *gcra, uint64_t nodes,
    uint64_t cost, mlsec_gcra_t *local);

/*
 * What one of "nodes" gateways admits of a quota when it knows nothing of the
 * others: a part of it, but one unit and "cost" in any case.
 */
void mlsec_lease_local_quota(const mlsec_quota_t *quota, uint64_t nodes,
    uint64_t cost, mlsec_quota_t *local);


#endif /* _MLSEC_LEASE_H_INCLUDED_ */
