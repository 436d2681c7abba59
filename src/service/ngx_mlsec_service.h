/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * A service: an upstream{} with a name for people, defaults for calls, and
 * what is known of how it fares.
 */


#ifndef _NGX_MLSEC_SERVICE_H_INCLUDED_
#define _NGX_MLSEC_SERVICE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* of a call to a service that has no timeout of its own, ms */

#define NGX_MLSEC_SERVICE_TIMEOUT  30000


/* what is said, after its name, of a service that did not serve */

#define NGX_MLSEC_SERVICE_CONNECT  "cannot be connected to"

#define NGX_MLSEC_SERVICE_CONNECT_TIMEOUT                                     \
    "did not accept the connection in time"

#define NGX_MLSEC_SERVICE_LATE  "did not answer in time"

#define NGX_MLSEC_SERVICE_RESET                                               \
    "closed the connection before the end of its answer"

#define NGX_MLSEC_SERVICE_NO_PEER  "has no peer that takes requests"

#define NGX_MLSEC_SERVICE_FULL                                                \
    "has as many calls in flight as it may have"

#define NGX_MLSEC_SERVICE_OPEN                                                \
    "has failed too often and is not called for now"


typedef struct {
    ngx_str_t     name;          /* empty: the upstream's own name */
    ngx_str_t     host;          /* Host header; empty: the upstream's name */
    ngx_msec_t    timeout;       /* of a call, ms; 0: not set */
    ngx_uint_t    weight;        /* in the score of the platform, 0-100 */
    unsigned      critical:1;    /* nothing is well without it */
} ngx_mlsec_service_t;


/* the leave for one call, see ngx_mlsec_service_admit() */

typedef struct ngx_mlsec_ticket_s  ngx_mlsec_ticket_t;


/*
 * What mlsec_service says of an upstream.
 *
 * uscf: an upstream{} of the configuration, not an implicit one.
 *
 * Never NULL; fields that were not set are empty or 0.  Lives as long as the
 * configuration.
 */
const ngx_mlsec_service_t *ngx_mlsec_service_get(
    ngx_http_upstream_srv_conf_t *uscf);

/*
 * Finds an upstream{} by name, ignoring case as nginx does.  Upstreams
 * that proxy_pass has created for an address do not count.
 *
 * To be called when all of the configuration has been read.  NULL if there
 * is none.
 */
ngx_http_upstream_srv_conf_t *ngx_mlsec_service_find(ngx_conf_t *cf,
    ngx_str_t *name);

/*
 * How long a client should wait when no peer of an upstream takes requests:
 * the shortest fail_timeout of those that the configuration does not mark as
 * down, in seconds, at least 1; nginx's default of 10 when all are.
 */
time_t ngx_mlsec_service_retry_after(ngx_http_upstream_srv_conf_t *uscf);

/*
 * Whether a call to an upstream may be made, before anything is done for it.
 *
 * pool: of the request; a leave that is not used until it is destroyed is
 * given back then.  optional: 1 for a call that is shed before others are.
 *
 * NGX_OK: *ticket is NULL, or is to be attached to the request that makes the
 * call.  NGX_DECLINED: the circuit breaker is open; NGX_BUSY: too many calls
 * are in flight; *retry_after is when to ask again, s, at least 1.
 */
ngx_int_t ngx_mlsec_service_admit(ngx_pool_t *pool,
    ngx_http_upstream_srv_conf_t *uscf, ngx_uint_t optional,
    ngx_mlsec_ticket_t **ticket, time_t *retry_after);

/*
 * Gives r the leave for its first attempt.  ticket may be NULL.
 */
void ngx_mlsec_service_attach(ngx_http_request_t *r,
    ngx_mlsec_ticket_t *ticket);

/*
 * Whether the last attempt of r's upstream was not made: NGX_DECLINED, NGX_BUSY
 * as for ngx_mlsec_service_admit(), with *retry_after; NGX_OK if it was.
 */
ngx_int_t ngx_mlsec_service_refused(ngx_http_request_t *r,
    time_t *retry_after);

/*
 * PRECONTENT handler: mlsec_via.  NGX_DECLINED, or 503 with an envelope.
 */
ngx_int_t ngx_mlsec_service_via(ngx_http_request_t *r);


extern ngx_module_t  ngx_mlsec_service_module;


#endif /* _NGX_MLSEC_SERVICE_H_INCLUDED_ */
