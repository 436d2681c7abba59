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

#include <service/ngx_mlsec_service_conf.h>


/*
 * What is known of a call over its attempts: of a request of its own with
 * plain proxy_pass, of several subrequests with a part.
 */

struct ngx_mlsec_retry_s {
    const ngx_mlsec_service_conf_t  *conf;
    ngx_pool_t                      *pool;
    const ngx_str_t                 *tried[NGX_MLSEC_RETRY_TRIES_MAX];
    ngx_uint_t                       ntried;
    const ngx_str_t                 *offered;    /* by the balancer; a peer is
                                                    known by its name */
    ngx_uint_t                       attempts;   /* that count */
    ngx_uint_t                       stale;      /* that do not: idle
                                                    connections, closed */

    ngx_int_t                      (*process_header)(ngx_http_request_t *r);
    ngx_int_t                      (*reinit)(ngx_http_request_t *r);

    unsigned                         part:1;
    unsigned                         first:1;    /* was counted */
    unsigned                         approved:1; /* by the status: nginx goes
                                                    on with the next peer */
    unsigned                         next:1;     /* granted, to be made */
    unsigned                         live:1;     /* granted, not ended */
    unsigned                         cleanup:1;  /* is there */
};


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

    ngx_http_upstream_conf_t        *own;        /* a copy for this request,
                                                    or NULL */
    ngx_msec_t                       connect_timeout; /* ms; those of the */
    ngx_msec_t                       send_timeout;    /* location, with a */
    ngx_msec_t                       read_timeout;    /* deadline */
    ngx_msec_t                       expires;    /* ngx_current_msec */

    ngx_msec_t                       started;    /* ngx_current_msec */
    time_t                           retry_after; /* s; refused */
    mlsec_breaker_ticket_t           ticket;
    ngx_mlsec_chosen_t               chosen;     /* of mlsec_resolve */

    /* of nginx's balancer */

    void                            *data;
    ngx_event_get_peer_pt            get;
    ngx_event_free_peer_pt           free;
    ngx_event_notify_peer_pt         notify;
#if (NGX_HTTP_SSL)
    ngx_event_set_peer_session_pt    set_session;
    ngx_event_save_peer_session_pt   save_session;
#endif

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
} ngx_mlsec_peer_t;


/* of a request, see ngx_mlsec_service_attach() */

typedef struct {
    ngx_mlsec_ticket_t              *ticket;     /* may be NULL */
    ngx_mlsec_retry_t               *retry;      /* may be NULL */
    ngx_msec_t                       since;      /* ngx_current_msec; of
                                                    mlsec_via, else 0 */
    ngx_int_t                        rc;         /* of mlsec_via, and how */
    time_t                           retry_after; /* s */
    ngx_uint_t                       via;        /* far it is */
} ngx_mlsec_service_ctx_t;


/* ngx_mlsec_service_peer.c */

/*
 * The attempts of r's upstream, NULL if it is none of ours.
 */
ngx_mlsec_peer_t *ngx_mlsec_peer_of(ngx_http_request_t *r);


/* ngx_mlsec_service_retry.c */

/*
 * When a request has got its balancer: takes over what nginx decides about
 * further attempts, and notes the deadline of the client.
 *
 * NGX_OK, or NGX_ERROR without memory.
 */
ngx_int_t ngx_mlsec_retry_init(ngx_mlsec_peer_t *mp);

/*
 * Has nginx's balancer choose a peer, one that was not tried yet if there is
 * one.  What the balancer returns.
 */
ngx_int_t ngx_mlsec_retry_get(ngx_mlsec_peer_t *mp,
    ngx_peer_connection_t *pc);

/*
 * When an attempt is not made because the service is not to be called.
 */
void ngx_mlsec_retry_unmade(ngx_mlsec_peer_t *mp);

/*
 * When an attempt has ended and was reported: says to nginx, by pc->tries and
 * the mask of what is tried again, whether there is another one.
 */
void ngx_mlsec_retry_freed(ngx_mlsec_peer_t *mp, ngx_peer_connection_t *pc,
    ngx_uint_t state, mlsec_outcome_e outcome);


#endif /* _NGX_MLSEC_SERVICE_PEER_H_INCLUDED_ */
