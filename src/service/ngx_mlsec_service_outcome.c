/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_capture.h>
#include <service/ngx_mlsec_service_peer.h>


static mlsec_rare mlsec_outcome_e ngx_mlsec_outcome_failed(
    ngx_mlsec_peer_t *mp);
static ngx_uint_t ngx_mlsec_outcome_begins_anew(ngx_http_request_t *r);
static mlsec_outcome_e ngx_mlsec_outcome_body(ngx_mlsec_peer_t *mp);
static ngx_uint_t ngx_mlsec_outcome_complete(ngx_http_request_t *r,
    ngx_http_upstream_t *u);


/*
 * What became of an attempt.
 *
 * nginx tells its balancers little: "failed" for what it would try again at
 * another peer, and nothing for all the rest, a body that breaks off and a
 * client that goes away among them.  The rest is still there to be seen, in
 * the status, in the events of the connection, in how much of the body is
 * missing.
 */

mlsec_outcome_e
ngx_mlsec_outcome(ngx_mlsec_peer_t *mp, ngx_uint_t state)
{
    ngx_uint_t  status;

    status = mp->upstream->headers_in.status_n;

    if (status >= NGX_HTTP_INTERNAL_SERVER_ERROR) {
        return MLSEC_OUTCOME_STATUS;
    }

    if (state & NGX_PEER_FAILED) {
        return ngx_mlsec_outcome_failed(mp);
    }

    if (ngx_mlsec_outcome_is_no_http(mp->upstream)) {
        return MLSEC_OUTCOME_RESET;
    }

    /* the client, or a sibling of the part, did not want to wait for it */

    if (status == 0 || ngx_mlsec_capture_is_canceled(mp->request)) {
        return MLSEC_OUTCOME_ABORTED;
    }

    return ngx_mlsec_outcome_body(mp);
}


ngx_uint_t
ngx_mlsec_outcome_is_no_http(const ngx_http_upstream_t *u)
{
    return u->headers_in.status_n == 0 && u->state != NULL
           && u->state->header_time != (ngx_msec_t) -1;
}


static mlsec_outcome_e
ngx_mlsec_outcome_failed(ngx_mlsec_peer_t *mp)
{
    ngx_connection_t     *c;
    ngx_http_upstream_t  *u;

    u = mp->upstream;
    c = u->peer.connection;

    if (u->state && u->state->connect_time == (ngx_msec_t) -1) {
        return MLSEC_OUTCOME_CONNECT;
    }

    /* a part that is out of time */

    if (ngx_mlsec_capture_is_canceled(mp->request)) {
        return MLSEC_OUTCOME_TIMEOUT;
    }

    if (c != NULL && (c->read->timedout || c->write->timedout)) {
        return MLSEC_OUTCOME_TIMEOUT;
    }

    if (u->headers_in.status_n == NGX_HTTP_TOO_MANY_REQUESTS) {
        return MLSEC_OUTCOME_OK;
    }

    /*
     * An idle connection that the peer has closed, as is its right: nginx
     * makes another attempt, and that one counts.  Where it makes none, since
     * the peer may have done what was asked for, this is the answer.
     */

    if (u->peer.cached && u->headers_in.status_n == 0
        && ngx_mlsec_outcome_begins_anew(mp->request))
    {
        return MLSEC_OUTCOME_ABORTED;
    }

    return MLSEC_OUTCOME_RESET;
}


/*
 * Whether nginx does so by itself; not for what has come and is no header.
 */

static ngx_uint_t
ngx_mlsec_outcome_begins_anew(ngx_http_request_t *r)
{
    ngx_connection_t     *c;
    ngx_http_upstream_t  *u;

    u = r->upstream;
    c = u->peer.connection;

    if (!u->request_sent) {
        return 1;
    }

    if (r->request_body_no_buffering
        || (u->state->bytes_received && !c->read->eof && !c->read->error))
    {
        return 0;
    }

    return !(r->method & (NGX_HTTP_POST|NGX_HTTP_LOCK|NGX_HTTP_PATCH))
           || (u->conf->next_upstream & NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT);
}


static mlsec_outcome_e
ngx_mlsec_outcome_body(ngx_mlsec_peer_t *mp)
{
    ngx_connection_t     *c;
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = mp->request;
    u = mp->upstream;
    c = u->peer.connection;

    if (c == NULL || u->upgrade || ngx_mlsec_outcome_complete(r, u)) {
        return MLSEC_OUTCOME_OK;
    }

    if (c->read->timedout) {
        return MLSEC_OUTCOME_TIMEOUT;
    }

    if (c->read->error || c->read->eof
        || (u->pipe && (u->pipe->upstream_error || u->pipe->upstream_eof)))
    {
        return MLSEC_OUTCOME_RESET;
    }

    if (r->connection->error || (u->pipe && u->pipe->downstream_error)) {
        return MLSEC_OUTCOME_ABORTED;
    }

    /* nginx has no use for the body: error_page, X-Accel-Redirect */

    return MLSEC_OUTCOME_OK;
}


/*
 * Whether all of the body has come.  A length of -1 is one that only the end
 * of the connection tells.
 */

static ngx_uint_t
ngx_mlsec_outcome_complete(ngx_http_request_t *r, ngx_http_upstream_t *u)
{
    off_t  left;

    if (r->header_only) {
        return 1;
    }

    left = (u->buffering && u->pipe) ? u->pipe->length : u->length;

    if (u->buffering && u->pipe && u->pipe->upstream_done) {
        return 1;
    }

    return left == 0
           || (left == -1 && u->peer.connection->read->eof
               && !u->peer.connection->read->error);
}
