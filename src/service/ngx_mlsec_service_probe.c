/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event_connect.h>
#include <ngx_http.h>

#include <service/ngx_mlsec_service_conf.h>


/*
 * One probe: connect, shake hands with "tls", send the request, read until the
 * status is known, with "match=" to the end of the body, close.  One timer for
 * all of it, that of the read event.
 *
 * A worker that is told to end does not wait for probes (the timer is
 * cancelable), and closes them when it ends.
 */

#define NGX_MLSEC_PROBE_BUFFER  512              /* bytes read at once */


static void ngx_mlsec_probe_handler(ngx_event_t *ev);
static void ngx_mlsec_probe_secured(ngx_connection_t *c, const char *error);
static void ngx_mlsec_probe_go(ngx_mlsec_probe_t *probe);
static ngx_int_t ngx_mlsec_probe_connected(ngx_connection_t *c);
static const char *ngx_mlsec_probe_send(ngx_mlsec_probe_t *probe);
static ngx_int_t ngx_mlsec_probe_read(ngx_mlsec_probe_t *probe,
    const char **error);
static ngx_int_t ngx_mlsec_probe_feed(ngx_mlsec_probe_t *probe,
    const u_char *data, size_t len, const char **error);
static ngx_int_t ngx_mlsec_probe_status(ngx_mlsec_probe_t *probe,
    const char **error);
static ngx_int_t ngx_mlsec_probe_body(ngx_mlsec_probe_t *probe,
    int rc, const char **error);
static void ngx_mlsec_probe_end(ngx_mlsec_probe_t *probe, const char *error);


void
ngx_mlsec_probe_start(ngx_mlsec_probe_t *probe)
{
    ngx_int_t               rc;
    ngx_connection_t       *c;
    ngx_peer_connection_t  *pc;

    pc = &probe->pc;

    ngx_memzero(pc, sizeof(ngx_peer_connection_t));
    ngx_memzero(&probe->reader, sizeof(mlsec_probe_t));

    probe->sent = 0;
    probe->connected = 0;
    probe->answered = 0;
    probe->started = ngx_current_msec;

    pc->sockaddr = &probe->sockaddr.sockaddr;
    pc->socklen = probe->socklen;
    pc->name = &probe->name;
    pc->get = ngx_event_get_peer;
    pc->log = ngx_cycle->log;
    pc->log_error = NGX_ERROR_INFO;

    rc = ngx_event_connect_peer(pc);

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        ngx_mlsec_probe_end(probe, "no connection");
        return;
    }

    c = pc->connection;

    c->data = probe;
    c->log = ngx_cycle->log;
    c->read->log = c->log;
    c->write->log = c->log;
    c->read->handler = ngx_mlsec_probe_handler;
    c->write->handler = ngx_mlsec_probe_handler;

    c->read->cancelable = 1;
    ngx_add_timer(c->read, (ngx_msec_t) probe->conf->health.timeout);

    if (rc == NGX_OK) {
        ngx_mlsec_probe_handler(c->write);
    }
}


void
ngx_mlsec_probe_stop(ngx_mlsec_probe_t *probe)
{
    ngx_connection_t  *c;

    c = probe->pc.connection;

    if (c != NULL) {
        probe->pc.connection = NULL;
        ngx_mlsec_tls_stop(c);
        ngx_close_connection(c);
    }

    if (probe->room != NULL) {
        ngx_free(probe->room);
        probe->room = NULL;
    }
}


static void
ngx_mlsec_probe_handler(ngx_event_t *ev)
{
    ngx_connection_t   *c;
    ngx_mlsec_probe_t  *probe;

    c = ev->data;
    probe = c->data;

    if (c->close) {
        ngx_mlsec_probe_stop(probe);
        return;
    }

    if (ev->timedout) {
        ngx_mlsec_probe_end(probe, "timed out");
        return;
    }

    if (!probe->connected) {

        if (ngx_mlsec_probe_connected(c) != NGX_OK) {
            ngx_mlsec_probe_end(probe, "no connection");
            return;
        }

        probe->connected = 1;

        if (probe->conf->health.tls.ssl != NULL) {
            ngx_mlsec_tls_start(c, &probe->conf->health.tls,
                                ngx_mlsec_probe_secured);
            return;
        }
    }

    ngx_mlsec_probe_go(probe);
}


static void
ngx_mlsec_probe_secured(ngx_connection_t *c, const char *error)
{
    ngx_mlsec_probe_t  *probe;

    probe = c->data;

    if (error != NULL) {
        ngx_mlsec_probe_end(probe, error);
        return;
    }

    /* those of the handshake are nginx's own */

    c->read->handler = ngx_mlsec_probe_handler;
    c->write->handler = ngx_mlsec_probe_handler;

    ngx_mlsec_probe_go(probe);
}


static void
ngx_mlsec_probe_go(ngx_mlsec_probe_t *probe)
{
    const char  *error;

    if (probe->conf->health.uri.len == 0) {
        ngx_mlsec_probe_end(probe, NULL);
        return;
    }

    error = ngx_mlsec_probe_send(probe);

    if (error == NULL && ngx_mlsec_probe_read(probe, &error) == NGX_AGAIN) {
        return;
    }

    ngx_mlsec_probe_end(probe, error);
}


static ngx_int_t
ngx_mlsec_probe_connected(ngx_connection_t *c)
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
ngx_mlsec_probe_send(ngx_mlsec_probe_t *probe)
{
    ssize_t            n;
    ngx_connection_t  *c;
    const ngx_str_t   *request;

    c = probe->pc.connection;
    request = &probe->conf->health.request;

    while (probe->sent < request->len && c->write->ready) {

        n = c->send(c, request->data + probe->sent,
                    request->len - probe->sent);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {
            return "connection broken";
        }

        probe->sent += n;
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        return "out of memory";
    }

    return NULL;
}


/*
 * NGX_AGAIN: more is to come.  Else the probe is over, *error has the fault or
 * NULL.
 */

static ngx_int_t
ngx_mlsec_probe_read(ngx_mlsec_probe_t *probe, const char **error)
{
    u_char             buf[NGX_MLSEC_PROBE_BUFFER];
    ssize_t            n;
    ngx_connection_t  *c;

    c = probe->pc.connection;

    for ( ;; ) {

        n = c->read->ready ? c->recv(c, buf, sizeof(buf)) : NGX_AGAIN;

        if (n == NGX_AGAIN) {

            if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
                *error = "out of memory";
                return NGX_ERROR;
            }

            return NGX_AGAIN;
        }

        if (n == 0 && probe->room != NULL
            && mlsec_body_end(&probe->body) == MLSEC_OK)
        {
            return ngx_mlsec_probe_body(probe, MLSEC_OK, error);
        }

        if (n <= 0) {
            *error = "connection broken";
            return NGX_ERROR;
        }

        if (ngx_mlsec_probe_feed(probe, buf, n, error) != NGX_AGAIN) {
            return NGX_OK;
        }
    }
}


static ngx_int_t
ngx_mlsec_probe_feed(ngx_mlsec_probe_t *probe, const u_char *data, size_t len,
    const char **error)
{
    int  rc;

    if (!probe->answered) {
        rc = mlsec_probe_feed(&probe->reader, data, len);

        if (rc == MLSEC_EMPTY) {
            return NGX_AGAIN;
        }

        if (rc == MLSEC_INVALID) {
            probe->reader.status = 0;
            *error = "no HTTP";
            return NGX_ERROR;
        }

        probe->answered = 1;

        if (ngx_mlsec_probe_status(probe, error) != NGX_AGAIN) {
            return NGX_OK;
        }

        data += probe->reader.used;
        len -= probe->reader.used;
    }

    return ngx_mlsec_probe_body(probe,
                                mlsec_body_feed(&probe->body, data, len),
                                error);
}


/*
 * NGX_AGAIN: the body is wanted too.
 */

static ngx_int_t
ngx_mlsec_probe_status(ngx_mlsec_probe_t *probe, const char **error)
{
    const ngx_mlsec_health_t  *health;

    health = &probe->conf->health;

    if (!ngx_mlsec_conf_status_in(health->expect, probe->reader.status)) {
        *error = "status not expected";
        return NGX_OK;
    }

    if (health->program == NULL) {
        return NGX_OK;
    }

    probe->room = ngx_alloc(NGX_MLSEC_MATCH_BODY, ngx_cycle->log);

    if (probe->room == NULL) {
        *error = "out of memory";
        return NGX_OK;
    }

    mlsec_body_init(&probe->body, probe->reader.status, probe->room,
                    NGX_MLSEC_MATCH_BODY);

    return NGX_AGAIN;
}


static ngx_int_t
ngx_mlsec_probe_body(ngx_mlsec_probe_t *probe, int rc, const char **error)
{
    switch (rc) {

    case MLSEC_EMPTY:
        return NGX_AGAIN;

    case MLSEC_OK:
        *error = ngx_mlsec_match(&probe->conf->health, probe->reader.status,
                                 probe->room, probe->body.len);
        return NGX_OK;

    case MLSEC_NOMEM:
        *error = "body too large";
        return NGX_OK;

    default: /* MLSEC_INVALID */
        *error = "no HTTP";
        return NGX_OK;
    }
}


static void
ngx_mlsec_probe_end(ngx_mlsec_probe_t *probe, const char *error)
{
    ngx_uint_t  status;

    /* a status of which not all has come is none */

    status = (probe->reader.status >= 200) ? probe->reader.status : 0;

    ngx_mlsec_probe_stop(probe);
    ngx_mlsec_health_found(probe, error, ngx_current_msec - probe->started,
                           status);
}
