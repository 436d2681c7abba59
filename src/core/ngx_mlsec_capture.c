/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_capture.h>
#include <core/ngx_mlsec_conf.h>
#include <lib/mlsec_types.h>


static ngx_int_t ngx_mlsec_capture_post_subrequest(ngx_http_request_t *r,
    void *data, ngx_int_t rc);
static ngx_uint_t ngx_mlsec_capture_error_page(ngx_http_request_t *r);
static void ngx_mlsec_capture_end_request(ngx_http_request_t *r);
static void ngx_mlsec_capture_dead_handler(ngx_http_request_t *r);
static ngx_int_t ngx_mlsec_capture_header_filter(ngx_http_request_t *r);
static void ngx_mlsec_capture_unbuffer(ngx_http_request_t *r);
static void ngx_mlsec_capture_watch(ngx_mlsec_capture_t *capture);
static void ngx_mlsec_capture_finalize_upstream(ngx_http_request_t *r,
    ngx_int_t rc);
static ngx_int_t ngx_mlsec_capture_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static mlsec_apart ngx_int_t ngx_mlsec_capture_take(
    ngx_mlsec_capture_t *capture, ngx_chain_t *in);
static ngx_int_t ngx_mlsec_capture_filter_init(ngx_conf_t *cf);


static ngx_http_module_t  ngx_mlsec_capture_filter_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_mlsec_capture_filter_init,         /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_mlsec_capture_filter_module = {
    NGX_MODULE_V1,
    &ngx_mlsec_capture_filter_module_ctx,  /* module context */
    NULL,                                  /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


ngx_int_t
ngx_mlsec_capture_start(ngx_http_request_t *r, ngx_str_t *uri,
    ngx_str_t *args, ngx_mlsec_capture_t *capture)
{
    ngx_http_request_t  *sr;

    capture->post.handler = ngx_mlsec_capture_post_subrequest;
    capture->post.data = capture;

    if (ngx_http_subrequest(r, uri, args, &sr, &capture->post,
                            NGX_HTTP_SUBREQUEST_BACKGROUND)
        != NGX_OK)
    {
        capture->ended = 1;
        return NGX_ERROR;
    }

    capture->request = sr;

    return NGX_OK;
}


/*
 * How a subrequest is stopped from outside.
 *
 * nginx has no call for it: a subrequest ends when whatever it waits for
 * comes, and a slow upstream can keep it for proxy_read_timeout after every
 * byte.  What nginx does have is the cleanup handler that an upstream
 * registers for the case that the client goes away.  It releases everything
 * in every state (resolver query, connecting, TLS handshake, waiting for the
 * header, body half read, cache node held for update) and finalizes the
 * subrequest with NGX_DONE, which drops the one reference that the
 * subrequest holds on the main request and does nothing else.  So a cancel is
 * that handler called early, for one subrequest.
 *
 * Two things come before it.  The peer is released by hand when it is to
 * blame, since the cleanup handler always reports success to the balancer: a
 * service that times out must count as failed for max_fails.  And the
 * subrequest is marked as done and is given handlers that do nothing, so that
 * an entry left in the list of posted requests finds nothing to run.
 *
 * A subrequest without an upstream is in one of four states.  It runs a
 * content handler of ours that waits for parts of its own: that handler has
 * registered how to stop it.  It has not started, or waits in a phase before
 * the content: nobody else holds it, it is finalized here and now.  It waits
 * for a lock of the cache (proxy_cache_lock), which holds the main request as
 * blocked: it is finalized when it wakes up, which the dead handler sees to.
 * It waits in a content handler of somebody else: there is no way to stop it,
 * it ends in its own time and its result is dropped; the answer does not wait
 * for it, only the connection's next request does.
 */

void
ngx_mlsec_capture_cancel(ngx_mlsec_capture_t *capture, ngx_uint_t failed)
{
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    if (capture->ended || capture->canceled) {
        return;
    }

    capture->canceled = 1;

    r = capture->request;
    u = r->upstream;

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "mlsec capture cancel: \"%V\" u:%p failed:%ui",
                   &r->uri, u, failed);

    if (capture->cancel) {
        capture->cancel(r);
        ngx_mlsec_capture_end_request(r);
        ngx_http_finalize_request(r, NGX_DONE);
        return;
    }

    if (u != NULL && u->cleanup != NULL) {

        if (failed && u->peer.free && u->peer.sockaddr) {
            u->peer.free(&u->peer, u->peer.data, NGX_PEER_FAILED);
            u->peer.sockaddr = NULL;
        }

        ngx_mlsec_capture_end_request(r);
        (*u->cleanup)(r);
        return;
    }

    if (r->write_event_handler == ngx_http_handler
        || ngx_mlsec_capture_in_phase(capture))
    {
        ngx_mlsec_capture_dead_handler(r);
        return;
    }

    r->write_event_handler = ngx_mlsec_capture_dead_handler;
}


/*
 * nginx keeps a subrequest until the main request ends, and may still ask it
 * whose it is (its variables, when subrequests are logged).
 */

void
ngx_mlsec_capture_renew(ngx_mlsec_capture_t *capture)
{
    ngx_http_request_t   *r;
    ngx_mlsec_capture_t  *old;

    r = capture->request;
    old = ngx_palloc(r->pool, sizeof(ngx_mlsec_capture_t));

    if (old == NULL) {
        r->post_subrequest = NULL;

    } else {
        *old = *capture;

        old->post.data = old;
        r->post_subrequest = &old->post;
    }

    ngx_memzero(capture, sizeof(ngx_mlsec_capture_t));
}


ngx_uint_t
ngx_mlsec_capture_in_phase(ngx_mlsec_capture_t *capture)
{
    ngx_http_request_t         *r;
    ngx_http_phase_handler_t   *ph;
    ngx_http_core_main_conf_t  *cmcf;

    r = capture->request;

    if (r->write_event_handler == ngx_http_handler || r->done) {
        return 0;
    }

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);
    ph = cmcf->phase_engine.handlers;

    return ph[r->phase_handler].checker == ngx_http_core_generic_phase;
}


ngx_uint_t
ngx_mlsec_capture_is_canceled(ngx_http_request_t *r)
{
    ngx_mlsec_capture_t  *capture;

    capture = ngx_mlsec_capture_get(r);

    return capture != NULL && capture->canceled;
}


void
ngx_mlsec_capture_on_cancel(ngx_http_request_t *r,
    ngx_mlsec_capture_cancel_pt handler)
{
    ngx_mlsec_capture_t  *capture;

    capture = ngx_mlsec_capture_get(r);

    if (capture != NULL) {
        capture->cancel = handler;
    }
}


ngx_mlsec_capture_t *
ngx_mlsec_capture_get(ngx_http_request_t *r)
{
    if (r->post_subrequest != NULL
        && r->post_subrequest->handler == ngx_mlsec_capture_post_subrequest)
    {
        return r->post_subrequest->data;
    }

    return NULL;
}


/*
 * Called more than once for a request that ends in an error: first with the
 * error code, then, when the code is handed back, with the result of the
 * error_page or of the built-in page.  Only where an error_page could still
 * turn the error into a response is the second call worth waiting for.
 */

static ngx_int_t
ngx_mlsec_capture_post_subrequest(ngx_http_request_t *r, void *data,
    ngx_int_t rc)
{
    ngx_mlsec_capture_t  *capture = data;

    if (capture->ended || capture->canceled) {
        return NGX_OK;
    }

    /*
     * Not the end yet: a thread reads the file, the output waits for it.
     * nginx finalizes once more when it is done.
     */

    if (r->buffered && !capture->complete
        && (rc == NGX_AGAIN || rc == NGX_OK) && !r->connection->error)
    {
        return rc;
    }

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "mlsec capture done: \"%V\" rc:%i status:%ui",
                   &r->uri, rc, capture->status);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE
        && rc != NGX_HTTP_REQUEST_TIME_OUT
        && rc != NGX_HTTP_CLIENT_CLOSED_REQUEST
        && capture->status == 0
        && capture->error_page
        && ngx_mlsec_capture_error_page(r))
    {
        return rc;
    }

    if ((rc == NGX_HTTP_CREATED || rc == NGX_HTTP_NO_CONTENT)
        && capture->status == 0)
    {
        return rc;
    }

    capture->ended = 1;
    capture->done(capture, rc);

    if (ngx_http_post_request(r->parent, NULL) != NGX_OK) {
        return NGX_ERROR;
    }

    return r->connection->error ? NGX_ERROR : NGX_OK;
}


static ngx_uint_t
ngx_mlsec_capture_error_page(ngx_http_request_t *r)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    return clcf->error_pages != NULL && !r->error_page && r->uri_changes != 0;
}


/*
 * What ngx_http_finalize_request() does for a background subrequest, but for
 * the reference, which goes with NGX_DONE.
 */

static void
ngx_mlsec_capture_end_request(ngx_http_request_t *r)
{
    ngx_uint_t                  i, n;
    ngx_http_handler_pt        *log_handler;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_core_main_conf_t  *cmcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->log_subrequest && !r->logged) {
        cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

        log_handler = cmcf->phases[NGX_HTTP_LOG_PHASE].handlers.elts;
        n = cmcf->phases[NGX_HTTP_LOG_PHASE].handlers.nelts;

        for (i = 0; i < n; i++) {
            log_handler[i](r);
        }
    }

    r->logged = 1;
    r->done = 1;

    r->read_event_handler = ngx_http_request_empty_handler;
    r->write_event_handler = ngx_http_request_empty_handler;
}


static void
ngx_mlsec_capture_dead_handler(ngx_http_request_t *r)
{
    ngx_mlsec_capture_end_request(r);
    ngx_http_finalize_request(r, NGX_DONE);
}


static ngx_int_t
ngx_mlsec_capture_header_filter(ngx_http_request_t *r)
{
    ngx_mlsec_capture_t  *capture;

    if (r == r->main) {
        return ngx_http_next_header_filter(r);
    }

    capture = ngx_mlsec_capture_get(r);

    if (capture == NULL) {
        return ngx_http_next_header_filter(r);
    }

    /*
     * Nothing below this filter sees the response, so the mark that
     * ngx_http_header_filter() leaves on a request is made here.
     */

    r->header_sent = 1;
    r->filter_need_in_memory = 1;

    ngx_mlsec_capture_unbuffer(r);
    ngx_mlsec_capture_watch(capture);

    if (capture->ended || capture->canceled) {
        return NGX_OK;
    }

    capture->status = r->headers_out.status;

    /* where nothing follows, no body filter is called */

    if (r->header_only
        || r->headers_out.content_length_n == 0
        || capture->status == NGX_HTTP_NO_CONTENT
        || capture->status == NGX_HTTP_NOT_MODIFIED)
    {
        capture->complete = 1;
    }

    capture->header(capture);

    return NGX_OK;
}


/*
 * An upstream that is buffered hands its body on only to the request that
 * owns the connection, which a background subrequest never does: as soon as
 * the buffers are full it would write to a temporary file, or stand still
 * without one.  Here every byte is taken at once, so there is nothing to
 * buffer.  nginx looks at the flag after the header filters, as it does for
 * X-Accel-Buffering.  What is stored needs the buffered way and its file.
 */

static void
ngx_mlsec_capture_unbuffer(ngx_http_request_t *r)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (u == NULL || u->store) {
        return;
    }

#if (NGX_HTTP_CACHE)

    if (u->cacheable) {
        return;
    }

#endif

    u->buffering = 0;
}


/*
 * Once the header is through, nginx finalizes a subrequest with NGX_ERROR
 * whatever has become of its upstream.  The upstream module is still told the
 * reason, so it is heard there.
 */

static void
ngx_mlsec_capture_watch(ngx_mlsec_capture_t *capture)
{
    ngx_http_upstream_t  *u;

    u = capture->request->upstream;

    if (u == NULL
        || u->finalize_request == ngx_mlsec_capture_finalize_upstream)
    {
        return;
    }

    capture->finalize = u->finalize_request;
    u->finalize_request = ngx_mlsec_capture_finalize_upstream;
}


static void
ngx_mlsec_capture_finalize_upstream(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_mlsec_capture_t  *capture;

    capture = ngx_mlsec_capture_get(r);

    if (capture != NULL) {
        capture->upstream_rc = rc;
        capture->finalize(r, rc);
    }
}


static ngx_int_t
ngx_mlsec_capture_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_mlsec_capture_t  *capture;

    capture = (r != r->main) ? ngx_mlsec_capture_get(r) : NULL;

    return (capture == NULL) ? ngx_http_next_body_filter(r, in)
                             : ngx_mlsec_capture_take(capture, in);
}


static ngx_int_t
ngx_mlsec_capture_take(ngx_mlsec_capture_t *capture, ngx_chain_t *in)
{
    ngx_buf_t            *b;
    ngx_chain_t          *cl;
    ngx_http_upstream_t  *u;

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_in_memory(b)) {

            if (b->last != b->pos && !capture->ended && !capture->canceled) {
                capture->body(capture, b->pos, b->last - b->pos);
            }

            b->pos = b->last;
        }

        if (b->in_file) {
            b->file_pos = b->file_last;
        }

        if (b->last_buf || b->last_in_chain) {
            capture->complete = 1;
        }
    }

    u = capture->request->upstream;

    if (capture->stop && u && u->peer.connection) {
        u->peer.connection->read->ready = 0;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_capture_filter_init(ngx_conf_t *cf)
{
    if (!ngx_mlsec_conf_ever_used(&ngx_mlsec_capture_filter_module)) {
        return NGX_OK;
    }

    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_mlsec_capture_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_mlsec_capture_body_filter;

    return NGX_OK;
}
