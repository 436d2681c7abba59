/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/limit/mlsec_gcra.h>


/* What clocks that race may differ by, at most. */

#define MLSEC_GCRA_SKEW  1000000000ull           /* ns */


int
mlsec_gcra_make(mlsec_gcra_t *gcra, uint64_t count, uint64_t period,
    uint64_t burst)
{
    if (count == 0 || burst == 0 || burst > MLSEC_GCRA_MAX_BURST
        || period == 0 || period > MLSEC_GCRA_MAX_TIME)
    {
        return MLSEC_INVALID;
    }

    gcra->interval = period / count + (period % count != 0);
    gcra->burst = burst;

    if (gcra->interval > MLSEC_GCRA_MAX_TIME / burst) {
        return MLSEC_INVALID;
    }

    gcra->tolerance = gcra->interval * burst;

    return MLSEC_OK;
}


/*
 * The word after "cost" units, from one of "tat"; *state as if they had been
 * taken, or had not.
 */

static int
mlsec_gcra_decide(const mlsec_gcra_t *gcra, uint64_t tat, uint64_t now,
    uint64_t cost, uint64_t *next, mlsec_gcra_state_t *state)
{
    uint64_t  debt, more;

    *next = tat;
    debt = tat > now ? tat - now : 0;
    more = cost <= gcra->burst ? cost * gcra->interval : MLSEC_GCRA_NEVER;

    if (more == 0
        || (more <= gcra->tolerance && debt <= gcra->tolerance - more))
    {
        debt += more;
        *next = now + debt;
        state->wait = 0;

    } else {
        state->wait = more == MLSEC_GCRA_NEVER ? MLSEC_GCRA_NEVER
                                               : debt + more - gcra->tolerance;
    }

    state->reset = debt;
    state->remaining = debt < gcra->tolerance
                       ? (gcra->tolerance - debt) / gcra->interval : 0;

    return state->wait == 0 ? MLSEC_OK : MLSEC_DECLINED;
}


/*
 * A bucket that owes more than this limit lets it owe was filled under
 * another one: the key has got a new rate.  It counts as just empty, or a
 * debt of days could outlive the limit that it was made under.
 */

static uint64_t
mlsec_gcra_settle(mlsec_atomic_t *word, const mlsec_gcra_t *gcra,
    uint64_t tat, uint64_t now)
{
    if (tat > now && tat - now > gcra->tolerance + MLSEC_GCRA_SKEW) {

        if (mlsec_atomic_cas(word, &tat, now + gcra->tolerance)) {
            return now + gcra->tolerance;
        }
    }

    return tat;
}


int
mlsec_gcra_take(mlsec_atomic_t *tat, const mlsec_gcra_t *gcra, uint64_t now,
    uint64_t cost, mlsec_gcra_state_t *state)
{
    int       rc;
    uint64_t  old, next = 0;

    old = mlsec_gcra_settle(tat, gcra, mlsec_atomic_load(tat), now);

    do {
        rc = mlsec_gcra_decide(gcra, old, now, cost, &next, state);

    } while (rc == MLSEC_OK && cost != 0
             && !mlsec_atomic_cas(tat, &old, next));

    return rc;
}


int
mlsec_gcra_look(mlsec_atomic_t *tat, const mlsec_gcra_t *gcra,
    uint64_t now, uint64_t cost, mlsec_gcra_state_t *state)
{
    int       rc;
    uint64_t  old, next = 0;

    old = mlsec_gcra_settle(tat, gcra, mlsec_atomic_load(tat), now);
    rc = mlsec_gcra_decide(gcra, old, now, cost, &next, state);

    if (rc == MLSEC_OK) {
        state->remaining += cost;
        state->reset -= cost * gcra->interval;
    }

    return rc;
}


void
mlsec_gcra_give_back(mlsec_atomic_t *tat, const mlsec_gcra_t *gcra,
    uint64_t cost)
{
    uint64_t  old, back;

    old = mlsec_atomic_load(tat);

    do {
        back = cost * gcra->interval;

        if (back > old) {
            back = old;
        }

    } while (!mlsec_atomic_cas(tat, &old, old - back));
}
