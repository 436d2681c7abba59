/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <service/ngx_mlsec_service_health.h>
#include <core/ngx_mlsec_timer.h>
#include <service/ngx_mlsec_service_resolve.h>


/*
 * One worker probes for all.
 *
 * Every worker asks twice a second to be the one; who is it goes on to be it
 * as long as it asks.  When it has died, which the others see by its pid, or
 * is stuck for longer than the lease, the next that asks takes over.  It
 * probes every peer from then on, each with a timer of its own, and writes
 * what it finds into the zone.  A worker that is told to end gives it up.
 *
 * The same turn looks which peers there are: a peer that is gone is not probed
 * any more, a new one is probed at once.
 */

#define NGX_MLSEC_HEALTH_TURN   500              /* ms */
#define NGX_MLSEC_HEALTH_LEASE  3000             /* ms */
#define NGX_MLSEC_HEALTH_FIRST  100              /* ms, at most */


static void ngx_mlsec_health_turn(ngx_event_t *ev);
static void ngx_mlsec_health_look(const ngx_mlsec_service_conf_t *conf);
static ngx_mlsec_probe_t *ngx_mlsec_health_probe(
    const ngx_mlsec_service_conf_t *conf, const ngx_mlsec_target_t *peer);
static void ngx_mlsec_health_start(ngx_event_t *ev);
static void ngx_mlsec_health_drop(const ngx_mlsec_service_conf_t *conf,
    ngx_uint_t all);
static void ngx_mlsec_health_drop_all(ngx_mlsec_service_main_conf_t *mcf);


static ngx_event_t       ngx_mlsec_health_event;
static ngx_connection_t  ngx_mlsec_health_dummy;


const ngx_str_t *
ngx_mlsec_health_host(const ngx_mlsec_service_conf_t *conf)
{
    return conf->health.host.len ? &conf->health.host
           : conf->service.host.len ? &conf->service.host
           : &conf->upstream->host;
}


ngx_int_t
ngx_mlsec_health_prepare(ngx_conf_t *cf, ngx_mlsec_service_conf_t *conf)
{
    u_char              *p;
    size_t               len;
    const ngx_str_t     *host;
    ngx_mlsec_health_t  *health;

    health = &conf->health;

    if (ngx_mlsec_service_tls(cf, conf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (health->uri.len == 0) {
        return NGX_OK;
    }

    host = ngx_mlsec_health_host(conf);

    len = sizeof("GET  HTTP/1.1\r\nHost: \r\nUser-Agent: mlsec_health\r\n"
                 "Connection: close\r\n\r\n")
          + health->uri.len + host->len + health->headers.len;

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    health->request.data = p;
    health->request.len = ngx_snprintf(p, len,
                                       "GET %V HTTP/1.1\r\n"
                                       "Host: %V\r\n"
                                       "%s"
                                       "%V"
                                       "Connection: close\r\n\r\n",
                                       &health->uri, host,
                                       health->named ? ""
                                       : "User-Agent: mlsec_health\r\n",
                                       &health->headers)
                          - p;

    return NGX_OK;
}


void
ngx_mlsec_health_begin(ngx_mlsec_service_main_conf_t *mcf)
{
    ngx_uint_t                  i;
    ngx_event_t                *ev;
    ngx_mlsec_service_conf_t  **conf;

    conf = mcf->services.elts;

    for (i = 0; i < mcf->services.nelts; i++) {

        if (conf[i]->probes) {
            break;
        }
    }

    if (i == mcf->services.nelts) {
        return;
    }

    ev = &ngx_mlsec_health_event;

    ngx_memzero(ev, sizeof(ngx_event_t));

    ngx_mlsec_timer_init(ev, &ngx_mlsec_health_dummy,
                         ngx_mlsec_health_turn, mcf, ngx_cycle->log);

    ngx_add_timer(ev, 1);
}


void
ngx_mlsec_health_end(ngx_mlsec_service_main_conf_t *mcf)
{
    ngx_mlsec_health_drop_all(mcf);
    mlsec_leader_resign(&mcf->registry->leader, ngx_pid);
}


static void
ngx_mlsec_health_turn(ngx_event_t *ev)
{
    ngx_uint_t                      i;
    mlsec_process_t                 process;
    ngx_connection_t               *c;
    ngx_mlsec_service_conf_t      **conf;
    ngx_mlsec_service_main_conf_t  *mcf;

    c = ev->data;
    mcf = c->data;

    if (ngx_exiting || ngx_quit || ngx_terminate) {
        ngx_mlsec_health_end(mcf);
        return;
    }

    ngx_add_timer(ev, NGX_MLSEC_HEALTH_TURN);

    ngx_mlsec_process(&process);

    if (!mlsec_leader_ask(&mcf->registry->leader, &process, ngx_current_msec,
                          NGX_MLSEC_HEALTH_LEASE))
    {
        ngx_mlsec_health_drop_all(mcf);
        return;
    }

    conf = mcf->services.elts;

    for (i = 0; i < mcf->services.nelts; i++) {

        if (conf[i]->probes) {
            ngx_mlsec_health_look(conf[i]);
        }
    }
}


void
ngx_mlsec_health_follow(const ngx_mlsec_service_conf_t *conf)
{
    ngx_mlsec_health_look(conf);
}


static void
ngx_mlsec_health_look(const ngx_mlsec_service_conf_t *conf)
{
    ngx_uint_t                     asked;
    ngx_mlsec_probe_t             *probe;
    ngx_mlsec_target_t             target;
    ngx_http_upstream_rr_peer_t   *peer;
    ngx_http_upstream_rr_peers_t  *peers;

    /* an operator does not want to wait for the interval */

    asked = (conf->live->asked != mlsec_atomic_load(&conf->live->slot->asked));
    conf->live->asked = mlsec_atomic_load(&conf->live->slot->asked);

    for (probe = conf->live->probing; probe; probe = probe->next) {
        probe->wanted = 0;
    }

    if (conf->resolve) {
        ngx_mlsec_places_load(conf);
    }

    for (peers = conf->upstream->peer.data; peers; peers = peers->next) {
        ngx_http_upstream_rr_peers_rlock(peers);

        for (peer = peers->peer; peer; peer = peer->next) {
            probe = ngx_mlsec_places_target(conf, peer, &target)
                    ? ngx_mlsec_health_probe(conf, &target) : NULL;

            if (probe != NULL) {
                probe->wanted = 1;

                if (asked && probe->timer.timer_set) {
                    ngx_add_timer(&probe->timer, 1);
                }
            }
        }

        ngx_http_upstream_rr_peers_unlock(peers);
    }

    ngx_mlsec_health_drop(conf, 0);
}


/*
 * The probe of a peer; a new one if it has none.
 */

static ngx_mlsec_probe_t *
ngx_mlsec_health_probe(const ngx_mlsec_service_conf_t *conf,
    const ngx_mlsec_target_t *peer)
{
    mlsec_peer_slot_t  *slot;
    ngx_mlsec_probe_t  *probe;

    slot = peer->slot;

    if (slot == NULL || ngx_mlsec_service_marked(conf, peer->name)) {
        return NULL;
    }

    for (probe = conf->live->probing; probe; probe = probe->next) {

        if (probe->slot == slot) {
            return probe;
        }
    }

    if (peer->socklen > (socklen_t) sizeof(ngx_sockaddr_t)) {
        return NULL;
    }

    probe = ngx_calloc(sizeof(ngx_mlsec_probe_t), ngx_cycle->log);
    if (probe == NULL) {
        return NULL;
    }

    probe->conf = conf;
    probe->slot = slot;
    probe->name.data = slot->slot.name;
    probe->name.len = slot->slot.len;

    ngx_memcpy(&probe->sockaddr, peer->sockaddr, peer->socklen);
    probe->socklen = peer->socklen;

    if (conf->health.port) {
        ngx_inet_set_port(&probe->sockaddr.sockaddr, conf->health.port);
    }

    probe->timer.handler = ngx_mlsec_health_start;
    probe->timer.data = probe;
    probe->timer.log = ngx_cycle->log;
    probe->timer.cancelable = 1;

    ngx_add_timer(&probe->timer,
                  1 + (ngx_msec_t) ngx_random()
                      % ngx_min(NGX_MLSEC_HEALTH_FIRST,
                                conf->health.interval));

    probe->next = conf->live->probing;
    conf->live->probing = probe;

    return probe;
}


static void
ngx_mlsec_health_start(ngx_event_t *ev)
{
    ngx_mlsec_probe_start(ev->data);
}


void
ngx_mlsec_health_found(ngx_mlsec_probe_t *probe, const char *error,
    ngx_msec_t elapsed, ngx_uint_t status)
{
    mlsec_health_e                   changed;
    mlsec_peer_slot_t               *slot;
    mlsec_health_view_t              view;
    const ngx_mlsec_service_conf_t  *conf;

    conf = probe->conf;
    slot = probe->slot;

    changed = mlsec_health_report(&slot->health, &conf->health.rule,
                                  error == NULL, ngx_current_msec);

    mlsec_atomic_store(&slot->probed, ngx_current_msec);
    mlsec_atomic_store(&slot->probe, ((uint64_t) elapsed << 16) | status);

    if (changed == MLSEC_HEALTH_DOWN) {
        ngx_mlsec_service_changed(conf);

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mlsec service: peer down, service: \"%V\", "
                      "peer: \"%V\", probe: %s, status: %ui",
                      ngx_mlsec_service_name(conf), &probe->name, error,
                      status);

    } else if (changed == MLSEC_HEALTH_UP) {
        ngx_mlsec_service_changed(conf);

        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "mlsec service: peer up, service: \"%V\", "
                      "peer: \"%V\"", ngx_mlsec_service_name(conf),
                      &probe->name);
    }

    /* a peer whose probes pass is given another chance at once */

    mlsec_health_view(&slot->health, &view);

    if (conf->ejects && view.passes >= conf->health.rule.passes
        && mlsec_outlier_clear(&slot->outlier, ngx_current_msec))
    {
        ngx_mlsec_service_changed(conf);

        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "mlsec service: peer taken back, service: \"%V\", "
                      "peer: \"%V\"", ngx_mlsec_service_name(conf),
                      &probe->name);
    }

    ngx_add_timer(&probe->timer,
                  (ngx_msec_t) mlsec_jitter(conf->health.interval,
                                            conf->health.jitter,
                                            (uint64_t) ngx_random()));
}


/*
 * Ends the probes of peers that are not wanted, or all.
 */

static void
ngx_mlsec_health_drop(const ngx_mlsec_service_conf_t *conf, ngx_uint_t all)
{
    ngx_mlsec_probe_t  *probe, **link;

    link = &conf->live->probing;

    while (*link) {
        probe = *link;

        if (probe->wanted && !all) {
            link = &probe->next;
            continue;
        }

        *link = probe->next;

        ngx_mlsec_probe_stop(probe);

        if (probe->timer.timer_set) {
            ngx_del_timer(&probe->timer);
        }

        ngx_free(probe);
    }
}


static void
ngx_mlsec_health_drop_all(ngx_mlsec_service_main_conf_t *mcf)
{
    ngx_uint_t                  i;
    ngx_mlsec_service_conf_t  **conf;

    conf = mcf->services.elts;

    for (i = 0; i < mcf->services.nelts; i++) {

        if (conf[i]->probes) {
            ngx_mlsec_health_drop(conf[i], 1);
        }
    }
}
