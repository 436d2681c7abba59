/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/service/mlsec_registry.h>
#include <lib/mlsec_chaos.h>
#include <string.h>


#define MLSEC_REGISTRY_PEERS     8           /* slots for each service's */

/* the two highest bits of an owner */

#define MLSEC_SLOT_CLAIMED       (1ull << 62)
#define MLSEC_SLOT_READY         (1ull << 63)


/* What a slot is found by. */

typedef struct {
    mlsec_str_t     name;
    uint64_t        hash;
    uint32_t        group;
} mlsec_key_t;


/* One of the two tables, for code that does not care which. */

typedef struct {
    unsigned char  *start;
    size_t          width;           /* bytes of a slot */
    uint64_t        n;
    mlsec_atomic_t *counters;        /* of peers, else NULL: n for a worker */
} mlsec_table_t;


static uint64_t
mlsec_registry_layout(void)
{
    return ((uint64_t) sizeof(mlsec_cell_t) << 56)
           | ((uint64_t) sizeof(mlsec_registry_t) << 40)
           | ((uint64_t) sizeof(mlsec_service_slot_t) << 20)
           | sizeof(mlsec_peer_slot_t);
}


static void
mlsec_registry_services(const mlsec_registry_t *r, mlsec_table_t *table)
{
    table->start = (unsigned char *) r + sizeof(mlsec_registry_t);
    table->width = sizeof(mlsec_service_slot_t);
    table->n = r->nservices;
    table->counters = NULL;
}


static void
mlsec_registry_peers(const mlsec_registry_t *r, mlsec_table_t *table)
{
    mlsec_registry_services(r, table);

    table->start += table->n * table->width;
    table->width = sizeof(mlsec_peer_slot_t);
    table->n = r->npeers;
    table->counters = (mlsec_atomic_t *) (void *)
                          (table->start + table->n * table->width
                           + MLSEC_REGISTRY_WORKERS * r->nservices
                             * sizeof(mlsec_cell_t));
}


int
mlsec_registry_format(void *memory, size_t size)
{
    size_t             unit;
    mlsec_registry_t  *r = memory;

    unit = sizeof(mlsec_service_slot_t)
           + MLSEC_REGISTRY_PEERS * sizeof(mlsec_peer_slot_t)
           + MLSEC_REGISTRY_WORKERS * sizeof(mlsec_cell_t)
           + MLSEC_REGISTRY_COUNTERS * MLSEC_REGISTRY_PEERS
             * sizeof(mlsec_atomic_t);

    if (size < sizeof(mlsec_registry_t) + unit) {
        return MLSEC_NOMEM;
    }

    memset(memory, 0, size);

    r->version = MLSEC_REGISTRY_VERSION;
    r->layout = mlsec_registry_layout();
    r->size = size;
    r->nservices = (size - sizeof(mlsec_registry_t)) / unit;
    r->npeers = r->nservices * MLSEC_REGISTRY_PEERS;
    r->magic = MLSEC_REGISTRY_MAGIC;

    return MLSEC_OK;
}


int
mlsec_registry_check(const void *memory, size_t size)
{
    const mlsec_registry_t  *r = memory;

    if (size < sizeof(mlsec_registry_t) || r->magic != MLSEC_REGISTRY_MAGIC) {
        return MLSEC_EMPTY;
    }

    if (r->version != MLSEC_REGISTRY_VERSION
        || r->layout != mlsec_registry_layout() || r->size != size)
    {
        return MLSEC_BADTYPE;
    }

    return MLSEC_OK;
}


uint64_t
mlsec_registry_begin(mlsec_registry_t *r)
{
    uint64_t  generation;

    generation = mlsec_atomic_load(&r->generation) + 1;
    mlsec_atomic_store(&r->generation, generation);

    return generation;
}


/* FNV-1a; the keys are the operator's, nobody chooses them to collide. */

static uint64_t
mlsec_slot_hash(uint32_t group, mlsec_str_t name)
{
    size_t    i;
    uint64_t  hash;

    hash = 0xcbf29ce484222325ull ^ group;

    for (i = 0; i < name.len; i++) {
        hash = (hash ^ name.data[i]) * 0x100000001b3ull;
    }

    return hash & ~(MLSEC_SLOT_CLAIMED | MLSEC_SLOT_READY);
}


static mlsec_slot_t *
mlsec_slot_find(const mlsec_table_t *table, const mlsec_key_t *key)
{
    uint64_t       i;
    mlsec_slot_t  *slot;

    for (i = 0; i < table->n; i++) {
        slot = (mlsec_slot_t *) (table->start + i * table->width);

        if (mlsec_atomic_load(&slot->owner) == (MLSEC_SLOT_READY | key->hash)
            && slot->group == key->group && slot->len == key->name.len
            && memcmp(slot->name, key->name.data, key->name.len) == 0)
        {
            return slot;
        }
    }

    return NULL;
}


int
mlsec_slot_used(const mlsec_slot_t *slot)
{
    return (mlsec_atomic_load(&slot->owner) & MLSEC_SLOT_READY) != 0;
}


/*
 * Whether no process can know a slot any more: workers know what their
 * configuration has claimed, and that is the slot's generation or an older
 * one.  A worker that has died counts as long as its cell is not given to the
 * next, which only keeps the slot for longer.
 */

static int
mlsec_slot_stale(const mlsec_registry_t *r, const mlsec_slot_t *slot,
    uint64_t generation)
{
    uint64_t  last;
    unsigned  i;

    last = mlsec_atomic_load(&slot->generation);

    if (last >= generation) {
        return 0;
    }

    for (i = 0; i < MLSEC_REGISTRY_WORKERS; i++) {

        if (mlsec_atomic_load(&r->workers[i].pid)
            && mlsec_atomic_load(&r->workers[i].generation) <= last)
        {
            return 0;
        }
    }

    return 1;
}


/* What the peers of a service have in common with it. */

static uint32_t
mlsec_registry_group(mlsec_str_t name)
{
    uint64_t  hash;

    hash = mlsec_slot_hash(0, name);

    return (uint32_t) (hash ^ (hash >> 32));
}


/*
 * A slot to be written: a free one, one whose writer has died (nobody but the
 * writer is here), or, when there is none, one that nobody knows any more, or
 * that of the address that has left a list first.
 */

static mlsec_slot_t *
mlsec_slot_take(const mlsec_registry_t *r, const mlsec_table_t *table,
    uint64_t generation)
{
    uint64_t       i, left, first;
    mlsec_slot_t  *slot, *stale, *gone;

    stale = NULL;
    gone = NULL;
    first = 0;

    for (i = 0; i < table->n; i++) {
        slot = (mlsec_slot_t *) (table->start + i * table->width);

        if (!mlsec_slot_used(slot)) {
            return slot;
        }

        if (stale == NULL && mlsec_slot_stale(r, slot, generation)) {
            stale = slot;
        }

        left = mlsec_atomic_load(&slot->listed);

        if (left != 0 && !(left & MLSEC_SLOT_LISTED)
            && (gone == NULL || left < first))
        {
            gone = slot;
            first = left;
        }
    }

    return stale ? stale : gone;
}


/*
 * The writer's lock says who has it.  It is only ever held for the few
 * instructions of a claim, so a process that finds it taken does not wait; if
 * the holder has died, the lock is taken from it.
 */

static int
mlsec_registry_lock(mlsec_registry_t *r, const mlsec_process_t *process)
{
    uint64_t  old;

    old = mlsec_atomic_load(&r->writer);

    for ( ;; ) {

        if (old != 0 && old != process->self
            && process->alive(process->ctx, (uint32_t) old))
        {
            return 0;
        }

        if (mlsec_atomic_cas(&r->writer, &old, process->self)) {
            mlsec_chaos_point("registry-locked");
            return 1;
        }
    }
}


static uint64_t
mlsec_table_index(const mlsec_table_t *table, const void *slot)
{
    return (uint64_t) ((const unsigned char *) slot - table->start)
           / table->width;
}


/* What was counted for another peer. */

static void
mlsec_slot_clear(const mlsec_table_t *table, mlsec_slot_t *slot)
{
    uint64_t            i;
    mlsec_peer_slot_t  *peer;

    if (table->counters == NULL) {
        return;
    }

    peer = (mlsec_peer_slot_t *) slot;
    peer->index = mlsec_table_index(table, slot);

    for (i = 0; i < MLSEC_REGISTRY_COUNTERS; i++) {
        mlsec_atomic_store(&table->counters[i * table->n + peer->index], 0);
    }
}


static void
mlsec_slot_write(const mlsec_table_t *table, mlsec_slot_t *slot,
    uint32_t pid, uint64_t generation, const mlsec_key_t *key)
{
    mlsec_atomic_store(&slot->owner, MLSEC_SLOT_CLAIMED | pid);

    memset((unsigned char *) slot + sizeof(slot->owner), 0,
           table->width - sizeof(slot->owner));

    mlsec_slot_clear(table, slot);

    mlsec_atomic_store(&slot->generation, generation);
    slot->group = key->group;
    mlsec_chaos_point("slot-half-written");
    slot->len = (uint32_t) key->name.len;
    memcpy(slot->name, key->name.data, key->name.len);
    mlsec_chaos_point("slot-written");

    mlsec_atomic_store(&slot->owner, MLSEC_SLOT_READY | key->hash);
}


static int
mlsec_slot_claim(mlsec_registry_t *r, const mlsec_table_t *table,
    const mlsec_process_t *process, uint64_t generation,
    const mlsec_key_t *key, mlsec_slot_t **found)
{
    mlsec_slot_t  *slot;

    if (key->name.len == 0 || key->name.len > MLSEC_REGISTRY_NAME) {
        return MLSEC_INVALID;
    }

    slot = mlsec_slot_find(table, key);

    if (slot == NULL) {

        if (!mlsec_registry_lock(r, process)) {
            return MLSEC_DECLINED;
        }

        /* somebody else may have made it just now */

        slot = mlsec_slot_find(table, key);

        if (slot == NULL) {
            slot = mlsec_slot_take(r, table, generation);

            if (slot == NULL) {
                mlsec_atomic_store(&r->writer, 0);
                return MLSEC_NOMEM;
            }

            mlsec_slot_write(table, slot, process->self, generation, key);
        }

        mlsec_atomic_store(&r->writer, 0);
    }

    if (mlsec_atomic_load(&slot->generation) < generation) {
        mlsec_atomic_store(&slot->generation, generation);
    }

    *found = slot;

    return MLSEC_OK;
}


int
mlsec_registry_service(mlsec_registry_t *r, const mlsec_process_t *process,
    uint64_t generation, mlsec_str_t name, mlsec_service_slot_t **slot)
{
    int            rc;
    mlsec_key_t    key;
    mlsec_slot_t  *found;
    mlsec_table_t  table;

    mlsec_registry_services(r, &table);

    key.name = name;
    key.group = mlsec_registry_group(name);
    key.hash = mlsec_slot_hash(key.group, name);

    rc = mlsec_slot_claim(r, &table, process, generation, &key, &found);

    if (rc == MLSEC_OK) {
        *slot = (mlsec_service_slot_t *) found;
    }

    return rc;
}


int
mlsec_registry_peer(mlsec_registry_t *r, const mlsec_process_t *process,
    uint64_t generation, const mlsec_service_slot_t *service,
    mlsec_str_t name, mlsec_peer_slot_t **slot)
{
    int            rc;
    mlsec_key_t    key;
    mlsec_slot_t  *found;
    mlsec_table_t  table;

    mlsec_registry_peers(r, &table);

    key.name = name;
    key.group = service->slot.group;
    key.hash = mlsec_slot_hash(key.group, name);

    rc = mlsec_slot_claim(r, &table, process, generation, &key, &found);

    if (rc == MLSEC_OK) {
        *slot = (mlsec_peer_slot_t *) found;
    }

    return rc;
}


mlsec_service_slot_t *
mlsec_registry_service_at(const mlsec_registry_t *r, uint64_t index)
{
    mlsec_table_t  table;

    mlsec_registry_services(r, &table);

    return index < table.n
           ? (mlsec_service_slot_t *) (table.start + index * table.width)
           : NULL;
}


mlsec_peer_slot_t *
mlsec_registry_peer_at(const mlsec_registry_t *r, uint64_t index)
{
    mlsec_table_t  table;

    mlsec_registry_peers(r, &table);

    return index < table.n
           ? (mlsec_peer_slot_t *) (table.start + index * table.width)
           : NULL;
}


uint64_t
mlsec_registry_peer_index(const mlsec_registry_t *r,
    const mlsec_peer_slot_t *slot)
{
    mlsec_table_t  table;

    mlsec_registry_peers(r, &table);

    return mlsec_table_index(&table, slot);
}


uint32_t
mlsec_registry_index(const mlsec_registry_t *r,
    const mlsec_service_slot_t *slot)
{
    mlsec_table_t  table;

    mlsec_registry_services(r, &table);

    return (uint32_t) mlsec_table_index(&table, slot);
}


mlsec_cell_t *
mlsec_registry_cell(const mlsec_registry_t *r, unsigned number,
    uint32_t service)
{
    mlsec_cell_t   *cells;
    mlsec_table_t   table;

    mlsec_registry_peers(r, &table);

    cells = (mlsec_cell_t *) (void *) (table.start + table.n * table.width);

    return &cells[(number % MLSEC_REGISTRY_WORKERS) * r->nservices + service];
}


static void
mlsec_registry_used(mlsec_registry_t *r, uint64_t cells)
{
    uint64_t  used;

    used = mlsec_atomic_load(&r->cells);

    while (used < cells && !mlsec_atomic_cas(&r->cells, &used, cells)) {
        /* void */
    }
}


void
mlsec_registry_worker(mlsec_registry_t *r, unsigned number, uint32_t pid,
    uint64_t generation)
{
    uint64_t         i;
    mlsec_cell_t    *cell;
    mlsec_worker_t  *worker;

    worker = &r->workers[number % MLSEC_REGISTRY_WORKERS];

    if (number < MLSEC_REGISTRY_WORKERS) {

        for (i = 0; i < r->nservices; i++) {
            cell = mlsec_registry_cell(r, number, (uint32_t) i);

            mlsec_atomic_store(&cell->waiting[0], 0);
            mlsec_atomic_store(&cell->waiting[1], 0);
            mlsec_atomic_store(&cell->calls, 0);

            /* what was counted is right, and goes on */
        }

        mlsec_registry_used(r, number + 1);
    }

    mlsec_atomic_store(&worker->generation, generation);
    mlsec_atomic_store(&worker->pid, pid);
}


void
mlsec_registry_worker_gone(mlsec_registry_t *r, unsigned number, uint32_t pid)
{
    uint64_t  old;

    old = pid;

    (void) mlsec_atomic_cas(&r->workers[number % MLSEC_REGISTRY_WORKERS].pid,
                            &old, 0);
}


/*
 * A cell without a worker is not looked at, and the next worker clears it
 * before it says whose it is, so taking the name off is all.
 */

void
mlsec_registry_bury(mlsec_registry_t *r, const mlsec_process_t *process)
{
    uint32_t  pid;
    unsigned  i;

    for (i = 0; i < MLSEC_REGISTRY_WORKERS; i++) {
        pid = (uint32_t) mlsec_atomic_load(&r->workers[i].pid);

        if (pid != 0 && pid != process->self
            && !process->alive(process->ctx, pid))
        {
            mlsec_registry_worker_gone(r, i, pid);
        }
    }
}


mlsec_atomic_t *
mlsec_registry_counters(const mlsec_registry_t *r, unsigned number)
{
    mlsec_table_t  table;

    mlsec_registry_peers(r, &table);

    return number < MLSEC_REGISTRY_COUNTERS
           ? &table.counters[number * table.n] : NULL;
}


uint64_t
mlsec_registry_calls(const mlsec_registry_t *r,
    const mlsec_peer_slot_t *slot, mlsec_outcome_e outcome)
{
    uint64_t       i, calls;
    mlsec_table_t  table;

    mlsec_registry_peers(r, &table);

    calls = mlsec_atomic_load(&slot->calls[outcome]);

    for (i = 0; outcome == MLSEC_OUTCOME_OK && i < MLSEC_REGISTRY_COUNTERS; i++)
    {
        calls += mlsec_atomic_load(&table.counters[i * table.n + slot->index]);
    }

    return calls;
}


void
mlsec_registry_tallies(const mlsec_registry_t *r, uint32_t service,
    mlsec_tallies_t *good, mlsec_tallies_t *first)
{
    const mlsec_cell_t  *cell;

    cell = mlsec_registry_cell(r, 0, service);

    good->first = &cell->good;
    good->step = r->nservices * sizeof(mlsec_cell_t);
    good->used = &r->cells;

    *first = *good;
    first->first = &cell->first;
}


void
mlsec_registry_live(const mlsec_registry_t *r, uint32_t service,
    mlsec_budget_live_t *live)
{
    uint64_t  word;
    unsigned  i;

    live->calls = 0;
    live->retries = 0;

    for (i = 0; i < MLSEC_REGISTRY_WORKERS; i++) {

        if (mlsec_atomic_load(&r->workers[i].pid)) {
            word = mlsec_atomic_load(
                       &mlsec_registry_cell(r, i, service)->calls);

            live->calls += word % MLSEC_REGISTRY_RETRY;
            live->retries += word / MLSEC_REGISTRY_RETRY;
        }
    }
}


uint64_t
mlsec_registry_inflight(const mlsec_registry_t *r, uint32_t service)
{
    mlsec_budget_live_t  live;

    mlsec_registry_live(r, service, &live);

    return live.calls;
}
