/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <auth/ngx_mlsec_auth_keys.h>
#include <core/ngx_mlsec_identity.h>
#include <core/ngx_mlsec_mem.h>
#include <core/ngx_mlsec_variables.h>
#include <math.h>


/* All keys of a location. */

typedef struct {
    size_t                  n;
    const mlsec_jwk_set_t  *set[NGX_MLSEC_AUTH_SETS];
    uint64_t                stamp[NGX_MLSEC_AUTH_SETS];
} ngx_mlsec_sets_t;


static mlsec_rare ngx_int_t ngx_mlsec_jwt_refused(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx,
    const ngx_str_t *token, mlsec_reason_e reason);
static time_t ngx_mlsec_jwt_until(const mlsec_jwt_t *jwt,
    const mlsec_jwt_policy_t *policy);
static mlsec_hot mlsec_reason_e ngx_mlsec_jwt_verify(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx,
    const ngx_str_t *token);
static mlsec_reason_e ngx_mlsec_jwt_good(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx);
static mlsec_apart mlsec_reason_e ngx_mlsec_jwt_known(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, const ngx_mlsec_sets_t *sets,
    ngx_mlsec_auth_ctx_t *ctx, ngx_mlsec_cached_t *cached);
static uint64_t ngx_mlsec_jwt_stamp(const ngx_mlsec_auth_loc_conf_t *lcf,
    const ngx_mlsec_sets_t *sets);
static mlsec_hot void ngx_mlsec_jwt_sets(const ngx_mlsec_auth_loc_conf_t *lcf,
    ngx_mlsec_sets_t *sets);
static mlsec_reason_e ngx_mlsec_jwt_signature(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, const ngx_mlsec_sets_t *sets,
    mlsec_jwt_t *jwt, const ngx_mlsec_cached_t *cached);
static mlsec_apart ngx_int_t ngx_mlsec_jwt_identity(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx);
static const json_t *ngx_mlsec_jwt_value(const json_t *claims,
    const mlsec_claims_path_t *path, const char *name);
static ngx_int_t ngx_mlsec_jwt_text(ngx_http_request_t *r,
    const json_t *value, ngx_str_t *text);
static uint64_t ngx_mlsec_jwt_roles(ngx_http_request_t *r,
    const json_t *value);
static mlsec_apart ngx_int_t ngx_mlsec_require(ngx_http_request_t *r,
    const ngx_array_t *list, const ngx_mlsec_auth_ctx_t *ctx);
static ngx_uint_t ngx_mlsec_require_holds(const ngx_mlsec_require_t *req,
    const json_t *claim, const ngx_str_t *value);
static ngx_uint_t ngx_mlsec_require_equal(const json_t *claim,
    const ngx_str_t *value);
static ngx_uint_t ngx_mlsec_require_in(const json_t *claim,
    const ngx_str_t *list);
static ngx_uint_t ngx_mlsec_require_compare(ngx_mlsec_op_e op,
    const json_t *claim, const ngx_str_t *value);


ngx_int_t
ngx_mlsec_auth_jwt(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx)
{
    ngx_int_t       rc;
    ngx_str_t       token;
    mlsec_reason_e  reason;

    /* of a request that has waited it may not be where it was any more */

    if (ctx->wait != NULL) {
        token = ctx->wait->token;
        rc = NGX_OK;

    } else {
        rc = ngx_mlsec_jwt_find(r, lcf, ctx, &token);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    reason = ngx_mlsec_jwt_verify(r, lcf, ctx, &token);

    if (reason != MLSEC_REASON_OK) {
        return ngx_mlsec_jwt_refused(r, lcf, ctx, &token, reason);
    }

    ctx->token = token;
    ctx->until = ngx_mlsec_jwt_until(&ctx->jwt, &lcf->policy);

    ctx->claims.data = (u_char *) ctx->jwt.text.data;
    ctx->claims.len = ctx->jwt.text.len;

    if (ngx_mlsec_recent_person(lcf, ctx)) {
        return NGX_OK;
    }

    rc = ngx_mlsec_jwt_identity(r, lcf, ctx);

    if (rc != NGX_OK) {
        ngx_mlsec_recent_forget(ctx);
    }

    return rc;
}


/* In whole seconds, the next one: as mlsec_jwt_check_time() has it. */

static time_t
ngx_mlsec_jwt_until(const mlsec_jwt_t *jwt, const mlsec_jwt_policy_t *policy)
{
    time_t  until, old;

    until = jwt->has_exp ? (time_t) ceil(jwt->exp) + policy->leeway : 0;

    if (policy->max_age && jwt->has_iat) {
        old = (time_t) ceil(jwt->iat) + policy->max_age + policy->leeway;
        until = until && until < old ? until : old;
    }

    return until;
}


mlsec_reason_e
ngx_mlsec_jwt_again(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, const ngx_str_t *token)
{
    size_t                i;
    mlsec_reason_e        reason;
    ngx_mlsec_sets_t      sets;
    ngx_mlsec_auth_ctx_t  one;

    ngx_memzero(&one, sizeof(ngx_mlsec_auth_ctx_t));

    reason = ngx_mlsec_jwt_verify(r, lcf, &one, token);

    if (reason == MLSEC_REASON_OK) {
        ngx_mlsec_recent_forget(&one);
        return reason;
    }

    if (reason == MLSEC_REASON_KID_UNKNOWN || reason == MLSEC_REASON_NO_KEYS)
    {
        ngx_mlsec_jwt_sets(lcf, &sets);

        for (i = 0; i < sets.n; i++) {
            if (sets.set[i] == NULL) {
                return MLSEC_REASON_NOMEM;
            }
        }
    }

    return reason;
}


uint64_t
ngx_mlsec_jwt_keys_stamp(const ngx_mlsec_auth_loc_conf_t *lcf)
{
    ngx_mlsec_sets_t  sets;

    ngx_mlsec_jwt_sets(lcf, &sets);

    return ngx_mlsec_jwt_stamp(lcf, &sets);
}


/*
 * Newer keys may be what is missing.
 *
 * NGX_ABORT, NGX_AGAIN, 503, NGX_ERROR.
 */

static ngx_int_t
ngx_mlsec_jwt_refused(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx,
    const ngx_str_t *token, mlsec_reason_e reason)
{
    ngx_int_t  rc;

    ctx->reason = mlsec_reason_text(reason);

    if (reason == MLSEC_REASON_NOMEM) {
        return NGX_ERROR;
    }

    if (lcf->uris == NULL
        || (reason != MLSEC_REASON_KID_UNKNOWN
            && reason != MLSEC_REASON_NO_KEYS))
    {
        return NGX_ABORT;
    }

    rc = ngx_mlsec_auth_wait(r, lcf, ctx, token);

    if (rc == NGX_HTTP_SERVICE_UNAVAILABLE) {
        ctx->reason = "there are no keys yet";
    }

    return rc == NGX_DECLINED ? NGX_ABORT : rc;
}


static mlsec_reason_e
ngx_mlsec_jwt_verify(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx,
    const ngx_str_t *token)
{
    mlsec_reason_e      reason;
    ngx_mlsec_sets_t    sets;
    ngx_mlsec_cached_t  cached;

    ngx_mlsec_jwt_sets(lcf, &sets);

    cached.on = 0;
    cached.text.data = token->data;
    cached.text.len = token->len;
    cached.stamp = ngx_mlsec_jwt_stamp(lcf, &sets);

    if (ngx_mlsec_recent_get(r, &cached, ctx) != NGX_OK) {
        reason = ngx_mlsec_jwt_known(r, lcf, &sets, ctx, &cached);

        if (reason != MLSEC_REASON_OK) {
            return reason;
        }
    }

    reason = ngx_mlsec_jwt_good(r, lcf, ctx);

    if (reason != MLSEC_REASON_OK) {
        ngx_mlsec_recent_forget(ctx);
    }

    return reason;
}


/* What the claims say, and what may change while a token is known. */

static mlsec_reason_e
ngx_mlsec_jwt_good(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx)
{
    u_char              buf[43];
    mlsec_reason_e      reason;
    const mlsec_jwt_t  *jwt;

    jwt = &ctx->jwt;

    reason = ngx_mlsec_recent_person(lcf, ctx)
             ? mlsec_jwt_check_time(jwt, &lcf->policy, ngx_time())
             : mlsec_jwt_check(jwt, &lcf->policy, ngx_time(),
                               ngx_mlsec_auth_thumbprint(r, buf));

    if (reason == MLSEC_REASON_OK && lcf->revoked != NULL
        && mlsec_revoked_has(&lcf->revoked->revoked, jwt->jti, jwt->sub,
                             jwt->has_iat ? jwt->iat : -1))
    {
        reason = MLSEC_REASON_REVOKED;
    }

    return reason;
}


/* Of a token that this worker has not seen lately: others may have. */

static mlsec_reason_e
ngx_mlsec_jwt_known(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, const ngx_mlsec_sets_t *sets,
    ngx_mlsec_auth_ctx_t *ctx, ngx_mlsec_cached_t *cached)
{
    mlsec_str_t     payload;
    mlsec_reason_e  reason;

    switch (ngx_mlsec_jwt_cache_get(r, cached, &payload)) {

    case NGX_OK:
        reason = mlsec_jwt_read_text(&ctx->jwt, payload);
        break;

    case NGX_ABORT:
        return MLSEC_REASON_SIGNATURE;

    case NGX_DECLINED:
        reason = ngx_mlsec_jwt_signature(r, lcf, sets, &ctx->jwt, cached);
        break;

    default: /* NGX_ERROR */
        return MLSEC_REASON_NOMEM;
    }

    if (reason == MLSEC_REASON_OK) {
        ngx_mlsec_recent_put(r, cached, ctx);
    }

    return reason;
}


/*
 * Keys and algorithms of a location as a number: what a signature has been
 * verified with.
 */

static uint64_t
ngx_mlsec_jwt_stamp(const ngx_mlsec_auth_loc_conf_t *lcf,
    const ngx_mlsec_sets_t *sets)
{
    size_t    i;
    uint64_t  stamp;

    stamp = lcf->policy.algs;

    for (i = 0; i < sets->n; i++) {
        stamp = (stamp ^ sets->stamp[i]) * 0x9e3779b97f4a7c15
                + (stamp >> 29);
    }

    return stamp;
}


/* Files first; NULL in place of a set that has not been fetched. */

static void
ngx_mlsec_jwt_sets(const ngx_mlsec_auth_loc_conf_t *lcf,
    ngx_mlsec_sets_t *sets)
{
    size_t                               n;
    ngx_uint_t                           i;
    const ngx_mlsec_keys_uri_t *const   *uris;
    const ngx_mlsec_auth_file_t *const  *files;

    n = 0;

    if (lcf->keys != NULL) {
        files = lcf->keys->elts;

        for (i = 0; i < lcf->keys->nelts && n < NGX_MLSEC_AUTH_SETS; i++) {
            sets->set[n] = files[i]->keys;
            sets->stamp[n++] = files[i]->stamp;
        }
    }

    if (lcf->uris != NULL) {
        uris = lcf->uris->elts;

        for (i = 0; i < lcf->uris->nelts && n < NGX_MLSEC_AUTH_SETS; i++) {
            sets->set[n] = ngx_mlsec_keys_current(uris[i]);
            sets->stamp[n] = sets->set[n] ? uris[i]->live->stamp : 0;
            n++;
        }
    }

    sets->n = n;
}


static mlsec_reason_e
ngx_mlsec_jwt_signature(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, const ngx_mlsec_sets_t *sets,
    mlsec_jwt_t *jwt, const ngx_mlsec_cached_t *cached)
{
    size_t          which;
    mlsec_jws_t     jws;
    mlsec_mem_t     mem;
    mlsec_str_t     bad;
    mlsec_reason_e  reason;

    mem = ngx_mlsec_mem(r->pool);
    bad.data = NULL;
    bad.len = 0;

    reason = mlsec_jws_open(&jws, cached->text, 0, &mem);

    if (reason != MLSEC_REASON_OK) {
        return reason;
    }

    reason = mlsec_jws_verify(&jws, sets->set, sets->n, lcf->policy.algs,
                              &which);

    if (reason == MLSEC_REASON_OK) {
        reason = mlsec_jwt_read(jwt, &jws, &mem);

        if (reason == MLSEC_REASON_OK) {
            ngx_mlsec_jwt_cache_put(r, cached, jwt->text);
        }

    } else if (reason == MLSEC_REASON_SIGNATURE) {
        ngx_mlsec_jwt_cache_put(r, cached, bad);
    }

    mlsec_jws_close(&jws);

    return reason;
}


static ngx_int_t
ngx_mlsec_jwt_identity(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx)
{
    const json_t  *claims;

    claims = ctx->jwt.claims;

    ctx->roles = ngx_mlsec_jwt_roles(r,
                      ngx_mlsec_jwt_value(claims, &lcf->claim_roles,
                                          "roles"));

    if (ngx_mlsec_jwt_text(r, ngx_mlsec_jwt_value(claims, &lcf->claim_sub,
                                                  "sub"),
                           &ctx->identity)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_mlsec_jwt_text(r, ngx_mlsec_jwt_value(claims,
                                                     &lcf->claim_tenant,
                                                     "tenant"),
                              &ctx->tenant);
}


static const json_t *
ngx_mlsec_jwt_value(const json_t *claims, const mlsec_claims_path_t *path,
    const char *name)
{
    return path->n ? mlsec_claims_find(claims, path)
                   : json_object_get(claims, name);
}


static ngx_int_t
ngx_mlsec_jwt_text(ngx_http_request_t *r, const json_t *value,
    ngx_str_t *text)
{
    mlsec_str_t  str;

    ngx_str_null(text);

    if (!json_is_string(value)) {
        return NGX_OK;
    }

    str.data = (const u_char *) json_string_value(value);
    str.len = json_string_length(value);

    if (str.len > MLSEC_JWT_MAX_SUB) {
        return NGX_OK;
    }

    return ngx_mlsec_auth_printable(r, &str, text);
}


/*
 * A name counts when it is, byte for byte, a role of the configuration.  A
 * string is one role, never a list.
 */

static uint64_t
ngx_mlsec_jwt_roles(ngx_http_request_t *r, const json_t *value)
{
    size_t                             i;
    uint64_t                           roles;
    const json_t                      *element;
    const ngx_mlsec_auth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_auth_module);

    if (json_is_string(value)) {
        return ngx_mlsec_role_bit(mcf, (u_char *) json_string_value(value),
                                  json_string_length(value));
    }

    roles = 0;

    for (i = 0; i < json_array_size(value); i++) {
        element = json_array_get(value, i);

        if (json_is_string(element)) {
            roles |= ngx_mlsec_role_bit(mcf,
                                     (u_char *) json_string_value(element),
                                     json_string_length(element));
        }
    }

    return roles;
}


ngx_int_t
ngx_mlsec_auth_printable(ngx_http_request_t *r, const mlsec_str_t *from,
    ngx_str_t *to)
{
    u_char  *p, c;
    size_t   i, bad;

    static const u_char  hex[] = "0123456789ABCDEF";

    bad = 0;

    for (i = 0; i < from->len; i++) {
        c = from->data[i];
        bad += c < 0x20 || c > 0x7e || c == '%';
    }

    p = ngx_pnalloc(r->pool, from->len + 2 * bad + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    to->data = p;

    for (i = 0; i < from->len; i++) {
        c = from->data[i];

        if (c < 0x20 || c > 0x7e || c == '%') {
            *p++ = '%';
            *p++ = hex[c >> 4];
            c = hex[c & 15];
        }

        *p++ = c;
    }

    to->len = p - to->data;

    return NGX_OK;
}


ngx_int_t
ngx_mlsec_auth_require(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, const ngx_mlsec_auth_ctx_t *ctx)
{
    return (lcf->require == NULL) ? NGX_OK
                                  : ngx_mlsec_require(r, lcf->require, ctx);
}


static ngx_int_t
ngx_mlsec_require(ngx_http_request_t *r, const ngx_array_t *list,
    const ngx_mlsec_auth_ctx_t *ctx)
{
    ngx_str_t             value;
    ngx_uint_t            i;
    const json_t         *claim;
    ngx_mlsec_require_t  *req;

    req = list->elts;

    for (i = 0; i < list->nelts; i++) {
        ngx_str_null(&value);

        if (req[i].op != NGX_MLSEC_OP_EXISTS
            && ngx_http_complex_value(r, &req[i].value, &value) != NGX_OK)
        {
            return NGX_ERROR;
        }

        claim = ctx->jwt.claims == NULL
                ? NULL : mlsec_claims_find(ctx->jwt.claims, &req[i].path);

        if (claim == NULL || !ngx_mlsec_require_holds(&req[i], claim, &value))
        {
            return req[i].status;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_mlsec_require_holds(const ngx_mlsec_require_t *req, const json_t *claim,
    const ngx_str_t *value)
{
    mlsec_str_t  text;

    switch (req->op) {

    case NGX_MLSEC_OP_EXISTS:
        return 1;

    case NGX_MLSEC_OP_EQ:
        return ngx_mlsec_require_equal(claim, value);

    case NGX_MLSEC_OP_NE:
        return !ngx_mlsec_require_equal(claim, value);

    case NGX_MLSEC_OP_IN:
        return ngx_mlsec_require_in(claim, value);

    case NGX_MLSEC_OP_HAS:
        text.data = value->data;
        text.len = value->len;
        return mlsec_claims_has(claim, text);

    default:
        return ngx_mlsec_require_compare(req->op, claim, value);
    }
}


static ngx_uint_t
ngx_mlsec_require_equal(const json_t *claim, const ngx_str_t *value)
{
    if (json_is_string(claim)) {
        return json_string_length(claim) == value->len
               && ngx_memcmp(json_string_value(claim), value->data,
                             value->len)
                  == 0;
    }

    if (json_is_boolean(claim)) {
        return json_is_true(claim)
               ? value->len == 4 && ngx_memcmp(value->data, "true", 4) == 0
               : value->len == 5 && ngx_memcmp(value->data, "false", 5) == 0;
    }

    return ngx_mlsec_require_compare(NGX_MLSEC_OP_EQ, claim, value);
}


static ngx_uint_t
ngx_mlsec_require_in(const json_t *claim, const ngx_str_t *list)
{
    u_char     *p, *last, *comma;
    ngx_str_t   one;

    p = list->data;
    last = p + list->len;

    for ( ;; ) {
        comma = ngx_strlchr(p, last, ',');
        one.data = p;
        one.len = (comma ? comma : last) - p;

        if (ngx_mlsec_require_equal(claim, &one)) {
            return 1;
        }

        if (comma == NULL) {
            return 0;
        }

        p = comma + 1;
    }
}


/* Numbers; whatever is none does not compare. */

static ngx_uint_t
ngx_mlsec_require_compare(ngx_mlsec_op_e op, const json_t *claim,
    const ngx_str_t *value)
{
    int          order;
    mlsec_str_t  text;

    text.data = value->data;
    text.len = value->len;

    if (mlsec_claims_compare(claim, text, &order) != MLSEC_OK) {
        return 0;
    }

    switch (op) {
    case NGX_MLSEC_OP_EQ: return order == 0;
    case NGX_MLSEC_OP_GT: return order > 0;
    case NGX_MLSEC_OP_GE: return order >= 0;
    case NGX_MLSEC_OP_LT: return order < 0;
    default:              return order <= 0;
    }
}
