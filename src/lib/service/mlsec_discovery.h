/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Which addresses a service has, as its name tells: a list of places in the
 * registry, each of which is empty or has one address.  What an answer of the
 * DNS makes of the list, when to ask again, when an empty answer is believed,
 * and how much of its share a new address gets.
 *
 * docs/internals/discovery.md tells the reasons.
 */


#ifndef _MLSEC_DISCOVERY_H_INCLUDED_
#define _MLSEC_DISCOVERY_H_INCLUDED_


#include <lib/service/mlsec_registry.h>


#define MLSEC_DISCOVERY_EMPTIES  3           /* in a row, to be believed */
#define MLSEC_DISCOVERY_STEPS    10          /* of slow start */
#define MLSEC_DISCOVERY_STEP     1000        /* ms, one of them */
#define MLSEC_DISCOVERY_FORGET   60000       /* ms; away for longer: new */
#define MLSEC_DISCOVERY_RETRY    5000        /* ms, at most, after no answer */


typedef struct {
    uint64_t            min;         /* ms, 1 and up */
    uint64_t            max;         /* ms, at least min */
} mlsec_discovery_conf_t;


/* an address of an answer */

typedef struct {
    mlsec_str_t         name;        /* "10.0.0.1:80", "[::1]:80" */
    unsigned            weight;      /* 1-65535 */
    unsigned            backup;      /* 0 or 1 */
} mlsec_address_t;


/* the word of a place */

typedef struct {
    uint32_t            peer;        /* index; if not used: the last one */
    unsigned            weight;      /* 1-65535 */
    unsigned            backup;      /* 0 or 1 */
    unsigned            used;        /* 0 or 1 */
    unsigned            known;       /* 0: it has never been used */
} mlsec_place_t;


/* what places there are, for mlsec_discovery_assign() */

typedef struct {
    unsigned            n;           /* 1-MLSEC_REGISTRY_PLACES */
    mlsec_str_t         names[MLSEC_REGISTRY_PLACES]; /* has or had, or "" */
    unsigned char       used[MLSEC_REGISTRY_PLACES];  /* 0 or 1 */
} mlsec_places_t;


/* how a question ended */

typedef enum {
    MLSEC_LOOKUP_NEVER = 0,          /* not asked yet */
    MLSEC_LOOKUP_OK,
    MLSEC_LOOKUP_EMPTY,              /* no such name, or no address */
    MLSEC_LOOKUP_FAILED
} mlsec_lookup_e;


typedef struct {
    mlsec_lookup_e      last;
    unsigned            code;        /* why it failed, 0-63 */
    unsigned            empties;     /* in a row */
    unsigned            failures;    /* in a row */
    uint64_t            good;        /* ms, last answer believed; 0: none */
} mlsec_discovery_view_t;


/* whose list, and who works on it */

typedef struct {
    mlsec_registry_t       *registry;
    const mlsec_process_t  *process;
    mlsec_service_slot_t   *service;
    uint64_t                generation;  /* of the caller's configuration */
    uint64_t                now;         /* ms */
    unsigned                places;      /* 1-MLSEC_REGISTRY_PLACES: only the
                                            first so many are given away */
} mlsec_discovery_t;


/* what an answer has changed */

typedef struct {
    unsigned            added;
    unsigned            removed;
    unsigned            used;        /* places, now */
    unsigned            left;        /* addresses without a place */
    unsigned            full;        /* 1: some for want of slots of peers */
} mlsec_discovery_change_t;


/*
 * Puts addresses into an order that does not depend on that of the answer:
 * those that are not backup first, each kind by name.  The same name comes
 * once, with the greatest of its weights.
 *
 * How many are left.
 */
size_t mlsec_addresses_sort(mlsec_address_t *addresses, size_t n);

/* Takes the word of a place apart. */
void mlsec_place_view(uint64_t word, mlsec_place_t *place);

/*
 * Finds a place for each address: the one that it has; else the one that it
 * had last; else one that is free; else, unless keep is set, one whose address
 * is not in the answer any more.
 *
 * at[i]: the place of address i, or -1: there are more addresses than places.
 */
void mlsec_discovery_assign(const mlsec_places_t *places, int keep,
    const mlsec_address_t *addresses, size_t n, int *at);

/*
 * Makes the list of a service what an answer says.  One caller at a time: the
 * leader.  It may die at any instruction; the next answer makes it right.
 *
 * addresses: are sorted on the way.  keep: 1 if the answer is not complete,
 * nothing is removed then.
 *
 * MLSEC_OK, *change is set; MLSEC_DECLINED: another process is claiming a slot
 * at this moment, some of it is done, ask again; MLSEC_NOMEM: alloc() failed.
 */
int mlsec_discovery_update(const mlsec_discovery_t *d, const mlsec_mem_t *mem,
    mlsec_address_t *addresses, size_t n, int keep,
    mlsec_discovery_change_t *change);

/*
 * For a configuration that goes on with a list: what is in it belongs to
 * that generation too.
 */
void mlsec_discovery_adopt(const mlsec_discovery_t *d);

/*
 * For a new leader: peers that its predecessor has taken out of the list
 * without being able to say so may be given away.
 */
void mlsec_discovery_heal(const mlsec_discovery_t *d);

/*
 * Notes how a question ended.  state: zeroed at first.  code: 0-63.
 *
 * 1: the list is to become what the answer says.  0: it stays as it is.
 */
int mlsec_discovery_report(mlsec_atomic_t *state, mlsec_lookup_e lookup,
    unsigned code, uint64_t now);

/* Reads everything, changes nothing. */
void mlsec_discovery_view(const mlsec_atomic_t *state,
    mlsec_discovery_view_t *view);

/*
 * When to ask again, ms from now.  ttl: ms, how long the answer is good for;
 * only after one that was.
 */
uint64_t mlsec_discovery_next(const mlsec_discovery_conf_t *conf,
    const mlsec_discovery_view_t *view, uint64_t ttl);

/*
 * How many tenths of its weight a peer gets, 1-10.  listed: of its slot; 0: it
 * is not of a list, and gets all.
 */
unsigned mlsec_discovery_share(uint64_t listed, uint64_t now);


#endif /* _MLSEC_DISCOVERY_H_INCLUDED_ */
