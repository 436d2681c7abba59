/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_compat.h>
#include <service/ngx_mlsec_service_conf.h>
#include <service/ngx_mlsec_service_resolve.h>


/*
 * All of nginx's balancers pass over a peer that is marked as down, and that
 * mark is what is used here.  Who is to have it follows from the zone alone,
 * so every worker comes to the same result, whether the upstream has a "zone"
 * (the mark is then shared, and set by all of them) or not.  After a reload
 * nginx's peers are new, and unmarked; the zone is not.
 *
 * A worker looks when the count of changes is not what it has seen, when the
 * time of an ejected peer is up, and once a second in any case: whoever has
 * changed something may have died before it could count that.
 */

#define NGX_MLSEC_DOWN_INTERVAL  1000            /* ms */


static ngx_int_t ngx_mlsec_down_mark(ngx_conf_t *cf,
    ngx_mlsec_service_conf_t *conf, ngx_http_upstream_rr_peers_t *peers);
static void ngx_mlsec_down_expire(const ngx_mlsec_service_conf_t *conf,
    ngx_log_t *log);
static void ngx_mlsec_down_take_back(const ngx_mlsec_service_conf_t *conf,
    mlsec_peer_slot_t *peer, ngx_log_t *log);
static int ngx_mlsec_down_spare(const ngx_mlsec_service_conf_t *conf,
    ngx_http_upstream_rr_peers_t *backup);
static void ngx_mlsec_down_group(const ngx_mlsec_service_conf_t *conf,
    ngx_http_upstream_rr_peers_t *peers, int spare);
static void ngx_mlsec_down_view(const ngx_mlsec_service_conf_t *conf,
    ngx_mlsec_peer_view_t *view, ngx_uint_t n, ngx_uint_t backup);
static ngx_uint_t ngx_mlsec_down_drained(const mlsec_peer_slot_t *slot);
static ngx_int_t ngx_mlsec_down_room(const ngx_mlsec_service_conf_t *conf,
    ngx_uint_t n);
static uint64_t ngx_mlsec_down_since(const ngx_mlsec_service_conf_t *conf,
    mlsec_peer_slot_t *peer);


ngx_int_t
ngx_mlsec_service_take_over(ngx_conf_t *cf, ngx_mlsec_service_conf_t *conf)
{
    ngx_http_upstream_rr_peers_t  *peers;

    conf->marked = ngx_array_create(cf->pool, 1, sizeof(ngx_str_t));
    if (conf->marked == NULL) {
        return NGX_ERROR;
    }

    for (peers = conf->upstream->peer.data; peers; peers = peers->next) {

        if (ngx_mlsec_down_mark(cf, conf, peers) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_down_mark(ngx_conf_t *cf, ngx_mlsec_service_conf_t *conf,
    ngx_http_upstream_rr_peers_t *peers)
{
    ngx_str_t                    *name;
    ngx_uint_t                    index, backup;
    ngx_http_upstream_rr_peer_t  *peer;

    for (peer = peers->peer; peer; peer = peer->next) {

        if (ngx_mlsec_resolve_index(peer->sockaddr, &index, &backup)) {
            continue;
        }

        conf->npeers++;

        /* slow start counts in tenths of a weight */

        if (conf->resolve && conf->resolve->ramp) {
            peer->weight *= MLSEC_DISCOVERY_STEPS;
            peer->effective_weight = peer->weight;
        }

        if (peer->down) {
            name = ngx_array_push(conf->marked);
            if (name == NULL) {
                return NGX_ERROR;
            }

            *name = peer->name;
        }

        if (conf->ejects || conf->probes) {
            peer->max_fails = 0;
        }
    }

    for (peer = ngx_mlsec_peers_resolve(peers); peer; peer = peer->next) {

        if (conf->ejects || conf->probes) {
            peer->max_fails = 0;
        }

        if (conf->resolve && conf->resolve->ramp) {
            peer->weight *= MLSEC_DISCOVERY_STEPS;
            peer->effective_weight = peer->weight;
        }
    }

    return NGX_OK;
}


void
ngx_mlsec_service_changed(const ngx_mlsec_service_conf_t *conf)
{
    mlsec_atomic_add(&conf->live->slot->changes, 1);
}


void
ngx_mlsec_service_renew(const ngx_mlsec_service_conf_t *conf, ngx_log_t *log)
{
    int                            spare;
    ngx_mlsec_service_live_t      *live;
    ngx_http_upstream_rr_peers_t  *peers;

    live = conf->live;

    live->looked = 1;
    live->doubt = 1;
    live->seen = mlsec_atomic_load(&live->slot->changes);
    live->due = ngx_current_msec + NGX_MLSEC_DOWN_INTERVAL;

    if (conf->resolve) {
        ngx_mlsec_places_load(conf);
        ngx_mlsec_places_count(conf);
    }

    ngx_mlsec_down_expire(conf, log);

    for (peers = conf->upstream->peer.data; peers; peers = peers->next) {
        spare = ngx_mlsec_down_spare(conf, peers->next);

        ngx_http_upstream_rr_peers_wlock(peers);

        if (conf->resolve) {
            ngx_mlsec_places_weigh(conf, peers);
        }

        ngx_mlsec_down_group(conf, peers, spare);
        ngx_http_upstream_rr_peers_unlock(peers);
    }
}


/*
 * Takes peers back whose time is up.  Those that this worker does not know
 * yet are not left out by it either.  It knows servers by their names, and what
 * mlsec_resolve has found by its places.
 */

static void
ngx_mlsec_down_expire(const ngx_mlsec_service_conf_t *conf, ngx_log_t *log)
{
    ngx_uint_t          i;
    ngx_mlsec_entry_t  *entry;

    if (!conf->ejects) {
        return;
    }

    for (i = 0; i < conf->live->nrefs; i++) {
        ngx_mlsec_down_take_back(conf, conf->live->refs[i].slot, log);
    }

    if (conf->resolve == NULL || conf->live->entries == NULL) {
        return;
    }

    for (i = 0; i < conf->resolve->slots; i++) {
        entry = &conf->live->entries[i];

        /* an address that is long gone may have given its slot away */

        if (entry->slot != NULL
            && mlsec_atomic_load(&entry->slot->slot.owner) == entry->owner)
        {
            ngx_mlsec_down_take_back(conf, entry->slot, log);
        }
    }
}


static void
ngx_mlsec_down_take_back(const ngx_mlsec_service_conf_t *conf,
    mlsec_peer_slot_t *peer, ngx_log_t *log)
{
    if (peer == NULL || !mlsec_outlier_expire(&peer->outlier, ngx_current_msec))
    {
        return;
    }

    ngx_mlsec_service_changed(conf);

    ngx_log_error(NGX_LOG_NOTICE, log, 0,
                  "mlsec service: peer taken back, service: \"%V\", "
                  "peer: \"%*s\"", ngx_mlsec_service_name(conf),
                  (size_t) peer->slot.len, peer->slot.name);
}


/*
 * That half of the peers stay is so that there is somebody to call.  Where a
 * backup server is well there is, and nginx turns to it when the others are
 * marked, all of them.  1 or 0; backup may be NULL.
 */

static int
ngx_mlsec_down_spare(const ngx_mlsec_service_conf_t *conf,
    ngx_http_upstream_rr_peers_t *backup)
{
    int                           spare;
    ngx_mlsec_target_t            target;
    ngx_http_upstream_rr_peer_t  *peer;

    if (backup == NULL || (!conf->ejects && !conf->probes)) {
        return 0;
    }

    spare = 0;

    ngx_http_upstream_rr_peers_rlock(backup);

    for (peer = backup->peer; peer && !spare; peer = peer->next) {

        spare = ngx_mlsec_places_target(conf, peer, &target)
                && target.slot != NULL
                && !ngx_mlsec_service_marked(conf, target.name)
                && !ngx_mlsec_down_drained(target.slot)
                && ngx_mlsec_down_since(conf, target.slot) == 0;
    }

    ngx_http_upstream_rr_peers_unlock(backup);

    return spare;
}


/*
 * Servers that the configuration marks as down are not counted, as if they
 * were not there.  Backup servers are a group of their own.
 */

static void
ngx_mlsec_down_group(const ngx_mlsec_service_conf_t *conf,
    ngx_http_upstream_rr_peers_t *peers, int spare)
{
    ngx_uint_t                    n, down;
    ngx_mlsec_target_t            target;
    ngx_http_upstream_rr_peer_t  *peer;

    for (n = 0, peer = peers->peer; peer; peer = peer->next) {
        n++;
    }

    if (n == 0 || ngx_mlsec_down_room(conf, n) != NGX_OK) {
        return;
    }

    for (n = 0, peer = peers->peer; peer; peer = peer->next) {

        if (ngx_mlsec_places_target(conf, peer, &target)
            && !ngx_mlsec_service_marked(conf, target.name)
            && !ngx_mlsec_down_drained(target.slot))
        {
            conf->live->since[n++] = target.slot
                                     ? ngx_mlsec_down_since(conf, target.slot)
                                     : 0;
        }
    }

    (void) mlsec_peers_choose(conf->live->since, n, spare, conf->live->down);

    for (n = 0, peer = peers->peer; peer; peer = peer->next) {

        if (!ngx_mlsec_places_target(conf, peer, &target)) {
            down = 1;

        } else if (ngx_mlsec_service_marked(conf, target.name)) {
            continue;

        } else {
            down = ngx_mlsec_down_drained(target.slot)
                   ? 1 : conf->live->down[n++];
        }

        if (peer->down != down) {
            peer->down = down;
        }
    }
}


/*
 * An operator's word stands above all rules: a drained peer is left out, and
 * is not one of those of which half have to stay.
 */

static ngx_uint_t
ngx_mlsec_down_drained(const mlsec_peer_slot_t *slot)
{
    return slot != NULL && mlsec_atomic_load(&slot->drain) != 0;
}


ngx_int_t
ngx_mlsec_service_collect(const ngx_mlsec_service_conf_t *conf,
    ngx_pool_t *pool, ngx_mlsec_peer_view_t **peers, ngx_uint_t *n)
{
    ngx_uint_t                     max;
    ngx_mlsec_target_t             target;
    ngx_mlsec_peer_view_t         *view;
    ngx_http_upstream_rr_peer_t   *peer;
    ngx_http_upstream_rr_peers_t  *group;

    max = 1;

    for (group = conf->upstream->peer.data; group; group = group->next) {
        ngx_http_upstream_rr_peers_rlock(group);

        for (peer = group->peer; peer; peer = peer->next) {
            max++;
        }

        ngx_http_upstream_rr_peers_unlock(group);
    }

    view = ngx_pcalloc(pool, max * sizeof(ngx_mlsec_peer_view_t));

    if (view == NULL || ngx_mlsec_down_room(conf, max) != NGX_OK) {
        return NGX_ERROR;
    }

    *peers = view;
    *n = 0;

    if (conf->resolve && conf->live->entries) {
        ngx_mlsec_places_load(conf);
    }

    for (group = conf->upstream->peer.data; group; group = group->next) {
        ngx_http_upstream_rr_peers_rlock(group);

        for (peer = group->peer; peer && *n < max; peer = peer->next) {

            if (!ngx_mlsec_places_target(conf, peer, &target)) {
                continue;
            }

            view[*n].slot = target.slot;
            view[*n].marked = ngx_mlsec_service_marked(conf, target.name);
            view[*n].backup = (group != conf->upstream->peer.data);

            if (view[*n].slot != NULL) {
                (*n)++;
            }
        }

        ngx_http_upstream_rr_peers_unlock(group);
    }

    ngx_mlsec_down_view(conf, view, *n, 0);
    ngx_mlsec_down_view(conf, view, *n, 1);

    return NGX_OK;
}


/*
 * The same choice as that of ngx_mlsec_down_group(), made for a reader: it is
 * the zone's, not what this worker has made of it so far.
 */

static void
ngx_mlsec_down_view(const ngx_mlsec_service_conf_t *conf,
    ngx_mlsec_peer_view_t *view, ngx_uint_t n, ngx_uint_t backup)
{
    int         spare;
    uint64_t    since;
    ngx_uint_t  i, k;

    spare = 0;

    for (i = 0, k = 0; i < n; i++) {

        if (view[i].marked || ngx_mlsec_down_drained(view[i].slot)) {
            continue;
        }

        since = ngx_mlsec_down_since(conf, view[i].slot);

        if (view[i].backup == backup) {
            conf->live->since[k++] = since;

        } else if (view[i].backup && since == 0
                   && (conf->ejects || conf->probes))
        {
            spare = 1;
        }
    }

    (void) mlsec_peers_choose(conf->live->since, k, spare, conf->live->down);

    for (i = 0, k = 0; i < n; i++) {

        if (view[i].backup != backup) {
            continue;
        }

        view[i].left_out = (view[i].marked
                            || ngx_mlsec_down_drained(view[i].slot))
                           ? 1 : conf->live->down[k++];
    }
}


static ngx_int_t
ngx_mlsec_down_room(const ngx_mlsec_service_conf_t *conf, ngx_uint_t n)
{
    if (n <= conf->live->room) {
        return NGX_OK;
    }

    n += 16;

    conf->live->since = ngx_palloc(ngx_cycle->pool, n * sizeof(uint64_t));
    conf->live->down = ngx_palloc(ngx_cycle->pool, n);

    if (conf->live->since == NULL || conf->live->down == NULL) {
        conf->live->room = 0;
        return NGX_ERROR;
    }

    conf->live->room = n;

    return NGX_OK;
}


/*
 * Since when something is held against a peer, 0 if nothing is.
 */

static uint64_t
ngx_mlsec_down_since(const ngx_mlsec_service_conf_t *conf,
    mlsec_peer_slot_t *peer)
{
    uint64_t              since;
    mlsec_health_view_t   health;
    mlsec_outlier_view_t  outlier;

    since = 0;

    if (conf->ejects) {
        mlsec_outlier_view(&peer->outlier, &conf->outlier, &outlier);

        if (outlier.ejected
            && (ngx_msec_int_t) (outlier.until - conf->live->due) < 0)
        {
            conf->live->due = outlier.until;
        }

        since = outlier.since;
    }

    if (conf->probes) {
        mlsec_health_view(&peer->health, &health);

        if (health.state == MLSEC_HEALTH_DOWN
            && (since == 0 || health.since < since))
        {
            since = health.since;
        }
    }

    return since;
}


ngx_uint_t
ngx_mlsec_service_marked(const ngx_mlsec_service_conf_t *conf,
    const ngx_str_t *name)
{
    ngx_str_t   *marked;
    ngx_uint_t   i;

    marked = conf->marked->elts;

    for (i = 0; i < conf->marked->nelts; i++) {

        if (marked[i].len == name->len
            && ngx_strncmp(marked[i].data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}
