/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <aggregate/ngx_mlsec_aggregate.h>


static ngx_mlsec_err_e ngx_mlsec_part_verdict_unwanted(
    ngx_mlsec_part_t *part);
static ngx_mlsec_err_e ngx_mlsec_part_verdict_cut(ngx_mlsec_part_t *part);
static ngx_mlsec_err_e ngx_mlsec_part_verdict_upstream(
    ngx_mlsec_part_t *part, ngx_int_t rc);


/* in the order of ngx_mlsec_err_e */

static ngx_str_t  ngx_mlsec_part_errors[] = {
    ngx_string(""),
    ngx_string("connect"),
    ngx_string("connection_timeout"),
    ngx_string("timeout"),
    ngx_string("reset"),
    ngx_string("upstream_status"),
    ngx_string("circuit_open"),
    ngx_string("shed"),
    ngx_string("no_peer"),
    ngx_string("too_large"),
    ngx_string("bad_json"),
    ngx_string("bad_type"),
    ngx_string("dns"),
    ngx_string("canceled"),
    ngx_string("conflict"),
    ngx_string("dependency"),
    ngx_string("filter")
};


ngx_str_t *
ngx_mlsec_part_error_name(ngx_mlsec_err_e error)
{
    return &ngx_mlsec_part_errors[error];
}


ngx_uint_t
ngx_mlsec_part_status_code(const ngx_mlsec_part_t *part)
{
    switch (part->error) {

    case NGX_MLSEC_ERR_UPSTREAM_STATUS:
        return part->status;

    case NGX_MLSEC_ERR_TIMEOUT:
    case NGX_MLSEC_ERR_CONNECTION_TIMEOUT:
        return NGX_HTTP_GATEWAY_TIME_OUT;

    case NGX_MLSEC_ERR_CIRCUIT_OPEN:
    case NGX_MLSEC_ERR_SHED:
    case NGX_MLSEC_ERR_NO_PEER:
    case NGX_MLSEC_ERR_CANCELED:
        return NGX_HTTP_SERVICE_UNAVAILABLE;

    case NGX_MLSEC_ERR_DNS:

        /* of a service that is looked up again and again: it may be back */

        return part->retry_after ? NGX_HTTP_SERVICE_UNAVAILABLE
                                 : NGX_HTTP_BAD_GATEWAY;

    case NGX_MLSEC_ERR_FILTER:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;

    default:
        return NGX_HTTP_BAD_GATEWAY;
    }
}


ngx_mlsec_err_e
ngx_mlsec_part_refused(ngx_int_t rc)
{
    return (rc == NGX_ABORT) ? NGX_MLSEC_ERR_DNS
           : (rc == NGX_BUSY) ? NGX_MLSEC_ERR_SHED
           : NGX_MLSEC_ERR_CIRCUIT_OPEN;
}


/*
 * Why a subrequest ended as it did.
 *
 * nginx reports an outcome in three ways: the code that the subrequest was
 * finalized with, the response header if there was one, and what its
 * upstream has left behind.  A header with a status that is not wanted is the
 * upstream's own answer.  A wanted status without the end of the body is a
 * connection that broke: nginx then finalizes with success, since it cannot
 * take the header back.  An error code without a header is nginx's own
 * failure, and what kind of one the list of attempts tells.
 */

ngx_mlsec_err_e
ngx_mlsec_part_verdict(ngx_mlsec_part_t *part, ngx_int_t rc)
{
    ngx_http_request_t  *sr;

    sr = part->capture.request;

    if (part->status) {

        if (!part->wanted) {
            return ngx_mlsec_part_verdict_unwanted(part);
        }

        if (!part->capture.complete || rc == NGX_ERROR) {
            return ngx_mlsec_part_verdict_cut(part);
        }

        return NGX_MLSEC_ERR_NONE;
    }

    if (rc == NGX_HTTP_CLIENT_CLOSED_REQUEST || sr->connection->error) {
        return NGX_MLSEC_ERR_CANCELED;
    }

    if (sr->upstream != NULL && part->call->upstream != NULL) {
        return ngx_mlsec_part_verdict_upstream(part, rc);
    }

    if (sr->upstream != NULL
        && (rc == NGX_HTTP_BAD_GATEWAY || rc == NGX_HTTP_GATEWAY_TIME_OUT))
    {
        return ngx_mlsec_part_verdict_upstream(part, rc);
    }

    part->status = (rc >= NGX_HTTP_SPECIAL_RESPONSE)
                   ? (ngx_uint_t) rc : NGX_HTTP_INTERNAL_SERVER_ERROR;

    return ngx_mlsec_part_verdict_unwanted(part);
}


/*
 * Who was told what is left of the part's time, an aggregate of this server
 * say, may notice the end of it before the timer here does.
 */

static ngx_mlsec_err_e
ngx_mlsec_part_verdict_unwanted(ngx_mlsec_part_t *part)
{
    if (part->status == NGX_HTTP_GATEWAY_TIME_OUT
        && (ngx_msec_int_t) (ngx_current_msec - part->expires) >= 0)
    {
        return NGX_MLSEC_ERR_TIMEOUT;
    }

    return NGX_MLSEC_ERR_UPSTREAM_STATUS;
}


static ngx_mlsec_err_e
ngx_mlsec_part_verdict_cut(ngx_mlsec_part_t *part)
{
    /* a read timeout of the location's own */

    if (part->capture.upstream_rc == NGX_HTTP_GATEWAY_TIME_OUT) {
        return NGX_MLSEC_ERR_TIMEOUT;
    }

    return NGX_MLSEC_ERR_RESET;
}


static ngx_mlsec_err_e
ngx_mlsec_part_verdict_upstream(ngx_mlsec_part_t *part, ngx_int_t rc)
{
    ngx_int_t                   refused;
    ngx_uint_t                  timed_out;
    ngx_http_upstream_t        *u;
    ngx_http_upstream_state_t  *state;

    u = part->capture.request->upstream;

    /* while other attempts were under way */

    refused = ngx_mlsec_service_refused(part->capture.request,
                                        &part->retry_after);

    if (refused != NGX_OK) {
        return ngx_mlsec_part_refused(refused);
    }

    if (u->state == NULL) {

        if (u->resolved != NULL && rc == NGX_HTTP_BAD_GATEWAY) {
            return NGX_MLSEC_ERR_DNS;
        }

        part->status = (rc >= NGX_HTTP_SPECIAL_RESPONSE)
                       ? (ngx_uint_t) rc : NGX_HTTP_INTERNAL_SERVER_ERROR;
        return NGX_MLSEC_ERR_UPSTREAM_STATUS;
    }

    state = ngx_mlsec_part_attempts(part);

    if (state == NULL) {

        if (u->upstream != NULL) {
            return NGX_MLSEC_ERR_NO_PEER;
        }

        part->status = rc;
        return NGX_MLSEC_ERR_UPSTREAM_STATUS;
    }

    timed_out = (state->status == NGX_HTTP_GATEWAY_TIME_OUT
                 || rc == NGX_HTTP_GATEWAY_TIME_OUT);

    if (state->connect_time == (ngx_msec_t) -1) {
        return timed_out ? NGX_MLSEC_ERR_CONNECTION_TIMEOUT
                         : NGX_MLSEC_ERR_CONNECT;
    }

    if (timed_out) {
        return NGX_MLSEC_ERR_TIMEOUT;
    }

    /* a header that does not fit proxy_buffer_size */

    if (u->buffer.start != NULL && u->buffer.last == u->buffer.end) {
        return NGX_MLSEC_ERR_TOO_LARGE;
    }

    return NGX_MLSEC_ERR_RESET;
}


/*
 * Counts the attempts of a part, and finds the last one that reached for a
 * peer.  When no peer is left nginx adds an attempt whose "peer" is the
 * upstream itself.
 */

ngx_http_upstream_state_t *
ngx_mlsec_part_attempts(ngx_mlsec_part_t *part)
{
    ngx_str_t                  *name;
    ngx_uint_t                  i;
    ngx_http_request_t         *sr;
    ngx_http_upstream_state_t  *state, *last;

    sr = part->capture.request;

    part->attempts = part->past;
    last = NULL;

    /* those of the subrequest that is over are among them */

    if (part->again || sr == NULL || sr->upstream_states == NULL) {
        return NULL;
    }

    name = (sr->upstream != NULL && sr->upstream->upstream != NULL)
           ? &sr->upstream->upstream->host : NULL;

    state = sr->upstream_states->elts;

    for (i = 0; i < sr->upstream_states->nelts; i++) {

        if (state[i].peer == NULL
            || (name != NULL && state[i].peer->len == name->len
                && ngx_strncmp(state[i].peer->data, name->data, name->len)
                   == 0))
        {
            continue;
        }

        last = &state[i];
        part->attempts++;
    }

    return last;
}


/*
 * What a part that is out of time was doing.
 */

ngx_mlsec_err_e
ngx_mlsec_part_phase(ngx_mlsec_part_t *part)
{
    ngx_http_upstream_t  *u;

    u = part->capture.request->upstream;

    /* an answer that was not wanted from its first line on */

    if (part->status && !part->wanted) {
        return ngx_mlsec_part_verdict_unwanted(part);
    }

    if (u == NULL) {
        return NGX_MLSEC_ERR_TIMEOUT;
    }

    if (u->resolved != NULL && u->resolved->ctx != NULL) {
        return NGX_MLSEC_ERR_DNS;
    }

    if (u->peer.connection != NULL && u->state != NULL
        && u->state->connect_time == (ngx_msec_t) -1)
    {
        return NGX_MLSEC_ERR_CONNECTION_TIMEOUT;
    }

    return NGX_MLSEC_ERR_TIMEOUT;
}
