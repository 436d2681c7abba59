/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_json.h>
#include <core/ngx_mlsec_respond.h>
#include <redis/ngx_mlsec_redis_client.h>


/*
 * mlsec_redis_status: what this worker knows of the server, and what it does
 * when it is asked something now.  The checks are calls as any others, all at
 * once: what they find is what limits would find.
 *
 *   ping     PING
 *   write    a script that writes a key that soon expires, and reads it
 *   pubsub   a message from the one connection to the other
 */

#define NGX_MLSEC_REDIS_EXPIRES   "1000"     /* ms, of the key */


typedef struct {
    ngx_mlsec_redis_ticket_t   ticket;
    mlsec_redis_error_e        error;
    ngx_msec_t                 elapsed;      /* ms */
    unsigned                   wanted:1;
    unsigned                   pending:1;
} ngx_mlsec_redis_check_t;


typedef struct {
    ngx_http_request_t        *request;
    ngx_mlsec_redis_t         *redis;
    ngx_mlsec_redis_check_t    checks[NGX_MLSEC_REDIS_CHECKS];
    ngx_uint_t                 pending;
    ngx_uint_t                 begun;        /* the handler has returned */

    ngx_mlsec_redis_ticket_t   subscription;
    ngx_str_t                  channel;
    ngx_event_t                timer;        /* of the message */
    ngx_connection_t           dummy;        /* of timer */
    ngx_msec_t                 started;
} ngx_mlsec_redis_status_t;


static void ngx_mlsec_redis_status_begin(ngx_mlsec_redis_status_t *ctx);
static void ngx_mlsec_redis_status_ping(ngx_mlsec_redis_status_t *ctx);
static void ngx_mlsec_redis_status_write(ngx_mlsec_redis_status_t *ctx);
static void ngx_mlsec_redis_status_pubsub(ngx_mlsec_redis_status_t *ctx);
static void ngx_mlsec_redis_status_send(ngx_mlsec_redis_status_t *ctx,
    ngx_uint_t i, const ngx_mlsec_redis_command_t *command,
    ngx_mlsec_redis_done_pt done);
static void ngx_mlsec_redis_pinged(void *owner,
    const ngx_mlsec_redis_result_t *result);
static void ngx_mlsec_redis_written(void *owner,
    const ngx_mlsec_redis_result_t *result);
static void ngx_mlsec_redis_published(void *owner,
    const ngx_mlsec_redis_result_t *result);
static void ngx_mlsec_redis_heard(void *owner, ngx_mlsec_redis_event_e event,
    const mlsec_str_t *payload);
static void ngx_mlsec_redis_unheard(ngx_event_t *ev);
static void ngx_mlsec_redis_checked(ngx_mlsec_redis_status_t *ctx,
    ngx_uint_t i, mlsec_redis_error_e error, ngx_msec_t elapsed);
static void ngx_mlsec_redis_status_silence(ngx_mlsec_redis_status_t *ctx);
static void ngx_mlsec_redis_status_cleanup(void *data);
static ngx_int_t ngx_mlsec_redis_status_answer(ngx_mlsec_redis_status_t *ctx);
static void ngx_mlsec_redis_status_client(ngx_mlsec_json_t *w,
    const ngx_mlsec_redis_view_t *view);
static void ngx_mlsec_redis_status_text(ngx_mlsec_json_t *w,
    const char *name, const char *value);
static void ngx_mlsec_redis_status_errors(ngx_mlsec_json_t *w,
    const ngx_mlsec_redis_view_t *view);
static void ngx_mlsec_redis_status_checked(ngx_mlsec_json_t *w,
    const ngx_mlsec_redis_status_t *ctx);


static const char *const  ngx_mlsec_redis_states[] = {
    "idle", "resolving", "connecting", "greeting", "ready", "waiting", "ended"
};

static const char *const  ngx_mlsec_redis_breakers[] = {
    "closed", "open", "half_open"
};

static const char *const  ngx_mlsec_redis_checks[NGX_MLSEC_REDIS_CHECKS] = {
    "ping", "write", "pubsub"
};


static ngx_str_t  ngx_mlsec_redis_status_text_of_script = ngx_string(
    "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) "
    "return redis.call('GET', KEYS[1])");


ngx_int_t
ngx_mlsec_redis_status_handler(ngx_http_request_t *r)
{
    ngx_int_t                          rc;
    ngx_uint_t                         i;
    ngx_pool_cleanup_t                *cln;
    ngx_mlsec_redis_status_t          *ctx;
    const ngx_mlsec_redis_loc_conf_t  *lcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_redis_module);

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_mlsec_redis_status_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (ctx == NULL || cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->request = r;
    ctx->redis = lcf->status;

    for (i = 0; i < NGX_MLSEC_REDIS_CHECKS; i++) {
        ctx->checks[i].wanted = (lcf->checks >> i) & 1;
    }

    cln->handler = ngx_mlsec_redis_status_cleanup;
    cln->data = ctx;

    ngx_mlsec_redis_status_begin(ctx);

    if (ctx->pending == 0) {
        return ngx_mlsec_redis_status_answer(ctx);
    }

    /* a client that goes away is seen only so */

    r->read_event_handler = ngx_http_test_reading;
    r->main->count++;
    ctx->begun = 1;

    return NGX_DONE;
}


static void
ngx_mlsec_redis_status_begin(ngx_mlsec_redis_status_t *ctx)
{
    if (ctx->checks[0].wanted) {
        ngx_mlsec_redis_status_ping(ctx);
    }

    if (ctx->checks[1].wanted) {
        ngx_mlsec_redis_status_write(ctx);
    }

    if (ctx->checks[2].wanted) {
        ngx_mlsec_redis_status_pubsub(ctx);
    }
}


static void
ngx_mlsec_redis_status_ping(ngx_mlsec_redis_status_t *ctx)
{
    mlsec_str_t                arg;
    ngx_mlsec_redis_command_t  command;

    arg.data = (const u_char *) "PING";
    arg.len = sizeof("PING") - 1;

    command.script = NULL;
    command.args = &arg;
    command.nargs = 1;

    ngx_mlsec_redis_status_send(ctx, 0, &command, ngx_mlsec_redis_pinged);
}


static void
ngx_mlsec_redis_status_write(ngx_mlsec_redis_status_t *ctx)
{
    u_char                            key[64];
    mlsec_str_t                       args[4];
    ngx_mlsec_redis_command_t         command;
    static ngx_mlsec_redis_script_t   script;

    if (script.text.len == 0) {
        ngx_mlsec_redis_script(&script,
                               &ngx_mlsec_redis_status_text_of_script);
    }

    args[0].data = (const u_char *) "1";
    args[0].len = 1;

    args[1].data = key;
    args[1].len = (size_t) (ngx_snprintf(key, sizeof(key),
                                         "mlsec:status:%P", ngx_pid)
                            - key);

    args[2].data = (const u_char *) "mlsec";
    args[2].len = sizeof("mlsec") - 1;

    args[3].data = (const u_char *) NGX_MLSEC_REDIS_EXPIRES;
    args[3].len = sizeof(NGX_MLSEC_REDIS_EXPIRES) - 1;

    command.script = &script;
    command.args = args;
    command.nargs = 4;

    ngx_mlsec_redis_status_send(ctx, 1, &command, ngx_mlsec_redis_written);
}


static void
ngx_mlsec_redis_status_send(ngx_mlsec_redis_status_t *ctx, ngx_uint_t i,
    const ngx_mlsec_redis_command_t *command, ngx_mlsec_redis_done_pt done)
{
    mlsec_redis_error_e       error;
    ngx_mlsec_redis_call_t    call;
    ngx_mlsec_redis_check_t  *check;

    check = &ctx->checks[i];

    ngx_memzero(&call, sizeof(ngx_mlsec_redis_call_t));

    call.commands = command;
    call.ncommands = 1;
    call.done = done;
    call.owner = ctx;

    error = ngx_mlsec_redis_send(ctx->redis, &call, &check->ticket);

    if (error != MLSEC_REDIS_OK) {
        ngx_mlsec_redis_checked(ctx, i, error, 0);
        return;
    }

    if (!check->pending) {
        check->pending = 1;
        ctx->pending++;
    }
}


/*
 * A channel for each request: others may be asking at the same time.
 */

static void
ngx_mlsec_redis_status_pubsub(ngx_mlsec_redis_status_t *ctx)
{
    u_char  *p;

    p = ngx_pnalloc(ctx->request->pool, 64);

    if (p == NULL) {
        ngx_mlsec_redis_checked(ctx, 2, MLSEC_REDIS_NOMEM, 0);
        return;
    }

    ctx->channel.data = p;
    ctx->channel.len = ngx_snprintf(p, 64, "mlsec:status:%P:%uA", ngx_pid,
                                    ctx->request->connection->number)
                       - p;

    if (ctx->redis->client == NULL
        || ngx_mlsec_redis_subscribe(ctx->redis, &ctx->channel,
                                     ngx_mlsec_redis_heard, ctx,
                                     &ctx->subscription)
           != NGX_OK)
    {
        ngx_mlsec_redis_checked(ctx, 2, MLSEC_REDIS_NOMEM, 0);
        return;
    }

    ctx->dummy.fd = (ngx_socket_t) -1;
    ctx->dummy.data = ctx;
    ctx->started = ngx_current_msec;

    ctx->timer.handler = ngx_mlsec_redis_unheard;
    ctx->timer.data = &ctx->dummy;
    ctx->timer.log = ctx->request->connection->log;

    ngx_add_timer(&ctx->timer, ctx->redis->timeout);

    ctx->checks[2].pending = 1;
    ctx->pending++;
}


static void
ngx_mlsec_redis_pinged(void *owner, const ngx_mlsec_redis_result_t *result)
{
    ngx_mlsec_redis_checked(owner, 0, result->error, result->elapsed);
}


static void
ngx_mlsec_redis_written(void *owner, const ngx_mlsec_redis_result_t *result)
{
    mlsec_redis_error_e  error;

    error = result->error;

    if (error == MLSEC_REDIS_OK
        && (result->replies[0].type != MLSEC_REDIS_STRING
            || result->replies[0].str.len != sizeof("mlsec") - 1))
    {
        error = MLSEC_REDIS_REFUSED;
    }

    ngx_mlsec_redis_checked(owner, 1, error, result->elapsed);
}


static void
ngx_mlsec_redis_published(void *owner, const ngx_mlsec_redis_result_t *result)
{
    if (result->error != MLSEC_REDIS_OK) {
        ngx_mlsec_redis_checked(owner, 2, result->error, result->elapsed);
    }
}


static void
ngx_mlsec_redis_heard(void *owner, ngx_mlsec_redis_event_e event,
    const mlsec_str_t *payload)
{
    mlsec_str_t                args[3];
    ngx_mlsec_redis_status_t  *ctx;
    ngx_mlsec_redis_command_t  command;

    ctx = owner;

    if (event == NGX_MLSEC_REDIS_MESSAGE) {
        ngx_mlsec_redis_checked(ctx, 2, MLSEC_REDIS_OK,
                                ngx_current_msec - ctx->started);
        return;
    }

    if (event != NGX_MLSEC_REDIS_SUBSCRIBED) {
        return;
    }

    args[0].data = (const u_char *) "PUBLISH";
    args[0].len = sizeof("PUBLISH") - 1;

    args[1].data = ctx->channel.data;
    args[1].len = ctx->channel.len;

    args[2].data = (const u_char *) "mlsec";
    args[2].len = sizeof("mlsec") - 1;

    command.script = NULL;
    command.args = args;
    command.nargs = 3;

    ngx_mlsec_redis_status_send(ctx, 2, &command, ngx_mlsec_redis_published);
}


static void
ngx_mlsec_redis_unheard(ngx_event_t *ev)
{
    ngx_connection_t          *c;
    ngx_mlsec_redis_status_t  *ctx;

    c = ev->data;
    ctx = c->data;

    ngx_mlsec_redis_checked(ctx, 2, MLSEC_REDIS_TIMEOUT,
                            ngx_current_msec - ctx->started);
}


/*
 * A check has ended; the answer goes out with the last one.
 */

static void
ngx_mlsec_redis_checked(ngx_mlsec_redis_status_t *ctx, ngx_uint_t i,
    mlsec_redis_error_e error, ngx_msec_t elapsed)
{
    ngx_connection_t         *c;
    ngx_http_request_t       *r;
    ngx_mlsec_redis_check_t  *check;

    check = &ctx->checks[i];

    check->error = error;
    check->elapsed = elapsed;

    if (!check->pending) {
        return;
    }

    check->pending = 0;
    ctx->pending--;

    if (i == 2) {
        ngx_mlsec_redis_status_silence(ctx);
    }

    if (ctx->pending || !ctx->begun) {
        return;
    }

    r = ctx->request;
    c = r->connection;

    ngx_http_finalize_request(r, ngx_mlsec_redis_status_answer(ctx));
    ngx_http_run_posted_requests(c);
}


static void
ngx_mlsec_redis_status_silence(ngx_mlsec_redis_status_t *ctx)
{
    ngx_mlsec_redis_unsubscribe(ctx->redis, ctx->subscription);
    ngx_mlsec_redis_detach(ctx->redis, ctx->checks[2].ticket);

    if (ctx->timer.timer_set) {
        ngx_del_timer(&ctx->timer);
    }
}


/* The request has gone. */

static void
ngx_mlsec_redis_status_cleanup(void *data)
{
    ngx_mlsec_redis_status_t *ctx = data;

    ngx_mlsec_redis_status_silence(ctx);
    ngx_mlsec_redis_detach(ctx->redis, ctx->checks[0].ticket);
    ngx_mlsec_redis_detach(ctx->redis, ctx->checks[1].ticket);
}


static ngx_int_t
ngx_mlsec_redis_status_answer(ngx_mlsec_redis_status_t *ctx)
{
    ngx_str_t                text;
    ngx_mlsec_json_t         w;
    ngx_mlsec_redis_view_t   view;

    ngx_mlsec_redis_view(ctx->redis, &view);

    (void) ngx_mlsec_json_init(&w, ctx->request->pool, 1024);

    ngx_mlsec_json_lit(&w, "{\"server\":");
    ngx_mlsec_json_string(&w, &ctx->redis->shown);
    ngx_mlsec_json_lit(&w, ",\"name\":");
    ngx_mlsec_json_string(&w, &ctx->redis->name);

    ngx_mlsec_metrics_json_number(&w, "pid", (uint64_t) ngx_pid);
    ngx_mlsec_redis_status_client(&w, &view);
    ngx_mlsec_redis_status_errors(&w, &view);
    ngx_mlsec_redis_status_checked(&w, ctx);

    ngx_mlsec_json_lit(&w, "}");

    if (ngx_mlsec_json_text(&w, &text) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_mlsec_respond_text(ctx->request, &text);
}


static void
ngx_mlsec_redis_status_client(ngx_mlsec_json_t *w,
    const ngx_mlsec_redis_view_t *view)
{
    ngx_mlsec_redis_status_text(w, "state",
                                ngx_mlsec_redis_states[view->state]);
    ngx_mlsec_json_lit(w, ",\"usable\":");

    if (view->usable) {
        ngx_mlsec_json_lit(w, "true");

    } else {
        ngx_mlsec_json_lit(w, "false");
    }

    ngx_mlsec_redis_status_text(w, "breaker",
                                ngx_mlsec_redis_breakers[view->breaker]);

    ngx_mlsec_metrics_json_number(w, "in_flight", view->in_flight);
    ngx_mlsec_metrics_json_number(w, "queued", view->queued);
    ngx_mlsec_metrics_json_number(w, "queue", view->limit);
    ngx_mlsec_metrics_json_number(w, "calls", view->calls);
    ngx_mlsec_metrics_json_number(w, "connects", view->connects);
    ngx_mlsec_metrics_json_number(w, "failures", view->failures);
    ngx_mlsec_metrics_json_number(w, "retry_in_ms", view->retry_in);
    ngx_mlsec_metrics_json_number(w, "latency_ms", view->latency);

    ngx_mlsec_json_lit(w, ",\"pubsub\":{\"channels\":");
    ngx_mlsec_json_int(w, view->subscribed);
    ngx_mlsec_redis_status_text(w, "state",
                                ngx_mlsec_redis_states[view->pubsub]);
    ngx_mlsec_json_lit(w, "}");
}


static void
ngx_mlsec_redis_status_text(ngx_mlsec_json_t *w, const char *name,
    const char *value)
{
    ngx_mlsec_json_lit(w, ",\"");
    ngx_mlsec_json_raw(w, (const u_char *) name, ngx_strlen(name));
    ngx_mlsec_json_lit(w, "\":\"");
    ngx_mlsec_json_raw(w, (const u_char *) value, ngx_strlen(value));
    ngx_mlsec_json_lit(w, "\"");
}


static void
ngx_mlsec_redis_status_errors(ngx_mlsec_json_t *w,
    const ngx_mlsec_redis_view_t *view)
{
    const char  *name;
    ngx_uint_t   i, n;

    n = 0;

    ngx_mlsec_json_lit(w, ",\"errors\":{");

    for (i = 1; i < MLSEC_REDIS_ERRORS; i++) {

        if (view->errors[i] == 0) {
            continue;
        }

        if (n++) {
            ngx_mlsec_json_lit(w, ",");
        }

        name = mlsec_redis_error_name(i);

        ngx_mlsec_json_lit(w, "\"");
        ngx_mlsec_json_raw(w, (const u_char *) name, ngx_strlen(name));
        ngx_mlsec_json_lit(w, "\":");
        ngx_mlsec_json_int(w, view->errors[i]);
    }

    ngx_mlsec_json_lit(w, "}");

    if (view->last_error == MLSEC_REDIS_OK) {
        ngx_mlsec_json_lit(w, ",\"last_error\":null");
        return;
    }

    ngx_mlsec_json_lit(w, ",\"last_error\":{\"ms_ago\":");
    ngx_mlsec_json_int(w, view->last_error_ago);
    ngx_mlsec_redis_status_text(w, "error",
                                mlsec_redis_error_name(view->last_error));
    ngx_mlsec_json_lit(w, "}");
}


static void
ngx_mlsec_redis_status_checked(ngx_mlsec_json_t *w,
    const ngx_mlsec_redis_status_t *ctx)
{
    ngx_uint_t                      i, n;
    const ngx_mlsec_redis_check_t  *check;

    n = 0;

    ngx_mlsec_json_lit(w, ",\"checks\":{");

    for (i = 0; i < NGX_MLSEC_REDIS_CHECKS; i++) {
        check = &ctx->checks[i];

        if (!check->wanted) {
            continue;
        }

        if (n++) {
            ngx_mlsec_json_lit(w, ",");
        }

        ngx_mlsec_json_lit(w, "\"");
        ngx_mlsec_json_raw(w, (const u_char *) ngx_mlsec_redis_checks[i],
                           ngx_strlen(ngx_mlsec_redis_checks[i]));
        ngx_mlsec_json_lit(w, "\":{\"ms\":");
        ngx_mlsec_json_int(w, check->elapsed);
        ngx_mlsec_redis_status_text(w, "result",
                                    mlsec_redis_error_name(check->error));
        ngx_mlsec_json_lit(w, "}");
    }

    ngx_mlsec_json_lit(w, "}");
}
