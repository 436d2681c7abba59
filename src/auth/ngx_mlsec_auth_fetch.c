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
 * One fetch: find addresses, ask one, or the next one if it does not take the
 * connection, and see whether what has come is a set of keys.  All of it has
 * one time, timeout=, however many addresses there are and however slowly the
 * bytes come.
 *
 * Redirections are not followed: where keys come from is for the configuration
 * to say.
 */


static ngx_int_t ngx_mlsec_fetch_resolve(ngx_mlsec_keys_live_t *live);
static void ngx_mlsec_fetch_resolved(ngx_resolver_ctx_t *ctx);
static void ngx_mlsec_fetch_add(ngx_mlsec_keys_live_t *live,
    const struct sockaddr *sockaddr, socklen_t socklen);
static void ngx_mlsec_fetch_ask(ngx_mlsec_keys_live_t *live);
static ngx_int_t ngx_mlsec_fetch_status(ngx_mlsec_exchange_t *x,
    const char **error);
static void ngx_mlsec_fetch_done(ngx_mlsec_exchange_t *x, const char *error);
static ngx_int_t ngx_mlsec_fetch_take(ngx_mlsec_keys_live_t *live,
    const mlsec_body_t *body, const char **error);
static void ngx_mlsec_fetch_good(const ngx_mlsec_keys_uri_t *u,
    mlsec_keys_change_e change);
static void ngx_mlsec_fetch_failed(ngx_mlsec_keys_live_t *live,
    const char *error);


void
ngx_mlsec_keys_fetch(const ngx_mlsec_keys_uri_t *u, ngx_uint_t missed)
{
    mlsec_process_t         process;
    ngx_mlsec_keys_live_t  *live;

    live = u->live;

    ngx_mlsec_process(&process);

    if (live->fetching
        || !mlsec_key_store_begin(ngx_mlsec_keys_store(u), &process, &u->rule,
                                  ngx_current_msec, missed))
    {
        return;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                   "mlsec auth: fetching \"%V\", missed: %ui", &u->uri,
                   missed);

    live->fetching = 1;
    live->deadline = ngx_current_msec + (ngx_msec_t) u->rule.timeout;
    live->naddresses = 0;
    live->tried = 0;

    if (u->addr != NULL) {
        ngx_mlsec_fetch_add(live, u->addr->sockaddr, u->addr->socklen);
        ngx_mlsec_fetch_ask(live);

    } else if (ngx_mlsec_fetch_resolve(live) != NGX_OK) {
        ngx_mlsec_fetch_failed(live, "the resolver cannot be asked");
    }
}


void
ngx_mlsec_keys_cancel(const ngx_mlsec_keys_uri_t *u)
{
    mlsec_process_t         process;
    ngx_mlsec_keys_live_t  *live;

    live = u->live;

    if (!live->fetching) {
        return;
    }

    if (live->ctx != NULL) {
        ngx_resolve_name_done(live->ctx);
        live->ctx = NULL;
    }

    ngx_mlsec_exchange_stop(&live->exchange);

    ngx_mlsec_process(&process);
    mlsec_key_store_cancel(ngx_mlsec_keys_store(u), &process);

    live->fetching = 0;
}


/* The answer comes later, or before this returns. */

static ngx_int_t
ngx_mlsec_fetch_resolve(ngx_mlsec_keys_live_t *live)
{
    ngx_resolver_ctx_t          *ctx;
    const ngx_mlsec_keys_uri_t  *u;

    u = live->uri;
    ctx = ngx_resolve_start(u->resolver, NULL);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        return NGX_ERROR;
    }

    ctx->name = u->host;
    ctx->handler = ngx_mlsec_fetch_resolved;
    ctx->data = live;
    ctx->timeout = (ngx_msec_t) u->rule.timeout;
    ctx->cancelable = 1;

    live->ctx = ctx;

    if (ngx_resolve_name(ctx) != NGX_OK) {
        live->ctx = NULL;
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_mlsec_fetch_resolved(ngx_resolver_ctx_t *ctx)
{
    ngx_int_t               state;
    ngx_uint_t              i;
    ngx_mlsec_keys_live_t  *live;

    live = ctx->data;
    live->ctx = NULL;
    state = ctx->state;

    for (i = 0; state == NGX_OK && i < ctx->naddrs; i++) {
        ngx_mlsec_fetch_add(live, ctx->addrs[i].sockaddr,
                            ctx->addrs[i].socklen);
    }

    ngx_resolve_name_done(ctx);

    if (live->naddresses) {
        ngx_mlsec_fetch_ask(live);

    } else {
        ngx_mlsec_fetch_failed(live, state == NGX_RESOLVE_TIMEDOUT
                                     ? "the name server does not answer"
                                     : "the name is not known");
    }
}


static void
ngx_mlsec_fetch_add(ngx_mlsec_keys_live_t *live,
    const struct sockaddr *sockaddr, socklen_t socklen)
{
    ngx_uint_t  n;

    n = live->naddresses;

    if (n == NGX_MLSEC_KEYS_ADDRESSES
        || socklen > (socklen_t) sizeof(ngx_sockaddr_t))
    {
        return;
    }

    ngx_memcpy(&live->address[n], sockaddr, socklen);
    live->socklen[n] = socklen;
    ngx_inet_set_port(&live->address[n].sockaddr, live->uri->port);

    live->naddresses++;
}


/* The next address. */

static void
ngx_mlsec_fetch_ask(ngx_mlsec_keys_live_t *live)
{
    ngx_uint_t                   n;
    ngx_msec_int_t               left;
    ngx_mlsec_exchange_t        *x;
    const ngx_mlsec_keys_uri_t  *u;

    u = live->uri;
    x = &live->exchange;
    n = live->tried++;
    left = (ngx_msec_int_t) (live->deadline - ngx_current_msec);

    live->name.data = live->text;
    live->name.len = ngx_sock_ntop(&live->address[n].sockaddr,
                                   live->socklen[n], live->text,
                                   NGX_SOCKADDR_STRLEN, 1);

    x->sockaddr = &live->address[n].sockaddr;
    x->socklen = live->socklen[n];
    x->name = &live->name;
    x->request = &u->request;
    x->tls = u->secure ? &u->tls : NULL;
    x->timeout = left > 0 ? (ngx_msec_t) left : 1;
    x->max = u->max_size;
    x->status = ngx_mlsec_fetch_status;
    x->done = ngx_mlsec_fetch_done;
    x->data = live;

    ngx_mlsec_exchange_start(x);
}


static ngx_int_t
ngx_mlsec_fetch_status(ngx_mlsec_exchange_t *x, const char **error)
{
    if (ngx_mlsec_exchange_status(x) == NGX_HTTP_OK) {
        return NGX_AGAIN;
    }

    *error = "its status is not 200";

    return NGX_OK;
}


static void
ngx_mlsec_fetch_done(ngx_mlsec_exchange_t *x, const char *error)
{
    ngx_mlsec_keys_live_t  *live;

    live = x->data;

    if (error != NULL && !x->connected && live->tried < live->naddresses
        && (ngx_msec_int_t) (live->deadline - ngx_current_msec) > 0)
    {
        ngx_mlsec_fetch_ask(live);
        return;
    }

    if (error != NULL
        || ngx_mlsec_fetch_take(live, &x->body, &error) != NGX_OK)
    {
        ngx_mlsec_fetch_failed(live, error);
    }
}


/*
 * The keys are parsed before anybody is told of them, and by this worker for
 * itself too.
 */

static ngx_int_t
ngx_mlsec_fetch_take(ngx_mlsec_keys_live_t *live, const mlsec_body_t *body,
    const char **error)
{
    int64_t                      max_age;
    uint64_t                     stamp;
    mlsec_str_t                  text;
    mlsec_process_t              process;
    mlsec_jwk_set_t             *keys;
    ngx_slab_pool_t             *shpool;
    mlsec_key_store_t           *store;
    mlsec_keys_change_e          change;
    const ngx_mlsec_keys_uri_t  *u;

    u = live->uri;
    store = ngx_mlsec_keys_store(u);
    shpool = (ngx_slab_pool_t *) u->zone->shm.addr;

    text.data = body->data;
    text.len = body->len;

    if (mlsec_jwk_set_parse(text, 0, &keys, error) != MLSEC_OK) {
        return NGX_ERROR;
    }

    stamp = ngx_mlsec_auth_stamp(text);
    max_age = -1;

    if (body->cache.with_max_age) {
        max_age = body->cache.max_age > NGX_MAX_INT32_VALUE
                  ? (int64_t) NGX_MAX_INT32_VALUE * 1000
                  : (int64_t) body->cache.max_age * 1000;
    }

    ngx_mlsec_process(&process);

    ngx_shmtx_lock(&shpool->mutex);

    change = mlsec_key_store_end(store, &process, &u->rule, ngx_current_msec,
                                 text, stamp, max_age,
                                 (uint64_t) ngx_random());

    ngx_shmtx_unlock(&shpool->mutex);

    live->fetching = 0;

    ngx_mlsec_keys_take(u, keys, stamp,
                        mlsec_atomic_load(&store->generation));
    ngx_mlsec_fetch_good(u, change);
    ngx_mlsec_auth_wake();

    return NGX_OK;
}


/* A line for each change, none for a fetch that has brought nothing new. */

static void
ngx_mlsec_fetch_good(const ngx_mlsec_keys_uri_t *u,
    mlsec_keys_change_e change)
{
    const mlsec_jwk_set_t  *keys;

    keys = u->live->keys;

    if (change == MLSEC_KEYS_BACK) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "mlsec auth: keys can be fetched again, uri: \"%V\"",
                      &u->uri);
        return;
    }

    if (change != MLSEC_KEYS_NEW) {
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "mlsec auth: new keys have been fetched, uri: \"%V\", "
                  "keys: %uz", &u->uri, keys->n);

    if (keys->skipped) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "mlsec auth: %uz keys of \"%V\" are left out, the last "
                      "one since %s", keys->skipped, &u->uri, keys->why);
    }

    if (keys->exposed) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "mlsec auth: \"%V\" has private keys, which the "
                      "gateway does not need", &u->uri);
    }
}


static void
ngx_mlsec_fetch_failed(ngx_mlsec_keys_live_t *live, const char *error)
{
    mlsec_process_t              process;
    mlsec_key_store_t           *store;
    const ngx_mlsec_keys_uri_t  *u;

    u = live->uri;
    store = ngx_mlsec_keys_store(u);
    live->fetching = 0;

    ngx_mlsec_process(&process);

    if (mlsec_key_store_failed(store, &process, &u->rule, ngx_current_msec)
        == MLSEC_KEYS_FAILING)
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mlsec auth: keys cannot be fetched, %s, uri: \"%V\", "
                      "reason: \"%s\", status: %ui",
                      mlsec_atomic_load(&store->generation)
                      ? "those of before stay" : "there are none yet",
                      &u->uri, error,
                      ngx_mlsec_exchange_status(&live->exchange));
    }

    ngx_mlsec_auth_wake();
}
