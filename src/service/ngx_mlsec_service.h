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

#include <lib/mlsec_types.h>


/* of a call to a service that has no timeout of its own, ms */

#define NGX_MLSEC_SERVICE_TIMEOUT  30000


/* what is said, after its name, of a service that did not serve */

#define NGX_MLSEC_SERVICE_CONNECT  "cannot be connected to"

#define NGX_MLSEC_SERVICE_CONNECT_TIMEOUT                                     \
    "did not accept the connection in time"

#define NGX_MLSEC_SERVICE_LATE  "did not answer in time"

#define NGX_MLSEC_SERVICE_RESET                                               \
    "closed the connection before the end of its answer"

#define NGX_MLSEC_SERVICE_NO_HTTP  "does not speak HTTP"

#define NGX_MLSEC_SERVICE_NO_PEER  "has no peer that takes requests"

#define NGX_MLSEC_SERVICE_FULL                                                \
    "has as many calls in flight as it may have"

#define NGX_MLSEC_SERVICE_OPEN                                                \
    "has failed too often and is not called for now"


#define NGX_MLSEC_SERVICE_NOWHERE                                             \
    "has no address"


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
 * Tells what has become of a call that had to wait for its place.
 *
 * rc: as of ngx_mlsec_service_admit(), not NGX_AGAIN; NGX_DONE: the time of
 * whoever asked is over.  retry_after: s, at least 1.  Called from the event
 * loop, never while ngx_mlsec_service_admit() runs.
 */
typedef void (*ngx_mlsec_admitted_pt)(void *data, ngx_int_t rc,
    time_t retry_after);


/* a question for ngx_mlsec_service_admit() */

typedef struct {
    ngx_pool_t                    *pool;     /* of the request */
    ngx_mlsec_ticket_t            *ticket;   /* zeroed memory for one that
                                                lives as long, or NULL */
    ngx_http_upstream_srv_conf_t  *upstream;
    ngx_uint_t                     optional; /* 1: shed before others are */
    ngx_msec_t                     left;     /* ms, until who asks does not
                                                want it any more; 0: it will
                                                say so itself */
    ngx_mlsec_admitted_pt          handler;  /* NULL: it cannot wait */
    void                          *data;
} ngx_mlsec_ask_t;


/* a call over its attempts, see ngx_mlsec_service_retry() */

typedef struct ngx_mlsec_retry_s   ngx_mlsec_retry_t;


#define NGX_MLSEC_RETRY_ON_CONNECT  0x0001
#define NGX_MLSEC_RETRY_ON_TIMEOUT  0x0002
#define NGX_MLSEC_RETRY_ON_RESET    0x0004

/* how an attempt has failed */

typedef struct {
    ngx_uint_t    on;            /* one of the above, 0: by its status */
    ngx_uint_t    status;        /* of the answer */
    time_t        retry_after;   /* s, 0: at once; -1: it does not say */
    ngx_msec_t    left;          /* ms, for waiting and another attempt */
} ngx_mlsec_failure_t;


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
 * What is asked for is kept for it: the breaker's leave and a place among
 * those in flight.  So a call that was let through here is not refused when
 * its peer is chosen.
 *
 * NGX_OK: *ticket is NULL, or is to be attached to the request that makes the
 * call.  NGX_AGAIN: it has to wait for a place (mlsec_max_inflight); *ticket
 * is what to withdraw, or, after ask->handler was called with NGX_OK, to
 * attach.  NGX_DECLINED: the circuit breaker is open; NGX_BUSY: too many calls
 * are in flight; NGX_ABORT: its name has no address (mlsec_resolve);
 * *retry_after is when to ask again, s, at least 1.
 *
 * A ticket that was not used when ask->pool is destroyed is given back.
 */
mlsec_hot ngx_int_t ngx_mlsec_service_admit(const ngx_mlsec_ask_t *ask,
    ngx_mlsec_ticket_t **ticket, time_t *retry_after);

/*
 * Gives a ticket back that is not used: it does not wait any more, its handler
 * is not called.  ticket may be NULL, or have been used.
 */
void ngx_mlsec_service_withdraw(ngx_mlsec_ticket_t *ticket);

/*
 * Gives r the leave for its first attempt, and what is known of the attempts
 * before.  Both may be NULL.
 */
void ngx_mlsec_service_attach(ngx_http_request_t *r,
    ngx_mlsec_ticket_t *ticket, ngx_mlsec_retry_t *retry);

/*
 * For a call that is a request of its own with each attempt (a part of an
 * aggregate): what they have in common.
 *
 * Lives as long as pool.  NULL: the upstream has no mlsec_retry, or there is
 * no memory.
 */
ngx_mlsec_retry_t *ngx_mlsec_service_retry(ngx_pool_t *pool,
    ngx_http_upstream_srv_conf_t *uscf);

/*
 * Whether such a call that has failed may be made again.  r: the request that
 * was the last attempt.
 *
 * NGX_OK: after *delay ms, less than failure->left; to be given back with
 * ngx_mlsec_service_release() when that attempt has ended or is not made.
 * NGX_DECLINED: no.
 */
ngx_int_t ngx_mlsec_service_again(ngx_mlsec_retry_t *retry,
    ngx_http_request_t *r, const ngx_mlsec_failure_t *failure,
    ngx_msec_t *delay);

/*
 * What a Retry-After says (RFC 9110, 10.2.3): s from now on, at most
 * NGX_MAX_INT32_VALUE; 0 for "0" and for a date that is over, which is at once;
 * NGX_ERROR for what is neither seconds nor a date, and says nothing.
 */
time_t ngx_mlsec_service_retry_when(const ngx_str_t *value);

/*
 * Gives back what was granted, if anything is.  retry may be NULL.
 */
mlsec_hot void ngx_mlsec_service_release(ngx_mlsec_retry_t *retry);

/*
 * Whether the last attempt of r's upstream was not made: NGX_DECLINED, NGX_BUSY
 * as for ngx_mlsec_service_admit(), with *retry_after; NGX_OK if it was.
 */
ngx_int_t ngx_mlsec_service_refused(ngx_http_request_t *r,
    time_t *retry_after);

/*
 * The state of an upstream's circuit breaker, as mlsec_services names it; NULL
 * if it has none.
 */
const char *ngx_mlsec_service_breaker(ngx_http_upstream_srv_conf_t *uscf);

/*
 * PRECONTENT handler: mlsec_via.  NGX_DECLINED; NGX_AGAIN or NGX_DONE: it goes
 * on by itself, when it has a place, or the body; 503 or 504 with an envelope.
 */
mlsec_hot ngx_int_t ngx_mlsec_service_via(ngx_http_request_t *r);


extern ngx_module_t  ngx_mlsec_service_module;


#endif /* _NGX_MLSEC_SERVICE_H_INCLUDED_ */
