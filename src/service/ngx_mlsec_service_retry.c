/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Another attempt: mlsec_retry.
 *
 * nginx asks itself two questions after an attempt that has failed: whether
 * "proxy_next_upstream" names what has happened, and whether pc->tries is not
 * yet 0.  It reads the first one from the configuration of the location, by a
 * pointer that a request has.  So each request to an upstream with mlsec_retry
 * is given a copy with a mask that says no; before nginx asks, in peer.free, it
 * is given one that says yes if there is to be another attempt.
 *
 * By a status nginx asks before peer.free, and what it decides is final: where
 * it has said yes the answer is lost, and where it has said no it is passed to
 * the client as it is, which is right for one that is not tried again.
 * So this is decided as soon as the header has been read, which is where
 * process_header ends.
 *
 * A part has but one attempt for nginx.  The next one is a subrequest of its
 * own, which the aggregate makes after ngx_mlsec_service_again().
 *
 * A connection that was idle and that the peer has closed is no failure, and
 * nginx may go on at once, as it always does.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_capture.h>
#include <core/ngx_mlsec_deadline.h>
#include <service/ngx_mlsec_service_peer.h>


#define NGX_MLSEC_RETRY_STALE      3
#define NGX_MLSEC_RETRY_AFTER_MAX  86400         /* s */

static void ngx_mlsec_retry_begin(ngx_mlsec_retry_t *retry,
    const ngx_mlsec_service_conf_t *conf, ngx_pool_t *pool);
static mlsec_rare ngx_int_t ngx_mlsec_retry_no_http(ngx_mlsec_peer_t *mp,
    ngx_uint_t version);
static mlsec_rare void ngx_mlsec_retry_status(ngx_mlsec_peer_t *mp,
    ngx_uint_t on);
static mlsec_rare ngx_int_t ngx_mlsec_retry_another(ngx_mlsec_peer_t *mp,
    ngx_peer_connection_t *pc, ngx_int_t rc);
static mlsec_rare void ngx_mlsec_retry_put_back(ngx_mlsec_peer_t *mp,
    ngx_peer_connection_t *pc);
static mlsec_apart ngx_uint_t ngx_mlsec_retry_note(ngx_mlsec_retry_t *retry);
static ngx_uint_t ngx_mlsec_retry_tried(const ngx_mlsec_retry_t *retry,
    const ngx_str_t *name);
static mlsec_rare ngx_uint_t ngx_mlsec_retry_others(
    const ngx_mlsec_retry_t *retry);
static mlsec_rare ngx_uint_t ngx_mlsec_retry_plain(ngx_mlsec_peer_t *mp,
    ngx_uint_t on);
static ngx_uint_t ngx_mlsec_retry_allowed(const ngx_mlsec_retry_t *retry,
    ngx_http_request_t *r, ngx_uint_t on);
static ngx_uint_t ngx_mlsec_retry_repeatable(const ngx_mlsec_retry_t *retry,
    ngx_http_request_t *r);
static mlsec_rare const ngx_str_t *ngx_mlsec_retry_find(
    const ngx_list_t *headers, const char *name);
static ngx_uint_t ngx_mlsec_retry_is_number(const ngx_str_t *value);
static ngx_uint_t ngx_mlsec_retry_grant(ngx_mlsec_retry_t *retry,
    ngx_http_request_t *r);
static void ngx_mlsec_retry_cleanup(void *data);


ngx_mlsec_retry_t *
ngx_mlsec_service_retry(ngx_pool_t *pool, ngx_http_upstream_srv_conf_t *uscf)
{
    ngx_mlsec_retry_t               *retry;
    const ngx_mlsec_service_conf_t  *conf;

    conf = ngx_mlsec_service_conf(uscf);

    if (!conf->retries || conf->live->refs == NULL) {
        return NULL;
    }

    retry = ngx_palloc(pool, sizeof(ngx_mlsec_retry_t));

    if (retry != NULL) {
        ngx_mlsec_retry_begin(retry, conf, pool);
        retry->part = 1;
    }

    return retry;
}


static void
ngx_mlsec_retry_begin(ngx_mlsec_retry_t *retry,
    const ngx_mlsec_service_conf_t *conf, ngx_pool_t *pool)
{
    ngx_memzero(retry, sizeof(ngx_mlsec_retry_t));

    retry->conf = conf;
    retry->pool = pool;
}


ngx_int_t
ngx_mlsec_retry_init(ngx_mlsec_peer_t *mp, ngx_mlsec_service_ctx_t *ctx)
{
    ngx_msec_t            left;
    ngx_http_upstream_t  *u;

    u = mp->upstream;

    mp->retry = NULL;
    mp->own = NULL;
    mp->masks = NULL;
    mp->deadline = 0;

    if (mp->conf->retries) {
        mp->masks = ngx_mlsec_masks_find(mp->conf->live, u->conf);

        if (ctx->retry != NULL && ctx->retry->conf == mp->conf) {
            mp->retry = ctx->retry;

        } else if ((mp->masks != NULL
                    && mp->masks->confs[NGX_MLSEC_MASK_NO] == u->conf)
                   || !(u->conf->next_upstream & NGX_HTTP_UPSTREAM_FT_OFF))
        {
            mp->retry = (mp == &ctx->peer)
                        ? &ctx->plain
                        : ngx_palloc(mp->request->pool,
                                     sizeof(ngx_mlsec_retry_t));
            if (mp->retry == NULL) {
                return NGX_ERROR;
            }

            ngx_mlsec_retry_begin(mp->retry, mp->conf, mp->request->pool);
        }
    }

    /* a part's time is kept by the aggregate */

    if (ngx_mlsec_capture_get(mp->request) == NULL) {

        /* what was waited for a place, or for the body, is gone */

        if (ctx->since) {
            left = ctx->deadline;
            mp->expires = ctx->since + left;

        } else {
            left = ngx_mlsec_deadline(mp->request);
            mp->expires = ngx_current_msec + left;
        }

        mp->deadline = (left != 0);
    }

    if (ngx_mlsec_masks_init(mp) != NGX_OK) {
        return NGX_ERROR;
    }

    if (mp->retry == NULL) {
        return NGX_OK;
    }

    ngx_mlsec_masks_say(mp, NGX_MLSEC_MASK_NO);

    if (mp->retry->part) {
        u->peer.tries = 1;
    }

    return NGX_OK;
}


ngx_int_t
ngx_mlsec_retry_header(ngx_mlsec_peer_t *mp, ngx_uint_t version)
{
    ngx_uint_t  on;

    if (mp->retry == NULL) {
        return NGX_OK;
    }

    if (mp->request->http_version == NGX_HTTP_VERSION_9
        && version != NGX_HTTP_VERSION_9)
    {
        return ngx_mlsec_retry_no_http(mp, version);
    }

    if (mp->retry->part) {
        return NGX_OK;
    }

    on = ngx_mlsec_retry_on_status(mp->upstream->headers_in.status_n);

    if (on) {
        ngx_mlsec_retry_status(mp, on);
    }

    return NGX_OK;
}


/*
 * nginx takes it for HTTP/0.9, and would pass it on.
 */

static ngx_int_t
ngx_mlsec_retry_no_http(ngx_mlsec_peer_t *mp, ngx_uint_t version)
{
    mp->request->http_version = version;

    ngx_log_error(NGX_LOG_ERR, mp->request->connection->log, 0,
                  "mlsec service: answer is no HTTP, service: \"%V\"",
                  ngx_mlsec_service_name(mp->conf));

    return NGX_HTTP_UPSTREAM_INVALID_HEADER;
}


/*
 * A status that may be worth another attempt.  Who says when to come back does
 * not mean at once.
 */

static void
ngx_mlsec_retry_status(ngx_mlsec_peer_t *mp, ngx_uint_t on)
{
    const ngx_str_t      *when;
    ngx_http_upstream_t  *u;

    u = mp->upstream;
    when = ngx_mlsec_retry_find(&u->headers_in.headers, "retry-after");

    if ((when == NULL || ngx_mlsec_service_retry_when(when) <= 0)
        && ngx_mlsec_retry_plain(mp, on))
    {
        mp->retry->approved = 1;
        ngx_mlsec_masks_say(mp, NGX_MLSEC_MASK_YES);
        u->peer.tries = 2;
    }
}


ngx_int_t
ngx_mlsec_retry_get(ngx_mlsec_peer_t *mp, ngx_peer_connection_t *pc)
{
    ngx_int_t                  rc;
    ngx_mlsec_retry_t         *retry;
    ngx_mlsec_service_live_t  *live;

    retry = mp->retry;
    live = mp->conf->live;

    if (mp->deadline) {
        ngx_mlsec_masks_times(mp);
    }

    rc = mp->get(pc, mp->data);

    if (retry == NULL) {
        return rc;
    }

    if (retry->part && retry->ntried) {
        rc = ngx_mlsec_retry_another(mp, pc, rc);
    }

    if (rc == NGX_ERROR || rc == NGX_BUSY) {
        return rc;
    }

    retry->offered = pc->name;
    retry->attempts++;

    if (!retry->first) {
        retry->first = 1;
        ngx_mlsec_page_called(mp->request);
        mlsec_budget_call(&live->slot->budget,
                          live->shared ? NULL : &live->first,
                          ngx_current_msec);
    }

    if (retry->next) {
        retry->next = 0;
        mlsec_atomic_add(&live->slot->budget.made, 1);
    }

    return rc;
}


/*
 * Within a request the balancer goes through its peers by itself.  The next
 * subrequest of a part begins anew: what it offers is put back until it is
 * another one.
 */

static ngx_int_t
ngx_mlsec_retry_another(ngx_mlsec_peer_t *mp, ngx_peer_connection_t *pc,
    ngx_int_t rc)
{
    ngx_uint_t          n;
    ngx_mlsec_retry_t  *retry;

    retry = mp->retry;

    if (!ngx_mlsec_retry_others(retry)) {
        return rc;
    }

    for (n = retry->ntried;
         n && (rc == NGX_OK || rc == NGX_DONE)
         && ngx_mlsec_retry_tried(retry, pc->name);
         n--)
    {
        ngx_mlsec_retry_put_back(mp, pc);
        rc = mp->get(pc, mp->data);
    }

    pc->tries = 1;

    return rc;
}


void
ngx_mlsec_retry_unmade(ngx_mlsec_peer_t *mp)
{
    if (mp->retry != NULL) {
        mp->retry->next = 0;

        if (!mp->retry->part) {
            ngx_mlsec_service_release(mp->retry);
        }
    }
}


static void
ngx_mlsec_retry_put_back(ngx_mlsec_peer_t *mp, ngx_peer_connection_t *pc)
{
    ngx_connection_t  *c;

    c = pc->connection;

    if (c != NULL) {

#if (NGX_HTTP_SSL)

        if (c->ssl) {
            c->ssl->no_wait_shutdown = 1;
            c->ssl->no_send_shutdown = 1;
            (void) ngx_ssl_shutdown(c);
        }

#endif

        if (c->pool) {
            ngx_destroy_pool(c->pool);
        }

        ngx_close_connection(c);

        pc->connection = NULL;
        pc->cached = 0;
    }

    mp->free(pc, mp->data, 0);
}


/*
 * Most calls need no list.  Without memory a peer may be asked twice.
 */

static ngx_uint_t
ngx_mlsec_retry_note(ngx_mlsec_retry_t *retry)
{
    if (retry->tried == NULL) {
        retry->tried = ngx_palloc(retry->pool, NGX_MLSEC_RETRY_TRIES_MAX
                                               * sizeof(ngx_str_t *));
    }

    if (retry->tried == NULL || retry->ntried == NGX_MLSEC_RETRY_TRIES_MAX) {
        return 0;
    }

    retry->tried[retry->ntried++] = retry->offered;

    return 1;
}


static ngx_uint_t
ngx_mlsec_retry_tried(const ngx_mlsec_retry_t *retry,
    const ngx_str_t *name)
{
    ngx_uint_t  i;

    for (i = 0; i < retry->ntried; i++) {

        if (retry->tried[i] == name) {
            return 1;
        }
    }

    return 0;
}


/*
 * Whether there is a peer that could be called and was not tried.
 */

static ngx_uint_t
ngx_mlsec_retry_others(const ngx_mlsec_retry_t *retry)
{
    ngx_uint_t                     found;
    ngx_http_upstream_rr_peer_t   *peer;
    ngx_http_upstream_rr_peers_t  *peers;

    found = 0;

    for (peers = retry->conf->upstream->peer.data;
         peers && !found;
         peers = peers->next)
    {
        ngx_http_upstream_rr_peers_rlock(peers);

        for (peer = peers->peer; peer && !found; peer = peer->next) {
            found = ngx_mlsec_service_takes(peers, peer)
                    && !ngx_mlsec_retry_tried(retry, &peer->name);
        }

        ngx_http_upstream_rr_peers_unlock(peers);
    }

    return found;
}


void
ngx_mlsec_retry_freed(ngx_mlsec_peer_t *mp, ngx_peer_connection_t *pc,
    ngx_uint_t state, mlsec_outcome_e outcome)
{
    ngx_uint_t          on;
    ngx_mlsec_retry_t  *retry;

    retry = mp->retry;

    if (retry->approved) {
        (void) ngx_mlsec_retry_note(retry);
        retry->approved = 0;
        pc->tries = 1;
        return;
    }

    ngx_mlsec_masks_say(mp, NGX_MLSEC_MASK_NO);
    pc->tries = 0;

    if (!retry->part) {
        ngx_mlsec_service_release(retry);
    }

    if ((state & NGX_PEER_FAILED) && outcome == MLSEC_OUTCOME_ABORTED
        && pc->cached && retry->stale < NGX_MLSEC_RETRY_STALE)
    {
        retry->stale++;
        retry->attempts--;
        ngx_mlsec_masks_say(mp, NGX_MLSEC_MASK_STALE);
        return;
    }

    /* a part may be made again for what is found in its body */

    if (!retry->part && !(state & NGX_PEER_FAILED)) {
        return;
    }

    (void) ngx_mlsec_retry_note(retry);

    if (retry->part) {
        return;
    }

    on = (outcome == MLSEC_OUTCOME_CONNECT) ? NGX_MLSEC_RETRY_ON_CONNECT
         : (outcome == MLSEC_OUTCOME_TIMEOUT) ? NGX_MLSEC_RETRY_ON_TIMEOUT
         : (outcome == MLSEC_OUTCOME_RESET
            || outcome == MLSEC_OUTCOME_ABORTED) ? NGX_MLSEC_RETRY_ON_RESET
         : 0;

    if (on && ngx_mlsec_retry_plain(mp, on)) {
        ngx_mlsec_masks_say(mp, NGX_MLSEC_MASK_YES);
        pc->tries = 1;
    }
}


/*
 * Plain proxy_pass: another peer at once, so there has to be one.
 */

static ngx_uint_t
ngx_mlsec_retry_plain(ngx_mlsec_peer_t *mp, ngx_uint_t on)
{
    ngx_msec_t            limit;
    ngx_uint_t            grant, added;
    ngx_mlsec_retry_t    *retry;
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = mp->request;
    u = mp->upstream;
    retry = mp->retry;

    /* what nginx would not go on for, whatever is said */

    limit = u->conf->next_upstream_timeout;

    if (r->connection->error
        || (u->request_sent && r->request_body_no_buffering)
        || (limit && ngx_current_msec - u->peer.start_time >= limit)
        || (mp->deadline
            && (ngx_msec_int_t) (mp->expires - ngx_current_msec) <= 0))
    {
        return 0;
    }

    if (!ngx_mlsec_retry_allowed(retry, r, on)) {
        return 0;
    }

    /* the peer of this attempt may not be on the list yet */

    added = mp->running && ngx_mlsec_retry_note(retry);

    grant = ngx_mlsec_retry_others(retry) && ngx_mlsec_retry_grant(retry, r);

    retry->ntried -= added;

    return grant;
}


/*
 * All that does not cost anything.
 */

static ngx_uint_t
ngx_mlsec_retry_allowed(const ngx_mlsec_retry_t *retry, ngx_http_request_t *r,
    ngx_uint_t on)
{
    mlsec_breaker_view_t             view;
    const ngx_mlsec_service_conf_t  *conf;

    conf = retry->conf;

    if (!(conf->retry.on & on) || retry->attempts >= conf->retry.tries) {
        return 0;
    }

    /* what the service has not seen may be anything */

    if (!(on == NGX_MLSEC_RETRY_ON_CONNECT && !r->upstream->request_sent)
        && !ngx_mlsec_retry_repeatable(retry, r))
    {
        return 0;
    }

    if (!conf->breaks) {
        return 1;
    }

    mlsec_breaker_view(&conf->live->slot->breaker, &conf->breaker, NULL,
                       ngx_current_msec, &view);

    return view.force != MLSEC_FORCE_OPEN
           && (view.force == MLSEC_FORCE_CLOSED
               || view.state == MLSEC_BREAKER_CLOSED);
}


static ngx_uint_t
ngx_mlsec_retry_repeatable(const ngx_mlsec_retry_t *retry,
    ngx_http_request_t *r)
{
    ngx_str_t   method, *name;
    ngx_uint_t  i;

    ngx_mlsec_retry_method(r, &method);

    name = retry->conf->retry.methods->elts;

    for (i = 0; i < retry->conf->retry.methods->nelts; i++) {

        if (name[i].len == method.len
            && ngx_strncmp(name[i].data, method.data, method.len) == 0)
        {
            return 1;
        }
    }

    return ngx_mlsec_retry_find(&r->headers_in.headers, "idempotency-key")
           != NULL;
}


/*
 * The value of the first header of that name that has one, or NULL.
 */

static const ngx_str_t *
ngx_mlsec_retry_find(const ngx_list_t *headers, const char *name)
{
    size_t                  len;
    ngx_uint_t              i;
    const ngx_list_part_t  *part;
    const ngx_table_elt_t  *h;

    len = ngx_strlen(name);

    for (part = &headers->part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].hash && h[i].key.len == len && h[i].value.len
                && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0)
            {
                return &h[i].value;
            }
        }
    }

    return NULL;
}


time_t
ngx_mlsec_service_retry_when(const ngx_str_t *value)
{
    time_t  t;

    t = ngx_atotm(value->data, value->len);

    if (t != NGX_ERROR) {
        return t;
    }

    t = ngx_parse_http_time(value->data, value->len);

    if (t != NGX_ERROR) {
        return ngx_max(t - ngx_time(), 0);
    }

    /* more seconds than a number holds are a time all the same */

    if (ngx_mlsec_retry_is_number(value)) {
        return NGX_MAX_INT32_VALUE;
    }

    return NGX_ERROR;
}


static ngx_uint_t
ngx_mlsec_retry_is_number(const ngx_str_t *value)
{
    size_t  i;

    for (i = 0; i < value->len; i++) {

        if (value->data[i] < '0' || value->data[i] > '9') {
            return 0;
        }
    }

    return value->len != 0;
}


ngx_int_t
ngx_mlsec_service_again(ngx_mlsec_retry_t *retry, ngx_http_request_t *r,
    const ngx_mlsec_failure_t *failure, ngx_msec_t *delay)
{
    uint64_t    wait;
    ngx_uint_t  on;

    on = failure->on ? failure->on
                     : ngx_mlsec_retry_on_status(failure->status);

    /* too many requests: only who says when wants to be asked again */

    if (on == NGX_MLSEC_RETRY_ON_429 && failure->retry_after < 0) {
        return NGX_DECLINED;
    }

    if (ngx_mlsec_peer_of(r) == NULL
        || !ngx_mlsec_retry_allowed(retry, r, on))
    {
        return NGX_DECLINED;
    }

    wait = mlsec_backoff(retry->conf->retry.base, retry->conf->retry.cap,
                         retry->attempts, (uint64_t) ngx_random());

    if (failure->retry_after > 0) {

        if ((uint64_t) failure->retry_after >= NGX_MLSEC_RETRY_AFTER_MAX) {
            return NGX_DECLINED;
        }

        wait += (uint64_t) failure->retry_after * 1000;
    }

    if (wait >= failure->left) {
        return NGX_DECLINED;
    }

    if (!ngx_mlsec_retry_grant(retry, r)) {
        return NGX_DECLINED;
    }

    *delay = wait;

    return NGX_OK;
}


/*
 * The one thing that is in short supply; one request has no more of it than if
 * it were alone.
 */

static ngx_uint_t
ngx_mlsec_retry_grant(ngx_mlsec_retry_t *retry, ngx_http_request_t *r)
{
    ngx_pool_cleanup_t              *cln;
    mlsec_budget_live_t              live;
    const ngx_mlsec_service_conf_t  *conf;

    conf = retry->conf;

    if (!ngx_mlsec_page_allows(conf, r)) {
        return 0;
    }

    if (!retry->cleanup) {
        cln = ngx_pool_cleanup_add(retry->pool, 0);
        if (cln == NULL) {
            return 0;
        }

        cln->handler = ngx_mlsec_retry_cleanup;
        cln->data = retry;
        retry->cleanup = 1;
    }

    ngx_mlsec_service_release(retry);

    mlsec_registry_live(conf->main->registry, conf->live->index, &live);

    if (!mlsec_budget_take(&conf->live->slot->budget, &conf->retry.budget,
                           &conf->live->firsts, &live, ngx_current_msec))
    {
        return 0;
    }

    ngx_mlsec_page_again(r);

    retry->next = 1;
    retry->live = 1;
    ngx_mlsec_service_inflight(conf->live, MLSEC_REGISTRY_RETRY);

    return 1;
}


void
ngx_mlsec_service_release(ngx_mlsec_retry_t *retry)
{
    if (retry != NULL && retry->live) {
        retry->live = 0;
        ngx_mlsec_service_inflight(retry->conf->live, - MLSEC_REGISTRY_RETRY);
    }
}


static void
ngx_mlsec_retry_cleanup(void *data)
{
    ngx_mlsec_service_release(data);
}
