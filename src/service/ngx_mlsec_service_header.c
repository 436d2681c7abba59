/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_compat.h>
#include <service/ngx_mlsec_service_peer.h>


/*
 * The header of an answer, as soon as it has been read: what is none is
 * skipped, and one that is may be a reason for another attempt.
 *
 * A service may say "100 Continue", "103 Early Hints" and the like before it
 * answers (RFC 9110, 15.2).  nginx takes the first of them for the answer: a
 * part fails, and a client gets a header after which it waits for another one,
 * while what the service sends next comes as a body.
 *
 * So such a header is taken out of the buffer, and nginx's proxy module begins
 * anew with what is behind it.  Out of the buffer, and not only passed over:
 * it is the buffer that goes into a cache.
 *
 * 101 to a client that has not asked for another protocol is no answer at all,
 * and a status below 100 is none.
 */

#define NGX_MLSEC_INTERIM_MAX  16


static ngx_uint_t ngx_mlsec_header_is_proxied(const ngx_str_t *module);
static ngx_int_t ngx_mlsec_header_reinit(ngx_http_request_t *r);
static mlsec_hot ngx_int_t ngx_mlsec_header_process(ngx_http_request_t *r);
static ngx_int_t ngx_mlsec_header_read(ngx_http_request_t *r,
    ngx_mlsec_peer_t *mp);
static ngx_int_t ngx_mlsec_interim_read(ngx_http_request_t *r,
    ngx_mlsec_peer_t *mp);
static ngx_uint_t ngx_mlsec_interim_is(const ngx_mlsec_peer_t *mp);
static mlsec_rare ngx_int_t ngx_mlsec_interim_wrong(ngx_http_request_t *r,
    const ngx_mlsec_peer_t *mp);
static mlsec_rare ngx_int_t ngx_mlsec_interim_hints(ngx_http_request_t *r,
    ngx_mlsec_peer_t *mp, ngx_int_t rc);
static void ngx_mlsec_interim_status(ngx_http_upstream_t *u);
static mlsec_rare ngx_int_t ngx_mlsec_interim_skip(ngx_http_request_t *r,
    ngx_mlsec_peer_t *mp);
static void ngx_mlsec_interim_note(ngx_http_request_t *r,
    ngx_mlsec_cacheable_t *cacheable);
static void ngx_mlsec_interim_forget(ngx_http_request_t *r,
    const ngx_mlsec_cacheable_t *cacheable);


void
ngx_mlsec_header_hook(ngx_mlsec_peer_t *mp)
{
    ngx_http_upstream_t  *u;

    u = mp->upstream;

    mp->header = NULL;
    mp->interim = 0;

    /* others have no interim answers, or see to them by themselves */

    mp->proxied = ngx_mlsec_header_is_proxied(&u->conf->module);

    if (!mp->proxied && (mp->retry == NULL || mp->retry->part)) {
        return;
    }

    mp->reinit = u->reinit_request;
    u->reinit_request = ngx_mlsec_header_reinit;

    mp->process_header = u->process_header;
    u->process_header = ngx_mlsec_header_process;
}


/*
 * By nginx's proxy module: each names itself by one and the same string.
 */

static ngx_uint_t
ngx_mlsec_header_is_proxied(const ngx_str_t *module)
{
    static const u_char  *proxy;

    if (module->data == proxy) {
        return 1;
    }

    if (module->len != sizeof("proxy") - 1
        || ngx_strncmp(module->data, "proxy", sizeof("proxy") - 1) != 0)
    {
        return 0;
    }

    proxy = module->data;

    return 1;
}


/*
 * The module of the location changes process_header as it goes on, and most
 * set it back here.
 */

static ngx_int_t
ngx_mlsec_header_reinit(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_mlsec_peer_t     *mp;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    mp = ngx_mlsec_peer_of(r);
    rc = mp->reinit(r);

    mp->header = NULL;
    mp->interim = 0;

    if (u->process_header != ngx_mlsec_header_process) {
        mp->process_header = u->process_header;
        u->process_header = ngx_mlsec_header_process;
    }

    return rc;
}


static ngx_int_t
ngx_mlsec_header_process(ngx_http_request_t *r)
{
    ngx_int_t          rc;
    ngx_uint_t         version;
    ngx_mlsec_peer_t  *mp;

    mp = ngx_mlsec_peer_of(r);
    version = r->http_version;

    rc = mp->proxied ? ngx_mlsec_interim_read(r, mp)
                     : ngx_mlsec_header_read(r, mp);

    /* an answer out of a cache comes this way too */

    if (mlsec_likely(rc == NGX_OK && mp->running)) {
        return ngx_mlsec_retry_header(mp, version);
    }

    /* a status line that is none has nginx go on as with HTTP/0.9 */

    if (rc == NGX_HTTP_UPSTREAM_INVALID_HEADER) {
        r->http_version = version;
    }

    return rc;
}


static ngx_int_t
ngx_mlsec_header_read(ngx_http_request_t *r, ngx_mlsec_peer_t *mp)
{
    ngx_int_t             rc;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    u->process_header = mp->process_header;

    rc = mp->process_header(r);

    mp->process_header = u->process_header;
    u->process_header = ngx_mlsec_header_process;

    return rc;
}


static ngx_int_t
ngx_mlsec_interim_read(ngx_http_request_t *r, ngx_mlsec_peer_t *mp)
{
    ngx_int_t             rc;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    for ( ;; ) {

        if (mp->header == NULL) {
            mp->header = u->buffer.pos;
            ngx_mlsec_interim_note(r, &mp->cacheable);
        }

        rc = ngx_mlsec_header_read(r, mp);

        if (ngx_mlsec_early_hints(rc)) {
            return ngx_mlsec_interim_hints(r, mp, rc);
        }

        if (mlsec_likely(rc != NGX_OK || !mp->running
                         || !ngx_mlsec_interim_is(mp)))
        {
            return rc;
        }

        if (u->headers_in.status_n <= NGX_HTTP_SWITCHING_PROTOCOLS
            && u->headers_in.status_n != NGX_HTTP_CONTINUE)
        {
            return u->upgrade ? NGX_OK : ngx_mlsec_interim_wrong(r, mp);
        }

        if (mp->interim == NGX_MLSEC_INTERIM_MAX) {
            return ngx_mlsec_interim_wrong(r, mp);
        }

        mp->interim++;

        if (ngx_mlsec_interim_skip(r, mp) != NGX_OK) {
            return NGX_ERROR;
        }

        if (u->buffer.pos == u->buffer.last) {
            return NGX_AGAIN;
        }
    }
}


/*
 * Frames of HTTP/2 are not what they look like here.
 */

static ngx_uint_t
ngx_mlsec_interim_is(const ngx_mlsec_peer_t *mp)
{
    ngx_uint_t  status;

    status = mp->upstream->headers_in.status_n;

    return status < NGX_HTTP_OK
           && ngx_strncmp(mp->header, "HTTP/", sizeof("HTTP/") - 1) == 0;
}


static ngx_int_t
ngx_mlsec_interim_wrong(ngx_http_request_t *r, const ngx_mlsec_peer_t *mp)
{
    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "mlsec service: no answer but status %ui, service: \"%V\"",
                  mp->upstream->headers_in.status_n,
                  ngx_mlsec_service_name(mp->conf));

    return NGX_HTTP_UPSTREAM_INVALID_HEADER;
}


/*
 * A newer nginx passes 103 on, or skips it, and comes back.
 */

static ngx_int_t
ngx_mlsec_interim_hints(ngx_http_request_t *r, ngx_mlsec_peer_t *mp,
    ngx_int_t rc)
{
    if (mp->interim == NGX_MLSEC_INTERIM_MAX) {
        return ngx_mlsec_interim_wrong(r, mp);
    }

    mp->interim++;
    mp->header = NULL;

    ngx_mlsec_interim_status(mp->upstream);

    return rc;
}


/*
 * $upstream_status is the first one that is set.
 */

static void
ngx_mlsec_interim_status(ngx_http_upstream_t *u)
{
    if (u->state) {
        u->state->status = 0;
    }
}


static ngx_int_t
ngx_mlsec_interim_skip(ngx_http_request_t *r, ngx_mlsec_peer_t *mp)
{
    size_t                left;
    ngx_int_t             rc;
    ngx_http_upstream_t  *u;

    u = mp->upstream;
    left = u->buffer.last - u->buffer.pos;

    ngx_memmove(mp->header, u->buffer.pos, left);

    u->buffer.pos = mp->header;
    u->buffer.last = mp->header + left;

    rc = mp->reinit(r);

    if (rc != NGX_OK) {
        return rc;
    }

    mp->process_header = u->process_header;
    u->process_header = ngx_mlsec_header_process;

    ngx_mlsec_interim_forget(r, &mp->cacheable);

    /* as nginx does it before another attempt */

    u->keepalive = 0;
    u->upgrade = 0;

    ngx_mlsec_interim_status(u);

    ngx_memzero(&u->headers_in, sizeof(ngx_http_upstream_headers_in_t));

    u->headers_in.content_length_n = -1;
    u->headers_in.last_modified_time = -1;

    if (ngx_list_init(&u->headers_in.headers, r->pool, 8,
                      sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_list_init(&u->headers_in.trailers, r->pool, 2,
                         sizeof(ngx_table_elt_t));
}


/*
 * Cookies and times of life that come with an interim answer are not about
 * the answer.
 */

static void
ngx_mlsec_interim_note(ngx_http_request_t *r, ngx_mlsec_cacheable_t *cacheable)
{
    cacheable->allowed = r->upstream->cacheable;

#if (NGX_HTTP_CACHE)

    if (r->cache) {
        cacheable->valid = r->cache->valid_sec;
        cacheable->updating = r->cache->updating_sec;
        cacheable->error = r->cache->error_sec;
    }

#endif
}


static void
ngx_mlsec_interim_forget(ngx_http_request_t *r,
    const ngx_mlsec_cacheable_t *cacheable)
{
    r->upstream->cacheable = cacheable->allowed;

#if (NGX_HTTP_CACHE)

    if (r->cache) {
        r->cache->valid_sec = cacheable->valid;
        r->cache->updating_sec = cacheable->updating;
        r->cache->error_sec = cacheable->error;
    }

#endif
}
