/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/auth/mlsec_key_store.h>

#include <string.h>


#define MLSEC_KEYS_SLACK  1000         /* ms that a lease is longer than the
                                          fetch, and of the first retry */


static int mlsec_key_store_is_time(const mlsec_key_store_t *store,
    const mlsec_key_rule_t *rule, uint64_t now, int missed);
static uint64_t mlsec_key_store_due(const mlsec_key_store_t *store,
    const mlsec_key_rule_t *rule);
static uint64_t mlsec_key_store_left(uint64_t at, uint64_t now);
static void mlsec_key_store_ended(mlsec_key_store_t *store,
    const mlsec_process_t *process, uint64_t due);


void
mlsec_key_store_init(mlsec_key_store_t *store)
{
    memset(store, 0, offsetof(mlsec_key_store_t, room));

    store->magic = MLSEC_KEY_STORE_MAGIC;
    store->size = sizeof(mlsec_key_store_t);
}


int
mlsec_key_store_check(const mlsec_key_store_t *store)
{
    return store->magic == MLSEC_KEY_STORE_MAGIC
           && store->size == sizeof(mlsec_key_store_t);
}


/*
 * The claim comes first and the clock is looked at again under it: who has
 * waited for the claim may come right behind a fetch that has ended.
 */

int
mlsec_key_store_begin(mlsec_key_store_t *store,
    const mlsec_process_t *process, const mlsec_key_rule_t *rule,
    uint64_t now, int missed)
{
    if (!mlsec_key_store_is_time(store, rule, now, missed)
        || mlsec_leader_is_there(&store->leader, process, now)
        || !mlsec_leader_ask(&store->leader, process, now,
                             rule->timeout + MLSEC_KEYS_SLACK))
    {
        return 0;
    }

    if (!mlsec_key_store_is_time(store, rule, now, missed)) {
        mlsec_leader_resign(&store->leader, process->self);
        return 0;
    }

    /*
     * One whose process has died has ended too.  Until this one has ended it
     * is time for it, for whoever follows.
     */

    mlsec_atomic_store(&store->ended, mlsec_atomic_load(&store->begun));
    mlsec_atomic_store(&store->last, now);
    mlsec_atomic_store(&store->due, now);
    mlsec_atomic_add(&store->begun, 1);

    return 1;
}


static int
mlsec_key_store_is_time(const mlsec_key_store_t *store,
    const mlsec_key_rule_t *rule, uint64_t now, int missed)
{
    uint64_t  last;

    last = mlsec_atomic_load(&store->last);

    /* one that its process did not live through is not tried again at once */

    if (mlsec_atomic_load(&store->begun) != mlsec_atomic_load(&store->ended)
        && now < last + MLSEC_KEYS_SLACK)
    {
        return 0;
    }

    return now >= mlsec_key_store_due(store, rule)
           || (missed && now >= last + rule->miss);
}


/* It may be that of another configuration, whose interval was longer. */

static uint64_t
mlsec_key_store_due(const mlsec_key_store_t *store,
    const mlsec_key_rule_t *rule)
{
    uint64_t  due, latest;

    due = mlsec_atomic_load(&store->due);
    latest = mlsec_atomic_load(&store->last) + rule->timeout
             + MLSEC_KEYS_SLACK + rule->interval;

    return due < latest ? due : latest;
}


mlsec_keys_change_e
mlsec_key_store_end(mlsec_key_store_t *store, const mlsec_process_t *process,
    const mlsec_key_rule_t *rule, uint64_t now, mlsec_str_t text,
    uint64_t stamp, int64_t max_age, uint64_t random)
{
    int                changed;
    uint64_t           generation, wait, failures;
    mlsec_key_room_t  *room;

    generation = mlsec_atomic_load(&store->generation);
    failures = mlsec_atomic_load(&store->failures);
    room = &store->room[generation % 2];
    changed = generation == 0 || room->stamp != stamp;

    if (changed) {
        room = &store->room[(generation + 1) % 2];
        memcpy(room->text, text.data, text.len);
        room->len = text.len;
        room->stamp = stamp;
    }

    mlsec_atomic_store(&store->fetched, now);
    mlsec_atomic_store(&store->failures, 0);
    mlsec_atomic_add(&store->good, 1);

    if (changed) {
        mlsec_atomic_store(&store->generation, generation + 1);
    }

    wait = rule->interval;

    if (max_age >= 0 && (uint64_t) max_age < wait) {
        wait = (uint64_t) max_age < rule->miss ? rule->miss
                                               : (uint64_t) max_age;
    }

    /* gateways that were started together need not ask together */

    wait -= wait / 10 * (random % 100) / 100;

    mlsec_key_store_ended(store, process, now + wait);

    return changed ? MLSEC_KEYS_NEW
           : failures ? MLSEC_KEYS_BACK : MLSEC_KEYS_SAME;
}


mlsec_keys_change_e
mlsec_key_store_failed(mlsec_key_store_t *store,
    const mlsec_process_t *process, const mlsec_key_rule_t *rule,
    uint64_t now)
{
    uint64_t  wait, failures;

    failures = mlsec_atomic_load(&store->failures);
    mlsec_atomic_store(&store->failures, failures + 1);
    mlsec_atomic_add(&store->bad, 1);

    wait = failures < 16 ? (uint64_t) MLSEC_KEYS_SLACK << failures
                         : rule->miss;

    mlsec_key_store_ended(store, process,
                          now + (wait < rule->miss ? wait : rule->miss));

    return failures ? MLSEC_KEYS_FAILED : MLSEC_KEYS_FAILING;
}


static void
mlsec_key_store_ended(mlsec_key_store_t *store,
    const mlsec_process_t *process, uint64_t due)
{
    mlsec_atomic_store(&store->due, due);
    mlsec_atomic_store(&store->ended, mlsec_atomic_load(&store->begun));
    mlsec_leader_resign(&store->leader, process->self);
}


void
mlsec_key_store_cancel(mlsec_key_store_t *store,
    const mlsec_process_t *process)
{
    mlsec_key_store_ended(store, process, 0);
}


uint64_t
mlsec_key_store_generation(const mlsec_key_store_t *store,
    const mlsec_key_rule_t *rule, uint64_t now)
{
    uint64_t  generation;

    generation = mlsec_atomic_load(&store->generation);

    return generation != 0
           && now < mlsec_atomic_load(&store->fetched) + rule->stale
           ? generation : 0;
}


int
mlsec_key_store_text(const mlsec_key_store_t *store, mlsec_str_t *text,
    uint64_t *stamp, uint64_t *generation)
{
    const mlsec_key_room_t  *room;

    *generation = mlsec_atomic_load(&store->generation);

    if (*generation == 0) {
        return MLSEC_EMPTY;
    }

    room = &store->room[*generation % 2];

    text->data = room->text;
    text->len = (size_t) room->len;
    *stamp = room->stamp;

    return MLSEC_OK;
}


int
mlsec_key_store_busy(const mlsec_key_store_t *store,
    const mlsec_process_t *process, uint64_t now)
{
    return mlsec_leader_is_there(&store->leader, process, now);
}


uint64_t
mlsec_key_store_patience(const mlsec_key_store_t *store,
    const mlsec_key_rule_t *rule, uint64_t now)
{
    uint64_t  due, last;

    last = mlsec_atomic_load(&store->last);

    if (last == 0) {
        return 0;
    }

    due = mlsec_key_store_due(store, rule);

    return mlsec_key_store_left(due < last + rule->miss ? due
                                                        : last + rule->miss,
                                now);
}


uint64_t
mlsec_key_store_next(const mlsec_key_store_t *store,
    const mlsec_key_rule_t *rule, uint64_t now)
{
    return mlsec_key_store_left(mlsec_key_store_due(store, rule), now);
}


static uint64_t
mlsec_key_store_left(uint64_t at, uint64_t now)
{
    return at > now ? at - now : 0;
}
