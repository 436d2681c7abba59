/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <core/ngx_mlsec_json.h>
#include <lib/mlsec_text.h>


static u_char *ngx_mlsec_json_reserve(ngx_mlsec_json_t *w, size_t len);


ngx_int_t
ngx_mlsec_json_init(ngx_mlsec_json_t *w, ngx_pool_t *pool, size_t size)
{
    w->pool = pool;
    w->failed = 0;

    w->start = ngx_pnalloc(pool, size);
    if (w->start == NULL) {
        w->failed = 1;
        return NGX_ERROR;
    }

    w->pos = w->start;
    w->end = w->start + size;

    return NGX_OK;
}


void
ngx_mlsec_json_raw(ngx_mlsec_json_t *w, const u_char *p, size_t len)
{
    u_char  *dst;

    dst = ngx_mlsec_json_reserve(w, len);

    if (dst != NULL) {
        w->pos = ngx_cpymem(dst, p, len);
    }
}


void
ngx_mlsec_json_string(ngx_mlsec_json_t *w, const ngx_str_t *value)
{
    ngx_mlsec_json_lit(w, "\"");
    ngx_mlsec_json_string_inside(w, value);
    ngx_mlsec_json_lit(w, "\"");
}


void
ngx_mlsec_json_string_inside(ngx_mlsec_json_t *w, const ngx_str_t *value)
{
    u_char       *dst;
    mlsec_str_t   text;

    text.data = value->data;
    text.len = value->len;

    dst = ngx_mlsec_json_reserve(w, mlsec_text_escaped_len(text));

    if (dst != NULL) {
        w->pos = mlsec_text_escape(dst, text);
    }
}


void
ngx_mlsec_json_int(ngx_mlsec_json_t *w, int64_t value)
{
    u_char  *dst;

    dst = ngx_mlsec_json_reserve(w, NGX_INT64_LEN);

    if (dst != NULL) {
        w->pos = ngx_sprintf(dst, "%L", value);
    }
}


void
ngx_mlsec_json_time(ngx_mlsec_json_t *w)
{
    u_char      *dst;
    ngx_tm_t     tm;
    ngx_time_t  *tp;

    dst = ngx_mlsec_json_reserve(w, sizeof("\"1970-09-28T12:00:00.000000Z\""));
    if (dst == NULL) {
        return;
    }

    tp = ngx_timeofday();
    ngx_gmtime(tp->sec, &tm);

    w->pos = ngx_sprintf(dst, "\"%4d-%02d-%02dT%02d:%02d:%02d.%03M000Z\"",
                         tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                         tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec,
                         tp->msec);
}


ngx_int_t
ngx_mlsec_json_text(ngx_mlsec_json_t *w, ngx_str_t *text)
{
    if (w->failed) {
        return NGX_ERROR;
    }

    text->data = w->start;
    text->len = w->pos - w->start;

    return NGX_OK;
}


static u_char *
ngx_mlsec_json_reserve(ngx_mlsec_json_t *w, size_t len)
{
    size_t   used, size;
    u_char  *p;

    if (w->failed) {
        return NULL;
    }

    if ((size_t) (w->end - w->pos) >= len) {
        return w->pos;
    }

    used = w->pos - w->start;
    size = 2 * (w->end - w->start);

    if (size < used + len) {
        size = used + len;
    }

    p = ngx_pnalloc(w->pool, size);
    if (p == NULL) {
        w->failed = 1;
        return NULL;
    }

    ngx_memcpy(p, w->start, used);

    w->start = p;
    w->pos = p + used;
    w->end = p + size;

    return w->pos;
}
