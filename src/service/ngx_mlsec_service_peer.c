/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <service/ngx_mlsec_service_peer.h>
#include <core/ngx_mlsec_capture.h>
#include <service/ngx_mlsec_service_gate.h>
#include <service/ngx_mlsec_service_resolve.h>


static void ngx_mlsec_peer_hook(ngx_mlsec_peer_t *mp);
static mlsec_hot ngx_int_t ngx_mlsec_peer_get(ngx_peer_connection_t *pc,
    void *data);
static mlsec_apart ngx_int_t ngx_mlsec_peer_place(ngx_mlsec_peer_t *mp,
    ngx_peer_connection_t *pc, ngx_int_t rc);
static ngx_uint_t ngx_mlsec_peer_chose(const ngx_mlsec_peer_t *mp);
static ngx_int_t ngx_mlsec_peer_leave(ngx_mlsec_peer_t *mp);
static mlsec_rare void ngx_mlsec_peer_refuse(ngx_mlsec_peer_t *mp,
    ngx_peer_connection_t *pc);
static mlsec_rare void ngx_mlsec_peer_none(ngx_mlsec_peer_t *mp,
    ngx_int_t rc);
static mlsec_rare void ngx_mlsec_peer_give_back(ngx_mlsec_peer_t *mp);
static void ngx_mlsec_peer_keep(ngx_mlsec_peer_t *mp,
    ngx_peer_connection_t *pc, ngx_uint_t state);
static mlsec_rare ngx_int_t ngx_mlsec_peer_settle_later(ngx_mlsec_peer_t *mp);
static void ngx_mlsec_peer_settle(ngx_event_t *ev);
static void ngx_mlsec_peer_cleanup(void *data);
static mlsec_hot void ngx_mlsec_peer_free(ngx_peer_connection_t *pc,
    void *data, ngx_uint_t state);
static mlsec_rare void ngx_mlsec_peer_fault(ngx_mlsec_peer_t *mp,
    ngx_peer_connection_t *pc, mlsec_outcome_e outcome);
static void ngx_mlsec_peer_report(ngx_mlsec_peer_t *mp,
    mlsec_outcome_e outcome);
static void ngx_mlsec_peer_latency(mlsec_peer_slot_t *peer,
    ngx_msec_t elapsed);
static mlsec_rare void ngx_mlsec_peer_ejected(const ngx_mlsec_peer_t *mp);
static void ngx_mlsec_peer_notify(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t type);
#if (NGX_HTTP_SSL)
static ngx_int_t ngx_mlsec_peer_set_session(ngx_peer_connection_t *pc,
    void *data);
static void ngx_mlsec_peer_save_session(ngx_peer_connection_t *pc,
    void *data);
#endif


ngx_int_t
ngx_mlsec_peer_init(ngx_http_request_t *r, ngx_http_upstream_srv_conf_t *us)
{
    ngx_mlsec_peer_t                *mp;
    ngx_http_upstream_t             *u;
    ngx_mlsec_service_ctx_t         *ctx;
    const ngx_mlsec_service_conf_t  *conf;

    conf = ngx_mlsec_service_conf(us);

    /* without a master process a reload does not begin a worker */

    if (conf->live->refs == NULL) {
        return conf->init(r, us);
    }

    ctx = ngx_mlsec_service_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    mp = (ctx->peer.conf == NULL)
         ? &ctx->peer : ngx_palloc(r->pool, sizeof(ngx_mlsec_peer_t));

    if (mp == NULL) {
        return NGX_ERROR;
    }

    ngx_mlsec_service_apply(conf, r->connection->log);

    if (conf->init(r, us) != NGX_OK) {
        return NGX_ERROR;
    }

    u = r->upstream;

    mp->conf = conf;
    mp->request = r;
    mp->upstream = u;
    mp->peer = NULL;
    mp->settle = NULL;
    mp->running = 0;
    mp->placed = 0;
    mp->kept = 0;
    mp->refused = NGX_OK;
    mp->chosen = NULL;

    if (conf->resolve != NULL) {
        mp->chosen = ngx_pcalloc(r->pool, sizeof(ngx_mlsec_chosen_t));
        if (mp->chosen == NULL) {
            return NGX_ERROR;
        }
    }

    ngx_mlsec_peer_hook(mp);

    if (ngx_mlsec_retry_init(mp, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_mlsec_header_hook(mp);

    if (mlsec_likely(mp == &ctx->peer && ctx->buffer != NULL)) {
        ngx_mlsec_buffer_lend(r, ctx->buffer);
    }

    return NGX_OK;
}


/*
 * Puts ours in front of nginx's.
 */

static void
ngx_mlsec_peer_hook(ngx_mlsec_peer_t *mp)
{
    ngx_peer_connection_t  *pc;

    pc = &mp->upstream->peer;

    mp->data = pc->data;
    mp->get = pc->get;
    mp->free = pc->free;
    mp->notify = pc->notify;

    pc->data = mp;
    pc->get = ngx_mlsec_peer_get;
    pc->free = ngx_mlsec_peer_free;

    if (mp->notify) {
        pc->notify = ngx_mlsec_peer_notify;
    }

#if (NGX_HTTP_SSL)
    mp->set_session = pc->set_session;
    mp->save_session = pc->save_session;

    pc->set_session = ngx_mlsec_peer_set_session;
    pc->save_session = ngx_mlsec_peer_save_session;
#endif
}


ngx_mlsec_peer_t *
ngx_mlsec_peer_of(ngx_http_request_t *r)
{
    if (r->upstream == NULL || r->upstream->peer.get != ngx_mlsec_peer_get) {
        return NULL;
    }

    return r->upstream->peer.data;
}


static ngx_int_t
ngx_mlsec_peer_get(ngx_peer_connection_t *pc, void *data)
{
    ngx_mlsec_peer_t *mp = data;

    ngx_int_t                        rc;
    const ngx_mlsec_service_conf_t  *conf;

    conf = mp->conf;
    mp->refused = ngx_mlsec_peer_leave(mp);

    if (mp->refused != NGX_OK) {
        ngx_mlsec_peer_refuse(mp, pc);
        return NGX_BUSY;
    }

    rc = ngx_mlsec_retry_get(mp, pc);

    if (mp->chosen != NULL && (rc == NGX_OK || rc == NGX_DONE)) {
        rc = ngx_mlsec_peer_place(mp, pc, rc);
    }

    if (rc == NGX_ERROR || rc == NGX_BUSY) {
        ngx_mlsec_peer_none(mp, rc);
        return rc;
    }

    mp->peer = ngx_mlsec_peer_chose(mp)
               ? mp->chosen->slot : ngx_mlsec_service_peer(conf, pc->name);
    mp->started = ngx_current_msec;
    mp->running = 1;

    if (mlsec_likely(!mp->placed)) {
        ngx_mlsec_service_inflight(conf->live, 1);
    }

    return rc;
}


/*
 * With mlsec_resolve the balancer has chosen a place.
 */

static ngx_int_t
ngx_mlsec_peer_place(ngx_mlsec_peer_t *mp, ngx_peer_connection_t *pc,
    ngx_int_t rc)
{
    rc = ngx_mlsec_places_get(mp->conf, mp->request->pool, pc, rc,
                              mp->chosen);

    if (rc == NGX_BUSY || rc == NGX_ERROR) {
        mp->free(pc, mp->data, 0);
        pc->sockaddr = NULL;
        pc->name = &mp->conf->upstream->host;
    }

    return rc;
}


/* Whether the peer is one that mlsec_resolve has found. */

static ngx_uint_t
ngx_mlsec_peer_chose(const ngx_mlsec_peer_t *mp)
{
    return mp->chosen != NULL && mp->chosen->key != NULL;
}


/*
 * The first attempt may have its leave already: it was asked for before the
 * request got here.
 */

static ngx_int_t
ngx_mlsec_peer_leave(ngx_mlsec_peer_t *mp)
{
    uint64_t                  wait;
    ngx_mlsec_ticket_t       *ticket;
    ngx_mlsec_service_ctx_t  *ctx;

    if (!mp->conf->breaks && mp->conf->max_inflight == 0) {
        return NGX_OK;
    }

    if (mp->kept) {
        mp->kept = 0;
        return NGX_OK;
    }

    ctx = ngx_http_get_module_ctx(mp->request, ngx_mlsec_service_module);
    ticket = (ctx != NULL) ? ctx->ticket : NULL;

    if (ticket != NULL && !ticket->used && ticket->conf == mp->conf) {
        ticket->used = 1;
        mp->ticket = ticket->ticket;
        mp->placed = ticket->placed;
        return NGX_OK;
    }

    if (mp->conf->breaks
        && ngx_mlsec_service_ask(mp->conf, &mp->ticket, &wait) != NGX_OK)
    {
        mp->retry_after = (wait + 999) / 1000;
        return NGX_DECLINED;
    }

    if (mp->conf->max_inflight == 0) {
        return NGX_OK;
    }

    if (ngx_mlsec_gate_enter(mp->conf, 0)) {
        mp->placed = 1;
        return NGX_OK;
    }

    ngx_mlsec_peer_give_back(mp);
    mlsec_atomic_add(&mp->conf->live->slot->shed, 1);
    mp->retry_after = 1;

    return NGX_BUSY;
}


/*
 * mp->refused says why.
 */

static void
ngx_mlsec_peer_refuse(ngx_mlsec_peer_t *mp, ngx_peer_connection_t *pc)
{
    ngx_mlsec_service_fault(mp->request, mp->conf,
                            mp->refused == NGX_BUSY ? NGX_MLSEC_FAULT_SHED
                                                    : NGX_MLSEC_FAULT_OPEN);

    /* what nginx's own balancers do when they have no peer left */

    pc->name = &mp->conf->upstream->host;

    ngx_mlsec_retry_unmade(mp);
}


/*
 * nginx's balancer had no peer: rc is what it has returned.
 */

static void
ngx_mlsec_peer_none(ngx_mlsec_peer_t *mp, ngx_int_t rc)
{
    const ngx_mlsec_service_conf_t  *conf;

    conf = mp->conf;

    ngx_mlsec_retry_unmade(mp);

    conf->live->doubt = 1;

    /* with a peer that has failed before, that is the better reason */

    if (rc == NGX_BUSY && mp->peer == NULL) {
        ngx_mlsec_service_fault(mp->request, conf,
                                conf->resolve && conf->live->usable == 0
                                ? NGX_MLSEC_FAULT_NOWHERE
                                : NGX_MLSEC_FAULT_NO_PEER);
    }

    ngx_mlsec_peer_give_back(mp);
}


/*
 * What no attempt needs any more.
 */

static void
ngx_mlsec_peer_give_back(ngx_mlsec_peer_t *mp)
{
    if (mp->placed) {
        mp->placed = 0;
        ngx_mlsec_gate_leave(mp->conf);
    }

    if (mp->conf->breaks) {
        ngx_mlsec_service_tell(mp->conf, mp->ticket, MLSEC_CALL_NEUTRAL, 0,
                               mp->request->connection->log);
        mp->ticket.trial = 0;
    }
}


ngx_int_t
ngx_mlsec_service_refused(ngx_http_request_t *r, time_t *retry_after)
{
    ngx_mlsec_peer_t  *mp;

    mp = ngx_mlsec_peer_of(r);

    if (mp == NULL) {
        return NGX_OK;
    }

    if (mp->refused != NGX_OK) {
        *retry_after = mp->retry_after;
    }

    return mp->refused;
}


static void
ngx_mlsec_peer_free(ngx_peer_connection_t *pc, void *data, ngx_uint_t state)
{
    ngx_mlsec_peer_t *mp = data;

    mlsec_outcome_e  outcome;

    /* the balancer may put the connection away */

    outcome = ngx_mlsec_outcome(mp, state);

    if (outcome != MLSEC_OUTCOME_OK && mp->running) {
        ngx_mlsec_peer_fault(mp, pc, outcome);
    }

    if (ngx_mlsec_peer_chose(mp)) {
        state = ngx_mlsec_places_put(mp->conf, pc, state, mp->chosen);
    }

    mp->free(pc, mp->data, state);

    if (state & NGX_PEER_FAILED) {
        ngx_mlsec_service_doubt(mp->conf);
    }

    if (mlsec_likely(mp->running)) {
        mp->running = 0;

        if (mlsec_likely(!mp->placed)) {
            ngx_mlsec_service_inflight(mp->conf->live, (uint64_t) -1);
        }

        /* nginx begins anew, and so far there has been no call */

        mp->kept = (outcome == MLSEC_OUTCOME_ABORTED && pc->cached
                    && (state & NGX_PEER_FAILED));

        ngx_mlsec_peer_report(mp, outcome);

        if (mp->retry != NULL) {
            ngx_mlsec_retry_freed(mp, pc, state, outcome);
        }

        if (mp->conf->breaks || mp->placed) {
            ngx_mlsec_peer_keep(mp, pc, state);
        }
    }
}


/*
 * nginx may go on with another peer, and then it has to be let through: what
 * would be refused now would be its 502 and no word of ours.  So what another
 * attempt needs is got before nginx decides, and without it there is none: the
 * failure of this one is the answer.  nginx decides at once, so if there is no
 * attempt by the end of this event, there will not be one.
 */

static void
ngx_mlsec_peer_keep(ngx_mlsec_peer_t *mp, ngx_peer_connection_t *pc,
    ngx_uint_t state)
{
    const ngx_mlsec_service_conf_t  *conf;

    conf = mp->conf;

    if (!mp->kept) {

        /* the breaker has been told */

        mp->ticket.trial = 0;

        if (!(state & NGX_PEER_FAILED) || pc->tries == 0) {

            if (mp->placed) {
                mp->placed = 0;
                ngx_mlsec_gate_leave(conf);
            }

            return;
        }

        if (conf->breaks
            && ngx_mlsec_service_ask_again(conf, &mp->ticket) != NGX_OK)
        {
            mp->ticket.trial = 0;
            pc->tries = 0;
            ngx_mlsec_retry_unmade(mp);
            ngx_mlsec_peer_give_back(mp);
            return;
        }
    }

    mp->kept = 1;

    if (ngx_mlsec_peer_settle_later(mp) != NGX_OK) {
        mp->kept = 0;
        pc->tries = 0;
        ngx_mlsec_peer_give_back(mp);
    }
}


static ngx_int_t
ngx_mlsec_peer_settle_later(ngx_mlsec_peer_t *mp)
{
    ngx_pool_cleanup_t  *cln;

    if (mp->settle == NULL) {
        cln = ngx_pool_cleanup_add(mp->request->pool, 0);
        mp->settle = ngx_pcalloc(mp->request->pool, sizeof(ngx_event_t));

        if (cln == NULL || mp->settle == NULL) {
            return NGX_ERROR;
        }

        mp->settle->handler = ngx_mlsec_peer_settle;
        mp->settle->data = mp;
        mp->settle->log = mp->request->connection->log;

        cln->handler = ngx_mlsec_peer_cleanup;
        cln->data = mp;
    }

    if (!mp->settle->posted) {
        ngx_post_event(mp->settle, &ngx_posted_events);
    }

    return NGX_OK;
}


static void
ngx_mlsec_peer_settle(ngx_event_t *ev)
{
    ngx_mlsec_peer_t *mp = ev->data;

    if (mp->kept) {
        mp->kept = 0;
        ngx_mlsec_peer_give_back(mp);
    }
}


static void
ngx_mlsec_peer_cleanup(void *data)
{
    ngx_mlsec_peer_t *mp = data;

    if (mp->settle->posted) {
        ngx_delete_posted_event(mp->settle);
    }

    ngx_mlsec_peer_settle(mp->settle);
}


static void
ngx_mlsec_peer_fault(ngx_mlsec_peer_t *mp, ngx_peer_connection_t *pc,
    mlsec_outcome_e outcome)
{
    ngx_connection_t   *c;
    ngx_mlsec_fault_e   fault;

    switch (outcome) {

    case MLSEC_OUTCOME_CONNECT:
        c = pc->connection;
        fault = (c != NULL && c->write->timedout)
                ? NGX_MLSEC_FAULT_CONNECTION_TIMEOUT
                : NGX_MLSEC_FAULT_CONNECT;
        break;

    case MLSEC_OUTCOME_TIMEOUT:
        fault = NGX_MLSEC_FAULT_TIMEOUT;
        break;

    case MLSEC_OUTCOME_RESET:
        fault = ngx_mlsec_outcome_is_no_http(mp->upstream)
                ? NGX_MLSEC_FAULT_NO_HTTP : NGX_MLSEC_FAULT_RESET;
        break;

    default:
        return;
    }

    ngx_mlsec_service_fault(mp->request, mp->conf, fault);
}


static void
ngx_mlsec_peer_report(ngx_mlsec_peer_t *mp, mlsec_outcome_e outcome)
{
    ngx_msec_t                  elapsed;
    mlsec_call_e                call;
    mlsec_peer_slot_t          *peer;
    const ngx_mlsec_service_conf_t   *conf;
    ngx_http_upstream_state_t  *state;

    conf = mp->conf;
    peer = mp->peer;
    state = mp->upstream->state;

    /* until the answer began: its end may be the client's fault */

    elapsed = ngx_current_msec - mp->started;

    if (mlsec_likely(state && state->header_time != (ngx_msec_t) -1)) {
        elapsed = state->header_time;
    }

    call = mlsec_likely(outcome == MLSEC_OUTCOME_OK) ? MLSEC_CALL_OK
           : (outcome == MLSEC_OUTCOME_ABORTED) ? MLSEC_CALL_NEUTRAL
           : MLSEC_CALL_FAILED;

    if (conf->breaks && !mp->kept
        && !mlsec_likely(call == MLSEC_CALL_OK
                         && ngx_mlsec_service_well(conf, mp->ticket, elapsed)))
    {
        ngx_mlsec_service_tell(conf, mp->ticket, call, elapsed,
                               mp->request->connection->log);
    }

    ngx_mlsec_service_count(conf, outcome, elapsed);

    /* an address that is long gone may have given its slot away */

    if (peer == NULL
        || (ngx_mlsec_peer_chose(mp)
            && mlsec_atomic_load(&peer->slot.owner) != mp->chosen->owner))
    {
        return;
    }

    if (mlsec_likely(outcome == MLSEC_OUTCOME_OK && conf->live->counters)) {
        mlsec_atomic_own_add(&conf->live->counters[peer->index], 1);

    } else {
        mlsec_atomic_add(&peer->calls[outcome], 1);
    }

    if (mlsec_likely(outcome == MLSEC_OUTCOME_OK
                     || outcome == MLSEC_OUTCOME_STATUS))
    {
        ngx_mlsec_peer_latency(peer, elapsed);
    }

    if (mlsec_likely(conf->ejects && call != MLSEC_CALL_NEUTRAL)
        && mlsec_outlier_report(&peer->outlier, &conf->outlier,
                                call == MLSEC_CALL_FAILED, ngx_current_msec))
    {
        ngx_mlsec_peer_ejected(mp);
    }
}


/*
 * All workers read the line that it is in, and each that writes has the others
 * fetch it anew.
 */

static void
ngx_mlsec_peer_latency(mlsec_peer_slot_t *peer, ngx_msec_t elapsed)
{
    uint64_t  old, latency;

    old = mlsec_atomic_load(&peer->latency);
    latency = mlsec_ewma(old, elapsed * 1000);

    if (latency != old) {
        mlsec_atomic_store(&peer->latency, latency);
    }
}


static void
ngx_mlsec_peer_ejected(const ngx_mlsec_peer_t *mp)
{
    mlsec_peer_slot_t  *peer;

    peer = mp->peer;

    mlsec_atomic_add(&peer->ejected, 1);
    mlsec_health_renew(&peer->health);
    ngx_mlsec_service_changed(mp->conf);

    ngx_log_error(NGX_LOG_ERR, mp->request->connection->log, 0,
                  "mlsec service: peer ejected, service: \"%V\", "
                  "peer: \"%*s\"", ngx_mlsec_service_name(mp->conf),
                  (size_t) peer->slot.len, peer->slot.name);
}


static void
ngx_mlsec_peer_notify(ngx_peer_connection_t *pc, void *data, ngx_uint_t type)
{
    ngx_mlsec_peer_t *mp = data;

    mp->notify(pc, mp->data, type);
}


#if (NGX_HTTP_SSL)

static ngx_int_t
ngx_mlsec_peer_set_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_mlsec_peer_t *mp = data;

    return mp->set_session(pc, mp->data);
}


static void
ngx_mlsec_peer_save_session(ngx_peer_connection_t *pc, void *data)
{
    ngx_mlsec_peer_t *mp = data;

    mp->save_session(pc, mp->data);
}

#endif
