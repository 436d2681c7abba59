/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/metrics/mlsec_counters.h>
#include <string.h>


#define MLSEC_COUNTERS_PAGE       4096       /* bytes */
#define MLSEC_COUNTERS_PER_SERIES 8192       /* bytes of the whole, each */


/*
 * Series first, then the slots, each of them whole pages: workers share no
 * cache line, and a page that no worker has written to costs no memory.
 */

static mlsec_series_t *
mlsec_counters_series(const mlsec_counters_t *c)
{
    return (mlsec_series_t *) (void *)
               ((unsigned char *) c + sizeof(mlsec_counters_t));
}


static size_t
mlsec_counters_head(uint64_t max_series)
{
    size_t  head;

    head = sizeof(mlsec_counters_t) + max_series * sizeof(mlsec_series_t);

    return (head + MLSEC_COUNTERS_PAGE - 1)
           & ~((size_t) MLSEC_COUNTERS_PAGE - 1);
}


static mlsec_atomic_t *
mlsec_counters_slot(const mlsec_counters_t *c, unsigned slot)
{
    return (mlsec_atomic_t *) (void *)
               ((unsigned char *) c + mlsec_counters_head(c->max_series)
                + slot * c->max_words * sizeof(mlsec_atomic_t));
}


static unsigned
mlsec_counters_slot_of(unsigned number)
{
    return number < MLSEC_COUNTERS_WORKERS ? number : MLSEC_COUNTERS_WORKERS;
}


int
mlsec_counters_format(void *memory, size_t size, uint64_t now)
{
    size_t             head;
    uint64_t           max_series, pages;
    mlsec_counters_t  *c = memory;

    max_series = size / MLSEC_COUNTERS_PER_SERIES;
    head = mlsec_counters_head(max_series);

    if (size <= head) {
        return MLSEC_NOMEM;
    }

    pages = (size - head) / MLSEC_COUNTERS_PAGE / MLSEC_COUNTERS_SLOTS;

    if (max_series == 0 || pages == 0) {
        return MLSEC_NOMEM;
    }

    /* the rest is shared memory that nobody has used: it is 0 */

    memset(memory, 0, head);

    c->version = MLSEC_COUNTERS_VERSION;
    c->size = size;
    c->started = now;
    c->max_series = max_series;
    c->max_words = pages * MLSEC_COUNTERS_PAGE / sizeof(mlsec_atomic_t);
    c->words.word = MLSEC_COUNTERS_MOMENTS;
    c->magic = MLSEC_COUNTERS_MAGIC;

    return MLSEC_OK;
}


int
mlsec_counters_check(const mlsec_counters_t *c)
{
    return (c->magic == MLSEC_COUNTERS_MAGIC
            && c->version == MLSEC_COUNTERS_VERSION) ? MLSEC_OK
                                                     : MLSEC_BADTYPE;
}


uint64_t
mlsec_counters_begin(mlsec_counters_t *c)
{
    uint64_t  generation;

    generation = mlsec_atomic_load(&c->generation) + 1;
    mlsec_atomic_store(&c->generation, generation);

    return generation;
}


/*
 * FNV-1a from two starts.  128 bits in place of the text, which may be long:
 * the keys are the operator's own, and nobody chooses them to collide.
 */

static uint64_t
mlsec_counters_hash(uint64_t hash, mlsec_str_t text)
{
    size_t  i;

    for (i = 0; i < text.len; i++) {
        hash = (hash ^ text.data[i]) * 0x100000001b3ull;
    }

    /* the end of a text is a part of it */

    return (hash ^ 0xff) * 0x100000001b3ull;
}


/*
 * Whether no worker can know a series any more: all that live have a younger
 * configuration than the last that had it.
 */

static int
mlsec_counters_stale(const mlsec_counters_t *c, const mlsec_series_t *series)
{
    uint64_t  last;
    unsigned  i;

    last = mlsec_atomic_load(&series->generation);

    if (last >= mlsec_atomic_load(&c->generation)) {
        return 0;
    }

    for (i = 0; i < MLSEC_COUNTERS_SLOTS; i++) {

        if (mlsec_atomic_load(&c->workers[i].pid)
            && mlsec_atomic_load(&c->workers[i].generation) <= last)
        {
            return 0;
        }
    }

    return 1;
}


/*
 * The slot that is shared says nothing of the workers that use it, so with one
 * in use nothing is given away.
 */

static mlsec_series_t *
mlsec_counters_reuse(mlsec_counters_t *c, uint64_t n)
{
    uint64_t         i, w, used;
    unsigned         slot;
    mlsec_atomic_t  *words;
    mlsec_series_t  *series;

    series = mlsec_counters_series(c);
    used = mlsec_atomic_load(&c->series);

    if (mlsec_atomic_load(&c->slots) > MLSEC_COUNTERS_WORKERS) {
        return NULL;
    }

    for (i = 0; i < used; i++) {

        if (series[i].n == n && mlsec_counters_stale(c, &series[i])) {
            break;
        }
    }

    if (i == used) {
        return NULL;
    }

    for (slot = 0; slot < mlsec_atomic_load(&c->slots); slot++) {
        words = mlsec_counters_slot(c, slot) + series[i].first;

        for (w = 0; w < n; w++) {
            mlsec_atomic_store(&words[w], 0);
        }
    }

    return &series[i];
}


static mlsec_series_t *
mlsec_counters_new(mlsec_counters_t *c, uint64_t n)
{
    uint64_t         used, words;
    mlsec_series_t  *series;

    used = mlsec_atomic_load(&c->series);
    words = mlsec_atomic_load(&c->words);

    if (used == c->max_series || n > c->max_words - words) {
        return mlsec_counters_reuse(c, n);
    }

    series = &mlsec_counters_series(c)[used];
    series->first = words;
    series->n = n;

    mlsec_atomic_store(&c->words, words + n);
    mlsec_atomic_store(&c->series, used + 1);

    return series;
}


int
mlsec_counters_claim(mlsec_counters_t *c, mlsec_str_t kind,
    mlsec_str_t labels, uint64_t n, uint64_t *first)
{
    uint64_t         i, used, hash[2];
    mlsec_series_t  *series;

    hash[0] = mlsec_counters_hash(0xcbf29ce484222325ull, kind);
    hash[0] = mlsec_counters_hash(hash[0], labels);
    hash[1] = mlsec_counters_hash(0x9e3779b97f4a7c15ull, labels);
    hash[1] = mlsec_counters_hash(hash[1], kind);

    series = mlsec_counters_series(c);
    used = mlsec_atomic_load(&c->series);

    for (i = 0; i < used; i++) {

        if (series[i].hash[0] == hash[0] && series[i].hash[1] == hash[1]
            && series[i].n == n)
        {
            break;
        }
    }

    if (i < used) {
        series = &series[i];

    } else {
        series = mlsec_counters_new(c, n);

        if (series == NULL) {
            return MLSEC_NOMEM;
        }

        series->hash[0] = hash[0];
        series->hash[1] = hash[1];
    }

    mlsec_atomic_store(&series->generation,
                       mlsec_atomic_load(&c->generation));

    *first = series->first;

    return MLSEC_OK;
}


mlsec_atomic_t *
mlsec_counters_worker(mlsec_counters_t *c, unsigned number, uint32_t pid,
    uint64_t generation)
{
    uint64_t         slots;
    unsigned         i, slot;
    mlsec_atomic_t  *words;

    slot = mlsec_counters_slot_of(number);
    words = mlsec_counters_slot(c, slot);

    if (slot < MLSEC_COUNTERS_WORKERS) {

        for (i = 0; i < MLSEC_COUNTERS_MOMENTS; i++) {
            mlsec_atomic_store(&words[i], 0);
        }
    }

    slots = mlsec_atomic_load(&c->slots);

    while (slots < slot + 1
           && !mlsec_atomic_cas(&c->slots, &slots, slot + 1))
    { /* void */ }

    mlsec_atomic_store(&c->workers[slot].generation, generation);
    mlsec_atomic_store(&c->workers[slot].pid, pid);

    return words;
}


void
mlsec_counters_worker_gone(mlsec_counters_t *c, unsigned number, uint32_t pid)
{
    uint64_t  old;

    old = pid;

    (void) mlsec_atomic_cas(&c->workers[mlsec_counters_slot_of(number)].pid,
                            &old, 0);
}


uint64_t
mlsec_counters_sum(const mlsec_counters_t *c, uint64_t word)
{
    uint64_t  sum, slots;
    unsigned  i;

    sum = 0;
    slots = mlsec_atomic_load(&c->slots);

    for (i = 0; i < slots; i++) {
        sum += mlsec_atomic_load(&mlsec_counters_slot(c, i)[word]);
    }

    return sum;
}


uint64_t
mlsec_counters_moment(const mlsec_counters_t *c, uint64_t word)
{
    uint64_t  sum;
    unsigned  i;

    sum = 0;

    for (i = 0; i < MLSEC_COUNTERS_SLOTS; i++) {

        if (mlsec_atomic_load(&c->workers[i].pid)) {
            sum += mlsec_atomic_load(&mlsec_counters_slot(c, i)[word]);
        }
    }

    return sum;
}


unsigned
mlsec_counters_alive(const mlsec_counters_t *c)
{
    unsigned  i, alive;

    alive = 0;

    for (i = 0; i < MLSEC_COUNTERS_SLOTS; i++) {
        alive += mlsec_atomic_load(&c->workers[i].pid) != 0;
    }

    return alive;
}
