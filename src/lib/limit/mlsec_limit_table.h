/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The table of keys of a limit zone: fixed size, no pointers, in one piece
 * of shared memory.  docs/internals/limits.md tells who is put out when it
 * is full, and why a process may be killed at any instruction.
 *
 *   header | buckets: a lock and 7 entries each, 256 bytes
 */


#ifndef _MLSEC_LIMIT_TABLE_H_INCLUDED_
#define _MLSEC_LIMIT_TABLE_H_INCLUDED_


#include <lib/mlsec_atomic.h>
#include <lib/mlsec_types.h>


#define MLSEC_LIMIT_MAGIC      0x6d6c7365636c696dull      /* "mlseclim" */
#define MLSEC_LIMIT_VERSION    2
#define MLSEC_LIMIT_WAYS       7
#define MLSEC_LIMIT_POLICIES   32
#define MLSEC_LIMIT_LANES      4               /* of a count, 16 bits each */
#define MLSEC_LIMIT_LANE_MAX   0xffffull


/* What the word of an entry is. */

typedef enum {
    MLSEC_LIMIT_RATE = 0,                    /* mlsec_gcra.h */
    MLSEC_LIMIT_QUOTA,                       /* mlsec_quota.h */
    MLSEC_LIMIT_COUNT                        /* mlsec_limit_enter() */
} mlsec_limit_kind_e;


typedef struct {
    mlsec_atomic_t          key;             /* 0: free */
    mlsec_atomic_t          word;
    mlsec_atomic_t          meta;            /* kind, policy, when refused */
    mlsec_atomic_t          lease;           /* group of a count */
} mlsec_limit_entry_t;


typedef struct {
    mlsec_atomic_t          lock;            /* ns since when, 0: free */
    mlsec_atomic_t          spare[3];
    mlsec_limit_entry_t     entries[MLSEC_LIMIT_WAYS];
} __attribute__((aligned(64))) mlsec_limit_bucket_t;


/* What has become of the requests of a policy, all workers together. */

typedef struct {
    mlsec_atomic_t          policy;          /* 0: free */
    mlsec_atomic_t          refused;
    mlsec_atomic_t          dry;             /* would have been refused */
    mlsec_atomic_t          degraded;        /* decided without the others */
} mlsec_limit_counters_t;


typedef struct {
    uint64_t                magic;
    uint64_t                version;
    uint64_t                size;            /* bytes, all of it */
    uint64_t                nbuckets;
    uint64_t                seed[2];
    mlsec_atomic_t          evicted;         /* entries that still counted */
    mlsec_atomic_t          crowded;         /* keys without an entry */
    mlsec_atomic_t          groups;          /* of lanes that are in use */
    mlsec_limit_counters_t  policies[MLSEC_LIMIT_POLICIES];
} __attribute__((aligned(64))) mlsec_limit_table_t;


/*
 * Time, for a process that waits for another one's few instructions: yield()
 * gives the processor to others for a moment and returns the time in ns.
 */

typedef struct {
    uint64_t              (*yield)(void *ctx);
    void                   *ctx;
    uint64_t                now;             /* ns, not 0 */
} mlsec_limit_clock_t;


/* What an entry is looked up by. */

typedef struct {
    uint64_t                hash;            /* mlsec_limit_key() */
    uint32_t                policy;          /* mlsec_limit_policy() */
    mlsec_limit_kind_e      kind;
    uint32_t                group;           /* of workers, for counts */
} mlsec_limit_id_t;


/*
 * Makes a table in a piece of memory that nobody else has seen.
 *
 * memory: aligned to 64 bytes, any contents.  seed: random, secret; who does
 * not know it cannot choose keys that meet in one bucket.
 *
 * MLSEC_OK; MLSEC_NOMEM: not even one bucket has room.
 */
int mlsec_limit_format(void *memory, size_t size, const uint64_t seed[2]);

/*
 * MLSEC_OK; MLSEC_EMPTY: no table; MLSEC_BADTYPE: one of another version or
 * size, which must be left alone.
 */
int mlsec_limit_check(const void *memory, size_t size);

/* A name's number, 24 bits, never 0. */
uint32_t mlsec_limit_policy(mlsec_str_t name);

/* The hash of a key under a policy: any bytes, any length. */
uint64_t mlsec_limit_key(const mlsec_limit_table_t *t, uint32_t policy,
    mlsec_str_t key);

/*
 * The entry of a key, or NULL.  Takes no lock.
 */
mlsec_limit_entry_t *mlsec_limit_find(const mlsec_limit_table_t *t,
    const mlsec_limit_id_t *id);

/*
 * The entry of a key; makes one if there is none, in place of the one in its
 * bucket that is soonest worth nothing.
 *
 * clock->now may be moved on.
 *
 * NULL: the bucket is full of counts that are not 0.
 */
mlsec_limit_entry_t *mlsec_limit_get(mlsec_limit_table_t *t,
    const mlsec_limit_id_t *id, mlsec_limit_clock_t *clock);

/*
 * 1 if an entry is still the key's.  To be asked after its word was changed:
 * if not, the change is lost and is to be made again.
 */
int mlsec_limit_still(const mlsec_limit_entry_t *entry,
    const mlsec_limit_id_t *id);

/* Notes that the entry's key has been refused.  now: ns. */
void mlsec_limit_refused(mlsec_limit_entry_t *entry, uint64_t now);

/* Kind, policy and when it was refused last: seconds of the clock, 0: never */
void mlsec_limit_meta(const mlsec_limit_entry_t *entry,
    mlsec_limit_id_t *id, uint64_t *refused);

/* An entry by index, used or not; NULL beyond the last. */
mlsec_limit_entry_t *mlsec_limit_at(mlsec_limit_table_t *t, uint64_t index);

/* The counters of a policy; NULL: there are too many policies. */
mlsec_limit_counters_t *mlsec_limit_counters(mlsec_limit_table_t *t,
    uint32_t policy);

/*
 * Counts one more at work for a key, unless "max" are.
 *
 * worker: number of the process, no two live ones have the same.  Counts of
 * MLSEC_LIMIT_LANES workers share a word and are exact; with more, as many
 * can come on top as there are further words.
 *
 * MLSEC_OK: counted, *entry is to be given to mlsec_limit_leave(), by the
 * same worker.  MLSEC_DECLINED: max are there.  MLSEC_NOMEM: no entry.
 */
int mlsec_limit_enter(mlsec_limit_table_t *t, const mlsec_limit_id_t *id,
    mlsec_limit_clock_t *clock, unsigned worker, uint64_t max,
    mlsec_limit_entry_t **entry);

/* Gives back a mlsec_limit_enter() that was MLSEC_OK, once. */
void mlsec_limit_leave(mlsec_limit_entry_t *entry, unsigned worker);

/* How many are at work for a key. */
uint64_t mlsec_limit_present(const mlsec_limit_table_t *t,
    const mlsec_limit_id_t *id);

/*
 * A worker begins: what a predecessor of that number was doing when it was
 * killed is not being done any more.
 */
void mlsec_limit_worker(mlsec_limit_table_t *t, unsigned worker);


#endif /* _MLSEC_LIMIT_TABLE_H_INCLUDED_ */
