/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event_connect.h>
#include <ngx_http.h>

#include <service/ngx_mlsec_service_conf.h>
#include <service/ngx_mlsec_service_resolve.h>


/*
 * What a worker makes of the list of addresses in the zone.
 *
 * The balancer chooses a place, and is told of nothing else.  When it has, its
 * peer is given the address of the place, in memory of the request; when it
 * gets the peer back, it gets the place back.  So "keepalive", which stands
 * between us and the balancer, files its connections by place.  A connection
 * that it finds there may lead to an address that the place had before: each
 * connection is told where it leads when it is put away, and one that leads
 * somewhere else is closed.
 */


static void ngx_mlsec_places_entry(const ngx_mlsec_service_conf_t *conf,
    ngx_mlsec_entry_t *entry, uint64_t word);
static ngx_int_t ngx_mlsec_places_parse(ngx_mlsec_entry_t *entry);
static ngx_mlsec_entry_t *ngx_mlsec_places_at(
    const ngx_mlsec_service_conf_t *conf, const struct sockaddr *sockaddr,
    ngx_uint_t *place);
static void ngx_mlsec_places_random(const ngx_mlsec_service_conf_t *conf,
    ngx_http_upstream_rr_peers_t *group);
static void ngx_mlsec_places_weigh_one(const ngx_mlsec_service_conf_t *conf,
    ngx_http_upstream_rr_peer_t *peer, ngx_mlsec_entry_t *entry);
static ngx_mlsec_entry_t *ngx_mlsec_places_other(
    const ngx_mlsec_service_conf_t *conf, ngx_uint_t index);
static ngx_int_t ngx_mlsec_places_set(ngx_pool_t *pool,
    ngx_peer_connection_t *pc, const ngx_mlsec_entry_t *entry);
static void ngx_mlsec_places_close(ngx_connection_t *c);


ngx_int_t
ngx_mlsec_places_init(const ngx_mlsec_service_conf_t *conf, ngx_pool_t *pool)
{
    conf->live->entries = ngx_pcalloc(pool, conf->resolve->slots
                                            * sizeof(ngx_mlsec_entry_t));

    return conf->live->entries ? NGX_OK : NGX_ERROR;
}


/*
 * A list of another name is that of the configuration before, or after: the
 * worker goes on with what it has, which is nothing for a new one.
 */

void
ngx_mlsec_places_load(const ngx_mlsec_service_conf_t *conf)
{
    uint64_t                   word;
    ngx_uint_t                 i;
    ngx_mlsec_service_live_t  *live;

    live = conf->live;

    if (mlsec_atomic_load(&live->slot->source) != conf->resolve->source) {
        return;
    }

    for (i = 0; i < conf->resolve->slots; i++) {
        word = mlsec_atomic_load(&live->slot->places[i]);

        if (word != live->entries[i].word) {
            ngx_mlsec_places_entry(conf, &live->entries[i], word);
        }
    }
}


static void
ngx_mlsec_places_entry(const ngx_mlsec_service_conf_t *conf,
    ngx_mlsec_entry_t *entry, uint64_t word)
{
    mlsec_place_t       place;
    mlsec_peer_slot_t  *slot, *before;

    mlsec_place_view(word, &place);

    before = entry->slot;
    slot = place.used ? mlsec_registry_peer_at(conf->main->registry,
                                               place.peer)
                      : NULL;

    entry->word = word;
    entry->slot = NULL;
    entry->weight = place.weight;
    entry->backup = place.backup;

    if (slot == NULL) {
        return;
    }

    entry->owner = mlsec_atomic_load(&slot->slot.owner);

    if (!mlsec_slot_used(&slot->slot)
        || slot->slot.group != conf->live->slot->slot.group
        || slot->slot.len > NGX_SOCKADDR_STRLEN)
    {
        return;
    }

    entry->name.data = entry->text;
    entry->name.len = slot->slot.len;
    ngx_memcpy(entry->text, slot->slot.name, slot->slot.len);

    if (ngx_mlsec_places_parse(entry) == NGX_OK) {
        entry->slot = slot;
        entry->fresh |= (slot != before);
    }
}


/*
 * "10.0.0.1:80" or "[::1]:80", as ngx_sock_ntop() has written it.
 */

static ngx_int_t
ngx_mlsec_places_parse(ngx_mlsec_entry_t *entry)
{
    u_char               *colon, *last;
    ngx_int_t             port;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    last = entry->text + entry->name.len;

    for (colon = last; colon > entry->text && *--colon != ':'; ) {
        /* void */
    }

    port = ngx_atoi(colon + 1, last - (colon + 1));

    if (colon == entry->text || port < 1 || port > 65535) {
        return NGX_ERROR;
    }

    ngx_memzero(&entry->sockaddr, sizeof(ngx_sockaddr_t));

#if (NGX_HAVE_INET6)

    if (entry->text[0] == '[' && colon[-1] == ']') {
        sin6 = &entry->sockaddr.sockaddr_in6;
        sin6->sin6_family = AF_INET6;
        sin6->sin6_port = htons((in_port_t) port);
        entry->socklen = sizeof(struct sockaddr_in6);

        return ngx_inet6_addr(entry->text + 1, colon - entry->text - 2,
                              sin6->sin6_addr.s6_addr);
    }

#endif

    sin = &entry->sockaddr.sockaddr_in;
    sin->sin_family = AF_INET;
    sin->sin_port = htons((in_port_t) port);
    sin->sin_addr.s_addr = ngx_inet_addr(entry->text, colon - entry->text);
    entry->socklen = sizeof(struct sockaddr_in);

    return sin->sin_addr.s_addr != INADDR_NONE ? NGX_OK : NGX_ERROR;
}


/*
 * The address at a place, NULL if it is empty.  *place: 0 if the sockaddr is
 * not that of a place.
 */

static ngx_mlsec_entry_t *
ngx_mlsec_places_at(const ngx_mlsec_service_conf_t *conf,
    const struct sockaddr *sockaddr, ngx_uint_t *place)
{
    ngx_uint_t          index, backup;
    ngx_mlsec_entry_t  *entry;

    *place = conf->resolve && conf->live->entries
             && ngx_mlsec_resolve_index(sockaddr, &index, &backup)
             && index < conf->resolve->slots;

    if (!*place) {
        return NULL;
    }

    entry = &conf->live->entries[index];

    return (entry->slot && entry->backup == backup) ? entry : NULL;
}


ngx_uint_t
ngx_mlsec_places_target(const ngx_mlsec_service_conf_t *conf,
    ngx_http_upstream_rr_peer_t *peer, ngx_mlsec_target_t *target)
{
    ngx_uint_t          place;
    ngx_mlsec_entry_t  *entry;

    entry = ngx_mlsec_places_at(conf, peer->sockaddr, &place);

    if (entry != NULL) {
        target->slot = entry->slot;
        target->name = &entry->name;
        target->sockaddr = &entry->sockaddr.sockaddr;
        target->socklen = entry->socklen;
        return 1;
    }

    if (place) {
        return 0;
    }

    target->slot = ngx_mlsec_service_peer(conf, &peer->name);
    target->name = &peer->name;
    target->sockaddr = peer->sockaddr;
    target->socklen = peer->socklen;

    return 1;
}


void
ngx_mlsec_places_count(const ngx_mlsec_service_conf_t *conf)
{
    ngx_uint_t                     usable;
    ngx_mlsec_target_t             target;
    ngx_http_upstream_rr_peer_t   *peer;
    ngx_http_upstream_rr_peers_t  *group;

    usable = 0;

    for (group = conf->upstream->peer.data; group; group = group->next) {
        ngx_http_upstream_rr_peers_rlock(group);

        for (peer = group->peer; peer; peer = peer->next) {
            usable += ngx_mlsec_places_target(conf, peer, &target)
                      && !ngx_mlsec_service_marked(conf, target.name);
        }

        ngx_http_upstream_rr_peers_unlock(group);
    }

    conf->live->usable = usable;
}


/*
 * Hashing balancers go by the sum of all weights, which has to be right and not
 * 0, and pass over a peer whose weight is 0: empty places take no keys.
 */

void
ngx_mlsec_places_weigh(const ngx_mlsec_service_conf_t *conf,
    ngx_http_upstream_rr_peers_t *group)
{
    ngx_uint_t                    place, total, tries;
    ngx_mlsec_entry_t            *entry;
    ngx_http_upstream_rr_peer_t  *peer;

    total = 0;
    tries = 0;

    for (peer = group->peer; peer; peer = peer->next) {
        entry = ngx_mlsec_places_at(conf, peer->sockaddr, &place);

        if (place) {
            ngx_mlsec_places_weigh_one(conf, peer, entry);
            tries += (entry != NULL);

        } else {
            tries += !ngx_mlsec_service_marked(conf, &peer->name);
        }

        total += peer->weight;
    }

    /* nginx's "resolve" has a group of backup servers that may be empty */

    if (total == 0 && group->peer != NULL) {
        group->peer->weight = 1;
        total = 1;
    }

    group->total_weight = total;
    group->tries = tries;

    if (group == conf->upstream->peer.data) {
        ngx_mlsec_places_random(conf, group);
    }
}


/*
 * "random" draws a number below the sum of weights, and looks it up in what the
 * weights were when it looked at them, once.  It is told what they are.
 */

static void
ngx_mlsec_places_random(const ngx_mlsec_service_conf_t *conf,
    ngx_http_upstream_rr_peers_t *group)
{
    ngx_uint_t                    i, total;
    ngx_http_upstream_rr_peer_t  *peer;
    ngx_mlsec_random_range_t     *ranges;

    ranges = conf->resolve->random ? conf->resolve->random->ranges : NULL;
    total = 0;

    if (ranges == NULL) {
        return;
    }

    for (peer = group->peer, i = 0; peer && i < group->number; i++) {

        /* made of other peers: it will look again */

        if (ranges[i].peer != peer) {
            return;
        }

        ranges[i].range = total;
        total += peer->weight;
        peer = peer->next;
    }
}


static void
ngx_mlsec_places_weigh_one(const ngx_mlsec_service_conf_t *conf,
    ngx_http_upstream_rr_peer_t *peer, ngx_mlsec_entry_t *entry)
{
    ngx_int_t  weight;

    weight = 0;

    if (entry != NULL) {
        weight = entry->weight;

        if (conf->resolve->ramp) {
            weight *= mlsec_discovery_share(
                          mlsec_atomic_load(&entry->slot->slot.listed),
                          ngx_current_msec);
        }
    }

    if (peer->weight != weight) {
        peer->weight = weight;
        peer->effective_weight = weight;
    }

    if (entry == NULL) {
        return;
    }

    if (entry->fresh) {
        entry->fresh = 0;

        peer->fails = 0;
        peer->accessed = 0;
        peer->checked = 0;
        peer->current_weight = 0;
        peer->effective_weight = weight;
    }

    /* as nginx does it, a single peer is called whatever it does */

    peer->max_fails = (conf->ejects || conf->probes || conf->live->usable == 1)
                      ? 0 : 1;
}


ngx_int_t
ngx_mlsec_places_get(const ngx_mlsec_service_conf_t *conf, ngx_pool_t *pool,
    ngx_peer_connection_t *pc, ngx_int_t rc, ngx_mlsec_chosen_t *chosen)
{
    ngx_uint_t          place, backup;
    ngx_connection_t   *c;
    ngx_mlsec_entry_t  *entry;

    chosen->key = NULL;

    if (!ngx_mlsec_resolve_index(pc->sockaddr, &chosen->index, &backup)) {
        return rc;
    }

    /* marks in a shared upstream may be those of a worker that knows more */

    ngx_mlsec_places_load(conf);

    entry = ngx_mlsec_places_at(conf, pc->sockaddr, &place);

    if (entry == NULL) {
        entry = ngx_mlsec_places_other(conf, chosen->index);
    }

    c = (rc == NGX_DONE) ? pc->connection : NULL;

    if (c != NULL && (entry == NULL || c->sockaddr == NULL
                      || ngx_cmp_sockaddr(c->sockaddr, c->socklen,
                                          &entry->sockaddr.sockaddr,
                                          entry->socklen, 1)
                         != NGX_OK))
    {
        pc->connection = NULL;
        pc->cached = 0;
        ngx_mlsec_places_close(c);
        rc = NGX_OK;
    }

    if (entry == NULL) {
        return NGX_BUSY;
    }

    chosen->key = pc->sockaddr;
    chosen->keylen = pc->socklen;
    chosen->word = entry->word;
    chosen->owner = entry->owner;
    chosen->slot = entry->slot;

    return ngx_mlsec_places_set(pool, pc, entry) == NGX_OK ? rc : NGX_ERROR;
}


/*
 * A place that has become empty since it was chosen: the next one that is not.
 */

static ngx_mlsec_entry_t *
ngx_mlsec_places_other(const ngx_mlsec_service_conf_t *conf, ngx_uint_t index)
{
    ngx_uint_t          i, slots;
    ngx_mlsec_entry_t  *entry;

    slots = conf->live->entries ? conf->resolve->slots : 0;

    for (i = 1; i < slots; i++) {
        entry = &conf->live->entries[(index + i) % slots];

        if (entry->slot != NULL) {
            return entry;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_mlsec_places_set(ngx_pool_t *pool, ngx_peer_connection_t *pc,
    const ngx_mlsec_entry_t *entry)
{
    ngx_str_t        *name;
    struct sockaddr  *sockaddr;

    name = ngx_palloc(pool, sizeof(ngx_str_t) + entry->name.len);
    sockaddr = ngx_palloc(pool, entry->socklen);

    if (name == NULL || sockaddr == NULL) {
        return NGX_ERROR;
    }

    name->len = entry->name.len;
    name->data = (u_char *) (name + 1);
    ngx_memcpy(name->data, entry->text, entry->name.len);

    ngx_memcpy(sockaddr, &entry->sockaddr, entry->socklen);

    pc->name = name;
    pc->sockaddr = sockaddr;
    pc->socklen = entry->socklen;

    return NGX_OK;
}


/*
 * A connection that was put away without an address is not used again: that
 * is what a lack of memory comes to here.
 *
 * What another address has done is not held against the one that has the place
 * now.
 */

ngx_uint_t
ngx_mlsec_places_put(const ngx_mlsec_service_conf_t *conf,
    ngx_peer_connection_t *pc, ngx_uint_t state,
    const ngx_mlsec_chosen_t *chosen)
{
    uint64_t           word;
    ngx_connection_t  *c;

    if (chosen->key == NULL) {
        return state;
    }

    c = pc->connection;

    if (c != NULL && c->pool != NULL && c->sockaddr == NULL) {
        c->sockaddr = ngx_palloc(c->pool, pc->socklen);

        if (c->sockaddr != NULL) {
            ngx_memcpy(c->sockaddr, pc->sockaddr, pc->socklen);
            c->socklen = pc->socklen;
        }
    }

    pc->sockaddr = chosen->key;
    pc->socklen = chosen->keylen;

    word = mlsec_atomic_load(&conf->live->slot->places[chosen->index]);

    return (word == chosen->word) ? state
                                  : state & ~(ngx_uint_t) NGX_PEER_FAILED;
}


/* As "keepalive" closes its own. */

static void
ngx_mlsec_places_close(ngx_connection_t *c)
{
#if (NGX_HTTP_SSL)

    if (c->ssl) {
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;
        (void) ngx_ssl_shutdown(c);
    }

#endif

    ngx_destroy_pool(c->pool);
    ngx_close_connection(c);
}


ngx_uint_t
ngx_mlsec_places_none(const ngx_mlsec_service_conf_t *conf,
    time_t *retry_after)
{
    ngx_msec_int_t  wait;

    if (conf->resolve == NULL || conf->live->entries == NULL) {
        return 0;
    }

    ngx_mlsec_service_apply(conf, ngx_cycle->log);

    if (conf->live->usable) {
        return 0;
    }

    wait = mlsec_atomic_load(&conf->live->slot->due) - ngx_current_msec;

    *retry_after = wait > 0 ? (wait + 999) / 1000 : 1;

    return 1;
}
