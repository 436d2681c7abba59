/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <core/ngx_mlsec_exchange.h>


#define NGX_MLSEC_EXCHANGE_BUFFER  2048          /* bytes read at once */


static void ngx_mlsec_exchange_handler(ngx_event_t *ev);
static void ngx_mlsec_exchange_secured(ngx_connection_t *c,
    const char *error);
static void ngx_mlsec_exchange_go(ngx_mlsec_exchange_t *x);
static ngx_int_t ngx_mlsec_exchange_connected(ngx_connection_t *c);
static const char *ngx_mlsec_exchange_send(ngx_mlsec_exchange_t *x);
static ngx_int_t ngx_mlsec_exchange_read(ngx_mlsec_exchange_t *x,
    const char **error);
static ngx_int_t ngx_mlsec_exchange_feed(ngx_mlsec_exchange_t *x,
    const u_char *data, size_t len, const char **error);
static ngx_int_t ngx_mlsec_exchange_answer(ngx_mlsec_exchange_t *x,
    const char **error);
static void ngx_mlsec_exchange_close(ngx_mlsec_exchange_t *x);
static void ngx_mlsec_exchange_end(ngx_mlsec_exchange_t *x,
    const char *error);


void
ngx_mlsec_exchange_start(ngx_mlsec_exchange_t *x)
{
    ngx_int_t               rc;
    ngx_connection_t       *c;
    ngx_peer_connection_t  *pc;

    pc = &x->pc;

    ngx_memzero(pc, sizeof(ngx_peer_connection_t));
    ngx_memzero(&x->reader, sizeof(mlsec_probe_t));
    ngx_memzero(&x->body, sizeof(mlsec_body_t));

    x->sent = 0;
    x->connected = 0;
    x->answered = 0;

    pc->sockaddr = x->sockaddr;
    pc->socklen = x->socklen;
    pc->name = x->name;
    pc->get = ngx_event_get_peer;
    pc->log = ngx_cycle->log;
    pc->log_error = NGX_ERROR_INFO;

    rc = ngx_event_connect_peer(pc);

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        ngx_mlsec_exchange_end(x, "no connection");
        return;
    }

    c = pc->connection;

    c->data = x;
    c->log = ngx_cycle->log;
    c->read->log = c->log;
    c->write->log = c->log;
    c->read->handler = ngx_mlsec_exchange_handler;
    c->write->handler = ngx_mlsec_exchange_handler;

    c->read->cancelable = 1;
    ngx_add_timer(c->read, x->timeout);

    if (rc == NGX_OK) {
        ngx_mlsec_exchange_handler(c->write);
    }
}


void
ngx_mlsec_exchange_stop(ngx_mlsec_exchange_t *x)
{
    ngx_mlsec_exchange_close(x);

    if (x->room != NULL) {
        ngx_free(x->room);
        x->room = NULL;
    }
}


ngx_uint_t
ngx_mlsec_exchange_status(const ngx_mlsec_exchange_t *x)
{
    return x->reader.status >= 200 ? x->reader.status : 0;
}


static void
ngx_mlsec_exchange_handler(ngx_event_t *ev)
{
    ngx_connection_t      *c;
    ngx_mlsec_exchange_t  *x;

    c = ev->data;
    x = c->data;

    if (c->close) {
        ngx_mlsec_exchange_stop(x);
        return;
    }

    if (ev->timedout) {
        ngx_mlsec_exchange_end(x, "timed out");
        return;
    }

    if (!x->connected) {

        if (ngx_mlsec_exchange_connected(c) != NGX_OK) {
            ngx_mlsec_exchange_end(x, "no connection");
            return;
        }

        x->connected = 1;

        if (x->tls != NULL) {
            ngx_mlsec_tls_start(c, x->tls, ngx_mlsec_exchange_secured);
            return;
        }
    }

    ngx_mlsec_exchange_go(x);
}


static void
ngx_mlsec_exchange_secured(ngx_connection_t *c, const char *error)
{
    ngx_mlsec_exchange_t  *x;

    x = c->data;

    if (error != NULL) {
        ngx_mlsec_exchange_end(x, error);
        return;
    }

    /* those of the handshake are nginx's own */

    c->read->handler = ngx_mlsec_exchange_handler;
    c->write->handler = ngx_mlsec_exchange_handler;

    ngx_mlsec_exchange_go(x);
}


static void
ngx_mlsec_exchange_go(ngx_mlsec_exchange_t *x)
{
    const char  *error;

    if (x->request->len == 0) {
        ngx_mlsec_exchange_end(x, NULL);
        return;
    }

    error = ngx_mlsec_exchange_send(x);

    if (error == NULL && ngx_mlsec_exchange_read(x, &error) == NGX_AGAIN) {
        return;
    }

    ngx_mlsec_exchange_end(x, error);
}


static ngx_int_t
ngx_mlsec_exchange_connected(ngx_connection_t *c)
{
    int        err;
    socklen_t  len;

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    return err ? NGX_ERROR : NGX_OK;
}


/* NULL if the request is sent, or as much of it as can be for now. */

static const char *
ngx_mlsec_exchange_send(ngx_mlsec_exchange_t *x)
{
    ssize_t            n;
    ngx_connection_t  *c;

    c = x->pc.connection;

    while (x->sent < x->request->len && c->write->ready) {

        n = c->send(c, x->request->data + x->sent, x->request->len - x->sent);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {
            return "connection broken";
        }

        x->sent += n;
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        return "out of memory";
    }

    return NULL;
}


/*
 * NGX_AGAIN: more is to come.  Else it is over, *error has the fault or NULL.
 */

static ngx_int_t
ngx_mlsec_exchange_read(ngx_mlsec_exchange_t *x, const char **error)
{
    u_char             buf[NGX_MLSEC_EXCHANGE_BUFFER];
    ssize_t            n;
    ngx_connection_t  *c;

    c = x->pc.connection;

    for ( ;; ) {

        n = c->read->ready ? c->recv(c, buf, sizeof(buf)) : NGX_AGAIN;

        if (n == NGX_AGAIN) {

            if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
                *error = "out of memory";
                return NGX_ERROR;
            }

            return NGX_AGAIN;
        }

        if (n == 0 && x->room != NULL && mlsec_body_end(&x->body) == MLSEC_OK)
        {
            return NGX_OK;
        }

        if (n <= 0) {
            *error = "connection broken";
            return NGX_ERROR;
        }

        if (ngx_mlsec_exchange_feed(x, buf, n, error) != NGX_AGAIN) {
            return NGX_OK;
        }
    }
}


static ngx_int_t
ngx_mlsec_exchange_feed(ngx_mlsec_exchange_t *x, const u_char *data,
    size_t len, const char **error)
{
    int  rc;

    if (!x->answered) {
        rc = mlsec_probe_feed(&x->reader, data, len);

        if (rc == MLSEC_EMPTY) {
            return NGX_AGAIN;
        }

        if (rc == MLSEC_INVALID) {
            x->reader.status = 0;
            *error = "no HTTP";
            return NGX_ERROR;
        }

        x->answered = 1;

        if (ngx_mlsec_exchange_answer(x, error) != NGX_AGAIN) {
            return NGX_OK;
        }

        data += x->reader.used;
        len -= x->reader.used;
    }

    switch (mlsec_body_feed(&x->body, data, len)) {

    case MLSEC_EMPTY:
        return NGX_AGAIN;

    case MLSEC_OK:
        return NGX_OK;

    case MLSEC_NOMEM:
        *error = "body too large";
        return NGX_ERROR;

    default: /* MLSEC_INVALID */
        *error = "no HTTP";
        return NGX_ERROR;
    }
}


/* NGX_AGAIN: the body is wanted, and there is room for it. */

static ngx_int_t
ngx_mlsec_exchange_answer(ngx_mlsec_exchange_t *x, const char **error)
{
    if (x->status(x, error) != NGX_AGAIN) {
        return NGX_OK;
    }

    x->room = ngx_alloc(x->max, ngx_cycle->log);

    if (x->room == NULL) {
        *error = "out of memory";
        return NGX_ERROR;
    }

    mlsec_body_init(&x->body, x->reader.status, x->room, x->max);

    return NGX_AGAIN;
}


static void
ngx_mlsec_exchange_close(ngx_mlsec_exchange_t *x)
{
    ngx_connection_t  *c;

    c = x->pc.connection;

    if (c != NULL) {
        x->pc.connection = NULL;
        ngx_mlsec_tls_stop(c);
        ngx_close_connection(c);
    }
}


/*
 * x may be another one, or none at all, after done(): what is freed is
 * remembered before it.
 */

static void
ngx_mlsec_exchange_end(ngx_mlsec_exchange_t *x, const char *error)
{
    u_char  *room;

    ngx_mlsec_exchange_close(x);

    room = x->room;
    x->room = NULL;

    x->done(x, error);

    if (room != NULL) {
        ngx_free(room);
    }
}
