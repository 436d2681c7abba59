/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_content.h>


ngx_str_t
ngx_mlsec_content_type(const ngx_str_t *value)
{
    u_char     *last;
    ngx_str_t   type;

    type.data = value->data;
    type.len = value->len;

    if (value->len == 0) {
        return type;
    }

    last = ngx_strlchr(value->data, value->data + value->len, ';');
    last = (last != NULL) ? last : value->data + value->len;

    while (last > value->data && (last[-1] == ' ' || last[-1] == '\t')) {
        last--;
    }

    type.len = last - value->data;

    return type;
}


ngx_uint_t
ngx_mlsec_content_is_json(const ngx_str_t *type)
{
    size_t  suffix;

    suffix = sizeof("+json") - 1;

    if (type->len > suffix
        && ngx_strncasecmp(type->data + type->len - suffix,
                           (u_char *) "+json", suffix)
           == 0)
    {
        return 1;
    }

    return type->len == sizeof("application/json") - 1
           && ngx_strncasecmp(type->data, (u_char *) "application/json",
                              type->len)
              == 0;
}


ngx_uint_t
ngx_mlsec_content_is_utf8(const ngx_str_t *value)
{
    u_char      *p, *last;
    size_t       left;
    ngx_uint_t   quoted;

    last = value->data + value->len;
    p = ngx_strlchr(value->data, last, ';');

    for ( ;; ) {
        p = p ? ngx_strlcasestrn(p, last, (u_char *) "charset", 7 - 1) : NULL;

        if (p == NULL) {
            return 1;
        }

        p += 7;

        if (p == last || *p++ != '=') {
            return 0;
        }

        quoted = p < last && *p == '"';
        p += quoted;
        left = last - p;

        if (left >= 5 && ngx_strncasecmp(p, (u_char *) "utf-8", 5) == 0) {
            p += 5;

        } else if (left >= 4 && ngx_strncasecmp(p, (u_char *) "utf8", 4) == 0) {
            p += 4;

        } else {
            return 0;
        }

        if (quoted && (p == last || *p++ != '"')) {
            return 0;
        }

        if (p < last && *p != ';' && *p != ' ' && *p != '\t') {
            return 0;
        }
    }
}


off_t
ngx_mlsec_content_length(ngx_http_request_t *r)
{
    off_t         len;
    ngx_chain_t  *cl;

    len = 0;

    if (r->request_body != NULL) {
        for (cl = r->request_body->bufs; cl; cl = cl->next) {
            len += ngx_buf_size(cl->buf);
        }
    }

    return len;
}


ngx_int_t
ngx_mlsec_content_text(ngx_http_request_t *r, ngx_str_t *text)
{
    u_char       *p;
    size_t        size;
    ssize_t       n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    text->len = (size_t) ngx_mlsec_content_length(r);
    text->data = NULL;

    if (text->len == 0) {
        return NGX_OK;
    }

    cl = r->request_body->bufs;

    if (cl->next == NULL && ngx_buf_in_memory(cl->buf)) {
        text->data = cl->buf->pos;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, text->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;

    for ( /* void */ ; cl; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_in_memory(b)) {
            p = ngx_cpymem(p, b->pos, b->last - b->pos);
            continue;
        }

        size = (size_t) ngx_buf_size(b);

        if (size == 0) {
            continue;                    /* says only that it is the end */
        }

        n = ngx_read_file(b->file, p, size, b->file_pos);

        if (n == NGX_ERROR || (size_t) n != size) {
            return NGX_ERROR;
        }

        p += size;
    }

    return NGX_OK;
}
