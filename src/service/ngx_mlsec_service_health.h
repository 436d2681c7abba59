/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* mlsec_health: who probes and when, a probe, its body, its TLS. */


#ifndef _NGX_MLSEC_SERVICE_HEALTH_H_INCLUDED_
#define _NGX_MLSEC_SERVICE_HEALTH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <service/ngx_mlsec_service_conf.h>


/* ngx_mlsec_service_health.c */

/*
 * The Host of probes: that of mlsec_health, of mlsec_service, or the name of
 * the upstream.
 */
const ngx_str_t *ngx_mlsec_health_host(const ngx_mlsec_service_conf_t *conf);

/*
 * Makes the request of all probes of an upstream.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_health_prepare(ngx_conf_t *cf,
    ngx_mlsec_service_conf_t *conf);

/*
 * When a worker begins: has it take part in the choice of the one that probes.
 */
void ngx_mlsec_health_begin(ngx_mlsec_service_main_conf_t *mcf);

/*
 * When a worker ends: lets go of all that it was probing, for the next one.
 */
void ngx_mlsec_health_end(ngx_mlsec_service_main_conf_t *mcf);

/*
 * To be called by the leader when addresses have come or gone: probes follow
 * before it returns.
 */
void ngx_mlsec_health_follow(const ngx_mlsec_service_conf_t *conf);

/*
 * What a probe has found.  error: why it failed, NULL if it has not; elapsed:
 * ms; status: 0 without one.
 */
void ngx_mlsec_health_found(ngx_mlsec_probe_t *probe, const char *error,
    ngx_msec_t elapsed, ngx_uint_t status);


/* ngx_mlsec_service_probe.c */

/*
 * A peer that is probed again and again.  The struct is all of the worker's,
 * from ngx_alloc() to ngx_free().
 */
struct ngx_mlsec_probe_s {
    const ngx_mlsec_service_conf_t  *conf;
    mlsec_peer_slot_t               *slot;
    ngx_mlsec_probe_t               *next;
    ngx_event_t                      timer;      /* until the next one */

    ngx_sockaddr_t                   sockaddr;
    socklen_t                        socklen;
    ngx_str_t                        name;

    ngx_mlsec_exchange_t             exchange;
    ngx_msec_t                       started;    /* ngx_current_msec */

    unsigned                         wanted:1;   /* the peer is still there */
};

/*
 * Connects to the peer, asks, and calls ngx_mlsec_health_found() once: later,
 * or before it returns.
 */
void ngx_mlsec_probe_start(ngx_mlsec_probe_t *probe);

/*
 * Breaks off what ngx_mlsec_probe_start() has begun; nothing is found.
 */
void ngx_mlsec_probe_stop(ngx_mlsec_probe_t *probe);


/* ngx_mlsec_service_match.c */

#define NGX_MLSEC_MATCH_BODY  65536              /* bytes, at most */

/*
 * Compiles "match=" or "match_file=" of mlsec_health, if there is one.
 * NGX_OK, or NGX_ERROR after an [emerg].
 */
ngx_int_t ngx_mlsec_match_compile(ngx_conf_t *cf, ngx_mlsec_health_t *health);

/*
 * Whether a body is what the program wants.  status: of the response.
 *
 * NULL if it is, else what is wrong; nothing of the body.
 */
const char *ngx_mlsec_match(const ngx_mlsec_health_t *health,
    ngx_uint_t status, const u_char *data, size_t len);


/* ngx_mlsec_service_tls.c */

/*
 * Makes what "tls" of mlsec_health needs.  NGX_OK, or NGX_ERROR after an
 * [emerg].
 */
ngx_int_t ngx_mlsec_service_tls(ngx_conf_t *cf,
    ngx_mlsec_service_conf_t *conf);


#endif /* _NGX_MLSEC_SERVICE_HEALTH_H_INCLUDED_ */
