/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_template.h>


/*
 * nginx has no variables for the captures of a location's regex: "$1" is a
 * construct of its scripts.  They are told apart by their index.
 */

#define NGX_MLSEC_TEMPLATE_CAPTURE  -2


/*
 * The captures of a request.  A variable may be a map with a regex, which
 * leaves its own captures behind: without care the client's query would
 * decide what "$1" of the next piece is.
 */

#define NGX_MLSEC_CAPTURES_MAX  20      /* of "$1" to "$9", and the whole */

typedef struct {
    ngx_uint_t    n;
    u_char       *data;
    int           captures[NGX_MLSEC_CAPTURES_MAX];
} ngx_mlsec_captures_t;


static void ngx_mlsec_template_keep_captures(ngx_http_request_t *r,
    ngx_mlsec_captures_t *kept);
static void ngx_mlsec_template_restore_captures(ngx_http_request_t *r,
    const ngx_mlsec_captures_t *kept);
static void ngx_mlsec_template_piece(ngx_http_request_t *r,
    const ngx_mlsec_template_piece_t *piece, ngx_str_t *value);
static ngx_int_t ngx_mlsec_template_text(ngx_array_t *pieces, u_char *start,
    u_char *end);
static u_char *ngx_mlsec_template_variable(ngx_conf_t *cf,
    ngx_array_t *pieces, u_char *p, u_char *last);
static void ngx_mlsec_template_capture(ngx_http_request_t *r, ngx_uint_t n,
    ngx_str_t *value);


ngx_array_t *
ngx_mlsec_template_compile(ngx_conf_t *cf, const char *directive,
    ngx_str_t *text)
{
    u_char       *p, *next, *start, *last;
    ngx_array_t  *pieces;

    pieces = ngx_array_create(cf->pool, 4,
                              sizeof(ngx_mlsec_template_piece_t));
    if (pieces == NULL) {
        return NULL;
    }

    start = text->data;
    last = text->data + text->len;

    for (p = start; p < last; p++) {

        if (*p != '$') {
            continue;
        }

        if (ngx_mlsec_template_text(pieces, start, p) != NGX_OK) {
            return NULL;
        }

        next = ngx_mlsec_template_variable(cf, pieces, p + 1, last);

        if (next == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid variable at byte %uz of \"%V\" in "
                               "\"%s\", expected \"$name\" or \"${name}\"",
                               (size_t) (p - text->data), text, directive);
            return NULL;
        }

        start = next;
        p = next - 1;
    }

    if (ngx_mlsec_template_text(pieces, start, last) != NGX_OK) {
        return NULL;
    }

    return pieces;
}


ngx_uint_t
ngx_mlsec_template_value(ngx_http_request_t *r,
    const ngx_mlsec_template_piece_t *piece, ngx_str_t *value)
{
    ngx_mlsec_captures_t        kept;
    ngx_http_variable_value_t  *v;

    ngx_str_null(value);

    if (piece->index == NGX_MLSEC_TEMPLATE_CAPTURE) {
        ngx_mlsec_template_capture(r, piece->text.data[0] - '0', value);
        return value->data != NULL;
    }

    v = &r->variables[piece->index];

    /* what is known already needs nothing that could touch the captures */

    if ((!v->valid && !v->not_found) || v->no_cacheable) {

        ngx_mlsec_template_keep_captures(r, &kept);

        v = ngx_http_get_flushed_variable(r, piece->index);

        ngx_mlsec_template_restore_captures(r, &kept);
    }

    if (v == NULL || v->not_found) {
        return 0;
    }

    value->data = v->data;
    value->len = v->len;

    return 1;
}


/*
 * Each piece is evaluated once and then copied.  nginx evaluates twice, for
 * the length and for the bytes; a "$1" that another piece has changed in
 * between would overrun.
 */

ngx_int_t
ngx_mlsec_template_join(ngx_http_request_t *r, const ngx_array_t *pieces,
    ngx_str_t *value)
{
    u_char                            *p;
    size_t                             len;
    ngx_str_t                         *part;
    ngx_uint_t                         i;
    const ngx_mlsec_template_piece_t  *piece;

    ngx_str_null(value);

    piece = pieces->elts;

    if (pieces->nelts <= 1) {

        if (pieces->nelts == 1) {
            ngx_mlsec_template_piece(r, piece, value);
        }

        return NGX_OK;
    }

    part = ngx_palloc(r->pool, pieces->nelts * sizeof(ngx_str_t));
    if (part == NULL) {
        return NGX_ERROR;
    }

    len = 0;

    for (i = 0; i < pieces->nelts; i++) {
        ngx_mlsec_template_piece(r, &piece[i], &part[i]);
        len += part[i].len;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value->data = p;
    value->len = len;

    for (i = 0; i < pieces->nelts; i++) {

        if (part[i].len) {
            p = ngx_cpymem(p, part[i].data, part[i].len);
        }
    }

    return NGX_OK;
}


static void
ngx_mlsec_template_piece(ngx_http_request_t *r,
    const ngx_mlsec_template_piece_t *piece, ngx_str_t *value)
{
    if (piece->variable) {
        (void) ngx_mlsec_template_value(r, piece, value);

    } else {
        *value = piece->text;
    }
}


static ngx_int_t
ngx_mlsec_template_text(ngx_array_t *pieces, u_char *start, u_char *end)
{
    ngx_mlsec_template_piece_t  *piece;

    if (start == end) {
        return NGX_OK;
    }

    piece = ngx_array_push(pieces);
    if (piece == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(piece, sizeof(ngx_mlsec_template_piece_t));

    piece->text.data = start;
    piece->text.len = end - start;

    return NGX_OK;
}


static u_char *
ngx_mlsec_template_variable(ngx_conf_t *cf, ngx_array_t *pieces, u_char *p,
    u_char *last)
{
    u_char                       ch, *start;
    ngx_uint_t                   braces;
    ngx_mlsec_template_piece_t  *piece;

    braces = (p < last && *p == '{');
    p += braces;

    for (start = p; p < last; p++) {
        ch = *p;

        if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
              || (ch >= '0' && ch <= '9') || ch == '_'))
        {
            break;
        }

        if (p == start && !braces && ch >= '1' && ch <= '9') {
            p++;
            break;
        }
    }

    if (p == start || (braces && (p == last || *p != '}'))) {
        return NULL;
    }

    piece = ngx_array_push(pieces);
    if (piece == NULL) {
        return NULL;
    }

    ngx_memzero(piece, sizeof(ngx_mlsec_template_piece_t));

    piece->variable = 1;
    piece->text.data = start;
    piece->text.len = p - start;

    if (piece->text.len == 1 && start[0] >= '1' && start[0] <= '9') {
        piece->index = NGX_MLSEC_TEMPLATE_CAPTURE;

    } else {
        piece->index = ngx_http_get_variable_index(cf, &piece->text);

        if (piece->index == NGX_ERROR) {
            return NULL;
        }
    }

    return p + braces;
}


static void
ngx_mlsec_template_capture(ngx_http_request_t *r, ngx_uint_t n,
    ngx_str_t *value)
{
#if (NGX_PCRE)

    n *= 2;

    if (n < r->ncaptures && r->captures[n] >= 0) {
        value->data = r->captures_data + r->captures[n];
        value->len = r->captures[n + 1] - r->captures[n];
    }

#endif
}


static void
ngx_mlsec_template_keep_captures(ngx_http_request_t *r,
    ngx_mlsec_captures_t *kept)
{
#if (NGX_PCRE)

    kept->n = r->ncaptures;
    kept->data = r->captures_data;

    if (kept->n) {
        ngx_memcpy(kept->captures, r->captures,
                   ngx_min(kept->n, NGX_MLSEC_CAPTURES_MAX) * sizeof(int));
    }

#endif
}


static void
ngx_mlsec_template_restore_captures(ngx_http_request_t *r,
    const ngx_mlsec_captures_t *kept)
{
#if (NGX_PCRE)

    r->ncaptures = kept->n;
    r->captures_data = kept->data;

    if (kept->n) {
        ngx_memcpy(r->captures, kept->captures,
                   ngx_min(kept->n, NGX_MLSEC_CAPTURES_MAX) * sizeof(int));
    }

#endif
}
