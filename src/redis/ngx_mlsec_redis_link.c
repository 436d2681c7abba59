/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event_connect.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_exchange.h>
#include <core/ngx_mlsec_resolver.h>
#include <lib/service/mlsec_budget.h>
#include <redis/ngx_mlsec_redis_conf.h>


/*
 * A connection from its first attempt to the end of the worker.
 *
 *      +--> RESOLVING --> CONNECTING --> GREETING --> READY
 *      |        |             |             |           |
 *   WAITING <---+-------------+-------------+-----------+
 *
 * Every state but READY is bounded by a timer; READY is, while something is
 * expected.  Those timers are the read event's, that of WAITING is the link's
 * own.  All are cancelable: nobody waits for the connection itself, and who
 * waits for a reply has a timer of his own.
 *
 * The wait before an attempt is "full jitter", so that the workers of many
 * gateways do not come back in step.  A connection that was good for a while is
 * made again at once: servers are restarted, and then it is soon there.
 */

#define NGX_MLSEC_REDIS_BASE     50          /* ms, of the first wait */
#define NGX_MLSEC_REDIS_CAP      1000        /* ms, of any */
#define NGX_MLSEC_REDIS_GOOD     1000        /* ms, a connection was good */
#define NGX_MLSEC_REDIS_READ     8192        /* bytes at once */
#define NGX_MLSEC_REDIS_OUT      4096        /* bytes, at first */


static void ngx_mlsec_redis_link_attempt(ngx_event_t *ev);
static void ngx_mlsec_redis_link_resolve(ngx_mlsec_redis_link_t *link);
static void ngx_mlsec_redis_link_resolved(ngx_resolver_ctx_t *ctx);
static void ngx_mlsec_redis_link_connect(ngx_mlsec_redis_link_t *link,
    struct sockaddr *sockaddr, socklen_t socklen);
static void ngx_mlsec_redis_link_handler(ngx_event_t *ev);
static void ngx_mlsec_redis_link_secured(ngx_connection_t *c,
    const char *error);
static void ngx_mlsec_redis_link_greet(ngx_mlsec_redis_link_t *link);
static void ngx_mlsec_redis_link_flush(ngx_event_t *ev);
static void ngx_mlsec_redis_link_write(ngx_mlsec_redis_link_t *link);
static void ngx_mlsec_redis_link_read(ngx_mlsec_redis_link_t *link);
static mlsec_redis_error_e ngx_mlsec_redis_link_replies(
    ngx_mlsec_redis_link_t *link, ngx_uint_t *n);
static void ngx_mlsec_redis_link_answered(ngx_mlsec_redis_link_t *link,
    const mlsec_redis_reply_t *reply);
static void ngx_mlsec_redis_link_fail(ngx_mlsec_redis_link_t *link,
    mlsec_redis_error_e error);
static void ngx_mlsec_redis_link_close(ngx_mlsec_redis_link_t *link);
static void *ngx_mlsec_redis_link_alloc(void *ctx, size_t size);


void
ngx_mlsec_redis_link_init(ngx_mlsec_redis_link_t *link,
    const ngx_mlsec_redis_t *conf,
    const ngx_mlsec_redis_link_events_t *events, void *owner,
    const char *what)
{
    link->fd = (ngx_socket_t) -1;
    link->conf = conf;
    link->events = events;
    link->owner = owner;
    link->what = what;

    link->timer.handler = ngx_mlsec_redis_link_attempt;
    link->timer.data = link;
    link->timer.log = ngx_cycle->log;
    link->timer.cancelable = 1;

    link->post.handler = ngx_mlsec_redis_link_flush;
    link->post.data = link;
    link->post.log = ngx_cycle->log;

    link->due = ngx_current_msec;

    /*
     * nginx writes a line for each connect() to a unix socket that fails, as
     * an error; here that is one line for all of an outage.
     */

    link->log = *ngx_cycle->log;
    link->log.log_level = ngx_min(link->log.log_level,
                                  (ngx_uint_t) NGX_LOG_ALERT);

    ngx_add_timer(&link->timer, 1);
}


static void
ngx_mlsec_redis_link_attempt(ngx_event_t *ev)
{
    ngx_addr_t              *address;
    ngx_mlsec_redis_link_t  *link;

    link = ev->data;
    link->begun = ngx_current_msec;
    address = link->conf->address;

    if (address == NULL) {
        ngx_mlsec_redis_link_resolve(link);
        return;
    }

    ngx_mlsec_redis_link_connect(link, address->sockaddr, address->socklen);
}


/*
 * An address that does not answer is not believed for as long as the DNS has
 * said: the server may have moved.
 */

static void
ngx_mlsec_redis_link_resolve(ngx_mlsec_redis_link_t *link)
{
    ngx_resolver_ctx_t       *ctx;
    const ngx_mlsec_redis_t  *conf;

    conf = link->conf;

    link->state = NGX_MLSEC_REDIS_RESOLVING;

    if (link->failures) {
        (void) ngx_mlsec_resolver_expire(&conf->resolver->name_expire_queue,
                                         NULL, &conf->host);
    }

    ctx = ngx_resolve_start(conf->resolver, NULL);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        ngx_mlsec_redis_link_fail(link, MLSEC_REDIS_RESOLVE);
        return;
    }

    ctx->name = conf->host;
    ctx->handler = ngx_mlsec_redis_link_resolved;
    ctx->data = link;
    ctx->timeout = conf->resolver_timeout;
    ctx->cancelable = 1;

    link->ctx = ctx;

    if (ngx_resolve_name(ctx) != NGX_OK) {
        link->ctx = NULL;
        ngx_mlsec_redis_link_fail(link, MLSEC_REDIS_RESOLVE);
    }
}


/*
 * Called by nginx's resolver; before ngx_resolve_name() returns, or later.
 */

static void
ngx_mlsec_redis_link_resolved(ngx_resolver_ctx_t *ctx)
{
    socklen_t                socklen;
    ngx_uint_t               i;
    ngx_sockaddr_t           sockaddr;
    ngx_mlsec_redis_link_t  *link;

    link = ctx->data;
    link->ctx = NULL;

    if (ctx->state || ctx->naddrs == 0) {
        ngx_resolve_name_done(ctx);
        ngx_mlsec_redis_link_fail(link, MLSEC_REDIS_RESOLVE);
        return;
    }

    i = (ngx_uint_t) ngx_random() % ctx->naddrs;

    socklen = ctx->addrs[i].socklen;
    ngx_memcpy(&sockaddr, ctx->addrs[i].sockaddr, socklen);
    ngx_inet_set_port(&sockaddr.sockaddr, (in_port_t) link->conf->url.port);

    ngx_resolve_name_done(ctx);

    ngx_mlsec_redis_link_connect(link, &sockaddr.sockaddr, socklen);
}


static void
ngx_mlsec_redis_link_connect(ngx_mlsec_redis_link_t *link,
    struct sockaddr *sockaddr, socklen_t socklen)
{
    ngx_int_t               rc;
    ngx_connection_t       *c;
    ngx_peer_connection_t  *pc;

    link->state = NGX_MLSEC_REDIS_CONNECTING;

    pc = &link->pc;

    ngx_memzero(pc, sizeof(ngx_peer_connection_t));
    ngx_memcpy(&link->sockaddr, sockaddr, socklen);

    pc->sockaddr = &link->sockaddr.sockaddr;
    pc->socklen = socklen;
    pc->name = (ngx_str_t *) &link->conf->shown;
    pc->get = ngx_event_get_peer;
    pc->log = &link->log;
    pc->log_error = NGX_ERROR_INFO;

    rc = ngx_event_connect_peer(pc);

    c = pc->connection;

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        ngx_mlsec_redis_link_fail(link, MLSEC_REDIS_CONNECT);
        return;
    }

    c->data = link;
    c->log = ngx_cycle->log;
    c->read->log = c->log;
    c->write->log = c->log;
    c->read->handler = ngx_mlsec_redis_link_handler;
    c->write->handler = ngx_mlsec_redis_link_handler;
    c->read->cancelable = 1;

    ngx_add_timer(c->read, link->conf->connect_timeout);

    if (rc == NGX_OK) {
        ngx_mlsec_redis_link_handler(c->write);
    }
}


static void
ngx_mlsec_redis_link_handler(ngx_event_t *ev)
{
    ngx_connection_t        *c;
    ngx_mlsec_redis_link_t  *link;

    c = ev->data;
    link = c->data;

    /* nginx closes all connections: "worker_shutdown_timeout" */

    if (c->close) {
        ngx_mlsec_redis_link_fail(link, MLSEC_REDIS_CLOSED);
        return;
    }

    if (ev->timedout) {
        ngx_mlsec_redis_link_fail(link,
                                  link->state == NGX_MLSEC_REDIS_CONNECTING
                                  ? MLSEC_REDIS_CONNECT
                                  : MLSEC_REDIS_TIMEOUT);
        return;
    }

    if (link->state == NGX_MLSEC_REDIS_CONNECTING) {

        if (ngx_mlsec_exchange_connected(c) != NGX_OK) {
            ngx_mlsec_redis_link_fail(link, MLSEC_REDIS_CONNECT);

        } else if (link->conf->tls.ssl != NULL) {
            ngx_mlsec_tls_start(c, &link->conf->tls,
                                ngx_mlsec_redis_link_secured);

        } else {
            ngx_mlsec_redis_link_greet(link);
        }

        return;
    }

    if (ev->write) {
        ngx_mlsec_redis_link_write(link);

    } else {
        ngx_mlsec_redis_link_read(link);
    }
}


static void
ngx_mlsec_redis_link_secured(ngx_connection_t *c, const char *error)
{
    ngx_mlsec_redis_link_t  *link;

    link = c->data;

    if (error != NULL) {
        ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0,
                      "mlsec redis: TLS failed, server: \"%V\", error: \"%s\"",
                      &link->conf->shown, error);

        ngx_mlsec_redis_link_fail(link, MLSEC_REDIS_TLS);
        return;
    }

    /* those of the handshake are nginx's own */

    c->read->handler = ngx_mlsec_redis_link_handler;
    c->write->handler = ngx_mlsec_redis_link_handler;

    ngx_mlsec_redis_link_greet(link);
}


static void
ngx_mlsec_redis_link_greet(ngx_mlsec_redis_link_t *link)
{
    mlsec_mem_t        mem;
    ngx_connection_t  *c;

    c = link->pc.connection;

    link->state = NGX_MLSEC_REDIS_GREETING;
    link->out_pos = 0;
    link->out_len = 0;

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    ngx_add_timer(c->read, link->conf->timeout);

    if (link->conf->url.port && ngx_tcp_nodelay(c) != NGX_OK) {
        ngx_mlsec_redis_link_fail(link, MLSEC_REDIS_CLOSED);
        return;
    }

    link->pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, ngx_cycle->log);

    mem.alloc = ngx_mlsec_redis_link_alloc;
    mem.ctx = link;

    if (link->pool == NULL
        || mlsec_redis_reader_init(&link->reader, &mem, link->conf->max_reply)
           != MLSEC_OK
        || ngx_mlsec_redis_greet(link) != NGX_OK)
    {
        ngx_mlsec_redis_link_fail(link, MLSEC_REDIS_NOMEM);
        return;
    }

    ngx_mlsec_redis_link_write(link);
}


void
ngx_mlsec_redis_link_wake(ngx_mlsec_redis_link_t *link)
{
    if (link->state == NGX_MLSEC_REDIS_READY) {
        ngx_post_event(&link->post, &ngx_posted_events);
    }
}


ngx_int_t
ngx_mlsec_redis_link_put(ngx_mlsec_redis_link_t *link, const u_char *data,
    size_t len)
{
    u_char  *p;
    size_t   room;

    if (link->out_room - link->out_len < len) {
        room = ngx_max(link->out_len + len, NGX_MLSEC_REDIS_OUT);
        room = ngx_max(room, 2 * link->out_room);

        p = ngx_alloc(room, ngx_cycle->log);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (link->out != NULL) {
            ngx_memcpy(p, link->out, link->out_len);
            ngx_explicit_memzero(link->out, link->out_len);
            ngx_free(link->out);
        }

        link->out = p;
        link->out_room = room;
    }

    ngx_memcpy(link->out + link->out_len, data, len);
    link->out_len += len;

    return NGX_OK;
}


ngx_int_t
ngx_mlsec_redis_link_command(ngx_mlsec_redis_link_t *link,
    const mlsec_str_t *args, ngx_uint_t n)
{
    u_char      *p, *start;
    size_t       len;
    ngx_int_t    rc;
    ngx_uint_t   i;

    len = mlsec_redis_command_head_len(n);

    for (i = 0; i < n; i++) {
        len += mlsec_redis_command_arg_len(args[i].len);
    }

    start = ngx_alloc(len, ngx_cycle->log);
    if (start == NULL) {
        return NGX_ERROR;
    }

    p = mlsec_redis_command_head(start, n);

    for (i = 0; i < n; i++) {
        p = mlsec_redis_command_arg(p, args[i]);
    }

    rc = ngx_mlsec_redis_link_put(link, start, len);

    /* there may have been a password in it */

    ngx_explicit_memzero(start, len);
    ngx_free(start);

    return rc;
}


size_t
ngx_mlsec_redis_link_pending(const ngx_mlsec_redis_link_t *link)
{
    return link->out_len;
}


static void
ngx_mlsec_redis_link_flush(ngx_event_t *ev)
{
    ngx_mlsec_redis_link_t  *link;

    link = ev->data;

    if (link->state == NGX_MLSEC_REDIS_READY) {
        ngx_mlsec_redis_link_write(link);
    }
}


/*
 * Nothing is added to what is being sent: OpenSSL wants the very bytes again
 * that it could not write, at the same place.
 */

static void
ngx_mlsec_redis_link_write(ngx_mlsec_redis_link_t *link)
{
    ssize_t            n;
    ngx_connection_t  *c;

    c = link->pc.connection;

    while (c->write->ready) {

        if (link->out_pos == link->out_len) {

            if (link->state == NGX_MLSEC_REDIS_GREETING && link->out_len) {
                /* the password was in it */
                ngx_explicit_memzero(link->out, link->out_len);
            }

            link->out_pos = 0;
            link->out_len = 0;

            if (link->state == NGX_MLSEC_REDIS_READY) {
                link->events->fill(link);
            }

            if (link->out_len == 0) {
                break;
            }
        }

        n = c->send(c, link->out + link->out_pos,
                    link->out_len - link->out_pos);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {
            ngx_mlsec_redis_link_fail(link, MLSEC_REDIS_CLOSED);
            return;
        }

        link->out_pos += n;
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK
        || ngx_handle_read_event(c->read, 0) != NGX_OK)
    {
        ngx_mlsec_redis_link_fail(link, MLSEC_REDIS_NOMEM);
    }
}


static void
ngx_mlsec_redis_link_read(ngx_mlsec_redis_link_t *link)
{
    u_char                buf[NGX_MLSEC_REDIS_READ];
    ssize_t               n;
    ngx_uint_t            epoch, replies;
    ngx_connection_t     *c;
    mlsec_redis_error_e   error;

    c = link->pc.connection;
    epoch = link->epoch;
    replies = 0;

    for ( ;; ) {

        n = c->read->ready ? c->recv(c, buf, sizeof(buf)) : NGX_AGAIN;

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {

            /* it may have said why */

            error = link->greeting ? link->greeting : MLSEC_REDIS_CLOSED;

        } else {
            error = mlsec_redis_reader_feed(&link->reader, buf, n);

            if (error == MLSEC_REDIS_OK) {
                error = ngx_mlsec_redis_link_replies(link, &replies);
            }
        }

        if (link->epoch != epoch) {
            return;
        }

        if (error != MLSEC_REDIS_OK) {
            ngx_mlsec_redis_link_fail(link, error);
            return;
        }
    }

    if (replies) {
        link->begun = ngx_current_msec;
    }

    if (replies && c->read->timer_set) {
        ngx_del_timer(c->read);
        ngx_add_timer(c->read, link->conf->timeout);
    }

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_mlsec_redis_link_fail(link, MLSEC_REDIS_NOMEM);
    }
}


/*
 * Hands out what is there.  The link may be another one afterwards.
 */

static mlsec_redis_error_e
ngx_mlsec_redis_link_replies(ngx_mlsec_redis_link_t *link, ngx_uint_t *n)
{
    ngx_uint_t            epoch;
    mlsec_redis_error_e   error;
    mlsec_redis_reply_t  *reply;

    epoch = link->epoch;

    for ( ;; ) {
        error = mlsec_redis_reader_next(&link->reader, &reply);

        if (error != MLSEC_REDIS_OK || reply == NULL) {
            return error;
        }

        (*n)++;

        if (link->state == NGX_MLSEC_REDIS_GREETING) {
            ngx_mlsec_redis_link_answered(link, reply);

        } else {
            link->events->reply(link, reply);
        }

        if (link->epoch != epoch) {
            return MLSEC_REDIS_OK;
        }
    }
}


static void
ngx_mlsec_redis_link_answered(ngx_mlsec_redis_link_t *link,
    const mlsec_redis_reply_t *reply)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    rc = ngx_mlsec_redis_greeted(link, reply);

    ngx_mlsec_redis_link_forget(link);

    if (rc == NGX_AGAIN) {
        return;
    }

    if (rc == NGX_ERROR) {
        ngx_mlsec_redis_link_fail(link, link->greeting);
        return;
    }

    c = link->pc.connection;

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    link->state = NGX_MLSEC_REDIS_READY;
    link->since = ngx_current_msec;
    link->begun = ngx_current_msec;

    link->events->ready(link);
    ngx_mlsec_redis_link_wake(link);
}


void
ngx_mlsec_redis_link_forget(ngx_mlsec_redis_link_t *link)
{
    ngx_reset_pool(link->pool);
}


void
ngx_mlsec_redis_link_expect(ngx_mlsec_redis_link_t *link, ngx_uint_t on)
{
    ngx_event_t  *rev;

    if (link->state != NGX_MLSEC_REDIS_READY) {
        return;
    }

    rev = link->pc.connection->read;

    if (on && !rev->timer_set) {
        ngx_add_timer(rev, link->conf->timeout);
    }

    if (!on && rev->timer_set) {
        ngx_del_timer(rev);
    }
}


void
ngx_mlsec_redis_link_hope(ngx_mlsec_redis_link_t *link)
{
    link->failures = 0;

    if (link->state == NGX_MLSEC_REDIS_WAITING) {
        link->due = ngx_current_msec + 1;
        ngx_add_timer(&link->timer, 1);
    }
}


void
ngx_mlsec_redis_link_renew(ngx_mlsec_redis_link_t *link,
    mlsec_redis_error_e error)
{
    if (link->state == NGX_MLSEC_REDIS_READY) {
        ngx_mlsec_redis_link_fail(link, error);
    }
}


static void
ngx_mlsec_redis_link_fail(ngx_mlsec_redis_link_t *link,
    mlsec_redis_error_e error)
{
    ngx_uint_t   ends;
    ngx_msec_t   wait;

    if (link->state == NGX_MLSEC_REDIS_READY
        && ngx_current_msec - link->since >= NGX_MLSEC_REDIS_GOOD)
    {
        /* one that does not answer is not waited for */

        link->failures = (error == MLSEC_REDIS_TIMEOUT);
        wait = 1;

    } else {
        link->failures++;
        wait = (ngx_msec_t) mlsec_backoff(NGX_MLSEC_REDIS_BASE,
                                          NGX_MLSEC_REDIS_CAP,
                                          (unsigned) ngx_min(link->failures,
                                                             16),
                                          (uint64_t) ngx_random());
    }

    ends = link->pc.connection != NULL && link->pc.connection->close;

    ngx_mlsec_redis_link_close(link);

    if (ends) {
        link->state = NGX_MLSEC_REDIS_ENDED;

    } else {
        link->state = NGX_MLSEC_REDIS_WAITING;
        link->due = ngx_current_msec + wait;
        ngx_add_timer(&link->timer, wait);
    }

    link->events->lost(link, error);
}


static void
ngx_mlsec_redis_link_close(ngx_mlsec_redis_link_t *link)
{
    ngx_connection_t  *c;

    link->epoch++;
    link->greeting = MLSEC_REDIS_OK;

    if (link->ctx != NULL) {
        ngx_resolve_name_done(link->ctx);
        link->ctx = NULL;
    }

    if (link->timer.timer_set) {
        ngx_del_timer(&link->timer);
    }

    if (link->post.posted) {
        ngx_delete_posted_event(&link->post);
    }

    c = link->pc.connection;

    if (c != NULL) {
        link->pc.connection = NULL;
        ngx_mlsec_tls_stop(c);
        ngx_close_connection(c);
    }

    mlsec_redis_reader_free(&link->reader);

    if (link->pool != NULL) {
        ngx_destroy_pool(link->pool);
        link->pool = NULL;
    }

    if (link->out != NULL) {
        ngx_explicit_memzero(link->out, link->out_len);
        ngx_free(link->out);
        link->out = NULL;
    }

    link->out_room = 0;
    link->out_pos = 0;
    link->out_len = 0;
}


void
ngx_mlsec_redis_link_end(ngx_mlsec_redis_link_t *link)
{
    ngx_mlsec_redis_link_close(link);
    link->state = NGX_MLSEC_REDIS_ENDED;
}


static void *
ngx_mlsec_redis_link_alloc(void *ctx, size_t size)
{
    ngx_mlsec_redis_link_t  *link = ctx;

    return ngx_palloc(link->pool, size);
}
