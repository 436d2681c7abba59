/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include <lib/audit/mlsec_audit_heads.h>


/* of mlsec_audit_slot_t.owner: the process id above two bits of state */

#define MLSEC_AUDIT_WRITES  1ull
#define MLSEC_AUDIT_LEFT    2ull
#define MLSEC_AUDIT_TAKEN   3ull       /* by the process that is named */
#define MLSEC_AUDIT_STATE   3ull

#define mlsec_audit_owner(pid, state)  ((pid) << 2 | (state))


mlsec_audit_slot_t *
mlsec_audit_heads_join(mlsec_audit_heads_t *h, uint64_t pid)
{
    size_t               i;
    uint64_t             owner;
    mlsec_audit_slot_t  *slot;

    for (i = 0; i < MLSEC_AUDIT_SLOTS; i++) {
        slot = &h->slot[i];
        owner = 0;

        /*
         * Whoever had the slot before may have been killed while it took it,
         * and what is in it then is still to be named: a slot is empty when
         * it is freed, not when it is taken.
         */

        if (mlsec_atomic_cas(&slot->owner, &owner,
                             mlsec_audit_owner(pid, MLSEC_AUDIT_WRITES)))
        {
            return slot;
        }
    }

    return NULL;
}


void
mlsec_audit_heads_set(mlsec_audit_slot_t *slot,
    const mlsec_audit_head_t *head)
{
    uint64_t  turn;

    if (slot == NULL) {
        return;
    }

    turn = mlsec_atomic_load(&slot->turn) + 1;
    slot->head[turn & 1] = *head;
    mlsec_atomic_store(&slot->turn, turn);
}


void
mlsec_audit_heads_waiting(mlsec_audit_slot_t *slot, uint64_t n)
{
    if (slot != NULL) {
        mlsec_atomic_store(&slot->waiting, n);
    }
}


void
mlsec_audit_heads_leave(mlsec_audit_heads_t *h, mlsec_audit_slot_t *slot)
{
    uint64_t  owner;

    if (slot != NULL) {
        owner = mlsec_atomic_load(&slot->owner) & ~MLSEC_AUDIT_STATE;
        mlsec_atomic_store(&slot->owner, owner | MLSEC_AUDIT_LEFT);
        mlsec_atomic_add(&h->ended, 1);
    }
}


static int
mlsec_audit_slot_take(mlsec_audit_slot_t *slot, uint64_t pid,
    mlsec_audit_alive_pt alive)
{
    uint64_t  owner;

    owner = mlsec_atomic_load(&slot->owner);

    if (owner == 0
        || ((owner & MLSEC_AUDIT_STATE) != MLSEC_AUDIT_LEFT
            && ((owner >> 2) == pid || alive(owner >> 2))))
    {
        return 0;
    }

    return mlsec_atomic_cas(&slot->owner, &owner,
                            mlsec_audit_owner(pid, MLSEC_AUDIT_TAKEN));
}


size_t
mlsec_audit_heads_take(mlsec_audit_heads_t *h, uint64_t pid,
    mlsec_audit_alive_pt alive, mlsec_audit_head_t *head, size_t max)
{
    size_t               i, n;
    mlsec_audit_slot_t  *slot;

    static const mlsec_audit_head_t  none;

    n = 0;

    for (i = 0; i < MLSEC_AUDIT_SLOTS && n < max; i++) {
        slot = &h->slot[i];

        if (!mlsec_audit_slot_take(slot, pid, alive)) {
            continue;
        }

        head[n] = slot->head[mlsec_atomic_load(&slot->turn) & 1];
        head[n].lost = mlsec_atomic_load(&slot->waiting);

        /* one that has written nothing needs no name */

        n += head[n].seq != 0;

        mlsec_audit_heads_set(slot, &none);
        mlsec_atomic_store(&slot->waiting, 0);
        mlsec_atomic_store(&slot->owner, 0);
    }

    return n;
}
