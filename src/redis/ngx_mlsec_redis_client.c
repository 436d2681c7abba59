/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <redis/ngx_mlsec_redis_client.h>
#include <core/ngx_mlsec_timer.h>


/*
 * Whether a server is any good.  Two things say so: the connection, and a
 * breaker that looks at what becomes of calls, since a server can take
 * connections and be too slow, or refuse to write.
 *
 * The breaker is this worker's own, the lines of the log are of all workers
 * together (ngx_mlsec_redis_shared.c).  How a trial is made depends on what was
 * wrong.  A server that was too slow is asked by a PING of our own, so that no
 * request has to wait for it; one that has refused something (a replica, a
 * full memory) would answer PING all the time, so the next real call is the
 * trial.
 *
 * That it is well all workers know together: who has failed goes by an answer
 * that another one has had since, and neither waits nor is careful any longer.
 * That it is ill each finds out.
 *
 * A replica was perhaps made one a moment ago: the address is asked for anew.
 */

#define NGX_MLSEC_REDIS_QUIET  10000         /* ms without a call: PING */
#define NGX_MLSEC_REDIS_RETRY  500           /* ms, a trial was not made */
#define NGX_MLSEC_REDIS_HOPE   100           /* ms, of others' answers, ... */
#define NGX_MLSEC_REDIS_HOPES  4             /* ... doubled so often */


static void ngx_mlsec_redis_hope(ngx_mlsec_redis_client_t *client);
static ngx_mlsec_redis_hope_t *ngx_mlsec_redis_reason(
    ngx_mlsec_redis_client_t *client, ngx_uint_t open);
static void ngx_mlsec_redis_ready(ngx_mlsec_redis_link_t *link);
static void ngx_mlsec_redis_lost(ngx_mlsec_redis_link_t *link,
    mlsec_redis_error_e error);
static void ngx_mlsec_redis_settle(ngx_event_t *ev);
static ngx_mlsec_redis_standing_e ngx_mlsec_redis_stand(
    const ngx_mlsec_redis_client_t *client);
static void ngx_mlsec_redis_log(ngx_mlsec_redis_client_t *client,
    ngx_mlsec_redis_standing_e before);
static ngx_uint_t ngx_mlsec_redis_telling(mlsec_redis_error_e error);
static void ngx_mlsec_redis_trial(ngx_event_t *ev);
static void ngx_mlsec_redis_quiet(ngx_event_t *ev);
static mlsec_redis_error_e ngx_mlsec_redis_ping(
    ngx_mlsec_redis_client_t *client, ngx_msec_t timeout);
static void ngx_mlsec_redis_breaker(const ngx_mlsec_redis_client_t *client,
    mlsec_breaker_view_t *view);
static mlsec_moment_t ngx_mlsec_redis_moment(uint64_t elapsed);


static const ngx_mlsec_redis_link_events_t  ngx_mlsec_redis_call_events = {
    ngx_mlsec_redis_ready,
    ngx_mlsec_redis_call_fill,
    ngx_mlsec_redis_call_reply,
    ngx_mlsec_redis_lost
};


/* three bad calls within a second, and half of them */

static const mlsec_breaker_conf_t  ngx_mlsec_redis_breaker_conf = {
    .window = 1000,
    .open = 500,
    .max_open = 1000,
    .slow = 0,
    .ratio = 50,
    .slow_ratio = 100,
    .volume = 3,
    .trials = 1
};


ngx_int_t
ngx_mlsec_redis_client_begin(ngx_cycle_t *cycle, ngx_mlsec_redis_t *redis)
{
    ngx_mlsec_redis_client_t  *client;

    client = ngx_pcalloc(cycle->pool, sizeof(ngx_mlsec_redis_client_t));

    if (client == NULL) {
        return NGX_ERROR;
    }

    client->conf = redis;

    if (ngx_mlsec_redis_calls_init(client, cycle->pool) != NGX_OK
        || ngx_array_init(&client->watchers, cycle->pool, 2,
                          sizeof(ngx_mlsec_redis_watcher_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    client->settle.handler = ngx_mlsec_redis_settle;
    client->settle.data = &client->dummy;
    client->settle.log = cycle->log;

    ngx_mlsec_timer_init(&client->trial, &client->dummy,
                         ngx_mlsec_redis_trial, client, cycle->log);

    ngx_mlsec_timer_init(&client->ping, &client->dummy,
                         ngx_mlsec_redis_quiet, client, cycle->log);

    client->last_call = ngx_current_msec;

    ngx_mlsec_redis_shared_leave(redis);

    ngx_mlsec_redis_link_init(&client->link, redis,
                              &ngx_mlsec_redis_call_events, client, "");

    ngx_add_timer(&client->ping, NGX_MLSEC_REDIS_QUIET);

    redis->client = client;

    return NGX_OK;
}


void
ngx_mlsec_redis_client_end(ngx_mlsec_redis_t *redis)
{
    if (redis->client != NULL) {
        ngx_mlsec_redis_link_end(&redis->client->link);

        if (redis->client->pubsub != NULL) {
            ngx_mlsec_redis_pubsub_end(redis->client->pubsub);
        }

        ngx_mlsec_redis_shared_leave(redis);
    }
}


mlsec_redis_error_e
ngx_mlsec_redis_send(ngx_mlsec_redis_t *redis,
    const ngx_mlsec_redis_call_t *call, ngx_mlsec_redis_ticket_t *ticket)
{
    uint64_t                   wait;
    mlsec_redis_error_e        error;
    mlsec_breaker_ticket_t     leave;
    ngx_mlsec_redis_client_t  *client;

    client = redis->client;

    if (client == NULL) {
        return MLSEC_REDIS_UNAVAILABLE;
    }

    if (call->ncommands == 0 || call->ncommands > NGX_MLSEC_REDIS_COMMANDS) {
        return MLSEC_REDIS_REFUSED;
    }

    ngx_mlsec_redis_hope(client);

    if ((client->link.state != NGX_MLSEC_REDIS_READY
         && !ngx_mlsec_redis_link_hopeful(&client->link))
        || mlsec_breaker_admit(&client->breaker, &ngx_mlsec_redis_breaker_conf,
                               ngx_current_msec,
                               (unsigned) ngx_random() % 100, &leave, &wait)
           != MLSEC_OK)
    {
        ngx_mlsec_redis_count(client, MLSEC_REDIS_UNAVAILABLE);
        return MLSEC_REDIS_UNAVAILABLE;
    }

    error = ngx_mlsec_redis_call_queue(client, call, leave, ticket);

    if (error != MLSEC_REDIS_OK) {
        (void) mlsec_breaker_report(&client->breaker,
                                    &ngx_mlsec_redis_breaker_conf, NULL, leave,
                                    MLSEC_CALL_NEUTRAL,
                                    ngx_mlsec_redis_moment(0));
        ngx_mlsec_redis_count(client, error);
        return error;
    }

    client->calls++;
    client->last_call = ngx_current_msec;

    return MLSEC_REDIS_OK;
}


/*
 * This worker has failed, and another one has had an answer since, or while
 * this one was still waiting: the server is there.  A call waits for its
 * connection then instead of being refused for the rest of a wait, or of an
 * open breaker.  One that has refused something may answer PING, or a script
 * that only reads, and still refuse it: then a call has to be the proof that
 * writes.
 */

static void
ngx_mlsec_redis_hope(ngx_mlsec_redis_client_t *client)
{
    ngx_uint_t               open, lost;
    mlsec_breaker_view_t     view;
    ngx_mlsec_redis_hope_t  *hope;

    if (client->standing == NGX_MLSEC_REDIS_UP
        && client->link.state == NGX_MLSEC_REDIS_READY)
    {
        return;
    }

    ngx_mlsec_redis_breaker(client, &view);

    open = (view.state != MLSEC_BREAKER_CLOSED);
    lost = (client->link.state != NGX_MLSEC_REDIS_READY
            && client->link.failures != 0);

    if ((!open && !lost)
        || (hope = ngx_mlsec_redis_reason(client, open))
           == NULL)
    {
        return;
    }

    /* an attempt that is under way began without it */

    if (open || client->link.state == NGX_MLSEC_REDIS_WAITING) {
        hope->at = ngx_current_msec;
        hope->times++;
    }

    if (lost) {
        ngx_mlsec_redis_link_hope(&client->link);
    }

    if (open) {
        mlsec_breaker_force(&client->breaker, MLSEC_FORCE_NONE);
        ngx_post_event(&client->settle, &ngx_posted_events);
    }
}


/* Why there is hope, unless that was so a moment ago and in vain; or NULL. */

static ngx_mlsec_redis_hope_t *
ngx_mlsec_redis_reason(ngx_mlsec_redis_client_t *client, ngx_uint_t open)
{
    ngx_msec_t                       wait;
    ngx_mlsec_redis_hope_t          *hope;
    const ngx_mlsec_redis_shared_t  *shared;

    shared = client->conf->shared;

    if (ngx_mlsec_redis_shared_since(&shared->worked, client->failed_at)) {
        hope = &client->worked;

    } else if ((!open || client->opened_by < MLSEC_REDIS_AUTH)
               && ngx_mlsec_redis_shared_since(&shared->heard,
                                               client->failed_at))
    {
        hope = &client->heard;

    } else {
        return NULL;
    }

    wait = NGX_MLSEC_REDIS_HOPE << ngx_min(hope->times,
                                           (ngx_uint_t) NGX_MLSEC_REDIS_HOPES);

    return ngx_current_msec - hope->at < wait ? NULL : hope;
}


void
ngx_mlsec_redis_judge(ngx_mlsec_redis_client_t *client,
    const ngx_mlsec_redis_slot_t *slot, mlsec_redis_error_e error,
    ngx_msec_t elapsed)
{
    mlsec_call_e            call;
    mlsec_breaker_view_t    view;
    mlsec_breaker_event_e   event;

    call = (!slot->sent) ? MLSEC_CALL_NEUTRAL
           : (mlsec_redis_group(error) == MLSEC_REDIS_DOWN)
             ? MLSEC_CALL_FAILED : MLSEC_CALL_OK;

    event = mlsec_breaker_report(&client->breaker,
                                 &ngx_mlsec_redis_breaker_conf, NULL,
                                 slot->leave, call,
                                 ngx_mlsec_redis_moment(elapsed));

    ngx_mlsec_redis_count(client, error);

    if (call == MLSEC_CALL_OK) {
        ngx_mlsec_redis_answered(client, slot);
        client->heard.times = 0;
        client->worked.times = 0;
        client->latency += elapsed - client->latency / 8;
        ngx_mlsec_metrics_observe(client->conf->metrics,
                                  NGX_MLSEC_REDIS_WORD_LATENCY, elapsed);
    }

    switch (event) {

    case MLSEC_BREAKER_OPENED:
    case MLSEC_BREAKER_REOPENED:

        /* two that were bad, and with this one they are three calls */

        if (call == MLSEC_CALL_OK) {
            mlsec_breaker_force(&client->breaker, MLSEC_FORCE_NONE);
            return;
        }

        client->cause = error;
        client->opened_by = error;
        client->failed_at = ngx_current_msec - elapsed;
        client->trial_timeout = slot->timeout;
        client->renew = (error == MLSEC_REDIS_READONLY
                         || error == MLSEC_REDIS_CLUSTER);

        ngx_mlsec_redis_breaker(client, &view);
        ngx_add_timer(&client->trial, (ngx_msec_t) view.wait + 1);
        break;

    case MLSEC_BREAKER_RECOVERED:

        /* a share of the calls first: that is for services, not for this */

        mlsec_breaker_force(&client->breaker, MLSEC_FORCE_NONE);
        break;

    default:
        return;
    }

    ngx_post_event(&client->settle, &ngx_posted_events);
}


void
ngx_mlsec_redis_answered(ngx_mlsec_redis_client_t *client,
    const ngx_mlsec_redis_slot_t *slot)
{
    ngx_mlsec_redis_shared_now(&client->conf->shared->heard);

    if (slot->proof) {
        ngx_mlsec_redis_shared_now(&client->conf->shared->worked);
    }
}


void
ngx_mlsec_redis_unjudged(ngx_mlsec_redis_client_t *client,
    const ngx_mlsec_redis_slot_t *slot)
{
    (void) mlsec_breaker_report(&client->breaker,
                                &ngx_mlsec_redis_breaker_conf, NULL,
                                slot->leave, MLSEC_CALL_NEUTRAL,
                                ngx_mlsec_redis_moment(0));
}


void
ngx_mlsec_redis_count(ngx_mlsec_redis_client_t *client,
    mlsec_redis_error_e error)
{
    client->errors[error]++;

    ngx_mlsec_metrics_add(client->conf->metrics,
                          NGX_MLSEC_REDIS_WORD_CALLS + error, 1);

    /* a call that was not even sent is what came of an error */

    if (mlsec_redis_group(error) == MLSEC_REDIS_DOWN
        && error != MLSEC_REDIS_UNAVAILABLE)
    {
        client->last_error = error;
        client->last_error_at = ngx_current_msec;
    }
}


/*
 * What was wrong with the connection before is over; what a server says of
 * itself is not, whatever the connection.
 */

static void
ngx_mlsec_redis_ready(ngx_mlsec_redis_link_t *link)
{
    ngx_mlsec_redis_client_t  *client;

    client = link->owner;
    client->connects++;

    ngx_mlsec_redis_shared_now(&client->conf->shared->heard);

    ngx_mlsec_metrics_add(client->conf->metrics,
                          NGX_MLSEC_REDIS_WORD_CONNECTS, 1);

    if (client->opened_by < MLSEC_REDIS_AUTH) {
        mlsec_breaker_force(&client->breaker, MLSEC_FORCE_NONE);
    }

    ngx_post_event(&client->settle, &ngx_posted_events);
}


static void
ngx_mlsec_redis_lost(ngx_mlsec_redis_link_t *link, mlsec_redis_error_e error)
{
    ngx_mlsec_redis_client_t  *client;

    client = link->owner;

    ngx_mlsec_metrics_add(client->conf->metrics, NGX_MLSEC_REDIS_WORD_LOST,
                          1);

    if (!client->renew) {
        client->cause = error;
    }

    client->renew = 0;
    client->failed_at = link->begun;
    client->last_error = error;
    client->last_error_at = ngx_current_msec;

    ngx_mlsec_redis_hope(client);
    ngx_mlsec_redis_calls_fail(client, error);

    ngx_post_event(&client->settle, &ngx_posted_events);
}


/*
 * Runs after whatever has changed something, when all of it has changed.
 */

static void
ngx_mlsec_redis_settle(ngx_event_t *ev)
{
    ngx_uint_t                   i;
    ngx_connection_t            *c;
    ngx_mlsec_redis_client_t    *client;
    ngx_mlsec_redis_standing_e   before;
    ngx_mlsec_redis_watcher_t   *watcher;

    c = ev->data;
    client = c->data;

    before = client->standing;
    client->standing = ngx_mlsec_redis_stand(client);

    ngx_mlsec_redis_log(client, before);

    if (client->renew) {
        ngx_mlsec_redis_link_renew(&client->link, client->cause);
    }

    if (client->standing == before) {
        return;
    }

    watcher = client->watchers.elts;

    for (i = 0; i < client->watchers.nelts; i++) {
        watcher[i].handler(watcher[i].data,
                           client->standing == NGX_MLSEC_REDIS_UP);
    }
}


static ngx_mlsec_redis_standing_e
ngx_mlsec_redis_stand(const ngx_mlsec_redis_client_t *client)
{
    mlsec_breaker_view_t  view;

    ngx_mlsec_redis_breaker(client, &view);

    if (view.state == MLSEC_BREAKER_CLOSED) {

        if (client->link.state == NGX_MLSEC_REDIS_READY) {
            return NGX_MLSEC_REDIS_UP;
        }

        if (client->standing == NGX_MLSEC_REDIS_UNKNOWN
            && ngx_mlsec_redis_link_hopeful(&client->link))
        {
            return NGX_MLSEC_REDIS_UNKNOWN;
        }
    }

    return NGX_MLSEC_REDIS_DOWN;
}


/*
 * A line for each transition of all workers, and one when it turns out that
 * somebody has to do something.
 */

static void
ngx_mlsec_redis_log(ngx_mlsec_redis_client_t *client,
    ngx_mlsec_redis_standing_e before)
{
    ngx_uint_t                level;
    mlsec_standing_e          found;
    const ngx_mlsec_redis_t  *conf;

    conf = client->conf;

    if (client->standing == NGX_MLSEC_REDIS_UP && before != client->standing) {

        found = ngx_mlsec_redis_shared_found(&conf->shared->calls);

        level = (found == MLSEC_STANDING_AGAIN) ? NGX_LOG_NOTICE
                                                : NGX_LOG_INFO;

        if (found != MLSEC_STANDING_QUIET) {
            ngx_log_error(level, ngx_cycle->log, 0,
                          "mlsec redis: in use, server: \"%V\"",
                          &conf->shown);
        }

        client->cause = MLSEC_REDIS_OK;
    }

    if (client->standing == NGX_MLSEC_REDIS_DOWN && client->cause
        && ngx_mlsec_redis_shared_lost(&conf->shared->calls, client->cause,
                                       ngx_mlsec_redis_telling(
                                           client->cause)))
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mlsec redis: not in use, server: \"%V\", error: \"%s\"",
                      &conf->shown, mlsec_redis_error_name(client->cause));
    }
}


/* Not what any server says on its way down and up again. */

static ngx_uint_t
ngx_mlsec_redis_telling(mlsec_redis_error_e error)
{
    switch (error) {

    case MLSEC_REDIS_CONNECT:
    case MLSEC_REDIS_TIMEOUT:
    case MLSEC_REDIS_CLOSED:
    case MLSEC_REDIS_LOADING:
    case MLSEC_REDIS_BUSY:
        return 0;

    default:
        return 1;
    }
}


static void
ngx_mlsec_redis_trial(ngx_event_t *ev)
{
    ngx_connection_t          *c;
    mlsec_breaker_view_t       view;
    ngx_mlsec_redis_client_t  *client;

    c = ev->data;
    client = c->data;

    ngx_mlsec_redis_breaker(client, &view);

    if (view.state == MLSEC_BREAKER_CLOSED
        || client->opened_by >= MLSEC_REDIS_AUTH)
    {
        return;
    }

    if (ngx_mlsec_redis_ping(client, client->trial_timeout)
        != MLSEC_REDIS_OK)
    {
        ngx_add_timer(ev, NGX_MLSEC_REDIS_RETRY);
    }
}


/*
 * A connection that is dead without a word is found out before somebody needs
 * it, and nobody in between takes it for forgotten.
 */

static void
ngx_mlsec_redis_quiet(ngx_event_t *ev)
{
    ngx_msec_t                 quiet;
    ngx_connection_t          *c;
    ngx_mlsec_redis_client_t  *client;

    c = ev->data;
    client = c->data;

    quiet = ngx_current_msec - client->last_call;

    if (quiet >= NGX_MLSEC_REDIS_QUIET) {

        if (client->link.state == NGX_MLSEC_REDIS_READY) {
            (void) ngx_mlsec_redis_ping(client, 0);
        }

        quiet = 0;
    }

    ngx_add_timer(ev, NGX_MLSEC_REDIS_QUIET - quiet);
}


static mlsec_redis_error_e
ngx_mlsec_redis_ping(ngx_mlsec_redis_client_t *client, ngx_msec_t timeout)
{
    mlsec_str_t                arg;
    ngx_mlsec_redis_call_t     call;
    ngx_mlsec_redis_command_t  command;

    arg.data = (const u_char *) "PING";
    arg.len = sizeof("PING") - 1;

    command.script = NULL;
    command.args = &arg;
    command.nargs = 1;

    ngx_memzero(&call, sizeof(ngx_mlsec_redis_call_t));

    call.commands = &command;
    call.ncommands = 1;
    call.timeout = timeout;
    call.background = 1;

    return ngx_mlsec_redis_send((ngx_mlsec_redis_t *) client->conf, &call,
                                NULL);
}


ngx_uint_t
ngx_mlsec_redis_usable(const ngx_mlsec_redis_t *redis)
{
    mlsec_breaker_view_t             view;
    const ngx_mlsec_redis_client_t  *client;

    client = redis->client;

    if (client == NULL) {
        return 0;
    }

    if (client->link.state != NGX_MLSEC_REDIS_READY
        && !ngx_mlsec_redis_link_hopeful(&client->link))
    {
        return 0;
    }

    if (client->standing != NGX_MLSEC_REDIS_DOWN) {
        return 1;
    }

    ngx_mlsec_redis_breaker(client, &view);

    return view.state == MLSEC_BREAKER_CLOSED || view.wait == 0;
}


ngx_int_t
ngx_mlsec_redis_watch(ngx_mlsec_redis_t *redis,
    ngx_mlsec_redis_watch_pt watch, void *data)
{
    ngx_mlsec_redis_watcher_t  *watcher;

    if (redis->client == NULL) {
        return NGX_OK;
    }

    watcher = ngx_array_push(&redis->client->watchers);
    if (watcher == NULL) {
        return NGX_ERROR;
    }

    watcher->handler = watch;
    watcher->data = data;

    return NGX_OK;
}


void
ngx_mlsec_redis_view(const ngx_mlsec_redis_t *redis,
    ngx_mlsec_redis_view_t *view)
{
    mlsec_breaker_view_t             breaker;
    const ngx_mlsec_redis_client_t  *client;

    ngx_memzero(view, sizeof(ngx_mlsec_redis_view_t));

    client = redis->client;

    if (client == NULL) {
        return;
    }

    ngx_mlsec_redis_breaker(client, &breaker);

    view->state = client->link.state;
    view->usable = ngx_mlsec_redis_usable(redis);
    view->breaker = breaker.state;
    view->in_flight = client->nsent;
    view->queued = client->nqueued;
    view->limit = redis->queue;
    view->last_error = client->last_error;
    view->latency = client->latency / 8;
    view->calls = client->calls;
    view->connects = client->connects;

    if (client->last_error != MLSEC_REDIS_OK) {
        view->last_error_ago = ngx_current_msec - client->last_error_at;
    }

    if (client->link.state != NGX_MLSEC_REDIS_READY) {
        view->failures = client->link.failures;
    }

    if (client->link.state == NGX_MLSEC_REDIS_WAITING
        && (ngx_msec_int_t) (client->link.due - ngx_current_msec) > 0)
    {
        view->retry_in = client->link.due - ngx_current_msec;
    }

    ngx_memcpy(view->errors, client->errors, sizeof(view->errors));

    if (client->pubsub != NULL) {
        view->subscribed = ngx_mlsec_redis_pubsub_view(client->pubsub,
                                                       &view->pubsub);
    }
}


static void
ngx_mlsec_redis_breaker(const ngx_mlsec_redis_client_t *client,
    mlsec_breaker_view_t *view)
{
    mlsec_breaker_view(&client->breaker, &ngx_mlsec_redis_breaker_conf, NULL,
                       ngx_current_msec, view);
}


static mlsec_moment_t
ngx_mlsec_redis_moment(uint64_t elapsed)
{
    mlsec_moment_t  moment;

    moment.now = ngx_current_msec;
    moment.random = (unsigned) ngx_random() % 100;
    moment.elapsed = elapsed;

    return moment;
}
