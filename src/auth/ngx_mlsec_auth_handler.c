/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <auth/ngx_mlsec_auth_keys.h>
#include <core/ngx_mlsec_compat.h>
#include <core/ngx_mlsec_error.h>
#include <core/ngx_mlsec_identity.h>
#include <core/ngx_mlsec_refusal.h>
#include <core/ngx_mlsec_variables.h>
#include <lib/mlsec_types.h>


static ngx_int_t ngx_mlsec_auth_who(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx);
static ngx_int_t ngx_mlsec_auth_several(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx);
static mlsec_apart ngx_int_t ngx_mlsec_auth_alone(
    ngx_mlsec_auth_ctx_t *ctx, ngx_int_t rc);
static void ngx_mlsec_auth_blame(ngx_mlsec_auth_ctx_t *ctx,
    const ngx_mlsec_auth_ctx_t *one, ngx_int_t rc);
static ngx_int_t ngx_mlsec_auth_status(const ngx_mlsec_auth_ctx_t *ctx);
static mlsec_hot ngx_int_t ngx_mlsec_auth_ask(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx,
    ngx_uint_t method);
static void ngx_mlsec_auth_take(ngx_mlsec_auth_ctx_t *ctx,
    const ngx_mlsec_auth_ctx_t *from);
static mlsec_rare ngx_int_t ngx_mlsec_auth_close(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf);
static ngx_uint_t ngx_mlsec_auth_rewrites(ngx_http_request_t *r);
static ngx_int_t ngx_mlsec_auth_shown(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx);
static mlsec_hot ngx_int_t ngx_mlsec_auth_may(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx);
static ngx_int_t ngx_mlsec_auth_tell(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx);
static mlsec_rare ngx_int_t ngx_mlsec_auth_refuse(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx,
    ngx_uint_t status);
static void ngx_mlsec_auth_note(ngx_http_request_t *r,
    const ngx_mlsec_auth_ctx_t *ctx, ngx_uint_t status);
static ngx_int_t ngx_mlsec_auth_header(ngx_http_request_t *r,
    ngx_table_elt_t **slot, const char *name, const char *value);
static mlsec_hot void ngx_mlsec_auth_cleanup(void *data);


ngx_uint_t
ngx_mlsec_auth_used(ngx_http_request_t *r)
{
    const ngx_mlsec_auth_srv_conf_t  *scf;

    scf = ngx_http_get_module_srv_conf(r, ngx_mlsec_auth_module);

    return scf->used;
}


ngx_int_t
ngx_mlsec_auth_rewrite(ngx_http_request_t *r)
{
    if (ngx_mlsec_auth_used(r) && r == r->main) {
        ngx_mlsec_identity_strip(r);
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_mlsec_auth_access(ngx_http_request_t *r)
{
    ngx_int_t                         rc;
    ngx_pool_cleanup_t               *cln;
    ngx_mlsec_auth_ctx_t             *ctx, *before;
    const ngx_mlsec_auth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_auth_module);

    if (lcf->methods == 0 || lcf->methods == NGX_MLSEC_AUTH_OFF) {
        (void) ngx_mlsec_auth_live(r, lcf, NULL);
        return NGX_DECLINED;
    }

    /*
     * Always anew: the location may be another one than that for which this
     * was asked before, after a redirect inside of nginx.
     */

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_mlsec_auth_ctx_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (ctx == NULL || cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* but for a request that has waited for keys, which goes on here */

    before = ngx_http_get_module_ctx(r, ngx_mlsec_auth_module);

    if (before != NULL && before->wait != NULL
        && before->wait->lcf == lcf)
    {
        ctx->wait = before->wait;
    }

    cln->handler = ngx_mlsec_auth_cleanup;
    cln->data = ctx;
    ngx_http_set_ctx(r, ctx, ngx_mlsec_auth_module);

    rc = ngx_mlsec_auth_who(r, lcf, ctx);

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (rc == NGX_OK) {
        rc = ngx_mlsec_auth_may(r, lcf, ctx);
    }

    if (rc == NGX_OK) {
        rc = ngx_mlsec_auth_tell(r, lcf, ctx);
    }

    if (rc == NGX_OK) {
        rc = ngx_mlsec_auth_live(r, lcf, ctx);
    }

    if (rc == NGX_OK) {
        ctx->known = 1;
        return NGX_OK;
    }

    return rc == NGX_ERROR ? NGX_HTTP_INTERNAL_SERVER_ERROR
                           : ngx_mlsec_auth_refuse(r, lcf, ctx, rc);
}


ngx_int_t
ngx_mlsec_auth_closed(ngx_http_request_t *r)
{
    const ngx_http_core_loc_conf_t   *clcf;
    const ngx_mlsec_auth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_auth_module);

    if (lcf->rules != NULL || lcf->methods == 0
        || lcf->methods == NGX_MLSEC_AUTH_OFF
        || r->internal || r != r->main || !ngx_mlsec_auth_rewrites(r))
    {
        return NGX_DECLINED;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->satisfy == NGX_HTTP_SATISFY_ANY) {
        return NGX_DECLINED;
    }

    return ngx_mlsec_auth_close(r, lcf);
}


static ngx_int_t
ngx_mlsec_auth_close(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf)
{
    ngx_int_t              rc;
    ngx_mlsec_auth_ctx_t  *ctx;

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_mlsec_auth_ctx_t));
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_mlsec_auth_shown(r, lcf, ctx);

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_DECLINED) {
        ctx->reason = "there is no credential";
        return ngx_mlsec_auth_refuse(r, lcf, ctx, NGX_HTTP_UNAUTHORIZED);
    }

    if (ctx->bad_request) {
        return ngx_mlsec_auth_refuse(r, lcf, ctx, NGX_HTTP_BAD_REQUEST);
    }

    (void) ngx_mlsec_auth_may(r, lcf, ctx);

    return ngx_mlsec_auth_refuse(r, lcf, ctx, NGX_HTTP_FORBIDDEN);
}


/*
 * Whether the location has directives of nginx's rewrite module.  Its list of
 * them, or NULL, is the first thing in its settings.
 */

static ngx_uint_t
ngx_mlsec_auth_rewrites(ngx_http_request_t *r)
{
    ngx_array_t *const                *codes;
    const ngx_mlsec_auth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_auth_module);

    if (mcf->rewrite == NULL) {
        return 0;
    }

    codes = r->loc_conf[mcf->rewrite->ctx_index];

    return *codes != NULL;
}


/* Whether there is something to look into: NGX_DECLINED if not, NGX_ERROR. */

static ngx_int_t
ngx_mlsec_auth_shown(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx)
{
    ngx_int_t   rc;
    ngx_str_t   token;
    ngx_uint_t  n;

    rc = NGX_DECLINED;

    if (lcf->methods & NGX_MLSEC_AUTH_JWT) {
        rc = ngx_mlsec_jwt_find(r, lcf, ctx, &token);
    }

    if (rc == NGX_DECLINED && (lcf->methods & NGX_MLSEC_AUTH_API_KEY)
        && ngx_mlsec_header_in(r, (char *) lcf->api_key_header.data, &n)
           != NULL)
    {
        rc = NGX_OK;
    }

    if (rc == NGX_DECLINED && (lcf->methods & NGX_MLSEC_AUTH_MTLS)) {
        rc = ngx_mlsec_auth_mtls(r, ctx);
    }

    return rc;
}


ngx_int_t
ngx_mlsec_auth_passed(ngx_http_request_t *r)
{
    ngx_mlsec_auth_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_mlsec_auth_module);

    if (ctx != NULL && ctx->no_store != NULL) {
        ctx->no_store->hash = 0;
        ctx->no_store = NULL;
        ngx_mlsec_refusal_forget(r);
    }

    return NGX_DECLINED;
}


static void
ngx_mlsec_auth_cleanup(void *data)
{
    ngx_mlsec_recent_forget(data);
}


ngx_mlsec_auth_ctx_t *
ngx_mlsec_auth_ctx(ngx_http_request_t *r)
{
    ngx_mlsec_auth_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r->main, ngx_mlsec_auth_module);

    return ctx != NULL && ctx->known ? ctx : NULL;
}


/*
 * NGX_OK, NGX_AGAIN, 400, 401, 403, 503, NGX_ERROR.
 */

static ngx_int_t
ngx_mlsec_auth_who(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (lcf->methods & (lcf->methods - 1)) {
        return ngx_mlsec_auth_several(r, lcf, ctx);
    }

    rc = ngx_mlsec_auth_ask(r, lcf, ctx, lcf->methods);

    if (rc != NGX_OK) {
        return ngx_mlsec_auth_alone(ctx, rc);
    }

    ctx->reason = NULL;
    ctx->retry_after = 0;

    return NGX_OK;
}


/*
 * Any: the first credential that is good says who it is.  All: each must be
 * good and of one tenant; who it is, is said by the first.
 */

static ngx_int_t
ngx_mlsec_auth_several(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx)
{
    ngx_int_t             rc;
    ngx_uint_t            method, found;
    ngx_mlsec_auth_ctx_t  one;

    found = 0;

    for (method = NGX_MLSEC_AUTH_JWT; method <= NGX_MLSEC_AUTH_MTLS;
         method <<= 1)
    {
        if (!(lcf->methods & method)) {
            continue;
        }

        ngx_memzero(&one, sizeof(ngx_mlsec_auth_ctx_t));
        one.wait = ctx->wait;
        rc = ngx_mlsec_auth_ask(r, lcf, &one, method);
        ctx->wait = one.wait;

        if (rc == NGX_ERROR || rc == NGX_AGAIN) {
            return rc;
        }

        if (rc != NGX_OK) {
            ngx_mlsec_auth_blame(ctx, &one, rc);

            if (rc == NGX_HTTP_FORBIDDEN) {
                return rc;
            }

            if (lcf->methods & NGX_MLSEC_AUTH_ALL) {
                break;
            }

            continue;
        }

        if (!(lcf->methods & NGX_MLSEC_AUTH_ALL)) {
            ngx_mlsec_auth_take(ctx, &one);
            return NGX_OK;
        }

        if (!found) {
            ngx_mlsec_auth_take(ctx, &one);
            found = 1;
            continue;
        }

        ngx_mlsec_recent_forget(&one);

        if (one.api_key.len) {
            ctx->api_key = one.api_key;
        }

        if (one.until && (ctx->until == 0 || one.until < ctx->until)) {
            ctx->until = one.until;
        }

        if (ctx->tenant.len != one.tenant.len
            || ngx_memcmp(ctx->tenant.data, one.tenant.data, one.tenant.len)
               != 0)
        {
            ctx->reason = "the credentials are of different tenants";
            return NGX_HTTP_FORBIDDEN;
        }
    }

    if (found && !ctx->broken && ctx->reason == NULL) {
        return NGX_OK;
    }

    return ngx_mlsec_auth_status(ctx);
}


/*
 * It was not good.  What it has said before that was found out is not true of
 * anybody.
 */

static ngx_int_t
ngx_mlsec_auth_alone(ngx_mlsec_auth_ctx_t *ctx, ngx_int_t rc)
{
    ngx_mlsec_auth_ctx_t  one;

    if (rc == NGX_ERROR || rc == NGX_AGAIN) {
        return rc;
    }

    one = *ctx;

    ngx_memzero(ctx, sizeof(ngx_mlsec_auth_ctx_t));
    ctx->wait = one.wait;

    ngx_mlsec_auth_blame(ctx, &one, rc);

    return (rc == NGX_HTTP_FORBIDDEN) ? rc : ngx_mlsec_auth_status(ctx);
}


static ngx_int_t
ngx_mlsec_auth_status(const ngx_mlsec_auth_ctx_t *ctx)
{
    return ctx->bad_request ? NGX_HTTP_BAD_REQUEST
           : ctx->retry_after ? NGX_HTTP_SERVICE_UNAVAILABLE
           : NGX_HTTP_UNAUTHORIZED;
}


/* That one is bad says more than that another is not there. */

static void
ngx_mlsec_auth_blame(ngx_mlsec_auth_ctx_t *ctx,
    const ngx_mlsec_auth_ctx_t *one, ngx_int_t rc)
{
    if (one->reason != NULL && (ctx->reason == NULL || rc != NGX_DECLINED)) {
        ctx->reason = one->reason;
    }

    ctx->bad_request |= one->bad_request;
    ctx->broken |= rc != NGX_DECLINED;
    ctx->retry_after = ngx_max(ctx->retry_after, one->retry_after);
}


static ngx_int_t
ngx_mlsec_auth_ask(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx,
    ngx_uint_t method)
{
    ngx_int_t  rc;

    switch (method) {

    case NGX_MLSEC_AUTH_JWT:
        rc = ngx_mlsec_auth_jwt(r, lcf, ctx);
        break;

    case NGX_MLSEC_AUTH_API_KEY:
        rc = ngx_mlsec_auth_api_key(r, lcf, ctx);
        break;

    default: /* NGX_MLSEC_AUTH_MTLS */
        rc = ngx_mlsec_auth_mtls(r, ctx);
        break;
    }

    if (rc == NGX_DECLINED) {
        ctx->reason = "there is no credential";
    }

    return rc;
}


static void
ngx_mlsec_auth_take(ngx_mlsec_auth_ctx_t *ctx,
    const ngx_mlsec_auth_ctx_t *from)
{
    *ctx = *from;
    ctx->reason = NULL;
    ctx->retry_after = 0;
}


/*
 * NGX_OK, 401, 403, NGX_ERROR.
 */

static ngx_int_t
ngx_mlsec_auth_may(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (lcf->rules == NULL) {
        ctx->reason = "the location has no \"mlsec_allow\"";
        ctx->policy = "mlsec_allow";
        return NGX_HTTP_FORBIDDEN;
    }

    if (!ngx_mlsec_auth_allowed(r, lcf, ctx)) {
        ctx->reason = "a role is missing";
        ctx->policy = "mlsec_allow";
        return NGX_HTTP_FORBIDDEN;
    }

    rc = ngx_mlsec_auth_require(r, lcf, ctx);

    if (rc != NGX_OK && rc != NGX_ERROR) {
        ctx->reason = "a claim that is required is another one";
        ctx->policy = "mlsec_jwt_require";
        ctx->broken = 1;
    }

    return rc;
}


ngx_uint_t
ngx_mlsec_auth_allowed(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, const ngx_mlsec_auth_ctx_t *ctx)
{
    uint64_t                           grants;
    ngx_uint_t                         i;
    const ngx_mlsec_auth_rule_t       *rule;
    const ngx_mlsec_auth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_auth_module);
    grants = ngx_mlsec_role_grants(mcf, ctx->roles);
    rule = lcf->rules->elts;

    for (i = 0; i < lcf->rules->nelts; i++) {
        if ((rule[i].methods & r->method)
            && (rule[i].roles == 0 || (rule[i].roles & grants)))
        {
            return 1;
        }
    }

    return 0;
}


/* What services are told.  Headers of an earlier location are replaced. */

static ngx_int_t
ngx_mlsec_auth_tell(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx)
{
    ngx_str_t  values[NGX_MLSEC_IDENTITIES];

    if (ctx->role_names.len == 0
        && ngx_mlsec_role_names(r, ctx->roles, &ctx->role_names) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_mlsec_recent_keep(lcf, ctx);

    if (ngx_mlsec_mint(r, lcf->mint, ctx, &ctx->minted) != NGX_OK) {
        return NGX_ERROR;
    }

    values[NGX_MLSEC_IDENTITY_USER] = ctx->identity;
    values[NGX_MLSEC_IDENTITY_ROLES] = ctx->role_names;
    values[NGX_MLSEC_IDENTITY_TENANT] = ctx->tenant;
    values[NGX_MLSEC_IDENTITY_TOKEN] = ctx->minted;

    return ngx_mlsec_identity_set(r, values);
}


/*
 * RFC 6750, 3: no error code when there was no credential, and one word for
 * whatever was wrong with it.  The reason is for the log.
 */

static ngx_int_t
ngx_mlsec_auth_refuse(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx,
    ngx_uint_t status)
{
    const char  *challenge;
    ngx_str_t    nobody[NGX_MLSEC_IDENTITIES];

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "mlsec auth: refused with %ui, reason: \"%s\"", status,
                  ctx->reason ? ctx->reason : "unknown");

    ngx_memzero(nobody, sizeof(nobody));

    if (ngx_mlsec_identity_set(r, nobody) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    challenge = NULL;

    if (status == NGX_HTTP_SERVICE_UNAVAILABLE) {

        /* nothing that the client could do otherwise */

    } else if (lcf->methods & NGX_MLSEC_AUTH_JWT) {
        challenge = status == NGX_HTTP_BAD_REQUEST
                    ? "Bearer realm=\"mlsec\", error=\"invalid_request\""
                    : status == NGX_HTTP_FORBIDDEN
                    ? "Bearer realm=\"mlsec\", error=\"insufficient_scope\""
                    : ctx->broken
                    ? "Bearer realm=\"mlsec\", error=\"invalid_token\""
                    : "Bearer realm=\"mlsec\"";

    } else if (status == NGX_HTTP_UNAUTHORIZED) {
        challenge = lcf->methods & NGX_MLSEC_AUTH_API_KEY
                    ? "ApiKey realm=\"mlsec\"" : "Mutual realm=\"mlsec\"";
    }

    if ((challenge != NULL
         && ngx_mlsec_auth_header(r, &r->headers_out.www_authenticate,
                                  "WWW-Authenticate", challenge)
            != NGX_OK)
        || ngx_mlsec_auth_header(r, &ctx->no_store, "Cache-Control",
                                 "no-store")
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_mlsec_auth_note(r, ctx, status);

    return status;
}


/* The variables say nothing of somebody who was refused; the record does. */

static void
ngx_mlsec_auth_note(ngx_http_request_t *r, const ngx_mlsec_auth_ctx_t *ctx,
    ngx_uint_t status)
{
    ngx_mlsec_error_t     error;
    ngx_mlsec_refusal_t  *refusal;

    ngx_memzero(&error, sizeof(ngx_mlsec_error_t));
    error.status = status;
    error.policy = ctx->policy ? ctx->policy : "mlsec_auth";

    if (ctx->reason != NULL) {
        error.reason.data = (u_char *) ctx->reason;
        error.reason.len = ngx_strlen(ctx->reason);
    }

    error.retry_after = status == NGX_HTTP_SERVICE_UNAVAILABLE
                        ? ctx->retry_after : 0;

    (void) ngx_mlsec_error_set(r, &error);

    refusal = ngx_mlsec_refusal(r);

    if (refusal != NULL && refusal->identity.len == 0) {
        refusal->identity = ctx->identity;
        refusal->tenant = ctx->tenant;
        (void) ngx_mlsec_role_names(r, ctx->roles, &refusal->roles);
    }
}


static ngx_int_t
ngx_mlsec_auth_header(ngx_http_request_t *r, ngx_table_elt_t **slot,
    const char *name, const char *value)
{
    ngx_table_elt_t  *h;

    if (slot != NULL && *slot != NULL) {
        (*slot)->hash = 0;
    }

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value.data = (u_char *) value;
    h->value.len = ngx_strlen(value);
    ngx_mlsec_elt_last(h);

    if (slot != NULL) {
        *slot = h;
    }

    return NGX_OK;
}
