/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The attempts of a request, between ngx_mlsec_service_peer.c, through which
 * each of them goes, and ngx_mlsec_service_retry.c, which says whether there
 * is another one.
 */


#ifndef _NGX_MLSEC_SERVICE_PEER_H_INCLUDED_
#define _NGX_MLSEC_SERVICE_PEER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <lib/mlsec_types.h>
#include <service/ngx_mlsec_service_gate.h>


/*
 * Settings of a location, with what nginx is to be told about another attempt:
 * copies, but for the location's own where these say no already.
 */

typedef enum {
    NGX_MLSEC_MASK_NO = 0,           /* there is none */
    NGX_MLSEC_MASK_YES,
    NGX_MLSEC_MASK_STALE,            /* only nginx's own after a connection
                                        that was closed while it was idle */
    NGX_MLSEC_MASKS
} ngx_mlsec_mask_e;


struct ngx_mlsec_masks_s {
    const ngx_http_upstream_conf_t  *location;
    ngx_http_upstream_conf_t        *confs[NGX_MLSEC_MASKS];
    ngx_mlsec_masks_t               *next;
};


/*
 * Settings of a request with a deadline, and the times of its location, ms.
 */

typedef struct {
    ngx_http_upstream_conf_t         conf;
    ngx_msec_t                       connect_timeout;
    ngx_msec_t                       send_timeout;
    ngx_msec_t                       read_timeout;
} ngx_mlsec_own_t;


/*
 * What is known of a call over its attempts: of a request of its own with
 * plain proxy_pass, of several subrequests with a part.
 */

struct ngx_mlsec_retry_s {
    const ngx_mlsec_service_conf_t  *conf;
    ngx_pool_t                      *pool;
    const ngx_str_t                **tried;      /* NULL: none yet */
    const ngx_str_t                 *offered;    /* by the balancer; a peer is
                                                    known by its name */

    unsigned                         ntried:8;
    unsigned                         attempts:8; /* that count */
    unsigned                         stale:8;    /* that do not: idle
                                                    connections, closed */
    unsigned                         part:1;
    unsigned                         first:1;    /* was counted */
    unsigned                         approved:1; /* by the status: nginx goes
                                                    on with the next peer */
    unsigned                         next:1;     /* granted, to be made */
    unsigned                         live:1;     /* granted, not ended */
    unsigned                         cleanup:1;  /* is there */
};


/*
 * What the headers of an answer say about caches, as nginx has it.
 */

typedef struct {
#if (NGX_HTTP_CACHE)
    time_t                           valid;      /* s, since the epoch */
    time_t                           updating;   /* s, stale meanwhile */
    time_t                           error;      /* s, stale then */
#endif
    unsigned                         allowed:1;
} ngx_mlsec_cacheable_t;


/*
 * What "proxy_buffer_size" and the like are by default, where pages are so
 * large, bytes.
 */

#define NGX_MLSEC_BUFFER_PAGE  4096


/* What nginx gets for an answer: where it is read into, lists of its headers */

typedef struct {
    ngx_table_elt_t                  headers[8];
    ngx_table_elt_t                  trailers[2];
    u_char                           page[NGX_MLSEC_BUFFER_PAGE];
} ngx_mlsec_buffer_t;


/*
 * nginx's balancers, keepalive among them, sit behind five functions of a
 * peer connection.  Ours stand in front of all of them: what goes through is
 * every single attempt to reach a peer, with its end.
 */

typedef struct {
    const ngx_mlsec_service_conf_t  *conf;
    ngx_http_request_t              *request;
    ngx_http_upstream_t             *upstream;
    mlsec_peer_slot_t               *peer;       /* NULL: not known */
    ngx_mlsec_retry_t               *retry;      /* NULL: not ours to say */

    ngx_mlsec_own_t                 *own;        /* for this request alone,
                                                    or NULL */
    ngx_mlsec_masks_t               *masks;      /* or those for all of its
                                                    location, or NULL */
    ngx_msec_t                       expires;    /* ngx_current_msec */

    ngx_msec_t                       started;    /* ngx_current_msec */
    time_t                           retry_after; /* s; refused */
    mlsec_breaker_ticket_t           ticket;
    ngx_mlsec_chosen_t              *chosen;     /* NULL: no mlsec_resolve */

    /* of nginx's balancer */

    void                            *data;
    ngx_event_get_peer_pt            get;
    ngx_event_free_peer_pt           free;
    ngx_event_notify_peer_pt         notify;
#if (NGX_HTTP_SSL)
    ngx_event_set_peer_session_pt    set_session;
    ngx_event_save_peer_session_pt   save_session;
#endif

    /* of the module of the location, see ngx_mlsec_service_header.c */

    ngx_int_t                      (*process_header)(ngx_http_request_t *r);
    ngx_int_t                      (*reinit)(ngx_http_request_t *r);
    u_char                          *header;     /* where it begins; NULL: not
                                                    yet */
    ngx_uint_t                       interim;    /* those that were skipped */
    ngx_mlsec_cacheable_t            cacheable;  /* when it began */

    ngx_int_t                        refused;    /* the last attempt, see
                                             ngx_mlsec_service_refused() */
    ngx_event_t                     *settle;     /* posted: what was kept for
                                                    an attempt goes back if
                                                    there is none; or NULL */
    unsigned                         running:1;  /* an attempt */
    unsigned                         placed:1;   /* has a place */
    unsigned                         kept:1;     /* ticket and place are there
                                                    for another attempt */
    unsigned                         deadline:1; /* the client's */
    unsigned                         proxied:1;  /* by nginx's proxy module */
} ngx_mlsec_peer_t;


/* of a request, see ngx_mlsec_service_ctx() */

typedef struct {
    ngx_mlsec_ticket_t              *ticket;     /* may be NULL */
    ngx_mlsec_retry_t               *retry;      /* of a part, or NULL */
    ngx_msec_t                       since;      /* ngx_current_msec; of
                                                    mlsec_via, else 0 */
    ngx_msec_t                       deadline;   /* ms from then; 0: none */
    ngx_int_t                        rc;         /* of mlsec_via, and how */
    time_t                           retry_after; /* s */
    ngx_uint_t                       via;        /* far it is */

    /* memory for what nearly all requests need once */

    ngx_mlsec_ticket_t               own;        /* of mlsec_via */
    ngx_mlsec_retry_t                plain;      /* of plain proxy_pass */
    ngx_mlsec_peer_t                 peer;       /* conf is NULL: not used */
    ngx_mlsec_buffer_t              *buffer;     /* of it, or NULL */
} ngx_mlsec_service_ctx_t;


/* ngx_mlsec_service_admit.c */

/*
 * What is known of r, made when it is first asked for: nothing then.  Lives as
 * long as r's pool.  NULL without memory.
 */
mlsec_hot ngx_mlsec_service_ctx_t *ngx_mlsec_service_ctx(
    ngx_http_request_t *r);


/* ngx_mlsec_service_peer.c */

/*
 * The attempts of r's upstream, NULL if it is none of ours.
 */
mlsec_hot ngx_mlsec_peer_t *ngx_mlsec_peer_of(ngx_http_request_t *r);


/* ngx_mlsec_service_outcome.c */

/*
 * What has become of the attempt that ends, before its connection is put away
 * or closed.  state: of it, NGX_PEER_*.
 */
mlsec_hot mlsec_outcome_e ngx_mlsec_outcome(ngx_mlsec_peer_t *mp,
    ngx_uint_t state);

/*
 * Whether the answer is one without a status, which is no HTTP; nginx takes it
 * for HTTP/0.9.
 */
mlsec_hot ngx_uint_t ngx_mlsec_outcome_is_no_http(
    const ngx_http_upstream_t *u);


/* ngx_mlsec_service_retry.c */

/*
 * When a request has got its balancer: takes over what nginx decides about
 * further attempts, and notes the deadline of the client.
 *
 * NGX_OK, or NGX_ERROR without memory.
 */
mlsec_hot ngx_int_t ngx_mlsec_retry_init(ngx_mlsec_peer_t *mp,
    ngx_mlsec_service_ctx_t *ctx);

/*
 * Has nginx's balancer choose a peer, one that was not tried yet if there is
 * one.  What the balancer returns.
 */
mlsec_hot ngx_int_t ngx_mlsec_retry_get(ngx_mlsec_peer_t *mp,
    ngx_peer_connection_t *pc);

/*
 * When an attempt is not made because the service is not to be called.
 */
mlsec_rare void ngx_mlsec_retry_unmade(ngx_mlsec_peer_t *mp);

/*
 * When an attempt has ended and was reported: says to nginx, by pc->tries and
 * the mask of what is tried again, whether there is another one.
 */
mlsec_hot void ngx_mlsec_retry_freed(ngx_mlsec_peer_t *mp,
    ngx_peer_connection_t *pc, ngx_uint_t state, mlsec_outcome_e outcome);


/*
 * When the header of an answer has been read: whether nginx is to go on with
 * the next peer for it.  version: of the client's request, as it was before.
 *
 * NGX_OK, or NGX_HTTP_UPSTREAM_INVALID_HEADER: it is no HTTP.
 */
mlsec_hot ngx_int_t ngx_mlsec_retry_header(ngx_mlsec_peer_t *mp,
    ngx_uint_t version);


/* ngx_mlsec_service_nobody.c */

/*
 * To be called when a peer has failed, after nginx's balancer has noted that:
 * it may be that no peer is left, which all workers have to know.
 */
mlsec_rare void ngx_mlsec_service_doubt(const ngx_mlsec_service_conf_t *conf);


/* ngx_mlsec_service_method.c */

/*
 * The method of the request that r's upstream is sent, which is made already;
 * it lives as long as that.  Empty if it cannot be told.
 */
void ngx_mlsec_retry_method(ngx_http_request_t *r, ngx_str_t *method);


/* ngx_mlsec_service_page.c: calls of one request of a client */

/*
 * Counts a first attempt, to an upstream with mlsec_retry.  r: the request that
 * makes it; one that is no subrequest is all that there is, and not counted.
 */
mlsec_hot void ngx_mlsec_page_called(ngx_http_request_t *r);

/*
 * Whether there may be another attempt of r, of as many as the subrequests of a
 * request may have together: 1, or 0, and that is counted as refused.
 */
ngx_uint_t ngx_mlsec_page_allows(const ngx_mlsec_service_conf_t *conf,
    ngx_http_request_t *r);

/* Counts it, when it was granted. */
void ngx_mlsec_page_again(ngx_http_request_t *r);


/* ngx_mlsec_service_header.c */

/*
 * When a request has got its balancer, after ngx_mlsec_retry_init(): stands in
 * front of what reads the headers of its answers, if these are of concern.
 */
mlsec_hot void ngx_mlsec_header_hook(ngx_mlsec_peer_t *mp);


/* ngx_mlsec_service_buffer.c */

/*
 * When a request has got its balancer: has nginx read the answer into buffer,
 * if it wants a page.  buffer lives as long as r's pool.
 */
mlsec_hot void ngx_mlsec_buffer_lend(ngx_http_request_t *r,
    ngx_mlsec_buffer_t *buffer);


/* ngx_mlsec_service_masks.c */

/*
 * When a worker begins, for a location with mlsec_via: has its settings say no
 * if all of its requests go to an upstream with mlsec_retry.
 *
 * NGX_OK, or NGX_ERROR without memory.
 */
ngx_int_t ngx_mlsec_masks_begin(const ngx_mlsec_via_t *via);

/* Those of a location, NULL if they were not met yet. */
mlsec_hot ngx_mlsec_masks_t *ngx_mlsec_masks_find(
    const ngx_mlsec_service_live_t *live,
    const ngx_http_upstream_conf_t *location);

/*
 * When it is known whether mp has a retry and a deadline: gives its upstream
 * the copy of the settings that these need, if any.
 *
 * NGX_OK, or NGX_ERROR without memory.
 */
mlsec_hot ngx_int_t ngx_mlsec_masks_init(ngx_mlsec_peer_t *mp);

/*
 * Says to nginx whether it may go on.  mp has a retry.
 */
mlsec_hot void ngx_mlsec_masks_say(ngx_mlsec_peer_t *mp,
    ngx_mlsec_mask_e mask);

/*
 * Before an attempt, with a deadline: nginx's times are what is left of it at
 * most.
 */
void ngx_mlsec_masks_times(ngx_mlsec_peer_t *mp);


#endif /* _NGX_MLSEC_SERVICE_PEER_H_INCLUDED_ */
