/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <aggregate/ngx_mlsec_aggregate.h>
#include <aggregate/ngx_mlsec_aggregate_chain.h>
#include <core/ngx_mlsec_template.h>


/* tags of template pieces: how a variable's value is written */

#define NGX_MLSEC_URI_SEGMENT  0     /* one path segment or query value */
#define NGX_MLSEC_URI_PATH     1     /* a path, slashes kept */
#define NGX_MLSEC_URI_ARG      2     /* $arg_x: escaped by the client */
#define NGX_MLSEC_URI_RAW      3     /* $args: a whole query */
#define NGX_MLSEC_URI_ITEM     4     /* $mlsec_item: a segment, not empty */
#define NGX_MLSEC_URI_NEED     5     /* "{NAME.path}", the same */


/* the path segment that is being put together */

typedef struct {
    size_t       dots;
    unsigned     other:1;        /* it has something else than dots */
    unsigned     bad:1;          /* one before it was "." or ".." */
} ngx_mlsec_segment_t;


/* a name and its value in a raw query */

typedef struct {
    ngx_str_t    pair;
    ngx_str_t    name;
} ngx_mlsec_arg_t;


static u_char *ngx_mlsec_call_uri_upstream(ngx_conf_t *cf, ngx_str_t *text,
    ngx_mlsec_call_uri_t *uri);
static ngx_array_t *ngx_mlsec_call_uri_pieces(ngx_conf_t *cf,
    ngx_mlsec_call_t *call, ngx_str_t *text, ngx_uint_t query);
static ngx_int_t ngx_mlsec_call_uri_local(ngx_conf_t *cf,
    ngx_array_t *pieces);
static void ngx_mlsec_call_uri_tag(ngx_array_t *pieces, ngx_uint_t query);
static ngx_int_t ngx_mlsec_call_uri_text(ngx_http_request_t *r,
    const ngx_array_t *pieces, ngx_uint_t query, ngx_uint_t local,
    ngx_str_t *text);
static ngx_int_t ngx_mlsec_call_uri_value(ngx_http_request_t *r,
    const ngx_mlsec_template_piece_t *piece, ngx_uint_t query,
    ngx_uint_t local, ngx_str_t *value);
static ngx_int_t ngx_mlsec_call_uri_escape(ngx_http_request_t *r,
    const ngx_mlsec_template_piece_t *piece, ngx_str_t *value);
static void ngx_mlsec_segment_add(ngx_mlsec_segment_t *segment,
    ngx_str_t *value);
static ngx_uint_t ngx_mlsec_segment_end(ngx_mlsec_segment_t *segment);
static ngx_int_t ngx_mlsec_call_args_append(ngx_http_request_t *r,
    const ngx_mlsec_call_uri_t *uri, ngx_str_t *args);
static ngx_uint_t ngx_mlsec_arg_next(u_char **p, u_char *last,
    ngx_mlsec_arg_t *arg);
static ngx_uint_t ngx_mlsec_arg_passes(const ngx_mlsec_call_uri_t *uri,
    ngx_str_t *own, ngx_str_t *name);
static ngx_uint_t ngx_mlsec_arg_is(ngx_str_t *name, ngx_str_t *other);
static ngx_uint_t ngx_mlsec_arg_byte(u_char **p, u_char *last);


ngx_int_t
ngx_mlsec_call_uri_compile(ngx_conf_t *cf, ngx_str_t *text,
    ngx_mlsec_call_t *call)
{
    u_char                *p, *last;
    ngx_str_t              path, query;
    ngx_mlsec_call_uri_t  *uri;

    uri = &call->uri;
    last = text->data + text->len;

    p = ngx_mlsec_call_uri_upstream(cf, text, uri);

    if (p == NULL) {
        return NGX_ERROR;
    }

    path.data = p;
    path.len = last - p;

    p = ngx_strlchr(path.data, last, '?');

    if (p != NULL) {
        path.len = p - path.data;

        query.data = p + 1;
        query.len = last - query.data;

        uri->query = ngx_mlsec_call_uri_pieces(cf, call, &query, 1);

        if (uri->query == NULL) {
            return NGX_ERROR;
        }
    }

    uri->path = ngx_mlsec_call_uri_pieces(cf, call, &path, 0);

    return (uri->path != NULL) ? NGX_OK : NGX_ERROR;
}


/*
 * NULL after an [emerg].
 */

static ngx_array_t *
ngx_mlsec_call_uri_pieces(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *text, ngx_uint_t query)
{
    ngx_array_t  *pieces;

    pieces = ngx_mlsec_template_compile(cf, "mlsec_call", text);

    if (pieces == NULL
        || ngx_mlsec_chain_split(cf, call, &pieces, NGX_MLSEC_URI_NEED)
           != NGX_OK)
    {
        return NULL;
    }

    if (call->uri.upstream.len == 0 && !query
        && ngx_mlsec_call_uri_local(cf, pieces) != NGX_OK)
    {
        return NULL;
    }

    ngx_mlsec_call_uri_tag(pieces, query);

    return pieces;
}


/*
 * Takes the scheme and the name of the upstream off; NULL after an [emerg].
 */

static u_char *
ngx_mlsec_call_uri_upstream(ngx_conf_t *cf, ngx_str_t *text,
    ngx_mlsec_call_uri_t *uri)
{
    u_char  *p, *last;

    p = text->data;
    last = p + text->len;

    if (ngx_strncmp(p, "http://", 7) == 0) {
        ngx_str_set(&uri->scheme, "http");
        p += 7;

    } else if (ngx_strncmp(p, "https://", 8) == 0) {
        ngx_str_set(&uri->scheme, "https");
        p += 8;

    } else if (*p != '/') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid URI \"%V\" in \"mlsec_call\", expected "
                           "\"http://UPSTREAM/path\" or \"/local/path\"",
                           text);
        return NULL;
    }

    uri->upstream.data = p;

    if (uri->scheme.len) {
        while (p < last && *p != '/' && *p != '$' && *p != '?') {
            p++;
        }
    }

    uri->upstream.len = p - uri->upstream.data;

    if (p == last || *p == '?'
        || (uri->scheme.len && uri->upstream.len == 0))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no %s in URI \"%V\" in \"mlsec_call\", expected "
                           "\"http://UPSTREAM/path\" or \"/local/path\"",
                           uri->upstream.len ? "path" : "upstream", text);
        return NULL;
    }

    return p;
}


/*
 * nginx wants the path of a subrequest as it would be after its own parsing:
 * unescaped, in a copy of its own.
 */

static ngx_int_t
ngx_mlsec_call_uri_local(ngx_conf_t *cf, ngx_array_t *pieces)
{
    u_char                      *dst, *src, *p;
    ngx_uint_t                   i;
    ngx_mlsec_template_piece_t  *piece;

    piece = pieces->elts;

    for (i = 0; i < pieces->nelts; i++) {

        if (piece[i].variable) {
            continue;
        }

        p = ngx_pnalloc(cf->pool, piece[i].text.len + 1);
        if (p == NULL) {
            return NGX_ERROR;
        }

        src = piece[i].text.data;
        dst = p;

        ngx_unescape_uri(&dst, &src, piece[i].text.len, 0);

        piece[i].text.data = p;
        piece[i].text.len = dst - p;
    }

    return NGX_OK;
}


static void
ngx_mlsec_call_uri_tag(ngx_array_t *pieces, ngx_uint_t query)
{
    ngx_str_t                   *name;
    ngx_uint_t                   i;
    ngx_mlsec_template_piece_t  *piece;

    piece = pieces->elts;

    for (i = 0; i < pieces->nelts; i++) {

        if (!piece[i].variable || piece[i].tag == NGX_MLSEC_URI_NEED) {
            continue;
        }

        name = &piece[i].text;

        if (name->len == sizeof("mlsec_item") - 1
            && ngx_strncmp(name->data, "mlsec_item", name->len) == 0)
        {
            piece[i].tag = NGX_MLSEC_URI_ITEM;

        } else if (name->len > 4 && ngx_strncmp(name->data, "arg_", 4) == 0) {
            piece[i].tag = NGX_MLSEC_URI_ARG;

        } else if (!query) {
            piece[i].tag = (i == 0) ? NGX_MLSEC_URI_PATH
                                    : NGX_MLSEC_URI_SEGMENT;

        } else if ((name->len == 4 && ngx_strncmp(name->data, "args", 4) == 0)
                   || (name->len == 12
                       && ngx_strncmp(name->data, "query_string", 12) == 0))
        {
            piece[i].tag = NGX_MLSEC_URI_RAW;
        }
    }
}


ngx_int_t
ngx_mlsec_call_args_compile(ngx_conf_t *cf, ngx_str_t *text,
    ngx_mlsec_call_uri_t *uri)
{
    u_char     *p, *last, *comma;
    ngx_str_t  *name;

    if (text->len == 1 && text->data[0] == '*') {
        uri->args_all = 1;
        return NGX_OK;
    }

    uri->args = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
    if (uri->args == NULL) {
        return NGX_ERROR;
    }

    last = text->data + text->len;

    for (p = text->data; /* void */ ; p = comma + 1) {

        comma = ngx_strlchr(p, last, ',');

        name = ngx_array_push(uri->args);
        if (name == NULL) {
            return NGX_ERROR;
        }

        name->data = p;
        name->len = (comma ? comma : last) - p;

        if (name->len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "empty name in \"args=%V\" in \"mlsec_call\", "
                               "expected names such as \"limit,offset\" or "
                               "\"*\"", text);
            return NGX_ERROR;
        }

        if (comma == NULL) {
            return NGX_OK;
        }
    }
}


ngx_int_t
ngx_mlsec_call_uri_eval(ngx_http_request_t *r,
    const ngx_mlsec_call_uri_t *uri, ngx_str_t *path, ngx_str_t *args)
{
    ngx_int_t   rc;
    ngx_uint_t  local;

    local = (uri->upstream.len == 0);

    rc = ngx_mlsec_call_uri_text(r, uri->path, 0, local, path);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_str_null(args);

    if (uri->query != NULL) {
        rc = ngx_mlsec_call_uri_text(r, uri->query, 1, local, args);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if ((uri->args_all || uri->args != NULL) && r->args.len) {
        return ngx_mlsec_call_args_append(r, uri, args);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_call_uri_text(ngx_http_request_t *r, const ngx_array_t *pieces,
    ngx_uint_t query, ngx_uint_t local, ngx_str_t *text)
{
    u_char                            *p;
    size_t                             len;
    ngx_int_t                          rc;
    ngx_str_t                         *values;
    ngx_uint_t                         i;
    ngx_mlsec_segment_t                segment;
    const ngx_mlsec_template_piece_t  *piece;

    piece = pieces->elts;

    if (pieces->nelts == 1 && !piece[0].variable) {
        *text = piece[0].text;
        return NGX_OK;
    }

    values = ngx_palloc(r->pool, pieces->nelts * sizeof(ngx_str_t) + 1);
    if (values == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&segment, sizeof(ngx_mlsec_segment_t));
    len = 0;

    for (i = 0; i < pieces->nelts; i++) {

        values[i] = piece[i].text;

        if (piece[i].variable) {
            rc = ngx_mlsec_call_uri_value(r, &piece[i], query, local,
                                          &values[i]);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        ngx_mlsec_segment_add(&segment, &values[i]);

        if (piece[i].variable && (query || !local)) {
            rc = ngx_mlsec_call_uri_escape(r, &piece[i], &values[i]);

            if (rc != NGX_OK) {
                return rc;
            }
        }

        len += values[i].len;
    }

    if (!query && ngx_mlsec_segment_end(&segment)) {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(r->pool, len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;
    text->len = len;

    for (i = 0; i < pieces->nelts; i++) {
        p = ngx_cpymem(p, values[i].data, values[i].len);
    }

    /* or the value would become part of the upstream's name */

    if (!query && piece[0].variable && (len == 0 || text->data[0] != '/')) {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/*
 * The values of nginx's variables are unescaped, but for those that come
 * straight out of the query.
 */

static ngx_int_t
ngx_mlsec_call_uri_value(ngx_http_request_t *r,
    const ngx_mlsec_template_piece_t *piece, ngx_uint_t query,
    ngx_uint_t local, ngx_str_t *value)
{
    u_char  *dst, *src, *last;

    if (piece->tag == NGX_MLSEC_URI_NEED) {
        *value = *ngx_mlsec_chain_value(r, piece->index);

    } else if (!ngx_mlsec_template_value(r, piece, value)) {
        return (piece->tag == NGX_MLSEC_URI_ITEM && !query) ? NGX_DECLINED
                                                            : NGX_OK;
    }

    if (piece->tag == NGX_MLSEC_URI_RAW) {
        return NGX_OK;
    }

    if (piece->tag == NGX_MLSEC_URI_ARG) {

        dst = ngx_pnalloc(r->pool, value->len + 1);
        if (dst == NULL) {
            return NGX_ERROR;
        }

        src = value->data;
        last = src + value->len;
        value->data = dst;

        while (src < last) {
            *dst++ = (u_char) ngx_mlsec_arg_byte(&src, last);
        }

        value->len = dst - value->data;
    }

    last = value->data + value->len;

    if (ngx_strlchr(value->data, last, '\0') != NULL) {
        return NGX_DECLINED;
    }

    /* an id that is empty would lead to the list of all */

    if (value->len == 0 && !query && piece->tag >= NGX_MLSEC_URI_ITEM) {
        return NGX_DECLINED;
    }

    /* in a local path a slash cannot be escaped: one segment would be two */

    if (local && !query && piece->tag != NGX_MLSEC_URI_PATH
        && ngx_strlchr(value->data, last, '/') != NULL)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/*
 * To be put back into a URI, a value is escaped so that nothing in it is
 * taken for structure.
 */

static ngx_int_t
ngx_mlsec_call_uri_escape(ngx_http_request_t *r,
    const ngx_mlsec_template_piece_t *piece, ngx_str_t *value)
{
    u_char      *p;
    uintptr_t    escape;
    ngx_uint_t   type;

    if (piece->tag == NGX_MLSEC_URI_RAW || value->len == 0) {
        return NGX_OK;
    }

    type = (piece->tag == NGX_MLSEC_URI_PATH) ? NGX_ESCAPE_URI
                                              : NGX_ESCAPE_URI_COMPONENT;

    escape = ngx_escape_uri(NULL, value->data, value->len, type);

    if (escape == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, value->len + 2 * escape);
    if (p == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_escape_uri(p, value->data, value->len, type);

    value->data = p;
    value->len += 2 * escape;

    return NGX_OK;
}


/*
 * Services normalize paths too, and some unescape them first: a segment of
 * "." or ".." leads out of where the configuration meant to stay, also when
 * its slash is going to be escaped or is a backslash.  So segments are
 * counted before anything is escaped, across the pieces that they are made
 * of.
 */

static void
ngx_mlsec_segment_add(ngx_mlsec_segment_t *segment, ngx_str_t *value)
{
    u_char  *p, *last;

    last = value->data + value->len;

    for (p = value->data; p < last; p++) {

        if (*p == '/' || *p == '\\') {
            segment->bad |= ngx_mlsec_segment_end(segment);
            segment->dots = 0;
            segment->other = 0;

        } else if (*p == '.') {
            segment->dots++;

        } else {
            segment->other = 1;
        }
    }
}


static ngx_uint_t
ngx_mlsec_segment_end(ngx_mlsec_segment_t *segment)
{
    return segment->bad
           || (!segment->other && (segment->dots == 1 || segment->dots == 2));
}


static ngx_int_t
ngx_mlsec_call_args_append(ngx_http_request_t *r,
    const ngx_mlsec_call_uri_t *uri, ngx_str_t *args)
{
    u_char           *p, *src, *last;
    ngx_str_t         own;
    ngx_mlsec_arg_t   arg;

    own = *args;

    p = ngx_pnalloc(r->pool, own.len + 1 + r->args.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    args->data = p;

    if (own.len) {
        p = ngx_cpymem(p, own.data, own.len);
    }

    src = r->args.data;
    last = src + r->args.len;

    while (ngx_mlsec_arg_next(&src, last, &arg)) {

        if (!ngx_mlsec_arg_passes(uri, &own, &arg.name)) {
            continue;
        }

        if (p != args->data) {
            *p++ = '&';
        }

        p = ngx_cpymem(p, arg.pair.data, arg.pair.len);
    }

    args->len = p - args->data;

    return NGX_OK;
}


static ngx_uint_t
ngx_mlsec_arg_next(u_char **p, u_char *last, ngx_mlsec_arg_t *arg)
{
    u_char  *amp, *eq;

    while (*p < last && **p == '&') {
        (*p)++;
    }

    if (*p >= last) {
        return 0;
    }

    amp = ngx_strlchr(*p, last, '&');

    if (amp == NULL) {
        amp = last;
    }

    arg->pair.data = *p;
    arg->pair.len = amp - *p;

    eq = ngx_strlchr(*p, amp, '=');

    arg->name.data = *p;
    arg->name.len = (eq ? eq : amp) - *p;

    *p = amp;

    return 1;
}


static ngx_uint_t
ngx_mlsec_arg_passes(const ngx_mlsec_call_uri_t *uri, ngx_str_t *own,
    ngx_str_t *name)
{
    u_char           *p;
    ngx_str_t        *names;
    ngx_uint_t        i;
    ngx_mlsec_arg_t   arg;

    p = own->data;

    while (own->len && ngx_mlsec_arg_next(&p, own->data + own->len, &arg)) {

        if (ngx_mlsec_arg_is(name, &arg.name)) {
            return 0;
        }
    }

    if (uri->args_all) {
        return 1;
    }

    names = uri->args->elts;

    for (i = 0; i < uri->args->nelts; i++) {

        if (ngx_mlsec_arg_is(name, &names[i])) {
            return 1;
        }
    }

    return 0;
}


/*
 * Names are compared as the service will read them: "%6cimit" is "limit", or
 * a client could slip past a name that the configuration has set.
 */

static ngx_uint_t
ngx_mlsec_arg_is(ngx_str_t *name, ngx_str_t *other)
{
    u_char  *a, *b, *alast, *blast;

    a = name->data;
    alast = a + name->len;
    b = other->data;
    blast = b + other->len;

    while (a < alast && b < blast) {

        if (ngx_mlsec_arg_byte(&a, alast) != ngx_mlsec_arg_byte(&b, blast)) {
            return 0;
        }
    }

    return a == alast && b == blast;
}


static ngx_uint_t
ngx_mlsec_arg_byte(u_char **p, u_char *last)
{
    u_char     ch;
    ngx_int_t  n;

    ch = **p;

    if (ch == '%' && last - *p >= 3) {
        n = ngx_hextoi(*p + 1, 2);

        if (n != NGX_ERROR) {
            *p += 3;
            return n;
        }
    }

    (*p)++;

    return (ch == '+') ? ' ' : ch;
}
