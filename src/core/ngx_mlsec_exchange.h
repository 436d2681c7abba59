/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * One request of the gateway's own to one address, and its response, outside
 * of any client's request: connect, shake hands, send, read until the status
 * is known, or to the end of the body, close.  One timer for all of it.
 *
 * A worker that is told to end does not wait for it (the timer is cancelable);
 * whoever has begun it stops it when the worker ends.
 */


#ifndef _NGX_MLSEC_EXCHANGE_H_INCLUDED_
#define _NGX_MLSEC_EXCHANGE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>

#include <core/ngx_mlsec_tls.h>
#include <lib/aggregate/mlsec_body.h>
#include <lib/service/mlsec_probe.h>


typedef struct ngx_mlsec_exchange_s  ngx_mlsec_exchange_t;


struct ngx_mlsec_exchange_s {

    /* of the caller, to be set before each start; what is pointed at stays */

    struct sockaddr           *sockaddr;
    socklen_t                  socklen;
    ngx_str_t                 *name;       /* of the address, for logs */
    const ngx_str_t           *request;    /* its bytes; empty: connect only */
    const ngx_mlsec_tls_t     *tls;        /* NULL: without */
    ngx_msec_t                 timeout;    /* ms, for all of it */
    size_t                     max;        /* bytes of a body */
    void                      *data;

    /*
     * The status, 200-599, is known.  NGX_AGAIN: the body is wanted.  NGX_OK:
     * that is all, *error says what is wrong with it, if anything.
     */

    ngx_int_t                (*status)(ngx_mlsec_exchange_t *x,
                                       const char **error);

    /*
     * It has ended and the connection is closed.  error: why it failed, a
     * constant phrase, or NULL; then x->body has the body if it was wanted,
     * until this returns.  x may be started again or freed.
     */

    void                     (*done)(ngx_mlsec_exchange_t *x,
                                     const char *error);

    /* of the exchange */

    ngx_peer_connection_t      pc;
    size_t                     sent;       /* bytes of the request */
    mlsec_probe_t              reader;
    mlsec_body_t               body;
    u_char                    *room;       /* of it; NULL: none yet */

    unsigned                   connected:1;
    unsigned                   answered:1; /* the status is known */
};


/*
 * Begins; calls x->done once: later, or before it returns.
 *
 * x: not under way; zeroed before it is used for the first time.
 */
void ngx_mlsec_exchange_start(ngx_mlsec_exchange_t *x);

/*
 * Breaks off what ngx_mlsec_exchange_start() has begun, if anything; x->done
 * is not called.
 */
void ngx_mlsec_exchange_stop(ngx_mlsec_exchange_t *x);

/*
 * The status of the response, 0 when not all of it has come.
 */
ngx_uint_t ngx_mlsec_exchange_status(const ngx_mlsec_exchange_t *x);


/*
 * Whether a connection that was being made is there, when one of its events
 * says that something has come of it: NGX_OK or NGX_ERROR.  For whoever makes
 * connections of his own, too.
 */
ngx_int_t ngx_mlsec_exchange_connected(ngx_connection_t *c);


#endif /* _NGX_MLSEC_EXCHANGE_H_INCLUDED_ */
