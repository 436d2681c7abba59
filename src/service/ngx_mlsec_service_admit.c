/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_freelist.h>
#include <service/ngx_mlsec_service_gate.h>
#include <service/ngx_mlsec_service_peer.h>
#include <service/ngx_mlsec_service_resolve.h>


/* for so many requests of a worker that are with a service, all is ready */

#define NGX_MLSEC_SERVICE_READY  64

typedef struct {
    ngx_mlsec_service_ctx_t   ctx;
    ngx_mlsec_buffer_t        buffer;
} ngx_mlsec_service_ready_t;


static ngx_int_t ngx_mlsec_service_leave(const ngx_mlsec_service_conf_t *conf,
    mlsec_breaker_ticket_t *ticket, uint64_t *wait);
static mlsec_apart ngx_int_t ngx_mlsec_ticket_guard(ngx_pool_t *pool,
    ngx_mlsec_ticket_t *ticket);
static mlsec_rare void ngx_mlsec_ticket_neutral(ngx_mlsec_ticket_t *ticket);
static void ngx_mlsec_ticket_cleanup(void *data);
static time_t ngx_mlsec_service_seconds(uint64_t wait);
static mlsec_rare void ngx_mlsec_service_event(
    const ngx_mlsec_service_conf_t *conf, mlsec_breaker_event_e event,
    ngx_log_t *log);


static ngx_mlsec_service_ready_t  ngx_mlsec_service_items[
                                                     NGX_MLSEC_SERVICE_READY];
static void  *ngx_mlsec_service_free[NGX_MLSEC_SERVICE_READY];

static ngx_mlsec_freelist_t  ngx_mlsec_service_ready = {
    0,
    0,
    NGX_MLSEC_SERVICE_READY,
    sizeof(ngx_mlsec_service_ready_t),
    (u_char *) ngx_mlsec_service_items,
    ngx_mlsec_service_free
};


ngx_int_t
ngx_mlsec_service_admit(const ngx_mlsec_ask_t *ask,
    ngx_mlsec_ticket_t **ticket, time_t *retry_after)
{
    ngx_int_t                        rc;
    ngx_mlsec_ticket_t              *t;
    const ngx_mlsec_service_conf_t  *conf;

    conf = ngx_mlsec_service_conf(ask->upstream);

    *ticket = NULL;

    if (conf->resolve && ngx_mlsec_places_none(conf, retry_after)) {
        return NGX_ABORT;
    }

    if (!conf->breaks && conf->max_inflight == 0) {
        return NGX_OK;
    }

    t = ask->ticket ? ask->ticket
                    : ngx_pcalloc(ask->pool, sizeof(ngx_mlsec_ticket_t));

    /* without memory it is asked for when a peer is chosen */

    if (t == NULL) {
        return NGX_OK;
    }

    t->conf = conf;

    rc = ngx_mlsec_ticket_breaker(t, retry_after);

    if (rc != NGX_OK) {
        return rc;
    }

    if ((conf->max_inflight || t->ticket.trial)
        && ngx_mlsec_ticket_guard(ask->pool, t) != NGX_OK)
    {
        ngx_mlsec_ticket_neutral(t);
        return NGX_OK;
    }

    if (conf->max_inflight) {
        rc = ngx_mlsec_gate_ask(conf, ask, t);

        /* who waits is asked about again, and holds no trial meanwhile */

        if (rc != NGX_OK) {
            ngx_mlsec_ticket_neutral(t);
            *retry_after = 1;
        }
    }

    if (rc != NGX_BUSY) {
        *ticket = t;
    }

    return rc;
}


ngx_int_t
ngx_mlsec_service_refuses(const ngx_mlsec_service_conf_t *conf,
    time_t *retry_after)
{
    mlsec_breaker_view_t  view;

    if (ngx_mlsec_places_none(conf, retry_after)) {
        return NGX_ABORT;
    }

    if (conf->breaks) {
        mlsec_breaker_view(&conf->live->slot->breaker, &conf->breaker, NULL,
                           ngx_current_msec, &view);

        if (view.force == MLSEC_FORCE_OPEN
            || (view.force == MLSEC_FORCE_NONE
                && view.state == MLSEC_BREAKER_OPEN && view.wait))
        {
            mlsec_atomic_add(&conf->live->slot->refused, 1);
            *retry_after = ngx_mlsec_service_seconds(ngx_max(view.wait, 1));
            return NGX_DECLINED;
        }
    }

    if (conf->max_inflight && conf->queue == 0) {

        if (!ngx_mlsec_gate_enter(conf, 0)) {
            mlsec_atomic_add(&conf->live->slot->shed, 1);
            *retry_after = 1;
            return NGX_BUSY;
        }

        ngx_mlsec_gate_leave(conf);
    }

    return NGX_OK;
}


ngx_int_t
ngx_mlsec_ticket_breaker(ngx_mlsec_ticket_t *ticket, time_t *retry_after)
{
    uint64_t  wait;

    if (!ticket->conf->breaks
        || ngx_mlsec_service_ask(ticket->conf, &ticket->ticket, &wait)
           == NGX_OK)
    {
        return NGX_OK;
    }

    ticket->used = 1;
    *retry_after = ngx_mlsec_service_seconds(wait);

    return NGX_DECLINED;
}


/*
 * Has a ticket given back that is not used.
 */

static ngx_int_t
ngx_mlsec_ticket_guard(ngx_pool_t *pool, ngx_mlsec_ticket_t *ticket)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_mlsec_ticket_cleanup;
    cln->data = ticket;

    return NGX_OK;
}


static void
ngx_mlsec_ticket_neutral(ngx_mlsec_ticket_t *ticket)
{
    if (ticket->conf->breaks) {
        ngx_mlsec_service_tell(ticket->conf, ticket->ticket,
                               MLSEC_CALL_NEUTRAL, 0, ngx_cycle->log);
        ticket->ticket.trial = 0;
    }
}


void
ngx_mlsec_service_withdraw(ngx_mlsec_ticket_t *ticket)
{
    if (ticket == NULL || ticket->used) {
        return;
    }

    ngx_mlsec_gate_withdraw(ticket);

    ticket->used = 1;

    if (ticket->placed) {
        ticket->placed = 0;
        ngx_mlsec_gate_leave(ticket->conf);
    }

    ngx_mlsec_ticket_neutral(ticket);
}


static void
ngx_mlsec_ticket_cleanup(void *data)
{
    ngx_mlsec_ticket_t *ticket = data;

    /* one that was refused while it waited may not have been told yet */

    ngx_mlsec_gate_withdraw(ticket);
    ngx_mlsec_service_withdraw(ticket);
}


static time_t
ngx_mlsec_service_seconds(uint64_t wait)
{
    return (wait + 999) / 1000;
}


/*
 * Without memory the balancer asks for a leave once more, and a part has one
 * attempt; both are no fault of the request.
 */

void
ngx_mlsec_service_attach(ngx_http_request_t *r, ngx_mlsec_ticket_t *ticket,
    ngx_mlsec_retry_t *retry)
{
    ngx_mlsec_service_ctx_t  *ctx;

    if (ticket == NULL && retry == NULL) {
        return;
    }

    ctx = ngx_mlsec_service_ctx(r);

    if (ctx != NULL) {
        ctx->ticket = ticket;
        ctx->retry = retry;
    }
}


/*
 * nginx forgets it with each internal redirect, so there is a new one for each
 * location that has an upstream.
 */

ngx_mlsec_service_ctx_t *
ngx_mlsec_service_ctx(ngx_http_request_t *r)
{
    ngx_mlsec_service_ctx_t    *ctx;
    ngx_mlsec_service_ready_t  *ready;

    ctx = ngx_http_get_module_ctx(r, ngx_mlsec_service_module);

    if (ctx == NULL) {
        ready = ngx_mlsec_freelist_get(&ngx_mlsec_service_ready, r->pool);
        ctx = mlsec_likely(ready != NULL)
              ? &ready->ctx
              : ngx_palloc(r->pool, sizeof(ngx_mlsec_service_ctx_t));

        if (ctx == NULL) {
            return NULL;
        }

        /* what is its own is set when it is needed */

        ctx->ticket = NULL;
        ctx->retry = NULL;
        ctx->since = 0;
        ctx->deadline = 0;
        ctx->rc = NGX_OK;
        ctx->retry_after = 0;
        ctx->via = 0;
        ctx->peer.conf = NULL;
        ctx->buffer = (ready != NULL) ? &ready->buffer : NULL;

        ngx_http_set_ctx(r, ctx, ngx_mlsec_service_module);
    }

    return ctx;
}


ngx_int_t
ngx_mlsec_service_ask(const ngx_mlsec_service_conf_t *conf,
    mlsec_breaker_ticket_t *ticket, uint64_t *wait)
{
    if (ngx_mlsec_service_leave(conf, ticket, wait) == NGX_OK) {
        return NGX_OK;
    }

    mlsec_atomic_add(&conf->live->slot->refused, 1);

    return NGX_DECLINED;
}


ngx_int_t
ngx_mlsec_service_ask_again(const ngx_mlsec_service_conf_t *conf,
    mlsec_breaker_ticket_t *ticket)
{
    uint64_t  wait;

    return ngx_mlsec_service_leave(conf, ticket, &wait);
}


static ngx_int_t
ngx_mlsec_service_leave(const ngx_mlsec_service_conf_t *conf,
    mlsec_breaker_ticket_t *ticket, uint64_t *wait)
{
    int  rc;

    if (mlsec_likely(mlsec_breaker_passes(&conf->live->slot->breaker,
                                          ngx_current_msec, ticket)))
    {
        return NGX_OK;
    }

    /* a random number is drawn only where it matters */

    rc = mlsec_breaker_admit(&conf->live->slot->breaker, &conf->breaker,
                             ngx_current_msec, 0, ticket, wait);

    if (rc == MLSEC_OK && ticket->ramp) {
        rc = mlsec_breaker_admit(&conf->live->slot->breaker, &conf->breaker,
                                 ngx_current_msec,
                                 (unsigned) ngx_random() % 100, ticket, wait);
    }

    return (rc == MLSEC_OK) ? NGX_OK : NGX_DECLINED;
}


void
ngx_mlsec_service_tell(const ngx_mlsec_service_conf_t *conf,
    mlsec_breaker_ticket_t ticket, mlsec_call_e call, ngx_msec_t elapsed,
    ngx_log_t *log)
{
    mlsec_moment_t         at;
    mlsec_breaker_event_e  event;

    /* a good call opens it too seldom for a number to be drawn each time */

    at.now = ngx_current_msec;
    at.elapsed = elapsed;
    at.random = (call == MLSEC_CALL_FAILED) ? (unsigned) ngx_random() % 100
                                            : (unsigned) at.now % 100;

    if (call == MLSEC_CALL_FAILED) {
        mlsec_atomic_store(&conf->live->slot->failed, at.now);
    }

    event = mlsec_breaker_report(&conf->live->slot->breaker, &conf->breaker,
                                 &conf->live->goods, ticket, call, at);

    if (event != MLSEC_BREAKER_NOTHING) {
        ngx_mlsec_service_event(conf, event, log);
    }
}


static void
ngx_mlsec_service_event(const ngx_mlsec_service_conf_t *conf,
    mlsec_breaker_event_e event, ngx_log_t *log)
{
    mlsec_breaker_view_t  view;

    if (event == MLSEC_BREAKER_RECOVERED) {
        mlsec_atomic_add(&conf->live->slot->recovered, 1);

        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "mlsec service: breaker closed, service: \"%V\"",
                      ngx_mlsec_service_name(conf));
        return;
    }

    mlsec_atomic_add(&conf->live->slot->opened, 1);

    mlsec_breaker_view(&conf->live->slot->breaker, &conf->breaker, NULL,
                       ngx_current_msec, &view);

    ngx_log_error(NGX_LOG_ERR, log, 0,
                  "mlsec service: breaker opened%s, service: \"%V\", "
                  "for %uL ms",
                  event == MLSEC_BREAKER_REOPENED ? " again" : "",
                  ngx_mlsec_service_name(conf), (uint64_t) view.wait);
}
