/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <limit/ngx_mlsec_limit_conf.h>


static ngx_int_t ngx_mlsec_limit_phase(ngx_http_request_t *r,
    ngx_uint_t address);
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
static ngx_mlsec_limit_item_t *ngx_mlsec_limit_decide(ngx_http_request_t *r,
    ngx_mlsec_limit_ctx_t *ctx, ngx_uint_t first);
static int ngx_mlsec_limit_look(ngx_mlsec_limit_item_t *item, uint64_t now);
static int ngx_mlsec_limit_take(ngx_mlsec_limit_item_t *item,
    mlsec_limit_clock_t *clock);
static int ngx_mlsec_limit_take_word(ngx_mlsec_limit_item_t *item,
    uint64_t now);
static void ngx_mlsec_limit_give_back(ngx_mlsec_limit_ctx_t *ctx,
    ngx_uint_t first, ngx_uint_t last);
static void ngx_mlsec_limit_note(ngx_http_request_t *r,
    ngx_mlsec_limit_item_t *item);
static void ngx_mlsec_limit_strictest(ngx_mlsec_limit_ctx_t *ctx,
    ngx_uint_t first);
static void ngx_mlsec_limit_cleanup(void *data);
static uint64_t ngx_mlsec_limit_yield(void *ctx);
static void ngx_mlsec_limit_clock(mlsec_limit_clock_t *clock);


ngx_int_t
ngx_mlsec_limit_address(ngx_http_request_t *r)
{
    return ngx_mlsec_limit_phase(r, 1);
}


ngx_int_t
ngx_mlsec_limit_identity(ngx_http_request_t *r)
{
    return ngx_mlsec_limit_phase(r, 0);
}


static ngx_int_t
ngx_mlsec_limit_phase(ngx_http_request_t *r, ngx_uint_t address)
{
    ngx_int_t                          rc;
    ngx_uint_t                         first;
    ngx_mlsec_limit_ctx_t             *ctx;
    ngx_mlsec_limit_item_t            *refused;
    const ngx_mlsec_limit_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_limit_module);

    if (!(address ? lcf->by_address : lcf->by_key) || r != r->main) {
        return NGX_DECLINED;
    }

    ctx = ngx_mlsec_limit_ctx(r);

    /* a page for the refusal is on its way */

    if (ctx != NULL && ctx->refused) {
        return NGX_DECLINED;
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

    if (refused != NULL) {
        ctx->refused = 1;
        ctx->strictest = refused;

        if (ngx_mlsec_limit_tell(r, ctx) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_mlsec_limit_refuse(r, refused);
    }

    ngx_mlsec_limit_strictest(ctx, first);

    if (ngx_mlsec_limit_tell(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_DECLINED;
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
    ngx_pool_cleanup_t     *cln;
    ngx_mlsec_limit_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_mlsec_limit_module);

    if (ctx != NULL) {
        return ctx;
    }

    if (r->internal || r->filter_finalize) {

        for (cln = r->pool->cleanup; cln; cln = cln->next) {

            if (cln->handler == ngx_mlsec_limit_cleanup) {
                ngx_http_set_ctx(r, cln->data, ngx_mlsec_limit_module);
                return cln->data;
            }
        }
    }

    return NULL;
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
    ctx->refused = 0;
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
            || (*ctx && ngx_mlsec_limit_is_counted(*ctx, limit[i])))
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

    item->id.policy = limit->policy;
    item->id.kind = limit->kind;
    item->id.group = 0;
    item->id.hash = mlsec_limit_key(limit->zone->table, limit->policy, text);

    item->entry = NULL;
    item->taken = 0;
    item->refused = 0;
    item->later = (limit->count != NULL);

    return NGX_OK;
}


/*
 * All or nothing.  First everything is looked at, so that a request that one
 * limit refuses is not for a moment taken from another one; then taken, and
 * given back if somebody was faster at a later one.
 *
 * NULL: admitted; else the item that refuses for the longest.
 */

static ngx_mlsec_limit_item_t *
ngx_mlsec_limit_decide(ngx_http_request_t *r, ngx_mlsec_limit_ctx_t *ctx,
    ngx_uint_t first)
{
    int                      rc;
    ngx_uint_t               i;
    mlsec_limit_clock_t      clock;
    ngx_mlsec_limit_item_t  *item, *refused;

    ngx_mlsec_limit_clock(&clock);
    refused = NULL;

    for (i = first; i < ctx->nitems; i++) {
        item = ctx->items[i];

        if (ctx->nitems - first == 1 && !item->later) {
            break;
        }

        if (ngx_mlsec_limit_look(item, clock.now) == MLSEC_DECLINED) {
            ngx_mlsec_limit_note(r, item);

            if (!item->limit->dry
                && (refused == NULL
                    || item->state.wait > refused->state.wait))
            {
                refused = item;
            }
        }
    }

    for (i = first; i < ctx->nitems && refused == NULL; i++) {
        item = ctx->items[i];

        if (item->later || item->refused) {
            continue;
        }

        rc = ngx_mlsec_limit_take(item, &clock);

        if (rc == MLSEC_DECLINED) {
            ngx_mlsec_limit_note(r, item);

            if (!item->limit->dry) {
                ngx_mlsec_limit_give_back(ctx, first, i);
                refused = item;
            }
        }
    }

    return refused;
}


static int
ngx_mlsec_limit_look(ngx_mlsec_limit_item_t *item, uint64_t now)
{
    uint64_t              present;
    mlsec_atomic_t        none, *word;
    mlsec_limit_table_t  *table;

    table = item->limit->zone->table;

    if (item->limit->kind == MLSEC_LIMIT_COUNT) {
        present = mlsec_limit_present(table, &item->id);
        item->state.remaining = 0;
        item->state.reset = 0;
        item->state.wait = 1;

        return present < item->limit->max ? MLSEC_OK : MLSEC_DECLINED;
    }

    none.word = 0;
    item->entry = mlsec_limit_find(table, &item->id);
    word = item->entry ? &item->entry->word : &none;

    if (item->limit->kind == MLSEC_LIMIT_QUOTA) {
        return mlsec_quota_look(word, &item->terms.quota, ngx_time(),
                                item->terms.cost, &item->state);
    }

    return mlsec_gcra_look(word, &item->terms.gcra, now, item->terms.cost,
                           &item->state);
}


static int
ngx_mlsec_limit_take(ngx_mlsec_limit_item_t *item,
    mlsec_limit_clock_t *clock)
{
    int                   rc;
    mlsec_limit_table_t  *table;

    table = item->limit->zone->table;

    if (item->limit->kind == MLSEC_LIMIT_COUNT) {
        rc = mlsec_limit_enter(table, &item->id, clock, ngx_process_slot,
                               item->limit->max, &item->entry);
        item->taken = (rc == MLSEC_OK);
        item->state.remaining = 0;
        item->state.reset = 0;
        item->state.wait = 1;

        return rc;
    }

    do {
        item->entry = mlsec_limit_get(table, &item->id, clock);

        /* only counts keep a place for ever: there is none, let it pass */

        if (item->entry == NULL) {
            ngx_memzero(&item->state, sizeof(mlsec_gcra_state_t));
            item->state.remaining = ngx_mlsec_limit_quantity(item);
            return MLSEC_NOMEM;
        }

        rc = ngx_mlsec_limit_take_word(item, clock->now);

    } while (!mlsec_limit_still(item->entry, &item->id));

    item->taken = (rc == MLSEC_OK);

    return rc;
}


static int
ngx_mlsec_limit_take_word(ngx_mlsec_limit_item_t *item, uint64_t now)
{
    if (item->limit->kind == MLSEC_LIMIT_QUOTA) {
        return mlsec_quota_take(&item->entry->word, &item->terms.quota,
                                ngx_time(), item->terms.cost, &item->state);
    }

    return mlsec_gcra_take(&item->entry->word, &item->terms.gcra, now,
                           item->terms.cost, &item->state);
}


static void
ngx_mlsec_limit_give_back(ngx_mlsec_limit_ctx_t *ctx, ngx_uint_t first,
    ngx_uint_t last)
{
    ngx_uint_t               i;
    ngx_mlsec_limit_item_t  *item;

    for (i = first; i < last; i++) {
        item = ctx->items[i];

        if (!item->taken) {
            continue;
        }

        item->taken = 0;

        switch (item->limit->kind) {

        case MLSEC_LIMIT_COUNT:
            mlsec_limit_leave(item->entry, ngx_process_slot);
            break;

        case MLSEC_LIMIT_QUOTA:
            mlsec_quota_give_back(&item->entry->word, &item->terms.quota,
                                  ngx_time(), item->terms.cost);
            break;

        default:
            mlsec_gcra_give_back(&item->entry->word, &item->terms.gcra,
                                 item->terms.cost);
        }
    }
}


static void
ngx_mlsec_limit_note(ngx_http_request_t *r, ngx_mlsec_limit_item_t *item)
{
    mlsec_limit_counters_t  *counters;

    item->refused = 1;

    counters = mlsec_limit_counters(item->limit->zone->table,
                                    item->limit->policy);

    if (counters != NULL) {
        mlsec_atomic_add(item->limit->dry ? &counters->dry
                                          : &counters->refused, 1);
    }

    if (item->entry != NULL) {
        mlsec_limit_refused(item->entry, ngx_mlsec_limit_now());
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "mlsec limit: %s, limit: \"%V\"",
                  item->limit->dry ? "would be refused (dry_run)" : "refused",
                  &item->limit->name);
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
            || item->later)
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
    mlsec_limit_clock_t      clock;
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
            ngx_mlsec_limit_clock(&clock);
            (void) ngx_mlsec_limit_take(item, &clock);
        }
    }

    return NGX_OK;
}


static void
ngx_mlsec_limit_cleanup(void *data)
{
    ngx_mlsec_limit_ctx_t *ctx = data;

    ngx_uint_t               i;
    ngx_mlsec_limit_item_t  *item;

    for (i = 0; i < ctx->nitems; i++) {
        item = ctx->items[i];

        if (item->limit->kind == MLSEC_LIMIT_COUNT && item->taken) {
            item->taken = 0;
            mlsec_limit_leave(item->entry, ngx_process_slot);
        }
    }
}


uint64_t
ngx_mlsec_limit_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


static uint64_t
ngx_mlsec_limit_yield(void *ctx)
{
    ngx_sched_yield();

    return ngx_mlsec_limit_now();
}


static void
ngx_mlsec_limit_clock(mlsec_limit_clock_t *clock)
{
    clock->yield = ngx_mlsec_limit_yield;
    clock->ctx = NULL;
    clock->now = ngx_mlsec_limit_now();
}
