/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The registry: what the processes of a gateway know together about services
 * and their peers, in one piece of shared memory that outlives every one of
 * them.
 *
 *   header | service slots | peer slots | cells: one for a worker and service
 *          | counters: one for a worker and peer
 *
 * Tables of slots of a fixed size, no pointers, no allocator.  A slot is
 * found by its key and never moves.  docs/internals/registry.md tells why a
 * process may be killed at any instruction.
 */


#ifndef _MLSEC_REGISTRY_H_INCLUDED_
#define _MLSEC_REGISTRY_H_INCLUDED_


#include <lib/mlsec_leader.h>
#include <lib/mlsec_types.h>
#include <lib/service/mlsec_breaker.h>
#include <lib/service/mlsec_budget.h>
#include <lib/service/mlsec_peer_state.h>


#define MLSEC_REGISTRY_MAGIC     0x6d6c736563726567ull    /* "mlsecreg" */
#define MLSEC_REGISTRY_VERSION   6
#define MLSEC_REGISTRY_WORKERS   128
#define MLSEC_REGISTRY_COUNTERS  16          /* workers that have them */
#define MLSEC_REGISTRY_NAME      128         /* longest key, bytes */
#define MLSEC_REGISTRY_PLACES    64          /* of addresses of a service */

/* of mlsec_slot_t.listed */

#define MLSEC_SLOT_LISTED        (1ull << 63)


#define MLSEC_REGISTRY_RETRY     (1ull << 32)


/* what became of calls to a peer */

typedef enum {
    MLSEC_OUTCOME_OK = 0,            /* an answer below 500 */
    MLSEC_OUTCOME_STATUS,            /* 500 and above */
    MLSEC_OUTCOME_CONNECT,           /* no connection */
    MLSEC_OUTCOME_TIMEOUT,
    MLSEC_OUTCOME_RESET,             /* a broken answer */
    MLSEC_OUTCOME_ABORTED,           /* not wanted any more */
    MLSEC_OUTCOMES
} mlsec_outcome_e;


/* how the wait of a call for its place has ended */

typedef enum {
    MLSEC_WAIT_CALLED = 0,
    MLSEC_WAIT_EXPIRED,              /* waited for as long as it may */
    MLSEC_WAIT_CROWDED_OUT,          /* by one that has to be called */
    MLSEC_WAIT_ABORTED,              /* not wanted any more */
    MLSEC_WAITS
} mlsec_wait_e;


/* owner: 0 free, else who is writing it or the hash of its key */

typedef struct {
    mlsec_atomic_t      owner;
    mlsec_atomic_t      generation;  /* the last that has it */
    mlsec_atomic_t      listed;      /* a peer in a list of addresses: ms
                                        since when, and the bit; one that has
                                        left it: ms when; else 0 */
    uint32_t            group;       /* the same for a service and its peers */
    uint32_t            len;
    unsigned char       name[MLSEC_REGISTRY_NAME];
} mlsec_slot_t;


typedef struct {
    mlsec_slot_t        slot;        /* key: name of the upstream */
    mlsec_atomic_t      changes;     /* of the state of its peers */
    mlsec_breaker_t     breaker;
    mlsec_atomic_t      asked;       /* for probes, times */
    mlsec_atomic_t      refused;     /* calls that the breaker refused */
    mlsec_atomic_t      shed;        /* calls over max_inflight */
    mlsec_atomic_t      waited[MLSEC_WAITS];  /* for a place, how it ended */
    mlsec_atomic_t      opened;      /* times, in all */
    mlsec_atomic_t      recovered;   /* times, in all */
    mlsec_budget_t      budget;      /* of second calls */
    mlsec_atomic_t      failed;      /* ms, the last time a call did; 0: none */
    mlsec_atomic_t      source;      /* hash of what the list was asked for */
    mlsec_atomic_t      lookup;      /* mlsec_discovery_view() */
    mlsec_atomic_t      due;         /* ms, of the next question */
    mlsec_atomic_t      places[MLSEC_REGISTRY_PLACES];
} __attribute__((aligned(64))) mlsec_service_slot_t;


typedef struct {
    mlsec_slot_t        slot;        /* key: service, address */
    mlsec_atomic_t      health;
    mlsec_atomic_t      drain;       /* ms since when, 0: not drained */
    mlsec_atomic_t      probed;      /* ms, the last time; 0: never */
    mlsec_atomic_t      probe;       /* the last one: ms << 16 | status */

    /* what each call looks at and writes to: a line of the cache */

    mlsec_atomic_t      outlier;
    mlsec_atomic_t      latency;     /* moving average, us; 0: none */
    uint64_t            index;       /* among the peers */
    mlsec_atomic_t      calls[MLSEC_OUTCOMES];  /* without those that
                                        mlsec_registry_counters() has */

    mlsec_atomic_t      ejected;     /* times, in all */
} __attribute__((aligned(64))) mlsec_peer_slot_t;


/* what a worker has to do with a service; only that worker writes */

typedef struct {
    mlsec_atomic_t      calls;       /* in flight; MLSEC_REGISTRY_RETRY */
    mlsec_atomic_t      waiting[2];  /* of mlsec_gate.h: those that have to
                                        be called, those that need not */
    mlsec_atomic_t      good;        /* calls, a tally of the breaker */
    mlsec_atomic_t      first;       /* calls, a tally of the budget */
} mlsec_cell_t;


typedef struct {
    mlsec_atomic_t      pid;         /* 0: none has had this cell */
    mlsec_atomic_t      generation;  /* of its configuration */
    mlsec_atomic_t      awake;       /* ms, of mlsec_gate.h: when it was */
} mlsec_worker_t;


typedef struct {
    uint64_t            magic;
    uint64_t            version;
    uint64_t            layout;      /* sizes of the structures */
    uint64_t            size;        /* bytes, all of it */
    uint64_t            nservices;   /* slots */
    uint64_t            npeers;      /* slots */
    mlsec_atomic_t      generation;  /* of configurations */
    mlsec_atomic_t      writer;      /* who claims a slot, pid; 0: nobody */
    mlsec_atomic_t      leader;      /* of mlsec_leader_ask() */
    mlsec_atomic_t      cells;       /* of each service, so many were used */
    mlsec_worker_t      workers[MLSEC_REGISTRY_WORKERS];
} __attribute__((aligned(64))) mlsec_registry_t;


/*
 * Makes a registry in a piece of memory that nobody else has seen.  memory:
 * aligned to 64 bytes, any contents; size: bytes.
 *
 * MLSEC_OK; MLSEC_NOMEM: not even one service has room.
 */
int mlsec_registry_format(void *memory, size_t size);

/*
 * Whether a piece of memory holds a registry that this code can use.
 *
 * MLSEC_OK; MLSEC_EMPTY: none at all; MLSEC_BADTYPE: one of another version or
 * layout, which must be left alone: processes may still work with it.
 */
int mlsec_registry_check(const void *memory, size_t size);

/*
 * Begins a new generation: to be called before the services of a
 * configuration are claimed.  Its number, from 1.
 */
uint64_t mlsec_registry_begin(mlsec_registry_t *r);

/*
 * Finds the slot of a service; makes one if there is none.
 *
 * name: 1-MLSEC_REGISTRY_NAME bytes.
 * generation: of the caller's configuration; a slot that has not been claimed
 * since a generation that no worker runs any more may be given away.
 *
 * MLSEC_OK with *slot; MLSEC_NOMEM: the table is full; MLSEC_DECLINED: another
 * process is claiming one at this moment, ask again; MLSEC_INVALID: name is
 * too long or empty.
 */
int mlsec_registry_service(mlsec_registry_t *r, const mlsec_process_t *process,
    uint64_t generation, mlsec_str_t name, mlsec_service_slot_t **slot);

/*
 * As mlsec_registry_service(), for a peer: by the service that it belongs to
 * and its address.  When the table is full, the peer that has left a list of
 * addresses first makes room: whoever keeps a slot of such a peer compares its
 * owner before writing.
 */
int mlsec_registry_peer(mlsec_registry_t *r, const mlsec_process_t *process,
    uint64_t generation, const mlsec_service_slot_t *service,
    mlsec_str_t name, mlsec_peer_slot_t **slot);

/* A slot of a service by index; NULL beyond the last.  It may be free. */
mlsec_service_slot_t *mlsec_registry_service_at(const mlsec_registry_t *r,
    uint64_t index);

/* A slot of a peer by index; NULL beyond the last.  It may be free. */
mlsec_peer_slot_t *mlsec_registry_peer_at(const mlsec_registry_t *r,
    uint64_t index);

/* Index of a peer, for mlsec_registry_peer_at(). */
uint64_t mlsec_registry_peer_index(const mlsec_registry_t *r,
    const mlsec_peer_slot_t *slot);

/*
 * Where a worker counts calls that have ended with MLSEC_OUTCOME_OK: a word for
 * each peer, by the index of its slot, to which nobody else adds.  NULL: it has
 * none, and counts in the slot itself.  They are never taken back.
 */
mlsec_atomic_t *mlsec_registry_counters(const mlsec_registry_t *r,
    unsigned number);

/* How many calls to a peer have ended so, of all workers. */
uint64_t mlsec_registry_calls(const mlsec_registry_t *r,
    const mlsec_peer_slot_t *slot, mlsec_outcome_e outcome);

/* 1 if a slot holds something. */
int mlsec_slot_used(const mlsec_slot_t *slot);

/* Index of a service, for its cells. */
uint32_t mlsec_registry_index(const mlsec_registry_t *r,
    const mlsec_service_slot_t *slot);

/*
 * A worker begins.  number: 0 and up, no two live processes have the same.
 * What its predecessor of that number has left behind when it was killed
 * (calls that will never end) is taken back.
 */
void mlsec_registry_worker(mlsec_registry_t *r, unsigned number, uint32_t pid,
    uint64_t generation);

/*
 * A worker ends in order: with no call in flight.
 */
void mlsec_registry_worker_gone(mlsec_registry_t *r, unsigned number,
    uint32_t pid);

/*
 * Takes workers for gone that have died: what they had in flight does not
 * count any more.  The next worker of such a number does the same for itself,
 * but it may be late, and when nginx shrinks or quits it never comes.
 */
void mlsec_registry_bury(mlsec_registry_t *r, const mlsec_process_t *process);

/*
 * The cell of one worker for one service; only that worker adds to its calls:
 * 1 for a call, MLSEC_REGISTRY_RETRY for a second call that runs or waits to
 * be made.  Both are in one word, so that both are gone with the worker.
 */
mlsec_cell_t *mlsec_registry_cell(const mlsec_registry_t *r,
    unsigned number, uint32_t service);

/*
 * Where the tallies of all workers for a service are, good ones of its breaker
 * and first ones of its budget.  What a worker that has died has counted stays
 * in them until it is too old, or its successor has added it to the window.
 */
void mlsec_registry_tallies(const mlsec_registry_t *r, uint32_t service,
    mlsec_tallies_t *good, mlsec_tallies_t *first);

/*
 * Calls in flight of all workers to a service.
 */
uint64_t mlsec_registry_inflight(const mlsec_registry_t *r, uint32_t service);

/*
 * The same, with how many of them are second calls.
 */
void mlsec_registry_live(const mlsec_registry_t *r, uint32_t service,
    mlsec_budget_live_t *live);

#endif /* _MLSEC_REGISTRY_H_INCLUDED_ */
