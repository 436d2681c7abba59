/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <service/ngx_mlsec_service_peer.h>


#define ngx_mlsec_buffer_n(elts)  (sizeof(elts) / sizeof(ngx_table_elt_t))


static void ngx_mlsec_buffer_list(ngx_list_t *list, ngx_table_elt_t *elts,
    ngx_uint_t n, ngx_pool_t *pool);


/*
 * What nginx reads the beginning of an answer into.
 *
 * nginx gets that memory when the answer comes: a page, which is more than a
 * pool hands out, so it is the C library's, got and freed for each request.
 * To do so costs a good part of what all of this module does for a call.  So
 * nginx is given a page that the worker has ready: then it takes the buffer
 * for one that was got before, and does not begin the lists of headers either,
 * see ngx_http_upstream_process_header().
 *
 * Not where an answer may go to a cache: there the buffer begins with the
 * header of the cache's file.
 */

void
ngx_mlsec_buffer_lend(ngx_http_request_t *r, ngx_mlsec_buffer_t *buffer)
{
    ngx_buf_t            *b;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    b = &u->buffer;

    if (b->start != NULL || u->conf->buffer_size != NGX_MLSEC_BUFFER_PAGE) {
        return;
    }

#if (NGX_HTTP_CACHE)

    if (r->cache) {
        return;
    }

#endif

    ngx_mlsec_buffer_list(&u->headers_in.headers, buffer->headers,
                          ngx_mlsec_buffer_n(buffer->headers), r->pool);
    ngx_mlsec_buffer_list(&u->headers_in.trailers, buffer->trailers,
                          ngx_mlsec_buffer_n(buffer->trailers), r->pool);

    b->start = buffer->page;
    b->pos = buffer->page;
    b->last = buffer->page;
    b->end = buffer->page + NGX_MLSEC_BUFFER_PAGE;
    b->temporary = 1;
    b->tag = u->output.tag;
}


/*
 * As ngx_list_init(), with memory that is there; what is more is from pool.
 */

static void
ngx_mlsec_buffer_list(ngx_list_t *list, ngx_table_elt_t *elts, ngx_uint_t n,
    ngx_pool_t *pool)
{
    list->part.elts = elts;
    list->part.nelts = 0;
    list->part.next = NULL;
    list->last = &list->part;
    list->size = sizeof(ngx_table_elt_t);
    list->nalloc = n;
    list->pool = pool;
}
