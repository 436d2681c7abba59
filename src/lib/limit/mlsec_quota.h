/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * A quota in one word: so many units in a day or a month of the calendar
 * (UTC).  The word has the number of its day or month and what was taken in
 * it, so that a new one begins by itself.
 */


#ifndef _MLSEC_QUOTA_H_INCLUDED_
#define _MLSEC_QUOTA_H_INCLUDED_


#include <lib/limit/mlsec_gcra.h>


#define MLSEC_QUOTA_MAX   ((1ull << 39) - 1)     /* units */


typedef enum {
    MLSEC_QUOTA_DAY = 0,
    MLSEC_QUOTA_MONTH
} mlsec_quota_window_e;


typedef struct {
    uint64_t                limit;       /* units, 1-MLSEC_QUOTA_MAX */
    mlsec_quota_window_e    window;
} mlsec_quota_t;


/*
 * Takes "cost" units, all or none.
 *
 * now: seconds since 1970.  A clock that is set back by less than a window
 * goes on in the one that has begun; by more, it begins anew.
 *
 * MLSEC_OK: taken.  MLSEC_DECLINED: not enough is left, nothing was taken;
 * state->wait is then the time to the end of the window.
 */
int mlsec_quota_take(mlsec_atomic_t *word, const mlsec_quota_t *quota,
    uint64_t now, uint64_t cost, mlsec_gcra_state_t *state);

/* What mlsec_quota_take() would do, without doing it. */
int mlsec_quota_look(const mlsec_atomic_t *word, const mlsec_quota_t *quota,
    uint64_t now, uint64_t cost, mlsec_gcra_state_t *state);

/*
 * Takes back a mlsec_quota_take() that was MLSEC_OK at "now"; does nothing
 * if a new window has begun since.
 */
void mlsec_quota_give_back(mlsec_atomic_t *word, const mlsec_quota_t *quota,
    uint64_t now, uint64_t cost);

/* Makes a word count "count" units of the window that "now" is in. */
void mlsec_quota_set(mlsec_atomic_t *word, const mlsec_quota_t *quota,
    uint64_t now, uint64_t count);

/*
 * The number of the window that "now" is in, which no other window has, of
 * days or months; *left: s until it ends.
 */
uint64_t mlsec_quota_window(const mlsec_quota_t *quota, uint64_t now,
    uint64_t *left);

/* Units that a word has counted, whatever its window. */
uint64_t mlsec_quota_count(uint64_t word);

/* Length of the window that "now" is in, seconds. */
uint64_t mlsec_quota_length(const mlsec_quota_t *quota, uint64_t now);


#endif /* _MLSEC_QUOTA_H_INCLUDED_ */
