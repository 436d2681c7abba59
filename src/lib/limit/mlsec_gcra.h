/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * A rate limit in one word: the generic cell rate algorithm (ITU-T I.371, in
 * its virtual scheduling form).  A word holds the time at which its bucket
 * will be full again, in nanoseconds of a clock that nobody sets.  One that
 * lies in the past is a full bucket, so 0 is a valid word and an idle key
 * needs none at all.
 */


#ifndef _MLSEC_GCRA_H_INCLUDED_
#define _MLSEC_GCRA_H_INCLUDED_


#include <lib/mlsec_atomic.h>
#include <lib/mlsec_types.h>


#define MLSEC_GCRA_NEVER      UINT64_MAX
#define MLSEC_GCRA_MAX_BURST  1000000000ull
#define MLSEC_GCRA_MAX_TIME   (1ull << 61)       /* ns, 73 years */


typedef struct {
    uint64_t    interval;        /* ns that a unit takes to come back */
    uint64_t    burst;           /* units of a full bucket */
    uint64_t    tolerance;       /* ns that an empty bucket takes to fill */
} mlsec_gcra_t;


/* What is to be told about a bucket. */

typedef struct {
    uint64_t    remaining;       /* whole units that are left */
    uint64_t    wait;            /* ns until the cost would be admitted, 0:
                                  * it was; MLSEC_GCRA_NEVER: over the burst */
    uint64_t    reset;           /* ns until the bucket is full */
} mlsec_gcra_state_t;


/*
 * Makes a limit of "count" units in "period" ns, "burst" of them at once.
 *
 * The interval is rounded up to whole nanoseconds: a limit that does not
 * divide admits less than it says by at most one part in interval, never
 * more.
 *
 * MLSEC_OK; MLSEC_INVALID: count or burst is 0, burst is over
 * MLSEC_GCRA_MAX_BURST, or the bucket fills in more than MLSEC_GCRA_MAX_TIME.
 */
int mlsec_gcra_make(mlsec_gcra_t *gcra, uint64_t count, uint64_t period,
    uint64_t burst);

/*
 * Takes "cost" units, all or none.
 *
 * tat: the bucket's word, shared with other processes.
 * now: ns; of callers that race, the later one may have the smaller.
 *
 * MLSEC_OK: taken.  MLSEC_DECLINED: not enough is left, nothing was taken.
 * A cost of 0 is always admitted.
 */
int mlsec_gcra_take(mlsec_atomic_t *tat, const mlsec_gcra_t *gcra,
    uint64_t now, uint64_t cost, mlsec_gcra_state_t *state);

/*
 * What mlsec_gcra_take() would do, without doing it; but for what was owed
 * under a slower limit, of which it forgives as much: whoever is refused by a
 * look does not come to take.
 */
int mlsec_gcra_look(mlsec_atomic_t *tat, const mlsec_gcra_t *gcra,
    uint64_t now, uint64_t cost, mlsec_gcra_state_t *state);

/*
 * Takes back a mlsec_gcra_take() that was MLSEC_OK.  Never gives more than
 * that has taken, whatever others have done in between.
 */
void mlsec_gcra_give_back(mlsec_atomic_t *tat, const mlsec_gcra_t *gcra,
    uint64_t cost);


#endif /* _MLSEC_GCRA_H_INCLUDED_ */
