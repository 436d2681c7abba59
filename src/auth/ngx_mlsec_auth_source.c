/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <auth/ngx_mlsec_auth.h>
#include <core/ngx_mlsec_identity.h>
#include <core/ngx_mlsec_kept.h>
#include <core/ngx_mlsec_variables.h>


/*
 * Tokens that are not any more where the client has put them, so that they go
 * no further: a redirect inside of nginx looks for them again.
 */

typedef struct {
    ngx_str_t    query;
    ngx_str_t    name;                     /* of the argument */
    ngx_uint_t   nquery;                   /* how many there were */
    ngx_str_t    protocol;
} ngx_mlsec_taken_t;


static mlsec_apart ngx_int_t ngx_mlsec_jwt_conceal(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf);
static ngx_mlsec_taken_t *ngx_mlsec_jwt_taken(ngx_http_request_t *r);
static ngx_mlsec_taken_t *ngx_mlsec_jwt_taken_find(ngx_http_request_t *r);
static void ngx_mlsec_jwt_taken_cleanup(void *data);
static void ngx_mlsec_jwt_blot_uri(const ngx_str_t *uri,
    const ngx_str_t *name);
static ngx_uint_t ngx_mlsec_jwt_blot(u_char *p, u_char *last,
    const ngx_str_t *name, ngx_str_t *first);
static ngx_int_t ngx_mlsec_jwt_bearer(ngx_http_request_t *r,
    ngx_mlsec_auth_ctx_t *ctx, ngx_str_t *token);
static ngx_int_t ngx_mlsec_jwt_cookie(ngx_http_request_t *r,
    ngx_mlsec_auth_ctx_t *ctx, const ngx_str_t *name, ngx_str_t *token);
static ngx_uint_t ngx_mlsec_jwt_cookies(ngx_http_request_t *r,
    const ngx_str_t *name, ngx_str_t *first);
static ngx_uint_t ngx_mlsec_jwt_cookies_of(const ngx_str_t *header,
    const ngx_str_t *name, ngx_str_t *first);
static ngx_uint_t ngx_mlsec_jwt_cookie_foreign(ngx_http_request_t *r);
static ngx_int_t ngx_mlsec_jwt_websocket(ngx_http_request_t *r,
    ngx_str_t *token);
static ngx_int_t ngx_mlsec_jwt_query(ngx_http_request_t *r,
    ngx_mlsec_auth_ctx_t *ctx, ngx_str_t *token);


ngx_int_t
ngx_mlsec_auth_conceal(ngx_http_request_t *r)
{
    const ngx_mlsec_auth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_auth_module);

    if (!(lcf->sources & NGX_MLSEC_SOURCE_QUERY)
        || !(lcf->methods & NGX_MLSEC_AUTH_JWT)
        || r != r->main || r->args.len == 0)
    {
        return NGX_DECLINED;
    }

    return ngx_mlsec_jwt_conceal(r, lcf);
}


static ngx_int_t
ngx_mlsec_jwt_conceal(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf)
{
    u_char             *p, *last;
    ngx_str_t           first, copy;
    ngx_uint_t          n;
    ngx_mlsec_taken_t  *taken;

    taken = ngx_mlsec_jwt_taken(r);
    if (taken == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* after a redirect inside of nginx: these are our own asterisks */

    if (taken->nquery && taken->name.len == lcf->query.len
        && ngx_strncmp(taken->name.data, lcf->query.data, lcf->query.len)
           == 0)
    {
        return NGX_DECLINED;
    }

    p = r->args.data;
    last = p + r->args.len;
    n = ngx_mlsec_jwt_blot(p, last, &lcf->query, &first);

    if (n == 0) {
        return NGX_DECLINED;
    }

    copy.data = ngx_pstrdup(r->pool, &first);
    if (copy.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    copy.len = first.len;
    taken->query = copy;
    taken->name = lcf->query;
    taken->nquery = n;

    /* now in all of them: the copy stands for what it was */

    (void) ngx_mlsec_jwt_blot(p, last, &lcf->query, NULL);

    /*
     * The arguments may be a copy, of a rewrite; and the request line, which
     * logs have, is one with HTTP/2.
     */

    ngx_mlsec_jwt_blot_uri(&r->unparsed_uri, &lcf->query);
    ngx_mlsec_jwt_blot_uri(&r->request_line, &lcf->query);

    return NGX_DECLINED;
}


static ngx_mlsec_taken_t *
ngx_mlsec_jwt_taken(ngx_http_request_t *r)
{
    ngx_mlsec_taken_t   *taken;
    ngx_pool_cleanup_t  *cln;

    taken = ngx_mlsec_jwt_taken_find(r);

    if (taken != NULL) {
        return taken;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_mlsec_taken_t));
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_mlsec_jwt_taken_cleanup;
    ngx_memzero(cln->data, sizeof(ngx_mlsec_taken_t));

    return cln->data;
}


static ngx_mlsec_taken_t *
ngx_mlsec_jwt_taken_find(ngx_http_request_t *r)
{
    return ngx_mlsec_kept(r->pool, ngx_mlsec_jwt_taken_cleanup);
}


/* There is nothing to clean up: it is the mark by which this is found. */

static void
ngx_mlsec_jwt_taken_cleanup(void *data)
{
}


static void
ngx_mlsec_jwt_blot_uri(const ngx_str_t *uri, const ngx_str_t *name)
{
    u_char  *p, *last;

    last = uri->data + uri->len;
    p = ngx_strlchr(uri->data, last, '?');

    if (p != NULL) {
        (void) ngx_mlsec_jwt_blot(p + 1, last, name, NULL);
    }
}


/*
 * Finds the arguments of this name, in any case, as ngx_http_arg() does.  How
 * many there are that are not empty, with *first; or overwrites all of them,
 * without first.
 */

static ngx_uint_t
ngx_mlsec_jwt_blot(u_char *p, u_char *last, const ngx_str_t *name,
    ngx_str_t *first)
{
    u_char      *end;
    ngx_uint_t   n;

    n = 0;

    for ( /* void */ ; p < last; p = end + 1) {

        for (end = p; end < last && *end != '&' && *end != ' '; end++) {
            /* void */
        }

        if ((size_t) (end - p) <= name->len + 1 || p[name->len] != '='
            || ngx_strncasecmp(p, name->data, name->len) != 0)
        {
            continue;
        }

        p += name->len + 1;

        if (first == NULL) {
            ngx_memset(p, '*', end - p);

        } else if (n == 0) {
            first->data = p;
            first->len = end - p;
        }

        n++;
    }

    return n;
}


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
             : ngx_mlsec_jwt_query(r, ctx, &one);

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
    ngx_uint_t  n;

    n = ngx_mlsec_jwt_cookies(r, name, token);

    if (n == 0) {
        return NGX_DECLINED;
    }

    if (ngx_mlsec_jwt_cookie_foreign(r)) {
        ctx->reason = "a cookie came for a page of another origin, or of "
                      "none";
        return NGX_HTTP_FORBIDDEN;
    }

    if (n > 1) {
        ctx->bad_request = 1;
        ctx->reason = "there are several tokens in cookies";
        return NGX_ABORT;
    }

    return NGX_OK;
}


/*
 * How many cookies of this name are not empty, and the first of them.
 *
 * A page of a neighbouring host can set a cookie for the gateway's too, and a
 * browser then sends both, in an order that such a page can choose.  So which
 * of them it is nobody can tell, and nginx's $cookie_NAME, which is the first,
 * will not do; nor would its names in any case: "__host-x" is a cookie that
 * anybody can set where browsers keep "__Host-x" to the host itself.
 */

static ngx_uint_t
ngx_mlsec_jwt_cookies(ngx_http_request_t *r, const ngx_str_t *name,
    ngx_str_t *first)
{
    ngx_str_t         value;
    ngx_uint_t        i, n, more;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    n = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len != sizeof("cookie") - 1
                || ngx_strncmp(h[i].lowcase_key, "cookie", 6) != 0)
            {
                continue;
            }

            more = ngx_mlsec_jwt_cookies_of(&h[i].value, name, &value);

            if (n == 0 && more) {
                *first = value;
            }

            n += more;
        }
    }

    return n;
}


/* RFC 6265, 4.2.1: NAME=VALUE, with "; " between */

static ngx_uint_t
ngx_mlsec_jwt_cookies_of(const ngx_str_t *header, const ngx_str_t *name,
    ngx_str_t *first)
{
    u_char      *p, *end, *last;
    ngx_uint_t   n;

    n = 0;
    last = header->data + header->len;

    for (p = header->data; p < last; p = end + 1) {

        while (p < last && (*p == ' ' || *p == '\t')) {
            p++;
        }

        end = ngx_strlchr(p, last, ';');
        end = end ? end : last;

        if ((size_t) (end - p) <= name->len + 1 || p[name->len] != '='
            || ngx_strncmp(p, name->data, name->len) != 0)
        {
            continue;
        }

        if (n == 0) {
            first->data = p + name->len + 1;
            first->len = end - first->data;
        }

        n++;
    }

    return n;
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


ngx_uint_t
ngx_mlsec_jwt_concealed(ngx_http_request_t *r)
{
    const ngx_mlsec_taken_t  *taken;

    taken = ngx_mlsec_jwt_taken_find(r);

    return taken != NULL && taken->nquery != 0;
}


ngx_str_t
ngx_mlsec_jwt_protocol(ngx_http_request_t *r)
{
    ngx_str_t                 text;
    const ngx_mlsec_taken_t  *taken;

    ngx_str_null(&text);
    taken = ngx_mlsec_jwt_taken_find(r);

    if (taken != NULL && taken->protocol.len) {
        ngx_str_set(&text, "bearer");
    }

    return text;
}


/*
 * "bearer, TOKEN": a browser's WebSocket can send no other header.  The
 * service is shown "bearer" alone.
 */

static ngx_int_t
ngx_mlsec_jwt_websocket(ngx_http_request_t *r, ngx_str_t *token)
{
    u_char             *p, *last;
    ngx_uint_t          n;
    ngx_table_elt_t    *h;
    ngx_mlsec_taken_t  *taken;

    h = ngx_mlsec_header_in(r, "sec-websocket-protocol", &n);

    if (h == NULL || n != 1) {
        return NGX_DECLINED;
    }

    taken = ngx_mlsec_jwt_taken(r);
    if (taken == NULL) {
        return NGX_ERROR;
    }

    if (taken->protocol.len) {
        *token = taken->protocol;
        return NGX_OK;
    }

    if (h->value.len < sizeof("bearer,")
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
    taken->protocol = *token;
    h->value.len = sizeof("bearer") - 1;

    return NGX_OK;
}


/* ngx_mlsec_auth_conceal() has found it. */

static ngx_int_t
ngx_mlsec_jwt_query(ngx_http_request_t *r, ngx_mlsec_auth_ctx_t *ctx,
    ngx_str_t *token)
{
    ngx_mlsec_taken_t  *taken;

    taken = ngx_mlsec_jwt_taken(r);
    if (taken == NULL) {
        return NGX_ERROR;
    }

    if (taken->nquery > 1) {
        ctx->bad_request = 1;
        ctx->reason = "there are several tokens in the query";
        return NGX_ABORT;
    }

    *token = taken->query;

    return taken->nquery ? NGX_OK : NGX_DECLINED;
}
