/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/limit/mlsec_limit_table.h>
#include <lib/limit/mlsec_quota.h>
#include <lib/mlsec_siphash.h>
#include <string.h>


/* meta: kind (8 bits), policy (24), second of the last refusal (32) */

#define MLSEC_LIMIT_META(kind, policy)                                        \
    (((uint64_t) (kind) << 56) | ((uint64_t) (policy) << 32))
#define MLSEC_LIMIT_TIME     0xffffffffull
#define MLSEC_LIMIT_POLICY   0xffffffu

#define MLSEC_LIMIT_SECOND   1000000000ull       /* ns */
#define MLSEC_LIMIT_STALE    20000000ull         /* ns that a lock is held */


int
mlsec_limit_format(void *memory, size_t size, const uint64_t seed[2])
{
    mlsec_limit_table_t  *t = memory;

    if (size < sizeof(mlsec_limit_table_t) + sizeof(mlsec_limit_bucket_t)) {
        return MLSEC_NOMEM;
    }

    memset(memory, 0, size);

    t->version = MLSEC_LIMIT_VERSION;
    t->size = size;
    t->nbuckets = (size - sizeof(mlsec_limit_table_t))
                  / sizeof(mlsec_limit_bucket_t);
    t->seed[0] = seed[0];
    t->seed[1] = seed[1];
    t->groups.word = 1;
    t->magic = MLSEC_LIMIT_MAGIC;

    return MLSEC_OK;
}


int
mlsec_limit_check(const void *memory, size_t size)
{
    const mlsec_limit_table_t  *t = memory;

    if (size < sizeof(mlsec_limit_table_t) || t->magic != MLSEC_LIMIT_MAGIC) {
        return MLSEC_EMPTY;
    }

    if (t->version != MLSEC_LIMIT_VERSION || t->size != size) {
        return MLSEC_BADTYPE;
    }

    return MLSEC_OK;
}


uint32_t
mlsec_limit_policy(mlsec_str_t name)
{
    uint64_t               hash;
    static const uint64_t  seed[2] = { 0, 0 };

    hash = mlsec_siphash(seed, name) & MLSEC_LIMIT_POLICY;

    return hash ? (uint32_t) hash : 1;
}


/* The policy's number goes into the seed, so it cannot be part of a key. */

uint64_t
mlsec_limit_key(const mlsec_limit_table_t *t, uint32_t policy,
    mlsec_str_t key)
{
    uint64_t  hash, seed[2];

    seed[0] = t->seed[0] ^ ((uint64_t) policy << 32);
    seed[1] = t->seed[1];

    hash = mlsec_siphash(seed, key);

    return hash ? hash : 1;
}


/* The high half of a product spreads hashes over any number of buckets. */

static mlsec_limit_bucket_t *
mlsec_limit_bucket(const mlsec_limit_table_t *t, uint64_t hash)
{
    uint64_t  index;

    index = ((hash >> 32) * t->nbuckets) >> 32;

    return (mlsec_limit_bucket_t *) ((uintptr_t) t
                                     + sizeof(mlsec_limit_table_t)
                                     + index * sizeof(mlsec_limit_bucket_t));
}


static mlsec_limit_entry_t *
mlsec_limit_search(mlsec_limit_bucket_t *bucket, uint64_t hash)
{
    unsigned  i;

    for (i = 0; i < MLSEC_LIMIT_WAYS; i++) {

        if (mlsec_atomic_load(&bucket->entries[i].key) == hash) {
            return &bucket->entries[i];
        }
    }

    return NULL;
}


mlsec_limit_entry_t *
mlsec_limit_find(const mlsec_limit_table_t *t, const mlsec_limit_id_t *id)
{
    return mlsec_limit_search(mlsec_limit_bucket(t, id->hash), id->hash);
}


/*
 * How much is lost when an entry is: ns until its bucket is full and it is
 * as good as none.  A unit of a quota counts for a second.
 */

static uint64_t
mlsec_limit_worth(const mlsec_limit_entry_t *entry, uint64_t now)
{
    uint64_t  word;

    if (mlsec_atomic_load(&entry->key) == 0) {
        return 0;
    }

    word = mlsec_atomic_load(&entry->word);

    switch (mlsec_atomic_load(&entry->meta) >> 56) {

    case MLSEC_LIMIT_RATE:
        return word > now ? word - now : 0;

    case MLSEC_LIMIT_QUOTA:
        word = mlsec_quota_count(word);
        return word < MLSEC_GCRA_MAX_TIME / MLSEC_LIMIT_SECOND
               ? word * MLSEC_LIMIT_SECOND : MLSEC_GCRA_MAX_TIME;

    default:
        return word ? UINT64_MAX : 0;
    }
}


static mlsec_limit_entry_t *
mlsec_limit_victim(mlsec_limit_table_t *t, mlsec_limit_bucket_t *bucket,
    uint64_t now)
{
    unsigned              i;
    uint64_t              worth, least;
    mlsec_limit_entry_t  *victim;

    victim = NULL;
    least = UINT64_MAX;

    for (i = 0; i < MLSEC_LIMIT_WAYS && least != 0; i++) {
        worth = mlsec_limit_worth(&bucket->entries[i], now);

        if (worth < least) {
            least = worth;
            victim = &bucket->entries[i];
        }
    }

    if (victim == NULL) {
        mlsec_atomic_add(&t->crowded, 1);

    } else if (least != 0) {
        mlsec_atomic_add(&t->evicted, 1);
    }

    return victim;
}


/*
 * Entries are found without it, so it is held for the few instructions of
 * making one.  It says since when: what is held for longer was left behind
 * by a process that was killed.
 */

static uint64_t
mlsec_limit_lock(mlsec_limit_bucket_t *bucket, mlsec_limit_clock_t *clock)
{
    uint64_t  old;

    for ( ;; ) {
        old = 0;

        if (mlsec_atomic_cas(&bucket->lock, &old, clock->now)) {
            return clock->now;
        }

        if (clock->now > old + MLSEC_LIMIT_STALE
            && mlsec_atomic_cas(&bucket->lock, &old, clock->now))
        {
            return clock->now;
        }

        clock->now = clock->yield(clock->ctx);
    }
}


/*
 * The order matters: without its key an entry is nobody's, and nobody finds
 * it before its word is the new one's.  A process that had found the old key
 * changes the word by an exchange with what it was, which fails now.
 */

static void
mlsec_limit_write(mlsec_limit_entry_t *entry, const mlsec_limit_id_t *id,
    uint64_t now)
{
    mlsec_atomic_store(&entry->key, 0);
    mlsec_atomic_store(&entry->word, id->kind == MLSEC_LIMIT_RATE ? now : 0);
    mlsec_atomic_store(&entry->lease, id->group);
    mlsec_atomic_store(&entry->meta, MLSEC_LIMIT_META(id->kind, id->policy));
    mlsec_atomic_store(&entry->key, id->hash);
}


mlsec_limit_entry_t *
mlsec_limit_get(mlsec_limit_table_t *t, const mlsec_limit_id_t *id,
    mlsec_limit_clock_t *clock)
{
    uint64_t               mine;
    mlsec_limit_entry_t   *entry;
    mlsec_limit_bucket_t  *bucket;

    bucket = mlsec_limit_bucket(t, id->hash);
    entry = mlsec_limit_search(bucket, id->hash);

    if (entry != NULL) {
        return entry;
    }

    mine = mlsec_limit_lock(bucket, clock);

    /* somebody else may have made it just now */

    entry = mlsec_limit_search(bucket, id->hash);

    if (entry == NULL) {
        entry = mlsec_limit_victim(t, bucket, clock->now);

        if (entry != NULL) {
            mlsec_limit_write(entry, id, clock->now);
        }
    }

    (void) mlsec_atomic_cas(&bucket->lock, &mine, 0);

    return entry;
}


int
mlsec_limit_still(const mlsec_limit_entry_t *entry,
    const mlsec_limit_id_t *id)
{
    return mlsec_atomic_load(&entry->key) == id->hash;
}


void
mlsec_limit_refused(mlsec_limit_entry_t *entry, uint64_t now)
{
    uint64_t  old, second;

    second = now / MLSEC_LIMIT_SECOND & MLSEC_LIMIT_TIME;
    old = mlsec_atomic_load(&entry->meta);

    /* a flood of refusals writes once a second */

    if ((old & MLSEC_LIMIT_TIME) != second) {
        (void) mlsec_atomic_cas(&entry->meta, &old,
                                (old & ~MLSEC_LIMIT_TIME) | second);
    }
}


void
mlsec_limit_meta(const mlsec_limit_entry_t *entry, mlsec_limit_id_t *id,
    uint64_t *refused)
{
    uint64_t  meta;

    meta = mlsec_atomic_load(&entry->meta);

    id->hash = mlsec_atomic_load(&entry->key);
    id->kind = (mlsec_limit_kind_e) (meta >> 56);
    id->policy = (uint32_t) (meta >> 32) & MLSEC_LIMIT_POLICY;
    *refused = meta & MLSEC_LIMIT_TIME;
}


mlsec_limit_entry_t *
mlsec_limit_at(mlsec_limit_table_t *t, uint64_t index)
{
    mlsec_limit_bucket_t  *bucket;

    if (index >= t->nbuckets * MLSEC_LIMIT_WAYS) {
        return NULL;
    }

    bucket = (mlsec_limit_bucket_t *) (void *) (t + 1);

    return &bucket[index / MLSEC_LIMIT_WAYS]
               .entries[index % MLSEC_LIMIT_WAYS];
}


mlsec_limit_counters_t *
mlsec_limit_counters(mlsec_limit_table_t *t, uint32_t policy)
{
    unsigned                 i;
    uint64_t                 old;
    mlsec_limit_counters_t  *c;

    for (i = 0; i < MLSEC_LIMIT_POLICIES; i++) {
        c = &t->policies[i];
        old = mlsec_atomic_load(&c->policy);

        if (old == 0) {
            (void) mlsec_atomic_cas(&c->policy, &old, policy);
            old = mlsec_atomic_load(&c->policy);
        }

        if (old == policy) {
            return c;
        }
    }

    return NULL;
}


/*
 * Counts.  A key has an entry for each group of workers, whose word has a
 * lane for each of them, so that what a killed worker has counted can be
 * taken back: by its successor, which sets the lane to 0.
 */

static void
mlsec_limit_group(const mlsec_limit_table_t *t, const mlsec_limit_id_t *id,
    unsigned group, mlsec_limit_id_t *of)
{
    mlsec_str_t  text;
    uint64_t     key[2];

    *of = *id;
    of->group = group;

    if (group != 0) {
        key[0] = id->hash;
        key[1] = group;
        text.data = (const unsigned char *) key;
        text.len = sizeof(key);
        of->hash = mlsec_limit_key(t, id->policy, text);
    }
}


static unsigned
mlsec_limit_shift(unsigned worker)
{
    return worker % MLSEC_LIMIT_LANES * (64 / MLSEC_LIMIT_LANES);
}


static uint64_t
mlsec_limit_sum(uint64_t word)
{
    unsigned  i;
    uint64_t  sum;

    sum = 0;

    for (i = 0; i < MLSEC_LIMIT_LANES; i++) {
        sum += (word >> mlsec_limit_shift(i)) & MLSEC_LIMIT_LANE_MAX;
    }

    return sum;
}


/* What the other groups have counted. */

static uint64_t
mlsec_limit_others(const mlsec_limit_table_t *t, const mlsec_limit_id_t *id,
    unsigned but)
{
    uint64_t              sum;
    unsigned              i, n;
    mlsec_limit_id_t      of;
    mlsec_limit_entry_t  *entry;

    sum = 0;
    n = (unsigned) mlsec_atomic_load(&t->groups);

    for (i = 0; i < n; i++) {

        if (i == but) {
            continue;
        }

        mlsec_limit_group(t, id, i, &of);
        entry = mlsec_limit_find(t, &of);

        if (entry != NULL) {
            sum += mlsec_limit_sum(mlsec_atomic_load(&entry->word));
        }
    }

    return sum;
}


/*
 * Adds one to the worker's lane.  A word that is not 0 keeps its entry, so
 * whoever makes it so has to have the lock.
 *
 * MLSEC_OK; MLSEC_DECLINED: max are there; MLSEC_EMPTY: the entry was given
 * away under our hands, try again.
 */

static int
mlsec_limit_add(mlsec_limit_entry_t *entry, const mlsec_limit_id_t *of,
    unsigned worker, uint64_t max, unsigned locked)
{
    uint64_t  old, lane;

    old = mlsec_atomic_load(&entry->word);

    do {
        lane = (old >> mlsec_limit_shift(worker)) & MLSEC_LIMIT_LANE_MAX;

        if (!mlsec_limit_still(entry, of) || (old == 0 && !locked)) {
            return MLSEC_EMPTY;
        }

        if (mlsec_limit_sum(old) >= max || lane == MLSEC_LIMIT_LANE_MAX) {
            return MLSEC_DECLINED;
        }

    } while (!mlsec_atomic_cas(&entry->word, &old,
                               old + (1ull << mlsec_limit_shift(worker))));

    if (mlsec_limit_still(entry, of)) {
        return MLSEC_OK;
    }

    /* it was another key's count, which had come to the same */

    mlsec_limit_leave(entry, worker);

    return MLSEC_EMPTY;
}


static int
mlsec_limit_add_locked(mlsec_limit_entry_t *entry, const mlsec_limit_id_t *of,
    mlsec_limit_clock_t *clock, unsigned worker, uint64_t max,
    mlsec_limit_bucket_t *bucket)
{
    int       rc;
    uint64_t  mine;

    mine = mlsec_limit_lock(bucket, clock);
    rc = mlsec_limit_add(entry, of, worker, max, 1);

    (void) mlsec_atomic_cas(&bucket->lock, &mine, 0);

    return rc;
}


int
mlsec_limit_enter(mlsec_limit_table_t *t, const mlsec_limit_id_t *id,
    mlsec_limit_clock_t *clock, unsigned worker, uint64_t max,
    mlsec_limit_entry_t **entry)
{
    int               rc;
    uint64_t          others;
    unsigned          group;
    mlsec_limit_id_t  of;

    group = worker / MLSEC_LIMIT_LANES;
    others = mlsec_limit_others(t, id, group);

    if (others >= max) {
        return MLSEC_DECLINED;
    }

    mlsec_limit_group(t, id, group, &of);

    do {
        *entry = mlsec_limit_get(t, &of, clock);

        if (*entry == NULL) {
            return MLSEC_NOMEM;
        }

        rc = mlsec_limit_add(*entry, &of, worker, max - others, 0);

        if (rc == MLSEC_EMPTY) {
            rc = mlsec_limit_add_locked(*entry, &of, clock, worker,
                                        max - others,
                                        mlsec_limit_bucket(t, of.hash));
        }

    } while (rc == MLSEC_EMPTY);

    return rc;
}


void
mlsec_limit_leave(mlsec_limit_entry_t *entry, unsigned worker)
{
    uint64_t  old, one;

    one = 1ull << mlsec_limit_shift(worker);
    old = mlsec_atomic_load(&entry->word);

    while ((old & (one * MLSEC_LIMIT_LANE_MAX))
           && !mlsec_atomic_cas(&entry->word, &old, old - one))
    {
        /* somebody was faster */
    }
}


uint64_t
mlsec_limit_present(const mlsec_limit_table_t *t, const mlsec_limit_id_t *id)
{
    return mlsec_limit_others(t, id, UINT32_MAX);
}


void
mlsec_limit_worker(mlsec_limit_table_t *t, unsigned worker)
{
    uint64_t              i, old, lane, group;
    mlsec_limit_entry_t  *entry;

    group = worker / MLSEC_LIMIT_LANES + 1;
    old = mlsec_atomic_load(&t->groups);

    while (old < group && !mlsec_atomic_cas(&t->groups, &old, group)) {
        /* somebody was faster */
    }

    lane = MLSEC_LIMIT_LANE_MAX << mlsec_limit_shift(worker);

    for (i = 0; (entry = mlsec_limit_at(t, i)) != NULL; i++) {

        if (mlsec_atomic_load(&entry->key) == 0
            || mlsec_atomic_load(&entry->meta) >> 56 != MLSEC_LIMIT_COUNT
            || mlsec_atomic_load(&entry->lease) != group - 1)
        {
            continue;
        }

        old = mlsec_atomic_load(&entry->word);

        while ((old & lane) && !mlsec_atomic_cas(&entry->word, &old,
                                                 old & ~lane))
        {
            /* somebody was faster */
        }
    }
}
