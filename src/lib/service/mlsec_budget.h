/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Whether a call that has failed may be made again, and when.
 *
 * A service that fails because it has too much to do gets more to do from
 * everybody who tries again.  So second calls are paid from a budget, which is
 * a share of the first ones: whatever fails, the service sees little more
 * calls than there are requests.  The share is kept twice.
 *
 *   now             second calls that run or wait to be made, of the first
 *                   ones that run or were made within a second: what bounds a
 *                   service that hangs
 *   last 10 s       second calls that were made, of the first ones: what bounds
 *                   a service that fails at once, where hardly any call runs at
 *                   any time
 *
 * Of those that run alone it would not do.  A peer that dies takes with it all
 * the calls that it has, in one instant; of 2000 calls a second that take 5 ms
 * ten run, a fifth of that is two, and three or more are lost.  Yet 400 second
 * calls within that second are what the share means.
 *
 * A service with few calls would have no budget at all, so there is a floor:
 * that many at the same time, and that many a second.
 */


#ifndef _MLSEC_BUDGET_H_INCLUDED_
#define _MLSEC_BUDGET_H_INCLUDED_


#include <lib/mlsec_atomic.h>
#include <lib/mlsec_types.h>
#include <lib/service/mlsec_window.h>


#define MLSEC_BUDGET_SPAN  10000             /* ms */


typedef struct {
    unsigned            share;       /* %, 1-100, of the first calls */
    unsigned            min;         /* at a time, and a second; 1 and up */
} mlsec_budget_conf_t;


/* in shared memory; zeroed: nothing has happened */

typedef struct {
    mlsec_window_t      window;      /* all calls; the bad ones: second ones */
    mlsec_atomic_t      made;        /* second calls, in all */
    mlsec_atomic_t      refused;     /* for want of budget, in all */
} mlsec_budget_t;


/* what runs at this moment */

typedef struct {
    uint64_t            calls;       /* all of them */
    uint64_t            retries;     /* of them; and those that wait */
} mlsec_budget_live_t;


/* The window is never begun anew. */

#define MLSEC_BUDGET_ERA  0


/* What mlsec_budget_call() does when a tenth begins, or without a tally. */
void mlsec_budget_settle(mlsec_budget_t *b, mlsec_tally_t *own, uint64_t now);

/*
 * Counts the first call of a request.  own: the tally of this process, NULL:
 * none.  now: ms of a clock that does not go back.
 */
static inline void
mlsec_budget_call(mlsec_budget_t *b, mlsec_tally_t *own, uint64_t now)
{
    if (own == NULL || !mlsec_tally_add(own, now, MLSEC_BUDGET_ERA)) {
        mlsec_budget_settle(b, own, now);
    }
}

/*
 * Asks to make a second call.  tallies: of first calls, NULL: none.  live: of
 * all processes, without this one.
 *
 * 1: granted, and counted in the window; to be counted as made when it is
 * really made.  0: not now.  Processes that ask at the same moment may be
 * granted one each where one was left.
 */
int mlsec_budget_take(mlsec_budget_t *b, const mlsec_budget_conf_t *conf,
    const mlsec_tallies_t *tallies, const mlsec_budget_live_t *live,
    uint64_t now);

/*
 * The wait before a second call: "full jitter", any time from 1 ms to
 * base * 2^(n-1), but not longer than cap.  Those who have failed together
 * shall not come back together.
 *
 * base, cap: ms; n: calls that were made, from 1; random: any number.
 */
uint64_t mlsec_backoff(uint64_t base, uint64_t cap, unsigned n,
    uint64_t random);


#endif /* _MLSEC_BUDGET_H_INCLUDED_ */
