/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/mlsec_leader.h>


/* the word: pid << 40 | ms until when */

#define MLSEC_LEADER_TIME_BITS   40


static int mlsec_leader_holds(uint64_t word, const mlsec_process_t *process,
    uint64_t now);


static int
mlsec_leader_holds(uint64_t word, const mlsec_process_t *process,
    uint64_t now)
{
    uint64_t  pid, until;

    pid = word >> MLSEC_LEADER_TIME_BITS;
    until = word & ((1ull << MLSEC_LEADER_TIME_BITS) - 1);

    return pid != 0 && now < until
           && (pid == process->self
               || process->alive(process->ctx, (uint32_t) pid));
}


int
mlsec_leader_ask(mlsec_atomic_t *leader, const mlsec_process_t *process,
    uint64_t now, uint64_t lease)
{
    uint64_t  old, mine;

    mine = (uint64_t) process->self << MLSEC_LEADER_TIME_BITS;
    old = mlsec_atomic_load(leader);

    for ( ;; ) {

        if (old >> MLSEC_LEADER_TIME_BITS != process->self
            && mlsec_leader_holds(old, process, now))
        {
            return 0;
        }

        if (mlsec_atomic_cas(leader, &old, mine | (now + lease))) {
            return 1;
        }
    }
}


int
mlsec_leader_is_there(const mlsec_atomic_t *leader,
    const mlsec_process_t *process, uint64_t now)
{
    return mlsec_leader_holds(mlsec_atomic_load(leader), process, now);
}


void
mlsec_leader_resign(mlsec_atomic_t *leader, uint32_t pid)
{
    uint64_t  old;

    old = mlsec_atomic_load(leader);

    if (old >> MLSEC_LEADER_TIME_BITS == pid) {
        (void) mlsec_atomic_cas(leader, &old, 0);
    }
}
