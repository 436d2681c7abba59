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


#define NGX_MLSEC_FOREACH_MAX          50
#define NGX_MLSEC_FOREACH_CONCURRENCY  10


static ngx_mlsec_chain_conf_t *ngx_mlsec_chain_create(ngx_conf_t *cf,
    ngx_mlsec_call_t *call);
static ngx_mlsec_need_t *ngx_mlsec_chain_need(ngx_conf_t *cf,
    ngx_mlsec_call_t *call);
static ngx_int_t ngx_mlsec_chain_path(ngx_conf_t *cf, ngx_mlsec_need_t *need,
    const char *expected);
static ngx_int_t ngx_mlsec_chain_number(ngx_conf_t *cf, const char *name,
    ngx_str_t *value, ngx_int_t max, ngx_uint_t *number);
static ngx_int_t ngx_mlsec_chain_split_piece(ngx_conf_t *cf,
    ngx_mlsec_call_t *call, ngx_str_t text, ngx_array_t *pieces,
    ngx_uint_t tag);
static ngx_int_t ngx_mlsec_chain_push(ngx_array_t *pieces, u_char *start,
    u_char *end, ngx_uint_t tag, ngx_int_t index);
static u_char *ngx_mlsec_chain_braces(u_char *p, u_char *last,
    ngx_mlsec_need_t *need);
static ngx_int_t ngx_mlsec_chain_find(ngx_conf_t *cf,
    ngx_mlsec_aggregate_loc_conf_t *conf, ngx_mlsec_call_t *call);
static ngx_int_t ngx_mlsec_chain_fits(ngx_conf_t *cf,
    ngx_mlsec_aggregate_loc_conf_t *conf, ngx_mlsec_call_t *call);
static ngx_int_t ngx_mlsec_chain_order(ngx_conf_t *cf,
    ngx_mlsec_aggregate_loc_conf_t *conf);
static ngx_int_t ngx_mlsec_chain_blocked(const ngx_mlsec_call_t *call,
    const u_char *done);
static ngx_int_t ngx_mlsec_chain_cycle(ngx_conf_t *cf,
    ngx_mlsec_aggregate_loc_conf_t *conf, u_char *done);


static ngx_mlsec_chain_conf_t *
ngx_mlsec_chain_create(ngx_conf_t *cf, ngx_mlsec_call_t *call)
{
    if (call->chain != NULL) {
        return call->chain;
    }

    call->chain = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_chain_conf_t));

    if (call->chain == NULL
        || ngx_array_init(&call->chain->needs, cf->pool, 2,
                          sizeof(ngx_mlsec_need_t))
           != NGX_OK)
    {
        return NULL;
    }

    call->chain->foreach = -1;

    return call->chain;
}


static ngx_mlsec_need_t *
ngx_mlsec_chain_need(ngx_conf_t *cf, ngx_mlsec_call_t *call)
{
    ngx_mlsec_need_t  *need;

    if (ngx_mlsec_chain_create(cf, call) == NULL) {
        return NULL;
    }

    need = ngx_array_push(&call->chain->needs);

    if (need != NULL) {
        ngx_memzero(need, sizeof(ngx_mlsec_need_t));
    }

    return need;
}


ngx_int_t
ngx_mlsec_call_after(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value)
{
    u_char            *p, *last, *comma;
    ngx_mlsec_need_t  *need;

    last = value->data + value->len;

    for (p = value->data; /* void */ ; p = comma + 1) {

        comma = ngx_strlchr(p, last, ',');

        need = ngx_mlsec_chain_need(cf, call);
        if (need == NULL) {
            return NGX_ERROR;
        }

        need->name.data = p;
        need->name.len = (comma ? comma : last) - p;

        if (need->name.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "empty name in \"after=%V\" in "
                               "\"mlsec_call\", expected names of parts such "
                               "as \"jobs\" or \"jobs,models\"", value);
            return NGX_ERROR;
        }

        need->text.data = ngx_pnalloc(cf->pool,
                                      sizeof("after=") - 1 + need->name.len);
        if (need->text.data == NULL) {
            return NGX_ERROR;
        }

        need->text.len = ngx_sprintf(need->text.data, "after=%V",
                                     &need->name)
                         - need->text.data;

        if (comma == NULL) {
            return NGX_OK;
        }
    }
}


ngx_int_t
ngx_mlsec_call_foreach(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value)
{
    u_char            *p;
    ngx_mlsec_need_t  *need;

    if (call->chain != NULL && call->chain->foreach >= 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a second \"foreach=%V\" in \"mlsec_call\", a part "
                           "has one list", value);
        return NGX_ERROR;
    }

    need = ngx_mlsec_chain_need(cf, call);
    if (need == NULL) {
        return NGX_ERROR;
    }

    call->chain->foreach = call->chain->needs.nelts - 1;

    need->text.data = value->data - (sizeof("foreach=") - 1);
    need->text.len = value->len + sizeof("foreach=") - 1;

    need->name = *value;
    p = ngx_strlchr(value->data, value->data + value->len, '.');

    if (p != NULL) {
        need->name.len = p - value->data;
        need->path.data = p + 1;
        need->path.len = value->data + value->len - need->path.data;
    }

    if (need->name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no part in \"foreach=%V\" in \"mlsec_call\", "
                           "expected \"NAME\" or \"NAME.path\"", value);
        return NGX_ERROR;
    }

    return ngx_mlsec_chain_path(cf, need, "\"NAME\" or \"NAME.path\"");
}


static ngx_int_t
ngx_mlsec_chain_path(ngx_conf_t *cf, ngx_mlsec_need_t *need,
    const char *expected)
{
    size_t  error;

    if (need->path.data == NULL
        || mlsec_shape_check_target(need->path, &error) == MLSEC_OK)
    {
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid path at byte %uz of \"%V\" in "
                       "\"mlsec_call\", expected %s",
                       (size_t) (need->path.data - need->text.data) + error,
                       &need->text, expected);

    return NGX_ERROR;
}


ngx_int_t
ngx_mlsec_call_max(ngx_conf_t *cf, ngx_mlsec_call_t *call, ngx_str_t *value)
{
    if (ngx_mlsec_chain_create(cf, call) == NULL) {
        return NGX_ERROR;
    }

    return ngx_mlsec_chain_number(cf, "max=", value, 1000, &call->chain->max);
}


ngx_int_t
ngx_mlsec_call_concurrency(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value)
{
    if (ngx_mlsec_chain_create(cf, call) == NULL) {
        return NGX_ERROR;
    }

    return ngx_mlsec_chain_number(cf, "concurrency=", value, 100,
                                  &call->chain->concurrency);
}


static ngx_int_t
ngx_mlsec_chain_number(ngx_conf_t *cf, const char *name, ngx_str_t *value,
    ngx_int_t max, ngx_uint_t *number)
{
    ngx_int_t  n;

    n = ngx_atoi(value->data, value->len);

    if (n < 1 || n > max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number \"%V\" of \"%s\" in "
                           "\"mlsec_call\", expected 1-%i", value, name, max);
        return NGX_ERROR;
    }

    *number = n;

    return NGX_OK;
}


ngx_int_t
ngx_mlsec_chain_split(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_array_t **pieces, ngx_uint_t tag)
{
    ngx_uint_t                   i, before;
    ngx_array_t                 *split;
    ngx_mlsec_template_piece_t  *piece, *copy;

    before = call->chain ? call->chain->needs.nelts : 0;

    split = ngx_array_create(cf->pool, (*pieces)->nelts + 2,
                             sizeof(ngx_mlsec_template_piece_t));
    if (split == NULL) {
        return NGX_ERROR;
    }

    piece = (*pieces)->elts;

    for (i = 0; i < (*pieces)->nelts; i++) {

        if (piece[i].variable) {
            copy = ngx_array_push(split);
            if (copy == NULL) {
                return NGX_ERROR;
            }

            *copy = piece[i];
            continue;
        }

        if (ngx_mlsec_chain_split_piece(cf, call, piece[i].text, split, tag)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (call->chain != NULL && call->chain->needs.nelts != before) {
        *pieces = split;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_chain_split_piece(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t text, ngx_array_t *pieces, ngx_uint_t tag)
{
    u_char            *p, *start, *last, *next;
    ngx_mlsec_need_t   found, *need;

    start = text.data;
    last = text.data + text.len;

    for (p = start; p < last; p++) {

        if (*p != '{') {
            continue;
        }

        next = ngx_mlsec_chain_braces(p, last, &found);

        if (next == NULL) {
            continue;
        }

        need = ngx_mlsec_chain_need(cf, call);
        if (need == NULL) {
            return NGX_ERROR;
        }

        *need = found;

        if (ngx_mlsec_chain_path(cf, need, "\"{NAME}\" or \"{NAME.path}\"")
            != NGX_OK
            || ngx_mlsec_chain_push(pieces, start, p, 0, -1) != NGX_OK
            || ngx_mlsec_chain_push(pieces, p, next, tag,
                                    call->chain->needs.nelts - 1)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        start = next;
        p = next - 1;
    }

    return ngx_mlsec_chain_push(pieces, start, last, 0, -1);
}


/*
 * index: of the need that the piece stands for, -1 for literal text.
 */

static ngx_int_t
ngx_mlsec_chain_push(ngx_array_t *pieces, u_char *start, u_char *end,
    ngx_uint_t tag, ngx_int_t index)
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

    if (index >= 0) {
        piece->variable = 1;
        piece->tag = tag;
        piece->index = index;
    }

    return NGX_OK;
}


/*
 * Braces around the name of a part, and a path if a dot follows.  Anything
 * else in braces is text: JSON in a header, say.
 *
 * Where the braces end, NULL if they are text.
 */

static u_char *
ngx_mlsec_chain_braces(u_char *p, u_char *last, ngx_mlsec_need_t *need)
{
    u_char  ch, *start, *path;

    ngx_memzero(need, sizeof(ngx_mlsec_need_t));

    start = p;
    path = NULL;

    for (p++; p < last && *p != '}'; p++) {
        ch = *p;

        if (path != NULL) {
            if (ch <= ' ' || ch == '"' || ch == '{') {
                return NULL;
            }

        } else if (ch == '.') {
            path = p + 1;

        } else if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
                     || (ch >= '0' && ch <= '9') || ch == '_' || ch == '-'))
        {
            return NULL;
        }
    }

    if (p == last) {
        return NULL;
    }

    need->name.data = start + 1;
    need->name.len = (path ? path - 1 : p) - need->name.data;

    if (need->name.len == 0) {
        return NULL;
    }

    if (path != NULL) {
        need->path.data = path;
        need->path.len = p - path;
    }

    need->text.data = start;
    need->text.len = p + 1 - start;
    need->value = 1;

    return p + 1;
}


ngx_int_t
ngx_mlsec_chain_check(ngx_conf_t *cf, ngx_mlsec_call_t *call)
{
    ngx_mlsec_chain_conf_t  *chain;

    chain = call->chain;

    if (chain == NULL) {
        return NGX_OK;
    }

    if (chain->foreach < 0 && (chain->max || chain->concurrency)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%s\" without \"foreach=\" in \"mlsec_call\"",
                           chain->max ? "max=" : "concurrency=");
        return NGX_ERROR;
    }

    if (chain->max == 0) {
        chain->max = NGX_MLSEC_FOREACH_MAX;
    }

    if (chain->concurrency == 0) {
        chain->concurrency = NGX_MLSEC_FOREACH_CONCURRENCY;
    }

    return NGX_OK;
}


ngx_uint_t
ngx_mlsec_chain_foreach(const ngx_mlsec_call_t *call)
{
    return call->chain != NULL && call->chain->foreach >= 0;
}


ngx_int_t
ngx_mlsec_chain_resolve(ngx_conf_t *cf, ngx_mlsec_aggregate_loc_conf_t *conf)
{
    ngx_uint_t         i, n;
    ngx_mlsec_call_t  *call;

    call = conf->calls->elts;
    n = 0;

    for (i = 0; i < conf->calls->nelts; i++) {

        if (call[i].chain == NULL) {
            continue;
        }

        n++;

        if (ngx_mlsec_chain_find(cf, conf, &call[i]) != NGX_OK
            || ngx_mlsec_chain_fits(cf, conf, &call[i]) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (n == 0) {
        return NGX_OK;
    }

    conf->chain = ngx_array_create(cf->pool, n, sizeof(ngx_uint_t));
    if (conf->chain == NULL) {
        return NGX_ERROR;
    }

    return ngx_mlsec_chain_order(cf, conf);
}


static ngx_int_t
ngx_mlsec_chain_find(ngx_conf_t *cf, ngx_mlsec_aggregate_loc_conf_t *conf,
    ngx_mlsec_call_t *call)
{
    ngx_uint_t         i, n;
    ngx_mlsec_call_t  *other;
    ngx_mlsec_need_t  *need;

    other = conf->calls->elts;
    need = call->chain->needs.elts;

    for (i = 0; i < call->chain->needs.nelts; i++) {

        for (n = 0; n < conf->calls->nelts; n++) {

            if (other[n].name.len == need[i].name.len
                && ngx_strncmp(other[n].name.data, need[i].name.data,
                               need[i].name.len)
                   == 0)
            {
                break;
            }
        }

        if (n == conf->calls->nelts) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "unknown part \"%V\" in \"%V\" of part \"%V\", "
                          "expected the name of another \"mlsec_call\" of the "
                          "location in %V:%ui",
                          &need[i].name, &need[i].text, &call->name,
                          &call->place.file, call->place.line);
            return NGX_ERROR;
        }

        if (&other[n] == call) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "part \"%V\" waits for itself by \"%V\" in %V:%ui",
                          &call->name, &need[i].text, &call->place.file,
                          call->place.line);
            return NGX_ERROR;
        }

        need[i].index = n;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_chain_fits(ngx_conf_t *cf, ngx_mlsec_aggregate_loc_conf_t *conf,
    ngx_mlsec_call_t *call)
{
    ngx_mlsec_call_t  *other;
    ngx_mlsec_need_t  *need;

    if (!ngx_mlsec_chain_foreach(call)) {
        return NGX_OK;
    }

    need = call->chain->needs.elts;
    need += call->chain->foreach;

    other = conf->calls->elts;
    other += need->index;

    if (other->text && !ngx_mlsec_chain_foreach(other)) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%V\" of part \"%V\" over a part with \"as=text\", "
                      "a text has no elements in %V:%ui",
                      &need->text, &call->name, &call->place.file,
                      call->place.line);
        return NGX_ERROR;
    }

    if (conf->merge.mode == MLSEC_MERGE_FLAT) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%V\" of part \"%V\" does not fit \"mlsec_merge "
                      "flat\", a list has no members in %V:%ui",
                      &need->text, &call->name, &call->place.file,
                      call->place.line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * Those that need nothing more are taken out until none is left: at load, of
 * a handful, so the simplest way will do.
 */

static ngx_int_t
ngx_mlsec_chain_order(ngx_conf_t *cf, ngx_mlsec_aggregate_loc_conf_t *conf)
{
    u_char            *done;
    ngx_uint_t         i, n, before, *index;
    ngx_mlsec_call_t  *call;

    n = conf->calls->nelts;
    call = conf->calls->elts;

    done = ngx_pcalloc(cf->pool, n);
    if (done == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        done[i] = (call[i].chain == NULL);
    }

    do {
        before = conf->chain->nelts;

        for (i = 0; i < n; i++) {

            if (done[i] || ngx_mlsec_chain_blocked(&call[i], done) >= 0) {
                continue;
            }

            done[i] = 1;

            index = ngx_array_push(conf->chain);
            if (index == NULL) {
                return NGX_ERROR;
            }

            *index = i;
        }

    } while (conf->chain->nelts != before);

    return ngx_mlsec_chain_cycle(cf, conf, done);
}


/*
 * The index of the first part that a call needs and that is not done, or
 * NGX_DECLINED.
 */

static ngx_int_t
ngx_mlsec_chain_blocked(const ngx_mlsec_call_t *call, const u_char *done)
{
    ngx_uint_t               i;
    const ngx_mlsec_need_t  *need;

    need = call->chain->needs.elts;

    for (i = 0; i < call->chain->needs.nelts; i++) {

        if (!done[need[i].index]) {
            return need[i].index;
        }
    }

    return NGX_DECLINED;
}


/*
 * What has been left over waits for something else that was left over: going
 * from one to the next as many times as there are calls ends in a cycle, and
 * going on until the first comes back shows all of it.
 */

static ngx_int_t
ngx_mlsec_chain_cycle(ngx_conf_t *cf, ngx_mlsec_aggregate_loc_conf_t *conf,
    u_char *done)
{
    u_char            *p;
    size_t             len;
    ngx_str_t          text;
    ngx_uint_t         i, n, first;
    ngx_mlsec_call_t  *call;

    call = conf->calls->elts;

    for (first = 0; first < conf->calls->nelts && done[first]; first++) {
        /* void */
    }

    if (first == conf->calls->nelts) {
        return NGX_OK;
    }

    len = 0;

    for (n = 0; n < conf->calls->nelts; n++) {
        len += call[n].name.len + sizeof("\"\" waits for ") - 1;
        first = ngx_mlsec_chain_blocked(&call[first], done);
    }

    text.data = ngx_pnalloc(cf->pool, len);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    p = text.data;
    i = first;

    do {
        p = ngx_sprintf(p, "\"%V\" waits for ", &call[i].name);
        i = ngx_mlsec_chain_blocked(&call[i], done);

    } while (i != first);

    text.len = p - text.data;

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "parts in a circle: %V\"%V\" in %V:%ui",
                  &text, &call[first].name, &call[first].place.file,
                  call[first].place.line);

    return NGX_ERROR;
}
