/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/limit/mlsec_lease.h>
#include <string.h>


#define MLSEC_LEASE_BITS     22
#define MLSEC_LEASE_MASK     ((1ull << MLSEC_LEASE_BITS) - 1)
#define MLSEC_LEASE_DOUBT    MLSEC_LEASE_MASK    /* in place of what is left */

#define MLSEC_LEASE_SMALL    63u                 /* 6 bits: round, second */
#define MLSEC_LEASE_ROUND    (2 * MLSEC_LEASE_BITS)
#define MLSEC_LEASE_SECOND   (MLSEC_LEASE_ROUND + 6)
#define MLSEC_LEASE_ERA      (MLSEC_LEASE_ROUND + 12)

#define MLSEC_LEASE_NONE     255ull              /* a generation of nobody */

/* what is used is told when it is this part of a lease */

#define MLSEC_LEASE_TELL     8


typedef struct {
    uint64_t    used;
    uint64_t    left;
    unsigned    round;           /* odd: a report is on its way */
    unsigned    second;          /* when it was made */
    int         doubted;         /* its bucket: nothing is left then */
} mlsec_lease_parts_t;


/* 1 to 254: 0 is a word that nobody has written */

static uint64_t
mlsec_lease_generation(const mlsec_lease_t *lease)
{
    return 1 + lease->generation % (MLSEC_LEASE_NONE - 1);
}


static uint64_t
mlsec_lease_pack(const mlsec_lease_t *lease, const mlsec_lease_parts_t *parts)
{
    return mlsec_lease_generation(lease) << MLSEC_LEASE_ERA
           | (uint64_t) (parts->second & MLSEC_LEASE_SMALL)
             << MLSEC_LEASE_SECOND
           | (uint64_t) (parts->round & MLSEC_LEASE_SMALL)
             << MLSEC_LEASE_ROUND
           | parts->used << MLSEC_LEASE_BITS
           | (parts->doubted ? MLSEC_LEASE_DOUBT : parts->left);
}


static void
mlsec_lease_unpack(const mlsec_lease_t *lease, uint64_t word,
    mlsec_lease_parts_t *parts)
{
    if (word >> MLSEC_LEASE_ERA != mlsec_lease_generation(lease)) {
        memset(parts, 0, sizeof(mlsec_lease_parts_t));
        parts->left = word == 0 ? lease->size : 0;
        return;
    }

    parts->second = word >> MLSEC_LEASE_SECOND & MLSEC_LEASE_SMALL;
    parts->round = word >> MLSEC_LEASE_ROUND & MLSEC_LEASE_SMALL;

    parts->used = word >> MLSEC_LEASE_BITS & MLSEC_LEASE_MASK;
    parts->left = word & MLSEC_LEASE_MASK;
    parts->doubted = (parts->left == MLSEC_LEASE_DOUBT);

    if (parts->doubted) {
        parts->left = 0;
    }
}


static uint64_t
mlsec_lease_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}


uint64_t
mlsec_lease_size(uint64_t limit, uint64_t share)
{
    uint64_t  size;

    if (share == 0) {
        return 0;
    }

    size = limit / MLSEC_LEASE_WHOLE * share
           + limit % MLSEC_LEASE_WHOLE * share / MLSEC_LEASE_WHOLE;

    return mlsec_lease_min(size ? size : 1, MLSEC_LEASE_MAX);
}


/*
 * Little is not worth a message: until it is an eighth of the lease the
 * others do not have to know, as the bound takes a whole one for granted.
 * Nor is it worth a hurry when the lease was a small one, since there is
 * little to be had: whoever comes when nothing is left asks by himself.
 */

static mlsec_lease_due_e
mlsec_lease_when(const mlsec_lease_t *lease, const mlsec_lease_parts_t *parts)
{
    if (parts->used >= parts->left
        && parts->used + parts->left > lease->size / 2)
    {
        return MLSEC_LEASE_SHORT;
    }

    return parts->used > lease->size / MLSEC_LEASE_TELL
           ? MLSEC_LEASE_DUE : MLSEC_LEASE_QUIET;
}


static int
mlsec_lease_foreign(uint64_t word, const mlsec_lease_t *lease)
{
    return word != 0
           && word >> MLSEC_LEASE_ERA != mlsec_lease_generation(lease);
}


int
mlsec_lease_stale(const mlsec_atomic_t *word, const mlsec_lease_t *lease)
{
    uint64_t  now;

    now = mlsec_atomic_load(word);

    return mlsec_lease_foreign(now, lease)
           || (now & MLSEC_LEASE_MASK) == MLSEC_LEASE_DOUBT;
}


int
mlsec_lease_settle(mlsec_atomic_t *word, const mlsec_lease_t *lease)
{
    uint64_t             old;
    mlsec_lease_parts_t  none = { 0, 0, 0, 0, 0 };

    old = mlsec_atomic_load(word);

    return mlsec_lease_foreign(old, lease)
           && mlsec_atomic_cas(word, &old, mlsec_lease_pack(lease, &none));
}


void
mlsec_lease_distrust(mlsec_atomic_t *word)
{
    uint64_t  none;

    none = MLSEC_LEASE_NONE << MLSEC_LEASE_ERA;

    if (mlsec_atomic_load(word) != none) {
        mlsec_atomic_store(word, none);
    }
}


void
mlsec_lease_doubt(mlsec_atomic_t *word, const mlsec_lease_t *lease)
{
    uint64_t             old;
    mlsec_lease_parts_t  parts;

    old = mlsec_atomic_load(word);

    do {
        mlsec_lease_unpack(lease, old, &parts);

        if (mlsec_lease_foreign(old, lease) || parts.doubted) {
            return;
        }

        parts.left = 0;
        parts.doubted = 1;

    } while (!mlsec_atomic_cas(word, &old, mlsec_lease_pack(lease, &parts)));
}


int
mlsec_lease_take(mlsec_atomic_t *word, const mlsec_lease_t *lease,
    uint64_t cost, mlsec_lease_due_e *due)
{
    uint64_t             old;
    mlsec_lease_parts_t  parts;

    *due = MLSEC_LEASE_QUIET;

    if (cost == 0) {
        return MLSEC_OK;
    }

    old = mlsec_atomic_load(word);

    do {
        mlsec_lease_unpack(lease, old, &parts);

        if (parts.left == 0 || cost > MLSEC_LEASE_MAX - parts.used) {
            return MLSEC_DECLINED;
        }

        parts.used += cost;
        parts.left -= mlsec_lease_min(cost, parts.left);

    } while (!mlsec_atomic_cas(word, &old, mlsec_lease_pack(lease, &parts)));

    *due = mlsec_lease_when(lease, &parts);

    return MLSEC_OK;
}


void
mlsec_lease_give_back(mlsec_atomic_t *word, const mlsec_lease_t *lease,
    uint64_t cost)
{
    uint64_t             old, back;
    mlsec_lease_parts_t  parts;

    old = mlsec_atomic_load(word);

    do {
        mlsec_lease_unpack(lease, old, &parts);

        /* what has been told meanwhile is gone */

        back = mlsec_lease_min(cost, parts.used);
        parts.used -= back;

        if (!parts.doubted) {
            parts.left = mlsec_lease_min(parts.left + back, lease->size);
        }

    } while (!mlsec_atomic_cas(word, &old, mlsec_lease_pack(lease, &parts)));
}


mlsec_lease_due_e
mlsec_lease_note(mlsec_atomic_t *word, const mlsec_lease_t *lease,
    uint64_t cost)
{
    uint64_t             old;
    mlsec_lease_parts_t  parts;

    old = mlsec_atomic_load(word);

    do {
        mlsec_lease_unpack(lease, old, &parts);

        parts.used += mlsec_lease_min(cost, MLSEC_LEASE_MAX - parts.used);
        parts.left -= mlsec_lease_min(cost, parts.left);

    } while (!mlsec_atomic_cas(word, &old, mlsec_lease_pack(lease, &parts)));

    return mlsec_lease_when(lease, &parts);
}


/*
 * One report at a time: what is on its way neither the store knows nor the
 * word, and a lease begun meanwhile would come on top of it.
 */

uint64_t
mlsec_lease_report(mlsec_atomic_t *word, const mlsec_lease_t *lease,
    uint64_t second, mlsec_lease_ticket_t *ticket)
{
    int                  lost;
    uint64_t             old, used;
    mlsec_lease_parts_t  parts;

    old = mlsec_atomic_load(word);

    do {
        mlsec_lease_unpack(lease, old, &parts);

        lost = (parts.round & 1)
               && ((second - parts.second) & MLSEC_LEASE_SMALL)
                  >= MLSEC_LEASE_LOST;

        if (!lost && ((parts.round & 1) || parts.used == 0)) {
            ticket->round = parts.round;
            ticket->told = 0;
            return 0;
        }

        used = parts.used;
        parts.round += lost;

        if (used != 0) {
            parts.round++;
            parts.second = (unsigned) (second & MLSEC_LEASE_SMALL);
            parts.used = 0;
        }

        ticket->round = parts.round & MLSEC_LEASE_SMALL;
        ticket->told = (used != 0);

    } while (!mlsec_atomic_cas(word, &old, mlsec_lease_pack(lease, &parts)));

    return used;
}


void
mlsec_lease_release(mlsec_atomic_t *word, const mlsec_lease_t *lease,
    const mlsec_lease_ticket_t *ticket)
{
    uint64_t             old;
    mlsec_lease_parts_t  parts;

    old = mlsec_atomic_load(word);

    do {
        mlsec_lease_unpack(lease, old, &parts);

        if (!ticket->told || parts.round != ticket->round) {
            return;
        }

        parts.round++;

    } while (!mlsec_atomic_cas(word, &old, mlsec_lease_pack(lease, &parts)));
}


void
mlsec_lease_grant(mlsec_atomic_t *word, const mlsec_lease_t *lease,
    uint64_t share, const mlsec_lease_ticket_t *ticket)
{
    uint64_t             old;
    mlsec_lease_parts_t  parts;

    old = mlsec_atomic_load(word);

    do {
        mlsec_lease_unpack(lease, old, &parts);
        parts.doubted = 0;

        /* the one who has told, or one who asked when all had been told */

        if (parts.round == ticket->round
            && (ticket->told || !(parts.round & 1)))
        {
            parts.left = share - mlsec_lease_min(parts.used, share);
            parts.round += ticket->told;
        }

    } while (!mlsec_atomic_cas(word, &old, mlsec_lease_pack(lease, &parts)));
}


void
mlsec_lease_merge(mlsec_atomic_t *tat, mlsec_atomic_t *word,
    const mlsec_lease_t *lease, const mlsec_gcra_t *gcra,
    const mlsec_lease_answer_t *answer)
{
    uint64_t  owed, left;

    owed = mlsec_lease_min(answer->owed, MLSEC_GCRA_MAX_TIME);
    left = owed < gcra->tolerance
           ? (gcra->tolerance - owed) / gcra->interval : 0;

    mlsec_lease_grant(word, lease,
                      mlsec_lease_share(lease, left, answer->nodes),
                      &answer->ticket);

    mlsec_atomic_store(tat, answer->now + owed
                            + mlsec_lease_used(word, lease) * gcra->interval);
}


void
mlsec_lease_merge_quota(mlsec_atomic_t *count, mlsec_atomic_t *word,
    const mlsec_lease_t *lease, const mlsec_quota_t *quota,
    const mlsec_lease_answer_t *answer)
{
    uint64_t  left;

    left = answer->owed < quota->limit ? quota->limit - answer->owed : 0;

    mlsec_lease_grant(word, lease,
                      mlsec_lease_share(lease, left, answer->nodes),
                      &answer->ticket);

    mlsec_quota_set(count, quota, answer->now,
                    answer->owed + mlsec_lease_used(word, lease));
}


mlsec_lease_due_e
mlsec_lease_due(const mlsec_atomic_t *word, const mlsec_lease_t *lease)
{
    mlsec_lease_parts_t  parts;

    mlsec_lease_unpack(lease, mlsec_atomic_load(word), &parts);

    return (parts.round & 1) || parts.used == 0
           ? MLSEC_LEASE_QUIET : mlsec_lease_when(lease, &parts);
}


uint64_t
mlsec_lease_used(const mlsec_atomic_t *word, const mlsec_lease_t *lease)
{
    mlsec_lease_parts_t  parts;

    mlsec_lease_unpack(lease, mlsec_atomic_load(word), &parts);

    return parts.used;
}


uint64_t
mlsec_lease_share(const mlsec_lease_t *lease, uint64_t remaining,
    uint64_t nodes)
{
    uint64_t  share;

    nodes = nodes ? nodes : 1;
    share = remaining / nodes + (remaining % nodes != 0);

    return mlsec_lease_min(share, lease->size);
}


void
mlsec_lease_local(const mlsec_gcra_t *gcra, uint64_t nodes, uint64_t cost,
    mlsec_gcra_t *local)
{
    uint64_t  most;

    nodes = nodes ? nodes : 1;

    local->burst = gcra->burst / nodes;

    if (local->burst < cost) {
        local->burst = mlsec_lease_min(cost, gcra->burst);
    }

    if (local->burst == 0) {
        local->burst = 1;
    }

    /* the times of a bucket of years do not become too long */

    most = MLSEC_GCRA_MAX_TIME / local->burst;

    local->interval = gcra->interval > most / nodes ? most
                                                    : gcra->interval * nodes;
    local->tolerance = local->interval * local->burst;
}


void
mlsec_lease_local_quota(const mlsec_quota_t *quota, uint64_t nodes,
    uint64_t cost, mlsec_quota_t *local)
{
    local->window = quota->window;
    local->limit = quota->limit / (nodes ? nodes : 1);

    if (local->limit < cost) {
        local->limit = mlsec_lease_min(cost, quota->limit);
    }

    if (local->limit == 0) {
        local->limit = 1;
    }
}
