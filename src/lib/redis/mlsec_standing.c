/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/redis/mlsec_standing.h>


/* the word: 0, nobody knows; 1, found; 2 | cause << 8, lost */

#define MLSEC_STANDING_IS_FOUND  1ull
#define MLSEC_STANDING_IS_LOST   2ull
#define MLSEC_STANDING_KIND      0xffull
#define MLSEC_STANDING_CAUSE     8


static int mlsec_standing_others(const mlsec_standing_t *standing,
    const mlsec_process_t *process);


void
mlsec_standing_leave(mlsec_standing_t *standing, unsigned slot)
{
    mlsec_atomic_store(&standing->down[slot % MLSEC_STANDING_SLOTS], 0);
}


mlsec_standing_e
mlsec_standing_lost(mlsec_standing_t *standing, unsigned slot,
    const mlsec_process_t *process, unsigned cause, int telling)
{
    uint64_t  old, lost;

    mlsec_atomic_store(&standing->down[slot % MLSEC_STANDING_SLOTS],
                       process->self);

    lost = MLSEC_STANDING_IS_LOST | (uint64_t) cause << MLSEC_STANDING_CAUSE;
    old = mlsec_atomic_load(&standing->state);

    while ((old & MLSEC_STANDING_KIND) != MLSEC_STANDING_IS_LOST
           || (telling && old != lost))
    {
        if (mlsec_atomic_cas(&standing->state, &old, lost)) {
            return MLSEC_STANDING_LOST;
        }
    }

    return MLSEC_STANDING_QUIET;
}


mlsec_standing_e
mlsec_standing_found(mlsec_standing_t *standing, unsigned slot,
    const mlsec_process_t *process)
{
    uint64_t  old;

    mlsec_standing_leave(standing, slot);
    mlsec_atomic_fence();

    old = mlsec_atomic_load(&standing->state);

    while (old != MLSEC_STANDING_IS_FOUND) {

        if (old != 0 && mlsec_standing_others(standing, process)) {
            return MLSEC_STANDING_QUIET;
        }

        if (mlsec_atomic_cas(&standing->state, &old,
                             MLSEC_STANDING_IS_FOUND))
        {
            return old ? MLSEC_STANDING_AGAIN : MLSEC_STANDING_FIRST;
        }
    }

    return MLSEC_STANDING_QUIET;
}


/* Whether any process is left that has lost it. */

static int
mlsec_standing_others(const mlsec_standing_t *standing,
    const mlsec_process_t *process)
{
    unsigned  i;
    uint64_t  pid;

    for (i = 0; i < MLSEC_STANDING_SLOTS; i++) {
        pid = mlsec_atomic_load(&standing->down[i]);

        if (pid != 0 && pid != process->self
            && process->alive(process->ctx, (uint32_t) pid))
        {
            return 1;
        }
    }

    return 0;
}
