/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <service/ngx_mlsec_service_peer.h>


/*
 * What counts is the method that the service gets, and proxy_method may have
 * changed it.  It is kept nowhere but in the request itself, as nginx's proxy
 * module has made it: a line of HTTP/1, or since 1.29.4 frames of HTTP/2.
 *
 * There the method is the first field of the first frame with headers.  It is a
 * number where it is GET or POST, else a text (RFC 7541, 6.1, 6.2.1); nginx
 * writes that as it is as long as the Huffman code is not shorter, which
 * is up to seven letters.  What has more is nothing that could be told.
 */

#define NGX_MLSEC_METHOD_PREFACE  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

#define NGX_MLSEC_METHOD_FRAME    9              /* bytes of a frame's head */
#define NGX_MLSEC_METHOD_HEADERS  0x01
#define NGX_MLSEC_METHOD_GET      0x82
#define NGX_MLSEC_METHOD_POST     0x83
#define NGX_MLSEC_METHOD_TEXT     0x42
#define NGX_MLSEC_METHOD_HUFFMAN  0x80


static ngx_uint_t ngx_mlsec_method_is_h2(const u_char *p, const u_char *last);
static void ngx_mlsec_method_h2(u_char *p, const u_char *last,
    ngx_str_t *method);
static void ngx_mlsec_method_field(u_char *p, const u_char *last,
    ngx_str_t *method);


void
ngx_mlsec_retry_method(ngx_http_request_t *r, ngx_str_t *method)
{
    u_char               *p, *last;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    *method = r->method_name;

    if (u->schema.len < 4 || ngx_strncmp(u->schema.data, "http", 4) != 0
        || u->request_bufs == NULL)
    {
        return;
    }

    p = u->request_bufs->buf->start;
    last = u->request_bufs->buf->last;

    if (ngx_mlsec_method_is_h2(p, last)) {
        ngx_mlsec_method_h2(p, last, method);
        return;
    }

    method->data = p;

    while (p < last && *p >= 'A' && *p <= 'Z') {
        p++;
    }

    method->len = p - method->data;
}


static ngx_uint_t
ngx_mlsec_method_is_h2(const u_char *p, const u_char *last)
{
    size_t  len;

    len = sizeof(NGX_MLSEC_METHOD_PREFACE) - 1;

    return (size_t) (last - p) >= len
           && ngx_memcmp(p, NGX_MLSEC_METHOD_PREFACE, len) == 0;
}


static void
ngx_mlsec_method_h2(u_char *p, const u_char *last, ngx_str_t *method)
{
    size_t  len;

    ngx_str_null(method);

    p += sizeof(NGX_MLSEC_METHOD_PREFACE) - 1;

    while (last - p > NGX_MLSEC_METHOD_FRAME) {
        len = ((size_t) p[0] << 16) | ((size_t) p[1] << 8) | p[2];

        if (p[3] == NGX_MLSEC_METHOD_HEADERS) {
            ngx_mlsec_method_field(p + NGX_MLSEC_METHOD_FRAME, last, method);
            return;
        }

        if (len >= (size_t) (last - p) - NGX_MLSEC_METHOD_FRAME) {
            return;
        }

        p += NGX_MLSEC_METHOD_FRAME + len;
    }
}


static void
ngx_mlsec_method_field(u_char *p, const u_char *last, ngx_str_t *method)
{
    switch (*p) {

    case NGX_MLSEC_METHOD_GET:
        ngx_str_set(method, "GET");
        return;

    case NGX_MLSEC_METHOD_POST:
        ngx_str_set(method, "POST");
        return;

    case NGX_MLSEC_METHOD_TEXT:

        if (last - p > 2 && p[1] < NGX_MLSEC_METHOD_HUFFMAN
            && p[1] <= last - p - 2)
        {
            method->data = p + 2;
            method->len = p[1];
        }

        return;

    default:
        return;
    }
}
