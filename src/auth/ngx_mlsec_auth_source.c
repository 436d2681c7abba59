/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <auth/ngx_mlsec_auth.h>
#include <core/ngx_mlsec_identity.h>
#include <core/ngx_mlsec_variables.h>


static ngx_int_t ngx_mlsec_jwt_bearer(ngx_http_request_t *r,
    ngx_mlsec_auth_ctx_t *ctx, ngx_str_t *token);
static ngx_int_t ngx_mlsec_jwt_cookie(ngx_http_request_t *r,
    ngx_mlsec_auth_ctx_t *ctx, const ngx_str_t *name, ngx_str_t *token);
static ngx_uint_t ngx_mlsec_jwt_cookie_foreign(ngx_http_request_t *r);
static ngx_int_t ngx_mlsec_jwt_websocket(ngx_http_request_t *r,
    ngx_str_t *token);
static ngx_int_t ngx_mlsec_jwt_query(ngx_http_request_t *r,
    const ngx_str_t *name, ngx_str_t *token);


/* RFC 6750, 2: a client must not send a token in more than one way. */

ngx_int_t
ngx_mlsec_jwt_find(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx,
    ngx_str_t *token)
{
    ngx_int_t   rc;
    ngx_str_t   one;
    ngx_uint_t  source, found;

    found = 0;
    ngx_str_null(token);

    for (source = NGX_MLSEC_SOURCE_BEARER; source <= NGX_MLSEC_SOURCE_QUERY;
         source <<= 1)
    {
        if (!(lcf->sources & source)) {
            continue;
        }

        rc = source == NGX_MLSEC_SOURCE_BEARER
             ? ngx_mlsec_jwt_bearer(r, ctx, &one)
             : source == NGX_MLSEC_SOURCE_COOKIE
             ? ngx_mlsec_jwt_cookie(r, ctx, &lcf->cookie, &one)
             : source == NGX_MLSEC_SOURCE_WEBSOCKET
             ? ngx_mlsec_jwt_websocket(r, &one)
             : ngx_mlsec_jwt_query(r, &lcf->query, &one);

        if (rc == NGX_DECLINED) {
            continue;
        }

        if (rc != NGX_OK) {
            return rc;
        }

        *token = one;
        found++;
    }

    if (found > 1) {
        ctx->bad_request = 1;
        ctx->reason = "there are tokens in several places";
        return NGX_ABORT;
    }

    return found ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_mlsec_jwt_bearer(ngx_http_request_t *r, ngx_mlsec_auth_ctx_t *ctx,
    ngx_str_t *token)
{
    u_char           *p, *last;
    ngx_uint_t        n;
    ngx_table_elt_t  *h;

    h = ngx_mlsec_header_in(r, "authorization", &n);

    if (h == NULL) {
        return NGX_DECLINED;
    }

    if (n > 1) {
        ctx->bad_request = 1;
        ctx->reason = "there are several Authorization headers";
        return NGX_ABORT;
    }

    p = h->value.data;
    last = p + h->value.len;

    if (h->value.len < 6 || ngx_strncasecmp(p, (u_char *) "bearer", 6) != 0
        || (h->value.len > 6 && p[6] != ' '))
    {
        return NGX_DECLINED;
    }

    for (p += 6; p < last && *p == ' '; p++) { /* void */ }

    if (p == last) {
        ctx->bad_request = 1;
        ctx->reason = "the bearer token is empty";
        return NGX_ABORT;
    }

    token->data = p;
    token->len = last - p;

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_jwt_cookie(ngx_http_request_t *r, ngx_mlsec_auth_ctx_t *ctx,
    const ngx_str_t *name, ngx_str_t *token)
{
    u_char                     *p;
    ngx_str_t                   variable;
    ngx_http_variable_value_t  *v;

    p = ngx_pnalloc(r->pool, sizeof("cookie_") - 1 + name->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    variable.data = p;
    variable.len = ngx_sprintf(p, "cookie_%V", name) - p;

    v = ngx_http_get_variable(r, &variable,
                              ngx_hash_key(variable.data, variable.len));

    if (v == NULL || v->not_found || v->len == 0) {
        return NGX_DECLINED;
    }

    if (ngx_mlsec_jwt_cookie_foreign(r)) {
        ctx->reason = "a cookie came for a page of another origin, or of "
                      "none";
        return NGX_HTTP_FORBIDDEN;
    }

    token->data = v->data;
    token->len = v->len;

    return NGX_OK;
}


/*
 * A browser sends a cookie whoever's page makes it ask.  Such a page may not
 * read an answer, so reading does no harm; but it may change something, and a
 * WebSocket is its own to read.  For both of these browsers say which page it
 * is, so there has to be one, of the gateway's own origin or of mlsec_cors.
 */

static ngx_uint_t
ngx_mlsec_jwt_cookie_foreign(ngx_http_request_t *r)
{
    ngx_uint_t                  n;
    ngx_http_variable_value_t  *v;

    static ngx_str_t  name = ngx_string("mlsec_origin");

    if ((r->main->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))
        && ngx_mlsec_header_in(r, "upgrade", &n) == NULL)
    {
        return 0;
    }

    v = ngx_http_get_variable(r, &name, ngx_hash_key(name.data, name.len));

    return v == NULL || v->not_found
           || !((v->len == 4 && ngx_strncmp(v->data, "same", 4) == 0)
                || (v->len == 6 && ngx_strncmp(v->data, "listed", 6) == 0));
}


/*
 * "bearer, TOKEN": a browser's WebSocket can send no other header.  The
 * service is shown "bearer" alone.
 */

static ngx_int_t
ngx_mlsec_jwt_websocket(ngx_http_request_t *r, ngx_str_t *token)
{
    u_char           *p, *last;
    ngx_uint_t        n;
    ngx_table_elt_t  *h;

    h = ngx_mlsec_header_in(r, "sec-websocket-protocol", &n);

    if (h == NULL || n != 1 || h->value.len < sizeof("bearer,")
        || ngx_strncmp(h->value.data, "bearer,", 7) != 0)
    {
        return NGX_DECLINED;
    }

    last = h->value.data + h->value.len;

    for (p = h->value.data + 7; p < last && *p == ' '; p++) { /* void */ }

    if (p == last) {
        return NGX_DECLINED;
    }

    token->data = p;
    token->len = last - p;
    h->value.len = sizeof("bearer") - 1;

    return NGX_OK;
}


/*
 * nginx writes the request line, query included, with every error, and so may
 * logs.  So the token is copied, and its bytes are overwritten where nginx and
 * services would read them.
 */

static ngx_int_t
ngx_mlsec_jwt_query(ngx_http_request_t *r, const ngx_str_t *name,
    ngx_str_t *token)
{
    u_char     *p;
    ngx_str_t   value;

    if (ngx_http_arg(r, name->data, name->len, &value) != NGX_OK
        || value.len == 0)
    {
        return NGX_DECLINED;
    }

    p = ngx_pstrdup(r->pool, &value);
    if (p == NULL) {
        return NGX_ERROR;
    }

    token->data = p;
    token->len = value.len;

    ngx_memset(value.data, '*', value.len);

    return NGX_OK;
}
