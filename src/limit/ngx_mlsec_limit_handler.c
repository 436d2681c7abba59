/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_kept.h>
#include <limit/ngx_mlsec_limit_conf.h>


static mlsec_apart ngx_int_t ngx_mlsec_limit_phase(ngx_http_request_t *r,
    ngx_uint_t address);
static ngx_int_t ngx_mlsec_limit_conclude(ngx_http_request_t *r,
    ngx_mlsec_limit_ctx_t *ctx, ngx_uint_t first,
    ngx_mlsec_limit_item_t *refused);
static ngx_uint_t ngx_mlsec_limit_asks(const ngx_mlsec_limit_ctx_t *ctx,
    ngx_uint_t first);
static ngx_mlsec_limit_item_t *ngx_mlsec_limit_resume(ngx_http_request_t *r,
    ngx_mlsec_limit_ctx_t *ctx);
static void ngx_mlsec_limit_owe(const ngx_mlsec_limit_main_conf_t *mcf,
    ngx_mlsec_limit_ctx_t *ctx);
static ngx_mlsec_limit_ctx_t *ngx_mlsec_limit_ctx(ngx_http_request_t *r);
static ngx_mlsec_limit_ctx_t *ngx_mlsec_limit_ctx_create(
    ngx_http_request_t *r);
static ngx_int_t ngx_mlsec_limit_gather(ngx_http_request_t *r,
    ngx_mlsec_limit_ctx_t **ctx, ngx_uint_t address);
static ngx_uint_t ngx_mlsec_limit_is_counted(const ngx_mlsec_limit_ctx_t *ctx,
    const ngx_mlsec_limit_t *limit);
static ngx_int_t ngx_mlsec_limit_keep(ngx_http_request_t *r,
    ngx_mlsec_limit_ctx_t **ctx, const ngx_mlsec_limit_item_t *item);
static ngx_int_t ngx_mlsec_limit_item(ngx_http_request_t *r,
    ngx_mlsec_limit_item_t *item);
static void ngx_mlsec_limit_strictest(ngx_mlsec_limit_ctx_t *ctx,
    ngx_uint_t first);
static void ngx_mlsec_limit_take_late(ngx_http_request_t *r,
    ngx_mlsec_limit_item_t *item);
static void ngx_mlsec_limit_cleanup(void *data);


ngx_int_t
ngx_mlsec_limit_address(ngx_http_request_t *r)
{
    const ngx_mlsec_limit_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_limit_module);

    return (lcf->by_address && r == r->main) ? ngx_mlsec_limit_phase(r, 1)
                                             : NGX_DECLINED;
}


ngx_int_t
ngx_mlsec_limit_identity(ngx_http_request_t *r)
{
    const ngx_mlsec_limit_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_limit_module);

    return (lcf->by_key && r == r->main) ? ngx_mlsec_limit_phase(r, 0)
                                         : NGX_DECLINED;
}


static ngx_int_t
ngx_mlsec_limit_phase(ngx_http_request_t *r, ngx_uint_t address)
{
    ngx_int_t                rc;
    ngx_uint_t               first;
    ngx_mlsec_limit_ctx_t   *ctx;
    ngx_mlsec_limit_item_t  *refused;

    ctx = ngx_mlsec_limit_ctx(r);

    /* a page for the refusal is on its way */

    if (ctx != NULL && ctx->refused) {
        return NGX_DECLINED;
    }

    if (ctx != NULL && ctx->waiter.state != NGX_MLSEC_LIMIT_IDLE) {
        return ngx_mlsec_limit_conclude(r, ctx, ctx->waiter.since,
                                        ngx_mlsec_limit_resume(r, ctx));
    }

    first = ctx ? ctx->nitems : 0;
    rc = ngx_mlsec_limit_gather(r, &ctx, address);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ctx == NULL || ctx->nitems == first) {
        return NGX_DECLINED;
    }

    refused = ngx_mlsec_limit_decide(r, ctx, first);

    if (refused == NULL && ngx_mlsec_limit_asks(ctx, first)) {
        rc = ngx_mlsec_limit_wait(r, ctx, first);

        if (rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        if (rc == NGX_ERROR) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ctx->waiter.state = NGX_MLSEC_LIMIT_LATE;
        refused = ngx_mlsec_limit_resume(r, ctx);
    }

    return ngx_mlsec_limit_conclude(r, ctx, first, refused);
}


static ngx_int_t
ngx_mlsec_limit_conclude(ngx_http_request_t *r, ngx_mlsec_limit_ctx_t *ctx,
    ngx_uint_t first, ngx_mlsec_limit_item_t *refused)
{
    ngx_uint_t  i;

    for (i = first; i < ctx->nitems; i++) {
        ngx_mlsec_limit_metrics_count(ctx->items[i]);
    }

    if (refused != NULL && refused->closed) {
        ctx->refused = 1;
        return ngx_mlsec_limit_unavailable(r, ctx, refused);
    }

    if (refused != NULL) {
        ctx->refused = 1;
        ctx->strictest = refused;

    } else {
        ngx_mlsec_limit_strictest(ctx, first);
    }

    if (ngx_mlsec_limit_tell(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return refused ? ngx_mlsec_limit_refuse(r, ctx, refused) : NGX_DECLINED;
}


static ngx_uint_t
ngx_mlsec_limit_asks(const ngx_mlsec_limit_ctx_t *ctx, ngx_uint_t first)
{
    ngx_uint_t  i;

    for (i = first; i < ctx->nitems; i++) {

        if (ctx->items[i]->asks) {
            return 1;
        }
    }

    return 0;
}


/*
 * The store has answered, or it has not: the items that have asked are
 * decided now, the others were before.  The item that refuses, or NULL.
 */

static ngx_mlsec_limit_item_t *
ngx_mlsec_limit_resume(ngx_http_request_t *r, ngx_mlsec_limit_ctx_t *ctx)
{
    ngx_uint_t                    i, late, owed;
    mlsec_limit_clock_t           clock;
    ngx_mlsec_limit_item_t       *item, *refused;
    ngx_mlsec_limit_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_limit_module);

    late = (ctx->waiter.state == NGX_MLSEC_LIMIT_LATE);
    ctx->waiter.state = NGX_MLSEC_LIMIT_IDLE;
    refused = NULL;

    ngx_mlsec_limit_clock(&clock);

    for (i = ctx->waiter.since; i < ctx->nitems; i++) {
        item = ctx->items[i];

        if (!item->asks) {
            continue;
        }

        item->asks = 0;

        if (late) {
            ngx_mlsec_limit_way_back(mcf, item);
            item->refused = ((item->later
                              ? ngx_mlsec_limit_look(item, clock.now)
                              : ngx_mlsec_limit_take(item, &clock))
                             == MLSEC_DECLINED);
        }

        if (!item->refused) {
            continue;
        }

        ngx_mlsec_limit_note(r, item);

        if (!item->limit->dry
            && (refused == NULL || item->state.wait > refused->state.wait))
        {
            refused = item;
        }
    }

    owed = late && !ngx_mlsec_limit_sync_decided(&ctx->waiter,
                                                 refused != NULL);

    if (refused != NULL) {
        ngx_mlsec_limit_give_back(ctx, ctx->waiter.since, ctx->nitems);

    } else if (owed) {
        ngx_mlsec_limit_owe(mcf, ctx);
    }

    return refused;
}


/*
 * Admitted, and nobody was asked, since this worker has no connection: the
 * next one who asks for the key tells it.
 */

static void
ngx_mlsec_limit_owe(const ngx_mlsec_limit_main_conf_t *mcf,
    ngx_mlsec_limit_ctx_t *ctx)
{
    ngx_uint_t               i;
    ngx_mlsec_limit_item_t  *item;

    for (i = ctx->waiter.since; i < ctx->nitems; i++) {
        item = ctx->items[i];

        if (item->sync != NULL && item->how == MLSEC_SYNC_LATE
            && item->taken && !mlsec_sync_alone(mcf->store.sync))
        {
            ngx_mlsec_limit_generation(mcf, item);
            (void) mlsec_lease_note(&item->entry->lease, &item->lease,
                                    item->terms.cost);
        }
    }
}


/*
 * What a request has been counted for outlives r->ctx, which an internal
 * redirect wipes, and so does an error that a filter found: it hangs on the
 * pool, as a cleanup, which also lets go of the places that the request holds,
 * whatever way it ends.  A request that nothing was counted for has none.
 */

static ngx_mlsec_limit_ctx_t *
ngx_mlsec_limit_ctx(ngx_http_request_t *r)
{
    ngx_mlsec_limit_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_mlsec_limit_module);

    if (ctx == NULL && (r->internal || r->filter_finalize)) {
        ctx = ngx_mlsec_kept(r->pool, ngx_mlsec_limit_cleanup);
        ngx_http_set_ctx(r, ctx, ngx_mlsec_limit_module);
    }

    return ctx;
}


static ngx_mlsec_limit_ctx_t *
ngx_mlsec_limit_ctx_create(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t     *cln;
    ngx_mlsec_limit_ctx_t  *ctx;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_mlsec_limit_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ctx->nitems = 0;
    ctx->strictest = NULL;
    ctx->told = NULL;
    ctx->refused = 0;
    ngx_memzero(&ctx->waiter, sizeof(ngx_mlsec_limit_waiter_t));
    ngx_memzero(&ctx->headers, sizeof(ngx_mlsec_limit_headers_t));

    cln->handler = ngx_mlsec_limit_cleanup;
    ngx_http_set_ctx(r, ctx, ngx_mlsec_limit_module);

    return ctx;
}


/* The limits of this phase that the request has not been counted for. */

static ngx_int_t
ngx_mlsec_limit_gather(ngx_http_request_t *r, ngx_mlsec_limit_ctx_t **ctx,
    ngx_uint_t address)
{
    ngx_int_t                          rc;
    ngx_uint_t                         i;
    ngx_mlsec_limit_t                **limit;
    ngx_mlsec_limit_item_t             item;
    const ngx_mlsec_limit_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_limit_module);
    limit = lcf->limits->elts;

    for (i = 0; i < lcf->limits->nelts; i++) {

        if (limit[i]->off || (limit[i]->zone->key == NULL) != address
            || (*ctx && ngx_mlsec_limit_is_counted(*ctx, limit[i]))
            || (limit[i]->when && !ngx_mlsec_limit_applies(r, limit[i]->when)))
        {
            continue;
        }

        item.limit = limit[i];
        rc = ngx_mlsec_limit_item(r, &item);

        if (rc == NGX_OK) {
            rc = ngx_mlsec_limit_keep(r, ctx, &item);
        }

        if (rc == NGX_ERROR) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_mlsec_limit_is_counted(const ngx_mlsec_limit_ctx_t *ctx,
    const ngx_mlsec_limit_t *limit)
{
    ngx_uint_t  i;

    for (i = 0; i < ctx->nitems; i++) {

        if (ctx->items[i]->limit->policy == limit->policy
            && ctx->items[i]->limit->zone == limit->zone)
        {
            return 1;
        }
    }

    return ctx->nitems == NGX_MLSEC_LIMIT_ITEMS;
}


static ngx_int_t
ngx_mlsec_limit_keep(ngx_http_request_t *r, ngx_mlsec_limit_ctx_t **ctx,
    const ngx_mlsec_limit_item_t *item)
{
    ngx_mlsec_limit_item_t  *kept;

    if (*ctx == NULL) {
        *ctx = ngx_mlsec_limit_ctx_create(r);
        if (*ctx == NULL) {
            return NGX_ERROR;
        }
    }

    kept = ngx_palloc(r->pool, sizeof(ngx_mlsec_limit_item_t));
    if (kept == NULL) {
        return NGX_ERROR;
    }

    *kept = *item;
    (*ctx)->items[(*ctx)->nitems++] = kept;

    return NGX_OK;
}


/*
 * The rate comes first: most limits of a server are "off" for most of its
 * requests, and then neither their key nor the rest is worked out.
 */

static ngx_int_t
ngx_mlsec_limit_item(ngx_http_request_t *r, ngx_mlsec_limit_item_t *item)
{
    ngx_int_t                 rc;
    ngx_str_t                 key, rate;
    mlsec_str_t               text;
    const ngx_mlsec_limit_t  *limit;

    limit = item->limit;
    rc = ngx_mlsec_limit_rate_of(r, limit, &rate);

    if (rc == NGX_OK) {
        rc = ngx_mlsec_limit_key_of(r, limit->zone, &key);
    }

    if (rc == NGX_OK) {
        rc = ngx_mlsec_limit_terms(r, limit, &rate, &item->terms);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    text.data = key.data;
    text.len = key.len;

    item->key = key;
    item->id.policy = limit->policy;
    item->id.kind = limit->kind;
    item->id.group = 0;
    item->id.hash = mlsec_limit_key(limit->zone->table, limit->policy, text);

    item->entry = NULL;
    item->taken = 0;
    item->refused = 0;
    item->later = (limit->count != NULL);

    ngx_mlsec_limit_way(r, item);

    return NGX_OK;
}


/* Which limit a client that was admitted is told about. */

static void
ngx_mlsec_limit_strictest(ngx_mlsec_limit_ctx_t *ctx, ngx_uint_t first)
{
    ngx_uint_t                     i;
    const ngx_mlsec_limit_item_t  *item;

    for (i = first; i < ctx->nitems; i++) {
        item = ctx->items[i];

        if (item->limit->kind == MLSEC_LIMIT_COUNT || item->limit->dry
            || item->later || item->who == NGX_MLSEC_LIMIT_NOBODY)
        {
            continue;
        }

        if (ctx->strictest == NULL
            || item->state.remaining < ctx->strictest->state.remaining)
        {
            ctx->strictest = item;
        }
    }
}


ngx_int_t
ngx_mlsec_limit_log(ngx_http_request_t *r)
{
    ngx_uint_t               i, status;
    ngx_mlsec_limit_ctx_t   *ctx;
    ngx_mlsec_limit_item_t  *item;

    ctx = ngx_mlsec_limit_ctx(r);

    if (ctx == NULL) {
        return NGX_OK;
    }

    status = r->err_status ? r->err_status : r->headers_out.status;

    for (i = 0; i < ctx->nitems; i++) {
        item = ctx->items[i];

        /* a refused request never got as far as what is counted here */

        if (item->later && !ctx->refused
            && ngx_mlsec_conf_status_in(item->limit->count, status))
        {
            ngx_mlsec_limit_take_late(r, item);
        }
    }

    return NGX_OK;
}


/* It has happened: it is noted, be there enough left or not. */

static void
ngx_mlsec_limit_take_late(ngx_http_request_t *r,
    ngx_mlsec_limit_item_t *item)
{
    mlsec_lease_due_e             due;
    mlsec_limit_clock_t           clock;
    ngx_mlsec_limit_main_conf_t  *mcf;

    if (item->who == NGX_MLSEC_LIMIT_NOBODY) {
        return;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_limit_module);

    if (item->who != NGX_MLSEC_LIMIT_HERE) {

        /* the request may have taken long, and an outage have come between */

        ngx_mlsec_limit_generation(mcf, item);
    }

    ngx_mlsec_limit_clock(&clock);
    (void) ngx_mlsec_limit_take(item, &clock);

    if (item->who == NGX_MLSEC_LIMIT_HERE || item->entry == NULL
        || mlsec_sync_alone(mcf->store.sync))
    {
        return;
    }

    due = mlsec_lease_note(&item->entry->lease, &item->lease,
                           item->terms.cost);

    ngx_mlsec_limit_sync_tell(mcf, item,
                              item->who == NGX_MLSEC_LIMIT_STORE
                              ? MLSEC_LEASE_SHORT : due);
}


static void
ngx_mlsec_limit_cleanup(void *data)
{
    ngx_mlsec_limit_ctx_t *ctx = data;

    ngx_uint_t               i;
    ngx_mlsec_limit_item_t  *item;

    ngx_mlsec_limit_wait_cancel(&ctx->waiter);

    for (i = 0; i < ctx->nitems; i++) {
        item = ctx->items[i];

        if (item->limit->kind == MLSEC_LIMIT_COUNT && item->taken) {
            item->taken = 0;
            mlsec_limit_leave(item->entry, ngx_process_slot);
        }
    }
}
