/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <auth/ngx_mlsec_auth_keys.h>
#include <core/ngx_mlsec_process.h>


/*
 * Requests whose token names a key that is not there.
 *
 * An issuer that has changed its keys signs with the new one at once, so the
 * first request with it has the set fetched again, and it and all others wait
 * until that has ended.  What is waited for is a fetch that begins after the
 * request came: one that was under way may have been answered before.  When
 * the last one began less than miss= ago the request waits for that time to
 * pass too, if it may wait for so long.
 *
 * Who makes key ids up has no more than one fetch in miss= made, and no more
 * than so many requests of a worker wait; others are answered at once by what
 * is known.
 *
 * Keys may also be fetched by another worker, which has no way to say so but
 * the zone: while requests wait, it is looked at often.  That timer is not
 * cancelable, for a worker that is told to end serves its requests first.
 */

#define NGX_MLSEC_WAIT_TURN  20        /* ms */
#define NGX_MLSEC_WAIT_MAX   1024      /* requests of a worker */


static ngx_mlsec_wait_t *ngx_mlsec_wait_new(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, const ngx_str_t *token);
static ngx_uint_t ngx_mlsec_wait_useful(const ngx_mlsec_wait_t *w);
static ngx_uint_t ngx_mlsec_wait_for(const ngx_mlsec_wait_t *w,
    const ngx_mlsec_keys_uri_t *u, uint64_t need);
static ngx_int_t ngx_mlsec_wait_verdict(const ngx_mlsec_auth_loc_conf_t *lcf,
    ngx_mlsec_auth_ctx_t *ctx);
static ngx_int_t ngx_mlsec_wait_suspend(ngx_http_request_t *r,
    ngx_mlsec_wait_t *w);
static ngx_int_t ngx_mlsec_wait_reading(ngx_event_t *read);
static ngx_uint_t ngx_mlsec_wait_changed(const ngx_mlsec_wait_t *w);
static void ngx_mlsec_wait_turn(ngx_event_t *ev);
static void ngx_mlsec_wait_resume(ngx_mlsec_wait_t *w);
static void ngx_mlsec_wait_leave(ngx_mlsec_wait_t *w);
static void ngx_mlsec_wait_cleanup(void *data);


static ngx_queue_t       ngx_mlsec_waiting;
static ngx_uint_t        ngx_mlsec_nwaiting;
static ngx_event_t       ngx_mlsec_wait_timer;
static ngx_connection_t  ngx_mlsec_wait_dummy;     /* for nginx's debug log */


ngx_int_t
ngx_mlsec_auth_wait(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx,
    const ngx_str_t *token)
{
    if (ctx->wait == NULL) {
        ctx->wait = ngx_mlsec_wait_new(r, lcf, token);

        if (ctx->wait == NULL) {
            return NGX_ERROR;
        }
    }

    return ngx_mlsec_nwaiting < NGX_MLSEC_WAIT_MAX
           && ngx_mlsec_wait_useful(ctx->wait)
           ? ngx_mlsec_wait_suspend(r, ctx->wait)
           : ngx_mlsec_wait_verdict(lcf, ctx);
}


static ngx_mlsec_wait_t *
ngx_mlsec_wait_new(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, const ngx_str_t *token)
{
    ngx_uint_t                           i;
    ngx_msec_t                           longest;
    ngx_mlsec_wait_t                    *w;
    ngx_pool_cleanup_t                  *cln;
    const ngx_mlsec_keys_uri_t *const   *uris;

    w = ngx_pcalloc(r->pool, sizeof(ngx_mlsec_wait_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (w == NULL || cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_mlsec_wait_cleanup;
    cln->data = w;

    w->request = r;
    w->lcf = lcf;
    w->token = *token;

    longest = 0;
    uris = lcf->uris->elts;

    for (i = 0; i < lcf->uris->nelts; i++) {
        longest = ngx_max(longest, uris[i]->wait);
        w->need[i] = mlsec_atomic_load(&ngx_mlsec_keys_store(uris[i])->begun)
                     + 1;
    }

    w->until = ngx_current_msec + longest;

    return w;
}


/* Begins fetches that may begin; 1: there is something to wait for. */

static ngx_uint_t
ngx_mlsec_wait_useful(const ngx_mlsec_wait_t *w)
{
    ngx_uint_t                          i, useful;
    const ngx_mlsec_keys_uri_t *const  *uris;

    if ((ngx_msec_int_t) (w->until - ngx_current_msec) <= 0) {
        return 0;
    }

    useful = 0;
    uris = w->lcf->uris->elts;

    for (i = 0; i < w->lcf->uris->nelts; i++) {
        useful |= ngx_mlsec_wait_for(w, uris[i], w->need[i]);
    }

    return useful;
}


static ngx_uint_t
ngx_mlsec_wait_for(const ngx_mlsec_wait_t *w, const ngx_mlsec_keys_uri_t *u,
    uint64_t need)
{
    uint64_t            patience;
    mlsec_process_t     process;
    mlsec_key_store_t  *store;

    store = ngx_mlsec_keys_store(u);

    if (mlsec_atomic_load(&store->ended) >= need) {
        return 0;
    }

    ngx_mlsec_keys_fetch(u, 1);

    if (mlsec_atomic_load(&store->ended) >= need) {
        return 0;
    }

    ngx_mlsec_process(&process);

    if (mlsec_key_store_busy(store, &process, ngx_current_msec)) {
        return 1;
    }

    /* of an issuer that does not answer nothing is hoped for */

    if (mlsec_atomic_load(&store->failures)) {
        return 0;
    }

    patience = mlsec_key_store_patience(store, &u->rule, ngx_current_msec);

    return patience < (uint64_t) (w->until - ngx_current_msec);
}


/* DECLINED, or 503 when some URI has no keys at all. */

static ngx_int_t
ngx_mlsec_wait_verdict(const ngx_mlsec_auth_loc_conf_t *lcf,
    ngx_mlsec_auth_ctx_t *ctx)
{
    time_t                              after;
    ngx_int_t                           rc;
    ngx_uint_t                          i;
    const ngx_mlsec_keys_uri_t *const  *uris;

    rc = NGX_DECLINED;
    uris = lcf->uris->elts;

    for (i = 0; i < lcf->uris->nelts; i++) {

        if (ngx_mlsec_keys_current(uris[i]) == NULL) {
            after = (time_t) (mlsec_key_store_next(
                                       ngx_mlsec_keys_store(uris[i]),
                                       &uris[i]->rule, ngx_current_msec)
                              / 1000)
                    + 1;

            ctx->retry_after = ngx_max(ctx->retry_after, after);
            rc = NGX_HTTP_SERVICE_UNAVAILABLE;
        }
    }

    return rc;
}


/*
 * As nginx's own handlers do that delay a request: a client that goes away is
 * seen, and nothing but the timer has the phases go on.
 */

static ngx_int_t
ngx_mlsec_wait_suspend(ngx_http_request_t *r, ngx_mlsec_wait_t *w)
{
    ngx_uint_t                          i;
    const ngx_mlsec_keys_uri_t *const  *uris;

    if (ngx_mlsec_wait_reading(r->connection->read) != NGX_OK) {
        return NGX_ERROR;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    uris = w->lcf->uris->elts;

    for (i = 0; i < w->lcf->uris->nelts; i++) {
        w->seen[i] = mlsec_atomic_load(
                         &ngx_mlsec_keys_store(uris[i])->generation);
    }

    if (ngx_mlsec_nwaiting++ == 0) {
        ngx_queue_init(&ngx_mlsec_waiting);
    }

    ngx_queue_insert_tail(&ngx_mlsec_waiting, &w->queue);
    w->queued = 1;

    if (!ngx_mlsec_wait_timer.timer_set) {
        ngx_mlsec_wait_dummy.fd = (ngx_socket_t) -1;
        ngx_mlsec_wait_timer.handler = ngx_mlsec_wait_turn;
        ngx_mlsec_wait_timer.data = &ngx_mlsec_wait_dummy;
        ngx_mlsec_wait_timer.log = ngx_cycle->log;

        ngx_add_timer(&ngx_mlsec_wait_timer, NGX_MLSEC_WAIT_TURN);
    }

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "mlsec auth: waiting for keys");

    return NGX_AGAIN;
}


/* What has come already, the end of the connection perhaps, is looked at. */

static ngx_int_t
ngx_mlsec_wait_reading(ngx_event_t *read)
{
    if (read->ready) {
        ngx_post_event(read, &ngx_posted_events);
        return NGX_OK;
    }

    return ngx_handle_read_event(read, 0);
}


void
ngx_mlsec_auth_wake(void)
{
    if (ngx_mlsec_nwaiting) {
        ngx_add_timer(&ngx_mlsec_wait_timer, 1);
    }
}


/*
 * Resuming a request may end it and others, and have it wait again: those that
 * go on are taken out first, into a queue that they leave by themselves.
 */

static void
ngx_mlsec_wait_turn(ngx_event_t *ev)
{
    ngx_queue_t       *q, *next, ready;
    ngx_mlsec_wait_t  *w;

    if (ngx_mlsec_nwaiting == 0) {
        return;
    }

    ngx_queue_init(&ready);

    for (q = ngx_queue_head(&ngx_mlsec_waiting);
         q != ngx_queue_sentinel(&ngx_mlsec_waiting);
         q = next)
    {
        next = ngx_queue_next(q);
        w = ngx_queue_data(q, ngx_mlsec_wait_t, queue);

        if (ngx_mlsec_wait_changed(w) || !ngx_mlsec_wait_useful(w)) {
            ngx_queue_remove(q);
            ngx_queue_insert_tail(&ready, q);
        }
    }

    while (!ngx_queue_empty(&ready)) {
        w = ngx_queue_data(ngx_queue_head(&ready), ngx_mlsec_wait_t, queue);
        ngx_mlsec_wait_resume(w);
    }

    if (ngx_mlsec_nwaiting && !ev->timer_set) {
        ngx_add_timer(ev, NGX_MLSEC_WAIT_TURN);
    }
}


static ngx_uint_t
ngx_mlsec_wait_changed(const ngx_mlsec_wait_t *w)
{
    ngx_uint_t                          i;
    const ngx_mlsec_keys_uri_t *const  *uris;

    uris = w->lcf->uris->elts;

    for (i = 0; i < w->lcf->uris->nelts; i++) {

        if (w->seen[i]
            != mlsec_atomic_load(&ngx_mlsec_keys_store(uris[i])->generation))
        {
            return 1;
        }
    }

    return 0;
}


static void
ngx_mlsec_wait_resume(ngx_mlsec_wait_t *w)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    ngx_mlsec_wait_leave(w);

    r = w->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    if (ngx_mlsec_wait_reading(c->read) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);

    } else {
        r->read_event_handler = ngx_http_block_reading;
        r->write_event_handler = ngx_http_core_run_phases;
        ngx_http_core_run_phases(r);
    }

    ngx_http_run_posted_requests(c);
}


static void
ngx_mlsec_wait_leave(ngx_mlsec_wait_t *w)
{
    ngx_queue_remove(&w->queue);
    w->queued = 0;
    ngx_mlsec_nwaiting--;
}


static void
ngx_mlsec_wait_cleanup(void *data)
{
    ngx_mlsec_wait_t  *w = data;

    if (w->queued) {
        ngx_mlsec_wait_leave(w);
    }
}
