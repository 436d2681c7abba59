/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * TLS of connections that a worker makes by itself: nginx's own, as that of
 * proxy_pass is.
 *
 * No session is kept from one connection to the next: a peer whose certificate
 * has become invalid would go on to pass with one that was good when the
 * session was made.
 */


#ifndef _NGX_MLSEC_TLS_H_INCLUDED_
#define _NGX_MLSEC_TLS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


typedef enum {
    NGX_MLSEC_TLS_NONE = 0,                /* any certificate will do */
    NGX_MLSEC_TLS_FILE,                    /* CAs of a file */
    NGX_MLSEC_TLS_SYSTEM                   /* those that OpenSSL comes with */
} ngx_mlsec_tls_trust_e;


typedef struct {
    void                   *ssl;           /* ngx_ssl_t */
    ngx_str_t               name;          /* asked for by SNI, and what the
                                              certificate has to have; ends
                                              with a zero */
    ngx_mlsec_tls_trust_e   trust;
} ngx_mlsec_tls_t;


/*
 * Makes what connections to one server need, in cf->pool.
 *
 * host: the name of the server, with or without a port; exact: 1 if it has
 * none for sure.  trust, file: whom to believe; file: PEM, its path becomes
 * that which nginx has opened.
 *
 * NGX_OK with *tls.  NGX_DECLINED: this nginx has been built without TLS.
 * NGX_ABORT: the file cannot be read, OpenSSL's reason has been logged.
 * NGX_ERROR: no memory.
 */
ngx_int_t ngx_mlsec_tls_create(ngx_conf_t *cf, const ngx_str_t *host,
    ngx_uint_t exact, ngx_mlsec_tls_trust_e trust, ngx_str_t *file,
    ngx_mlsec_tls_t **tls);

/*
 * Makes the session of a connection that is connected and begins the
 * handshake.
 *
 * handler: is called once when the handshake has ended, or the timer of the
 * read event has; perhaps before this returns.  It asks
 * ngx_mlsec_tls_verdict() what has come of it, and sets the handlers of the
 * two events, which are nginx's until then.
 *
 * NULL, or why not; handler is not called then.
 */
const char *ngx_mlsec_tls_start(const ngx_mlsec_tls_t *tls,
    ngx_connection_t *c, void (*handler)(ngx_connection_t *c));

/*
 * What has come of a handshake: NULL, it has ended and the peer is who it
 * should be; or why not.
 */
const char *ngx_mlsec_tls_verdict(const ngx_mlsec_tls_t *tls,
    ngx_connection_t *c);

/*
 * To be called before the connection is closed, with TLS or without; frees
 * c->pool, if there is one.
 */
void ngx_mlsec_tls_stop(ngx_connection_t *c);


#endif /* _NGX_MLSEC_TLS_H_INCLUDED_ */
