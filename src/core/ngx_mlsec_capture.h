/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * A captured subrequest: a background subrequest whose response never goes
 * to the client but is handed to its owner, piece by piece, by a filter.
 * docs/internals/capture.md tells why it is built this way.
 */


#ifndef _NGX_MLSEC_CAPTURE_H_INCLUDED_
#define _NGX_MLSEC_CAPTURE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <lib/mlsec_types.h>


typedef struct ngx_mlsec_capture_s  ngx_mlsec_capture_t;


/*
 * Called once, when the response header is known: capture->request has
 * headers_out filled, capture->status is set.
 */
typedef void (*ngx_mlsec_capture_header_pt)(ngx_mlsec_capture_t *capture);

/*
 * Called for each piece of the body, in order.  The bytes are nginx's and
 * are gone after the call.  Runs inside the subrequest's output: it must not
 * cancel the capture, only note that it wants to and wake the parent.
 */
typedef void (*ngx_mlsec_capture_body_pt)(ngx_mlsec_capture_t *capture,
    const u_char *data, size_t len);

/*
 * Called once, when the subrequest has ended by itself; never after
 * ngx_mlsec_capture_cancel().  rc is what it was finalized with: NGX_OK, a
 * special response code that nobody turned into a response, or NGX_ERROR.
 */
typedef void (*ngx_mlsec_capture_done_pt)(ngx_mlsec_capture_t *capture,
    ngx_int_t rc);

/*
 * Ends the work that a content handler of ours does for a captured
 * subrequest (an aggregate inside an aggregate).  See
 * ngx_mlsec_capture_on_cancel().
 */
typedef void (*ngx_mlsec_capture_cancel_pt)(ngx_http_request_t *r);


struct ngx_mlsec_capture_s {

    /* set by the owner before ngx_mlsec_capture_start() */

    ngx_mlsec_capture_header_pt   header;
    ngx_mlsec_capture_body_pt     body;
    ngx_mlsec_capture_done_pt     done;
    void                         *data;          /* the owner's */
    unsigned                      error_page:1;  /* an error_page may turn
                                                    an error into a response */

    /*
     * Set by the owner inside header() or body(): nothing more is wanted, and
     * the owner is going to cancel.  nginx reads on as long as there is
     * something to read, and an upstream that never stops sending would not
     * let that happen: the rest is left unread.
     */
    unsigned                      stop:1;

    /* set by the capture, read by the owner */

    ngx_http_request_t           *request;       /* the subrequest */
    ngx_uint_t                    status;        /* 0 before the header */
    ngx_int_t                     upstream_rc;   /* of a header and a body that
                                                    an upstream has begun: what
                                                    nginx ended it with, 502
                                                    (closed), 504 (timed out) */
    unsigned                      complete:1;    /* the whole body was seen */

    /* private */

    unsigned                      canceled:1;
    unsigned                      ended:1;
    ngx_mlsec_capture_cancel_pt   cancel;
    void                        (*finalize)(ngx_http_request_t *r,
                                            ngx_int_t rc);
    ngx_http_post_subrequest_t    post;
};


/*
 * Starts a captured subrequest below r.  It has not run when the call
 * returns, so that the caller may still set capture->request->method,
 * headers_in and request_body; it starts with the posted requests.
 *
 * uri, args: unescaped path and raw query; both must live in r's pool.
 * capture: the owner's, zeroed but for the callbacks; must live as long as
 * r->main (allocate it in r->pool).
 *
 * NGX_OK, or NGX_ERROR when nginx refuses the subrequest (no memory, nested
 * too deep, reference count near its end): no callback will come.
 */
ngx_int_t ngx_mlsec_capture_start(ngx_http_request_t *r, ngx_str_t *uri,
    ngx_str_t *args, ngx_mlsec_capture_t *capture);

/*
 * Ends a captured subrequest at once, wherever it is: resolving, connecting,
 * waiting for a header, in the middle of a body, not yet run.  Its upstream
 * connection is closed.  No callback comes any more.  Does nothing when the
 * subrequest has ended.
 *
 * failed: 1 tells the balancer that the peer failed (it was too slow), 0 that
 * the peer is not to blame (a sibling failed, the client went away).
 *
 * Must not be called from inside the subrequest's own handlers or filters.
 */
void ngx_mlsec_capture_cancel(ngx_mlsec_capture_t *capture, ngx_uint_t failed);

/*
 * Makes the capture of a subrequest that is over, ended or canceled, ready for
 * ngx_mlsec_capture_start() and another one.  The old subrequest keeps a
 * capture of its own, which nothing is done for any more.
 *
 * Not to be called from inside of the old subrequest.  Without memory the old
 * one is cut off.
 */
void ngx_mlsec_capture_renew(ngx_mlsec_capture_t *capture);

/*
 * Whether a captured subrequest has started and waits in a phase before its
 * content (limit_req with a delay), 1 or 0.
 */
ngx_uint_t ngx_mlsec_capture_in_phase(ngx_mlsec_capture_t *capture);

/*
 * Whether r is a captured subrequest that is being canceled or has been, 1 or
 * 0.  True already when the balancer is told about it.
 */
mlsec_hot ngx_uint_t ngx_mlsec_capture_is_canceled(ngx_http_request_t *r);

/*
 * Registers what ends the work of our own content handler for r when r is a
 * captured subrequest that gets canceled.  The handler must release all that
 * r waits for; the capture finalizes r itself.  NULL takes it back, which the
 * content handler does before it finalizes r: an error_page may then do
 * something else for the same subrequest.  Does nothing for other requests.
 */
void ngx_mlsec_capture_on_cancel(ngx_http_request_t *r,
    ngx_mlsec_capture_cancel_pt handler);

/*
 * The capture that r runs for, or NULL when r is not a captured subrequest.
 * It survives error_page and internal redirects of the subrequest, which
 * wipe r->ctx: it is found through r->post_subrequest.
 */
mlsec_hot ngx_mlsec_capture_t *ngx_mlsec_capture_get(ngx_http_request_t *r);


extern ngx_module_t  ngx_mlsec_capture_filter_module;


#endif /* _NGX_MLSEC_CAPTURE_H_INCLUDED_ */
