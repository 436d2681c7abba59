/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <auth/ngx_mlsec_auth_keys.h>
#include <core/ngx_mlsec_error.h>
#include <core/ngx_mlsec_kept.h>
#include <core/ngx_mlsec_refusal.h>
#include <core/ngx_mlsec_timer.h>
#include <lib/auth/mlsec_frames.h>


/*
 * WebSockets outlive the word of whoever let them in: a token expires, it is
 * revoked, a key is taken away.  So each is looked after, once a second.  Times
 * are looked at each time; the credential is verified again when keys,
 * revocations or API keys are others than before, since that is the only way
 * in which the answer can be another one.
 *
 * nginx moves bytes between both sides and knows nothing of frames.  To say
 * goodbye as RFC 6455 has it, a close frame is put between two frames of the
 * service; where they begin is found by looking at what is sent, with a
 * function in front of the connection's own.  When a frame has not been sent
 * as a whole there is no place for it, and the connection ends without.
 *
 * The end itself is the one of a client that has gone: nginx finds the end of
 * the client's bytes and closes both sides.  The service is not to blame.
 */

#define NGX_MLSEC_LIVE_TURN   1000     /* ms */
#define NGX_MLSEC_LIVE_CLOSE  1008     /* RFC 6455, 7.4.1: against a policy */


typedef struct {
    ngx_event_t                        timer;
    ngx_http_request_t                *request;
    const ngx_mlsec_auth_loc_conf_t   *lcf;    /* NULL: nothing to look after */
    ngx_str_t                          token;
    ngx_str_t                          api_key;
    time_t                             until;  /* seconds; 0: no end */
    uint64_t                           keys;   /* stamp when it was verified */
    ngx_uint_t                         revoked;      /* version, the same */
    ngx_uint_t                         api_keys;     /* version, the same */
    ngx_send_pt                        send;   /* the connection's own */
    mlsec_frames_t                     frames;
} ngx_mlsec_live_t;


static mlsec_apart ngx_int_t ngx_mlsec_live_watch(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, const ngx_mlsec_auth_ctx_t *ctx);
static ngx_mlsec_live_t *ngx_mlsec_live_find(ngx_http_request_t *r);
static ngx_mlsec_live_t *ngx_mlsec_live_new(ngx_http_request_t *r);
static void ngx_mlsec_live_note(ngx_mlsec_live_t *live);
static void ngx_mlsec_live_cleanup(void *data);
static ssize_t ngx_mlsec_live_send(ngx_connection_t *c, u_char *buf,
    size_t size);
static void ngx_mlsec_live_turn(ngx_event_t *ev);
static const char *ngx_mlsec_live_why(const ngx_mlsec_live_t *live);
static const char *ngx_mlsec_live_token(const ngx_mlsec_live_t *live);
static const char *ngx_mlsec_live_api_key(const ngx_mlsec_live_t *live);
static void ngx_mlsec_live_end(ngx_mlsec_live_t *live, const char *why);


static ngx_connection_t  ngx_mlsec_live_dummy;     /* for nginx's debug log */


ngx_int_t
ngx_mlsec_auth_live(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, const ngx_mlsec_auth_ctx_t *ctx)
{
    if (mlsec_likely(r->headers_in.upgrade == NULL) || r != r->main
        || r->http_version != NGX_HTTP_VERSION_11)
    {
        return NGX_OK;
    }

    return ngx_mlsec_live_watch(r, lcf, ctx);
}


static ngx_int_t
ngx_mlsec_live_watch(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, const ngx_mlsec_auth_ctx_t *ctx)
{
    ngx_mlsec_live_t  *live;

    live = ngx_mlsec_live_find(r);

    if (ctx == NULL) {

        if (live != NULL) {
            live->lcf = NULL;
        }

        return NGX_OK;
    }

    if (live == NULL) {
        live = ngx_mlsec_live_new(r);
    }

    if (live == NULL) {
        return NGX_ERROR;
    }

    live->lcf = lcf;
    live->token = ctx->token;
    live->api_key = ctx->api_key;
    live->until = ctx->until;
    ngx_mlsec_live_note(live);

    return NGX_OK;
}


static ngx_mlsec_live_t *
ngx_mlsec_live_find(ngx_http_request_t *r)
{
    return ngx_mlsec_kept(r->pool, ngx_mlsec_live_cleanup);
}


static ngx_mlsec_live_t *
ngx_mlsec_live_new(ngx_http_request_t *r)
{
    ngx_mlsec_live_t    *live;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_mlsec_live_t));
    if (cln == NULL) {
        return NULL;
    }

    live = cln->data;
    ngx_memzero(live, sizeof(ngx_mlsec_live_t));
    cln->handler = ngx_mlsec_live_cleanup;

    live->request = r;
    mlsec_frames_init(&live->frames);

    live->send = r->connection->send;
    r->connection->send = ngx_mlsec_live_send;

    ngx_mlsec_timer_init(&live->timer, &ngx_mlsec_live_dummy,
                         ngx_mlsec_live_turn, NULL, r->connection->log);

    ngx_add_timer(&live->timer, NGX_MLSEC_LIVE_TURN);

    return live;
}


/* What the credential was verified with. */

static void
ngx_mlsec_live_note(ngx_mlsec_live_t *live)
{
    const ngx_mlsec_auth_loc_conf_t  *lcf;

    lcf = live->lcf;

    live->keys = live->token.len ? ngx_mlsec_jwt_keys_stamp(lcf) : 0;
    live->revoked = lcf->revoked ? lcf->revoked->version : 0;
    live->api_keys = lcf->api_keys ? lcf->api_keys->version : 0;
}


/* The connection may be kept for other requests. */

static void
ngx_mlsec_live_cleanup(void *data)
{
    ngx_mlsec_live_t  *live = data;

    ngx_connection_t  *c;

    if (live->timer.timer_set) {
        ngx_del_timer(&live->timer);
    }

    c = live->request->connection;

    if (c->send == ngx_mlsec_live_send) {
        c->send = live->send;
    }
}


static ssize_t
ngx_mlsec_live_send(ngx_connection_t *c, u_char *buf, size_t size)
{
    ssize_t              n;
    mlsec_str_t          bytes;
    ngx_mlsec_live_t    *live;
    ngx_http_request_t  *r;

    r = c->data;
    live = ngx_mlsec_live_find(r->main);

    /* it is there as long as this function is */

    if (live == NULL) {
        return NGX_ERROR;
    }

    n = live->send(c, buf, size);

    if (n > 0 && r->upstream != NULL && r->upstream->upgrade) {
        bytes.data = buf;
        bytes.len = n;
        mlsec_frames_pass(&live->frames, bytes);
    }

    return n;
}


static void
ngx_mlsec_live_turn(ngx_event_t *ev)
{
    const char          *why;
    ngx_mlsec_live_t    *live;
    ngx_http_request_t  *r;

    live = (ngx_mlsec_live_t *)
               ((u_char *) ev - offsetof(ngx_mlsec_live_t, timer));
    r = live->request;

    /* an upgrade that was asked for need not have come about */

    if (r->upstream != NULL && r->upstream->upgrade && live->lcf != NULL) {
        why = ngx_mlsec_live_why(live);

        if (why != NULL) {
            ngx_mlsec_live_end(live, why);
            return;
        }

        ngx_mlsec_live_note(live);
    }

    ngx_add_timer(&live->timer, NGX_MLSEC_LIVE_TURN);
}


/* NULL: it is as good as it was */

static const char *
ngx_mlsec_live_why(const ngx_mlsec_live_t *live)
{
    const char                       *why;
    const ngx_mlsec_auth_loc_conf_t  *lcf;

    lcf = live->lcf;

    if (live->until && ngx_time() >= live->until) {
        return mlsec_reason_text(live->token.len ? MLSEC_REASON_EXP
                                                 : MLSEC_REASON_KEY_EXPIRED);
    }

    why = NULL;

    if (live->token.len
        && (live->keys != ngx_mlsec_jwt_keys_stamp(lcf)
            || (lcf->revoked && live->revoked != lcf->revoked->version)))
    {
        why = ngx_mlsec_live_token(live);
    }

    if (why == NULL && live->api_key.len
        && live->api_keys != lcf->api_keys->version)
    {
        why = ngx_mlsec_live_api_key(live);
    }

    return why;
}


static const char *
ngx_mlsec_live_token(const ngx_mlsec_live_t *live)
{
    mlsec_reason_e  reason;

    reason = ngx_mlsec_jwt_again(live->request, live->lcf, &live->token);

    /* what cannot be told is no reason to end anything */

    return reason == MLSEC_REASON_OK || reason == MLSEC_REASON_NOMEM
           ? NULL : mlsec_reason_text(reason);
}


static const char *
ngx_mlsec_live_api_key(const ngx_mlsec_live_t *live)
{
    ngx_int_t              rc;
    ngx_mlsec_auth_ctx_t   one;

    ngx_memzero(&one, sizeof(ngx_mlsec_auth_ctx_t));

    rc = ngx_mlsec_auth_api_key(live->request, live->lcf, &one);

    if (rc == NGX_ERROR) {
        return NULL;
    }

    if (rc != NGX_OK) {
        return one.reason ? one.reason : "there is no credential";
    }

    return ngx_mlsec_auth_allowed(live->request, live->lcf, &one)
           ? NULL : "a role is missing";
}


/*
 * The client is not told why, as with any other refusal; log and record are.
 */

static void
ngx_mlsec_live_end(ngx_mlsec_live_t *live, const char *why)
{
    size_t                len;
    unsigned char         frame[4 + MLSEC_FRAMES_CLOSE_MAX];
    mlsec_str_t           text;
    ngx_connection_t     *c;
    ngx_mlsec_error_t     error;
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = live->request;
    c = r->connection;
    u = r->upstream;

    ngx_http_set_log_request(c->log, r);

    ngx_log_error(NGX_LOG_INFO, c->log, 0,
                  "mlsec auth: a WebSocket is closed, reason: \"%s\"", why);

    ngx_memzero(&error, sizeof(ngx_mlsec_error_t));
    error.status = NGX_HTTP_SWITCHING_PROTOCOLS;
    error.policy = "mlsec_auth";
    error.reason.data = (u_char *) why;
    error.reason.len = ngx_strlen(why);

    ngx_mlsec_refusal_note(r, &error);

    if (mlsec_frames_between(&live->frames)
        && u->buffer.pos == u->buffer.last && !c->error)
    {
        text.data = (u_char *) "not authorized any more";
        text.len = sizeof("not authorized any more") - 1;
        len = mlsec_frames_close(frame, NGX_MLSEC_LIVE_CLOSE, text);

        (void) live->send(c, frame, len);
    }

    u->from_client.pos = u->from_client.last;
    c->read->ready = 0;
    c->read->eof = 1;

    r->read_event_handler(r);
    ngx_http_run_posted_requests(c);
}
