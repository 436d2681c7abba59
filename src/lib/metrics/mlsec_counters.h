/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Counters of several processes in one piece of shared memory.
 *
 *   header | series | slot 0 | slot 1 | ... | slot for all the others
 *
 * A series is some words in a row that are found by a key, at the same place
 * in each slot.  A worker adds to the words of its own slot, which nobody else
 * writes; who reads adds up all slots.  A worker that has died leaves its slot
 * to the next one, which goes on counting: there is nothing to be folded, and
 * a sum never gets smaller.  docs/internals/metrics.md tells the rest.
 */


#ifndef _MLSEC_COUNTERS_H_INCLUDED_
#define _MLSEC_COUNTERS_H_INCLUDED_


#include <lib/mlsec_atomic.h>
#include <lib/mlsec_types.h>


#define MLSEC_COUNTERS_MAGIC     0x6d6c736563636e74ull    /* "mlseccnt" */
#define MLSEC_COUNTERS_VERSION   1

/* workers with a slot of their own; the last slot is shared by the others */

#define MLSEC_COUNTERS_WORKERS   64
#define MLSEC_COUNTERS_SLOTS     (MLSEC_COUNTERS_WORKERS + 1)

/*
 * The first words of each slot are of the moment, such as what is in flight:
 * they are set to 0 when a worker takes the slot.
 */

#define MLSEC_COUNTERS_MOMENTS   8


typedef struct {
    uint64_t            hash[2];     /* of the key */
    uint64_t            first;       /* word */
    uint64_t            n;           /* words */
    mlsec_atomic_t      generation;  /* the last that has it */
} mlsec_series_t;


typedef struct {
    mlsec_atomic_t      pid;         /* 0: nobody */
    mlsec_atomic_t      generation;  /* of its configuration */
} mlsec_counters_worker_t;


typedef struct {
    uint64_t            magic;
    uint64_t            version;
    uint64_t            size;        /* bytes, all of it */
    uint64_t            started;     /* s since the epoch */
    uint64_t            max_series;
    uint64_t            max_words;   /* of a slot */

    mlsec_atomic_t      series;      /* in use */
    mlsec_atomic_t      words;       /* in use, of a slot */
    mlsec_atomic_t      generation;  /* of configurations */
    mlsec_atomic_t      slots;       /* those below were in use once */

    mlsec_counters_worker_t  workers[MLSEC_COUNTERS_SLOTS];
} mlsec_counters_t;


/*
 * Makes an empty one in a piece of memory that nobody else has seen.
 *
 * memory: aligned to a page, any contents; size: bytes; now: s since the
 * epoch.  MLSEC_OK, or MLSEC_NOMEM if there is room for nothing.
 */
int mlsec_counters_format(void *memory, size_t size, uint64_t now);

/*
 * Whether a piece of memory holds counters that this code can use: MLSEC_OK, or
 * MLSEC_BADTYPE if another version has made it, which must be left alone.
 */
int mlsec_counters_check(const mlsec_counters_t *c);

/*
 * Begins a new generation, before a configuration claims its series.  Only the
 * master claims, so there is one at a time.  Its number, from 1.
 */
uint64_t mlsec_counters_begin(mlsec_counters_t *c);

/*
 * Finds the words of a series by its key; makes them, all 0, if there are none.
 * With no room left, the place of a series of as many words is given away
 * that no living worker's configuration has any more.
 *
 * kind, labels: the key, any bytes, the configuration's own.  n: words, 1 and
 * up.
 *
 * MLSEC_OK with *first, a word of each slot; MLSEC_NOMEM: there is no room.
 */
int mlsec_counters_claim(mlsec_counters_t *c, mlsec_str_t kind,
    mlsec_str_t labels, uint64_t n, uint64_t *first);

/*
 * A worker begins.  number: 0 and up, no two live workers have the same.
 * generation: of its configuration, which is not the last one if that could
 * not be loaded.
 *
 * The words of its slot.  From MLSEC_COUNTERS_WORKERS on all share one.
 */
mlsec_atomic_t *mlsec_counters_worker(mlsec_counters_t *c, unsigned number,
    uint32_t pid, uint64_t generation);

/* A worker ends in order. */
void mlsec_counters_worker_gone(mlsec_counters_t *c, unsigned number,
    uint32_t pid);

/* A word, summed over all slots. */
uint64_t mlsec_counters_sum(const mlsec_counters_t *c, uint64_t word);

/* One of the moment, summed over the slots of workers that live. */
uint64_t mlsec_counters_moment(const mlsec_counters_t *c, uint64_t word);

/* Workers that are alive, as far as they have said. */
unsigned mlsec_counters_alive(const mlsec_counters_t *c);


#endif /* _MLSEC_COUNTERS_H_INCLUDED_ */
