/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What a client is told: RateLimit and RateLimit-Policy as in
 * draft-ietf-httpapi-ratelimit-headers-11, structured fields (RFC 9651), and
 * the older X-RateLimit-*.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_compat.h>
#include <core/ngx_mlsec_error.h>
#include <core/ngx_mlsec_json.h>
#include <lib/mlsec_text.h>
#include <limit/ngx_mlsec_limit_conf.h>


#define NGX_MLSEC_LIMIT_SECOND  1000000000ull            /* ns */


static ngx_int_t ngx_mlsec_limit_tell_draft(ngx_http_request_t *r,
    ngx_mlsec_limit_ctx_t *ctx);
static ngx_int_t ngx_mlsec_limit_tell_legacy(ngx_http_request_t *r,
    ngx_mlsec_limit_ctx_t *ctx);
static ngx_int_t ngx_mlsec_limit_tell_retry(ngx_http_request_t *r,
    ngx_mlsec_limit_ctx_t *ctx, time_t seconds);
static void ngx_mlsec_limit_anew(ngx_http_request_t *r,
    ngx_mlsec_limit_ctx_t *ctx);
static ngx_int_t ngx_mlsec_limit_header(ngx_http_request_t *r,
    ngx_table_elt_t **slot, const char *name, ngx_str_t *value);
static uint64_t ngx_mlsec_limit_seconds(uint64_t ns);
static uint64_t ngx_mlsec_limit_until(const ngx_mlsec_limit_item_t *item);
static void ngx_mlsec_limit_message(ngx_http_request_t *r,
    const ngx_mlsec_limit_item_t *item, time_t retry_after,
    ngx_str_t *message);
static void ngx_mlsec_limit_details(ngx_http_request_t *r,
    const ngx_mlsec_limit_item_t *item, time_t retry_after,
    ngx_str_t *details);
static void ngx_mlsec_limit_of(const ngx_mlsec_limit_item_t *item,
    ngx_str_t *text, u_char *buffer);


uint64_t
ngx_mlsec_limit_quantity(const ngx_mlsec_limit_item_t *item)
{
    switch (item->limit->kind) {

    case MLSEC_LIMIT_COUNT:
        return item->limit->max;

    case MLSEC_LIMIT_QUOTA:
        return item->terms.quota.limit;

    default:
        return item->terms.gcra.burst;
    }
}


ngx_int_t
ngx_mlsec_limit_tell(ngx_http_request_t *r, ngx_mlsec_limit_ctx_t *ctx)
{
    const ngx_mlsec_limit_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_limit_module);

    ngx_mlsec_limit_anew(r, ctx);

    if (ctx->strictest == ctx->told) {
        return NGX_OK;
    }

    ctx->told = ctx->strictest;

    if ((lcf->headers & NGX_MLSEC_LIMIT_HEADERS_DRAFT)
        && ngx_mlsec_limit_tell_draft(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if ((lcf->headers & NGX_MLSEC_LIMIT_HEADERS_LEGACY)
        && ngx_mlsec_limit_tell_legacy(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_limit_tell_draft(ngx_http_request_t *r, ngx_mlsec_limit_ctx_t *ctx)
{
    u_char                        *p;
    ngx_str_t                      policy, limit;
    const ngx_mlsec_limit_item_t  *item;

    item = ctx->strictest;
    policy = item->limit->header;

    /* a limit that is shared, and cannot be now, is a part of itself */

    if ((policy.len == 0
         || item->terms.gcra.burst != item->limit->terms.gcra.burst)
        && ngx_mlsec_limit_policy_header(r->pool, item->limit, &item->terms,
                                         &policy)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(r->pool, item->limit->name.len
                             + sizeof("\"\";r=;t=") + 2 * NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    limit.data = p;

    *p++ = '"';
    p = ngx_cpymem(p, item->limit->name.data, item->limit->name.len);
    p = ngx_cpymem(p, "\";r=", sizeof("\";r=") - 1);

    if (item->limit->kind == MLSEC_LIMIT_COUNT) {
        *p++ = '0';

    } else {
        p = mlsec_text_u64(p, item->state.remaining);
        p = ngx_cpymem(p, ";t=", sizeof(";t=") - 1);
        p = mlsec_text_u64(p, ngx_mlsec_limit_until(item));
    }

    limit.len = p - limit.data;

    if (ngx_mlsec_limit_header(r, &ctx->headers.policy, "RateLimit-Policy",
                               &policy)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_mlsec_limit_header(r, &ctx->headers.limit, "RateLimit",
                                  &limit);
}


/*
 * The quota of a rate is its bucket, and the window what the bucket takes to
 * fill: a client that sends q in w seconds is never refused.
 */

ngx_int_t
ngx_mlsec_limit_policy_header(ngx_pool_t *pool,
    const ngx_mlsec_limit_t *limit, const ngx_mlsec_limit_terms_t *terms,
    ngx_str_t *text)
{
    uint64_t  quantity, window;

    text->data = ngx_pnalloc(pool, limit->name.len
                                   + sizeof("\"\";qu=\"concurrent-requests\"")
                                   + sizeof(";q=;w=") + 2 * NGX_INT64_LEN);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    if (limit->kind == MLSEC_LIMIT_COUNT) {
        text->len = ngx_sprintf(text->data,
                                "\"%V\";q=%uL;qu=\"concurrent-requests\"",
                                &limit->name, limit->max)
                    - text->data;
        return NGX_OK;
    }

    if (limit->kind == MLSEC_LIMIT_QUOTA) {
        quantity = terms->quota.limit;
        window = mlsec_quota_length(&terms->quota, ngx_time());

    } else {
        quantity = terms->gcra.burst;
        window = ngx_mlsec_limit_seconds(terms->gcra.tolerance);
    }

    text->len = ngx_sprintf(text->data, "\"%V\";q=%uL;w=%uL", &limit->name,
                            quantity, window)
                - text->data;

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_limit_tell_legacy(ngx_http_request_t *r,
    ngx_mlsec_limit_ctx_t *ctx)
{
    uint64_t                       numbers[3];
    ngx_str_t                      value;
    ngx_uint_t                     i;
    const ngx_mlsec_limit_item_t  *item;

    static const char  *names[] = {
        "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"
    };

    item = ctx->strictest;

    numbers[0] = ngx_mlsec_limit_quantity(item);
    numbers[1] = item->state.remaining;
    numbers[2] = ngx_mlsec_limit_until(item);

    for (i = 0; i < 3; i++) {
        value.data = ngx_pnalloc(r->pool, NGX_INT64_LEN);
        if (value.data == NULL) {
            return NGX_ERROR;
        }

        value.len = ngx_sprintf(value.data, "%uL", numbers[i]) - value.data;

        if (ngx_mlsec_limit_header(r, &ctx->headers.legacy[i], names[i],
                                   &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* Not with the envelope: there may be a page of the configuration's instead. */

static ngx_int_t
ngx_mlsec_limit_tell_retry(ngx_http_request_t *r, ngx_mlsec_limit_ctx_t *ctx,
    time_t seconds)
{
    ngx_str_t  value;

    ngx_mlsec_limit_anew(r, ctx);

    value.data = ngx_pnalloc(r->pool, NGX_TIME_T_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "%T", seconds) - value.data;

    return ngx_mlsec_limit_header(r, &ctx->headers.retry, "Retry-After",
                                  &value);
}


/*
 * When a filter has found the fault, nginx has emptied the list of headers
 * before it looks for an error_page: what is known of its elements is somebody
 * else's then.
 */

static void
ngx_mlsec_limit_anew(ngx_http_request_t *r, ngx_mlsec_limit_ctx_t *ctx)
{
    if (r->filter_finalize && !ctx->headers.anew) {
        ngx_memzero(&ctx->headers, sizeof(ngx_mlsec_limit_headers_t));
        ctx->headers.anew = 1;
        ctx->told = NULL;
    }
}


/* A header is there once, with what the last phase has to say. */

static ngx_int_t
ngx_mlsec_limit_header(ngx_http_request_t *r, ngx_table_elt_t **slot,
    const char *name, ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = *slot;

    if (h == NULL) {
        h = ngx_list_push(&r->headers_out.headers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        h->hash = 1;
        ngx_mlsec_elt_last(h);
        h->key.data = (u_char *) name;
        h->key.len = ngx_strlen(name);
        h->lowcase_key = NULL;
        *slot = h;
    }

    h->value = *value;

    return NGX_OK;
}


static uint64_t
ngx_mlsec_limit_seconds(uint64_t ns)
{
    return ns / NGX_MLSEC_LIMIT_SECOND + (ns % NGX_MLSEC_LIMIT_SECOND != 0);
}


/* Until there is something to be had again. */

static uint64_t
ngx_mlsec_limit_until(const ngx_mlsec_limit_item_t *item)
{
    uint64_t  ns;

    ns = item->state.wait;

    if (ns == 0 || ns == MLSEC_GCRA_NEVER) {
        ns = item->state.reset;
    }

    return ngx_mlsec_limit_seconds(ns);
}


/*
 * Limits answer 429, never 503.  Those who were refused together do not come
 * back together: longer waits get up to an eighth on top.  A cost that is
 * over the whole burst is refused for ever, so there is no Retry-After.
 */

ngx_int_t
ngx_mlsec_limit_refuse(ngx_http_request_t *r, ngx_mlsec_limit_ctx_t *ctx,
    const ngx_mlsec_limit_item_t *item)
{
    time_t             retry_after;
    ngx_mlsec_error_t  error;

    ngx_memzero(&error, sizeof(ngx_mlsec_error_t));
    error.status = NGX_HTTP_TOO_MANY_REQUESTS;

    retry_after = 0;

    if (item->state.wait != MLSEC_GCRA_NEVER) {
        retry_after = ngx_mlsec_limit_until(item);
        retry_after += ngx_random() % (1 + retry_after / 8);
    }

    ngx_mlsec_limit_message(r, item, retry_after, &error.message);
    ngx_mlsec_limit_details(r, item, retry_after, &error.details);
    error.policy = item->limit->kind == MLSEC_LIMIT_COUNT ? "mlsec_limit_conn"
                                                          : "mlsec_limit";

    if (ngx_mlsec_error_set(r, &error) != NGX_OK
        || (retry_after
            && ngx_mlsec_limit_tell_retry(r, ctx, retry_after) != NGX_OK))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_HTTP_TOO_MANY_REQUESTS;
}


/* The limit may be kept, it cannot be told: that is no fault of the client. */

ngx_int_t
ngx_mlsec_limit_unavailable(ngx_http_request_t *r,
    ngx_mlsec_limit_ctx_t *ctx, const ngx_mlsec_limit_item_t *item)
{
    u_char             *p;
    ngx_mlsec_json_t    w;
    ngx_mlsec_error_t   error;

    ngx_memzero(&error, sizeof(ngx_mlsec_error_t));
    error.status = NGX_HTTP_SERVICE_UNAVAILABLE;

    p = ngx_pnalloc(r->pool, sizeof("Limit \"\" cannot be checked now")
                             + item->limit->name.len);

    if (p != NULL) {
        error.message.data = p;
        error.message.len = ngx_sprintf(p, "Limit \"%V\" cannot be checked "
                                        "now", &item->limit->name)
                            - p;
    }

    (void) ngx_mlsec_json_init(&w, r->pool, 128);

    ngx_mlsec_json_lit(&w, "\"error_type\":\"limit_unavailable\","
                           "\"policy\":");
    ngx_mlsec_json_string(&w, &item->limit->name);
    ngx_mlsec_json_lit(&w, ",\"retry_after\":1,"
                           "\"change\":\"mlsec_limit_sync fail=\"");
    (void) ngx_mlsec_json_text(&w, &error.details);

    if (ngx_mlsec_error_set(r, &error) != NGX_OK
        || ngx_mlsec_limit_tell_retry(r, ctx, 1) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_HTTP_SERVICE_UNAVAILABLE;
}


/* The limit as it was written, "100r/s"; buffer: NGX_INT64_LEN bytes. */

static void
ngx_mlsec_limit_of(const ngx_mlsec_limit_item_t *item, ngx_str_t *text,
    u_char *buffer)
{
    *text = item->limit->rate.text;

    if (item->limit->kind == MLSEC_LIMIT_COUNT || item->limit->rate.pieces) {
        text->data = buffer;
        text->len = ngx_sprintf(buffer, "%uL", ngx_mlsec_limit_quantity(item))
                    - buffer;
    }
}


static void
ngx_mlsec_limit_message(ngx_http_request_t *r,
    const ngx_mlsec_limit_item_t *item, time_t retry_after,
    ngx_str_t *message)
{
    u_char     *p, buffer[NGX_INT64_LEN];
    size_t      size;
    ngx_str_t   of;

    ngx_mlsec_limit_of(item, &of, buffer);

    size = sizeof("Request costs , limit \"\" admits at most  at once")
           + sizeof("Too many requests: limit \"\" is , try again in  s")
           + item->limit->name.len + of.len + 3 * NGX_INT64_LEN;

    p = ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        return;
    }

    message->data = p;

    if (retry_after == 0) {
        p = ngx_sprintf(p, "Request costs %uL, limit \"%V\" admits at most "
                        "%uL at once", item->terms.cost, &item->limit->name,
                        ngx_mlsec_limit_quantity(item));

    } else if (item->limit->kind == MLSEC_LIMIT_COUNT) {
        p = ngx_sprintf(p, "Too many requests at once: limit \"%V\" is %V",
                        &item->limit->name, &of);

    } else {
        p = ngx_sprintf(p, "Too many requests: limit \"%V\" is %V, try again "
                        "in %T s", &item->limit->name, &of, retry_after);
    }

    message->len = p - message->data;
}


static void
ngx_mlsec_limit_details(ngx_http_request_t *r,
    const ngx_mlsec_limit_item_t *item, time_t retry_after,
    ngx_str_t *details)
{
    u_char            buffer[NGX_INT64_LEN];
    ngx_str_t         of;
    ngx_mlsec_json_t  w;

    ngx_mlsec_limit_of(item, &of, buffer);

    (void) ngx_mlsec_json_init(&w, r->pool, 256);

    ngx_mlsec_json_lit(&w, "\"error_type\":\"rate_limited\",\"policy\":");
    ngx_mlsec_json_string(&w, &item->limit->name);
    ngx_mlsec_json_lit(&w, ",\"limit\":");
    ngx_mlsec_json_string(&w, &of);

    if (item->limit->kind == MLSEC_LIMIT_RATE) {
        ngx_mlsec_json_lit(&w, ",\"burst\":");
        ngx_mlsec_json_int(&w, item->terms.gcra.burst);
    }

    if (retry_after) {
        ngx_mlsec_json_lit(&w, ",\"retry_after\":");
        ngx_mlsec_json_int(&w, retry_after);

    } else {
        ngx_mlsec_json_lit(&w, ",\"permanent\":true");
    }

    ngx_mlsec_json_lit(&w, ",\"change\":");

    if (item->limit->change.len) {
        ngx_mlsec_json_string(&w, &item->limit->change);

    } else {
        ngx_mlsec_json_lit(&w, "\"mlsec_limit");

        if (item->limit->kind == MLSEC_LIMIT_COUNT) {
            ngx_mlsec_json_lit(&w, "_conn");
        }

        ngx_mlsec_json_lit(&w, " zone=");
        ngx_mlsec_json_string_inside(&w, &item->limit->zone->name);
        ngx_mlsec_json_lit(&w, "\"");
    }

    (void) ngx_mlsec_json_text(&w, details);
}
