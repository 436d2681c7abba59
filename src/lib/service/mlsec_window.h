/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * How many calls of the last seconds there were, and how many of them were
 * bad: a ring of buckets, each of which is the count of one tenth of the
 * window.
 *
 * A bucket is one atomic word, the point in time that it counts for included,
 * so that counting, and making an old bucket a new one, is one exchange: no
 * count is lost, and none gets into the wrong tenth, however many processes
 * count at once.
 */


#ifndef _MLSEC_WINDOW_H_INCLUDED_
#define _MLSEC_WINDOW_H_INCLUDED_


#include <lib/mlsec_atomic.h>
#include <lib/mlsec_types.h>


#define MLSEC_WINDOW_BUCKETS  10


/* zeroed: empty */

typedef struct {
    mlsec_atomic_t  buckets[MLSEC_WINDOW_BUCKETS];
} mlsec_window_t;


typedef struct {
    uint64_t        total;       /* calls */
    uint64_t        bad;         /* of them */
} mlsec_window_sum_t;


/*
 * Counts a call.
 *
 * span: length of the window, ms, at least MLSEC_WINDOW_BUCKETS.  now: ms of a
 * clock that does not go back.  era: 0-15, buckets of another era are taken
 * for empty: who starts a new one forgets what was counted before.
 * bad: 0 or 1.
 *
 * A bucket holds a million calls; beyond that both of its counts are halved,
 * and their ratio stays.
 */
mlsec_hot void mlsec_window_add(mlsec_window_t *w, uint64_t span, uint64_t now,
    unsigned era, unsigned bad);

/*
 * The calls of the last span, of this era.  Changes nothing.
 */
void mlsec_window_sum(const mlsec_window_t *w, uint64_t span, uint64_t now,
    unsigned era, mlsec_window_sum_t *sum);

/*
 * The busier one of the last two tenths, the one that has just begun among
 * them: what a tenth of the span has of late, at any moment.
 */
void mlsec_window_last(const mlsec_window_t *w, uint64_t span, uint64_t now,
    unsigned era, mlsec_window_sum_t *sum);


#endif /* _MLSEC_WINDOW_H_INCLUDED_ */
