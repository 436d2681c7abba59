/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/service/mlsec_discovery.h>
#include <lib/mlsec_chaos.h>
#include <stdlib.h>
#include <string.h>


/*
 * The word of a place, from the lowest bit: 24 bits of the peer's index, 16 of
 * weight, 1 known, 1 backup, 1 used.
 */

#define MLSEC_PLACE_PEER_MASK     ((1ull << 24) - 1)
#define MLSEC_PLACE_WEIGHT_SHIFT  24
#define MLSEC_PLACE_KNOWN         (1ull << 40)
#define MLSEC_PLACE_BACKUP        (1ull << 41)
#define MLSEC_PLACE_USED          (1ull << 42)

/*
 * The word of the state: 40 bits of the time of the last good answer, 8 of
 * empty answers in a row, 8 of failures in a row, 6 of the reason, 2 of the
 * last end.
 */

#define MLSEC_DISCOVERY_TIME_MASK  ((1ull << 40) - 1)
#define MLSEC_DISCOVERY_COUNT_MAX  255


/* What an update works with. */

typedef struct {
    mlsec_places_t    places;
    mlsec_place_t     was[MLSEC_REGISTRY_PLACES];
    unsigned char     wanted[MLSEC_REGISTRY_PLACES];
    unsigned          any;           /* 1: the list was not empty */
} mlsec_list_t;


static int
mlsec_name_compare(mlsec_str_t a, mlsec_str_t b)
{
    int     rc;
    size_t  n;

    n = a.len < b.len ? a.len : b.len;
    rc = n ? memcmp(a.data, b.data, n) : 0;

    return rc ? rc : (a.len > b.len) - (a.len < b.len);
}


static int
mlsec_address_compare(const void *one, const void *two)
{
    int                    rc;
    const mlsec_address_t  *a = one, *b = two;

    if (a->backup != b->backup) {
        return a->backup ? 1 : -1;
    }

    rc = mlsec_name_compare(a->name, b->name);

    return rc ? rc : (b->weight > a->weight) - (b->weight < a->weight);
}


size_t
mlsec_addresses_sort(mlsec_address_t *addresses, size_t n)
{
    size_t  i, k, kept;

    if (n < 2) {
        return n;
    }

    qsort(addresses, n, sizeof(mlsec_address_t), mlsec_address_compare);

    for (i = 1, kept = 1; i < n; i++) {

        for (k = 0; k < kept; k++) {
            if (mlsec_name_compare(addresses[k].name, addresses[i].name)
                == 0)
            {
                break;
            }
        }

        if (k == kept) {
            addresses[kept++] = addresses[i];
        }
    }

    return kept;
}


void
mlsec_place_view(uint64_t word, mlsec_place_t *place)
{
    place->peer = (uint32_t) (word & MLSEC_PLACE_PEER_MASK);
    place->weight = (word >> MLSEC_PLACE_WEIGHT_SHIFT) & 0xffff;
    place->known = (word & MLSEC_PLACE_KNOWN) != 0;
    place->backup = (word & MLSEC_PLACE_BACKUP) != 0;
    place->used = (word & MLSEC_PLACE_USED) != 0;
}


static uint64_t
mlsec_place_word(uint32_t peer, const mlsec_address_t *address)
{
    return (peer & MLSEC_PLACE_PEER_MASK)
           | ((uint64_t) (address->weight & 0xffff)
              << MLSEC_PLACE_WEIGHT_SHIFT)
           | (address->backup ? MLSEC_PLACE_BACKUP : 0)
           | MLSEC_PLACE_KNOWN | MLSEC_PLACE_USED;
}


/*
 * The first place that is not taken, and is in the state asked for; with a
 * name: the one that has it.  -1: none.
 */

static int
mlsec_place_find(const mlsec_places_t *places, const unsigned char *taken,
    unsigned used, const mlsec_str_t *name)
{
    unsigned  i;

    for (i = 0; i < places->n; i++) {

        if (!taken[i] && places->used[i] == used
            && (name == NULL
                || mlsec_name_compare(places->names[i], *name) == 0))
        {
            return (int) i;
        }
    }

    return -1;
}


void
mlsec_discovery_assign(const mlsec_places_t *places, int keep,
    const mlsec_address_t *addresses, size_t n, int *at)
{
    size_t         i;
    unsigned       pass;
    unsigned char  taken[MLSEC_REGISTRY_PLACES];

    memset(taken, 0, sizeof(taken));

    for (i = 0; i < n; i++) {
        at[i] = -1;
    }

    /* has it, had it, free, to be free */

    for (pass = 0; pass < (keep ? 3 : 4); pass++) {

        for (i = 0; i < n; i++) {

            if (at[i] != -1) {
                continue;
            }

            at[i] = mlsec_place_find(places, taken, pass == 0 || pass == 3,
                                     pass < 2 ? &addresses[i].name : NULL);

            if (at[i] != -1) {
                taken[at[i]] = 1;
            }
        }
    }
}


/* 1 if a peer has a place. */

static int
mlsec_list_has(const mlsec_service_slot_t *service, uint32_t peer)
{
    unsigned       i;
    mlsec_place_t  place;

    for (i = 0; i < MLSEC_REGISTRY_PLACES; i++) {
        mlsec_place_view(mlsec_atomic_load(&service->places[i]), &place);

        if (place.used && place.peer == peer) {
            return 1;
        }
    }

    return 0;
}


static void
mlsec_list_read(const mlsec_registry_t *r, const mlsec_service_slot_t *service,
    mlsec_list_t *list)
{
    unsigned            i;
    mlsec_place_t      *place;
    mlsec_peer_slot_t  *peer;

    memset(list, 0, sizeof(mlsec_list_t));

    for (i = 0; i < MLSEC_REGISTRY_PLACES; i++) {
        place = &list->was[i];
        mlsec_place_view(mlsec_atomic_load(&service->places[i]), place);

        peer = place->known ? mlsec_registry_peer_at(r, place->peer) : NULL;

        /* the slot of an address that is long gone may be another's */

        if (peer == NULL || !mlsec_slot_used(&peer->slot)
            || peer->slot.group != service->slot.group)
        {
            continue;
        }

        list->places.names[i].data = peer->slot.name;
        list->places.names[i].len = peer->slot.len;
        list->places.used[i] = (unsigned char) place->used;
        list->any |= place->used;
    }
}


/*
 * A peer comes into the list.  One that was away for so long that it may be
 * another machine by now has no history; one that was missing in an answer or
 * two has.
 */

static void
mlsec_peer_listed(mlsec_peer_slot_t *peer, uint64_t now, unsigned any)
{
    uint64_t  old;

    old = mlsec_atomic_load(&peer->slot.listed);

    if (old != 0 && now - (old & ~MLSEC_SLOT_LISTED) > MLSEC_DISCOVERY_FORGET)
    {
        mlsec_atomic_store(&peer->outlier, 0);
        mlsec_atomic_store(&peer->health, 0);
        mlsec_atomic_store(&peer->drain, 0);
        mlsec_atomic_store(&peer->latency, 0);
        mlsec_atomic_store(&peer->probed, 0);
        mlsec_atomic_store(&peer->probe, 0);
    }

    /* the first ones of a service share what there is from the start */

    if (!any) {
        old = MLSEC_DISCOVERY_STEPS * MLSEC_DISCOVERY_STEP;
        now = now > old ? now - old : 1;
    }

    mlsec_atomic_store(&peer->slot.listed, MLSEC_SLOT_LISTED | now);
}


/*
 * Places that no address has taken over become empty, and the peers that have
 * no place any more may be given away.
 */

static void
mlsec_list_remove(const mlsec_discovery_t *d, const mlsec_list_t *list,
    mlsec_discovery_change_t *change)
{
    unsigned            i;
    uint64_t            word;
    mlsec_peer_slot_t  *peer;

    for (i = 0; i < MLSEC_REGISTRY_PLACES; i++) {

        if (list->was[i].used && !list->wanted[i]) {
            word = mlsec_atomic_load(&d->service->places[i]);
            mlsec_atomic_store(&d->service->places[i],
                               word & ~MLSEC_PLACE_USED);
        }
    }

    for (i = 0; i < MLSEC_REGISTRY_PLACES; i++) {

        if (list->places.used[i]
            && !mlsec_list_has(d->service, list->was[i].peer))
        {
            peer = mlsec_registry_peer_at(d->registry, list->was[i].peer);
            mlsec_chaos_point("place-left");
            mlsec_atomic_store(&peer->slot.listed, d->now);
            change->removed++;
        }
    }
}


/*
 * The order counts: a peer is claimed, then listed, then put into its place;
 * and taken out of its place before it may be given away.  Each step is one
 * word, or a claim, which is nothing until it is complete.
 */

static int
mlsec_list_put(const mlsec_discovery_t *d, const mlsec_list_t *list,
    const mlsec_address_t *address, mlsec_atomic_t *place,
    mlsec_discovery_change_t *change)
{
    int                 rc;
    uint64_t            word, index;
    mlsec_peer_slot_t  *peer;

    rc = mlsec_registry_peer(d->registry, d->process, d->generation,
                             d->service, address->name, &peer);

    if (rc != MLSEC_OK) {
        return rc;
    }

    index = mlsec_registry_peer_index(d->registry, peer);

    if (index > MLSEC_PLACE_PEER_MASK) {
        return MLSEC_NOMEM;
    }

    if (!(mlsec_atomic_load(&peer->slot.listed) & MLSEC_SLOT_LISTED)) {
        mlsec_peer_listed(peer, d->now, list->any);
        change->added++;
    }

    word = mlsec_place_word((uint32_t) index, address);

    if (mlsec_atomic_load(place) != word) {
        mlsec_chaos_point("peer-listed");
        mlsec_atomic_store(place, word);
        mlsec_chaos_point("place-taken");
    }

    return MLSEC_OK;
}


/*
 * Puts addresses that have none yet into the places that were found for them.
 */

static int
mlsec_list_add(const mlsec_discovery_t *d, mlsec_list_t *list,
    const mlsec_address_t *addresses, size_t n, const int *at,
    mlsec_discovery_change_t *change)
{
    int     rc;
    size_t  i;

    change->left = 0;
    change->full = 0;

    for (i = 0; i < n; i++) {

        if (at[i] == -1) {
            change->left++;
            continue;
        }

        if (list->wanted[at[i]]) {
            continue;
        }

        rc = mlsec_list_put(d, list, &addresses[i],
                            &d->service->places[at[i]], change);

        if (rc == MLSEC_DECLINED) {
            return rc;
        }

        if (rc == MLSEC_OK) {
            list->wanted[at[i]] = 1;

        } else {
            change->left++;
            change->full = 1;
        }
    }

    return MLSEC_OK;
}


int
mlsec_discovery_update(const mlsec_discovery_t *d, const mlsec_mem_t *mem,
    mlsec_address_t *addresses, size_t n, int keep,
    mlsec_discovery_change_t *change)
{
    int            rc, *at;
    size_t         i;
    mlsec_list_t   list;
    mlsec_place_t  place;

    memset(change, 0, sizeof(mlsec_discovery_change_t));

    n = mlsec_addresses_sort(addresses, n);

    at = mem->alloc(mem->ctx, (n + 1) * sizeof(int));
    if (at == NULL) {
        return MLSEC_NOMEM;
    }

    mlsec_list_read(d->registry, d->service, &list);

    list.places.n = d->places;
    mlsec_discovery_assign(&list.places, keep, addresses, n, at);

    rc = mlsec_list_add(d, &list, addresses, n, at, change);

    if (rc == MLSEC_OK && !keep) {
        mlsec_list_remove(d, &list, change);

        /* in a full zone there is room for as many as have left */

        if (change->full && change->removed) {
            rc = mlsec_list_add(d, &list, addresses, n, at, change);
        }
    }

    for (i = 0; i < MLSEC_REGISTRY_PLACES; i++) {
        mlsec_place_view(mlsec_atomic_load(&d->service->places[i]), &place);
        change->used += place.used;
    }

    return rc;
}


void
mlsec_discovery_adopt(const mlsec_discovery_t *d)
{
    unsigned            i;
    mlsec_place_t       place;
    mlsec_peer_slot_t  *peer;

    for (i = 0; i < MLSEC_REGISTRY_PLACES; i++) {
        mlsec_place_view(mlsec_atomic_load(&d->service->places[i]), &place);

        peer = place.used ? mlsec_registry_peer_at(d->registry, place.peer)
                          : NULL;

        if (peer != NULL
            && mlsec_atomic_load(&peer->slot.generation) < d->generation)
        {
            mlsec_atomic_store(&peer->slot.generation, d->generation);
        }
    }
}


void
mlsec_discovery_heal(const mlsec_discovery_t *d)
{
    uint32_t            i;
    mlsec_peer_slot_t  *peer;

    for (i = 0; (peer = mlsec_registry_peer_at(d->registry, i)); i++) {

        if (mlsec_slot_used(&peer->slot)
            && peer->slot.group == d->service->slot.group
            && (mlsec_atomic_load(&peer->slot.listed) & MLSEC_SLOT_LISTED)
            && !mlsec_list_has(d->service, i))
        {
            mlsec_atomic_store(&peer->slot.listed, d->now);
        }
    }
}


void
mlsec_discovery_view(const mlsec_atomic_t *state, mlsec_discovery_view_t *view)
{
    uint64_t  word;

    word = mlsec_atomic_load(state);

    view->good = word & MLSEC_DISCOVERY_TIME_MASK;
    view->empties = (word >> 40) & 255;
    view->failures = (word >> 48) & 255;
    view->code = (word >> 56) & 63;
    view->last = (mlsec_lookup_e) (word >> 62);
}


int
mlsec_discovery_report(mlsec_atomic_t *state, mlsec_lookup_e lookup,
    unsigned code, uint64_t now)
{
    int                     believed;
    mlsec_discovery_view_t  v;

    mlsec_discovery_view(state, &v);

    believed = 0;
    v.last = lookup;
    v.code = 0;

    switch (lookup) {

    case MLSEC_LOOKUP_OK:
        v.empties = 0;
        v.failures = 0;
        believed = 1;
        break;

    case MLSEC_LOOKUP_EMPTY:
        v.failures = 0;
        v.empties += (v.empties < MLSEC_DISCOVERY_COUNT_MAX);
        believed = (v.empties >= MLSEC_DISCOVERY_EMPTIES);
        break;

    default:

        /* no answer says nothing about the name: empty ones go on counting */

        v.code = code & 63;
        v.failures += (v.failures < MLSEC_DISCOVERY_COUNT_MAX);
        break;
    }

    if (believed) {
        v.good = now & MLSEC_DISCOVERY_TIME_MASK;
    }

    /* the leader alone writes it */

    mlsec_atomic_store(state, ((uint64_t) v.last << 62)
                              | ((uint64_t) v.code << 56)
                              | ((uint64_t) v.failures << 48)
                              | ((uint64_t) v.empties << 40) | v.good);

    return believed;
}


uint64_t
mlsec_discovery_next(const mlsec_discovery_conf_t *conf,
    const mlsec_discovery_view_t *view, uint64_t ttl)
{
    unsigned  n;
    uint64_t  delay, most;

    if (view->last == MLSEC_LOOKUP_OK) {
        return ttl < conf->min ? conf->min : ttl > conf->max ? conf->max : ttl;
    }

    /* soon, and then less and less often: the name may be back any time */

    n = view->failures;

    if (view->last == MLSEC_LOOKUP_EMPTY) {
        n = view->empties > MLSEC_DISCOVERY_EMPTIES
            ? view->empties - MLSEC_DISCOVERY_EMPTIES : 1;
    }

    most = conf->max < MLSEC_DISCOVERY_RETRY ? conf->max
                                             : MLSEC_DISCOVERY_RETRY;

    for (delay = conf->min; n > 1 && delay < most; n--) {
        delay *= 2;
    }

    delay = delay < most ? delay : most;

    return delay > conf->min ? delay : conf->min;
}


unsigned
mlsec_discovery_share(uint64_t listed, uint64_t now)
{
    uint64_t  steps, since;

    since = listed & ~MLSEC_SLOT_LISTED;

    if (!(listed & MLSEC_SLOT_LISTED) || now < since) {
        return MLSEC_DISCOVERY_STEPS;
    }

    steps = (now - since) / MLSEC_DISCOVERY_STEP;

    return steps < MLSEC_DISCOVERY_STEPS ? (unsigned) steps + 1
                                         : MLSEC_DISCOVERY_STEPS;
}
