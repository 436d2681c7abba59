/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * TLS of connections that the module opens by itself: nginx's own, as that of
 * proxy_pass is.
 */


#ifndef _NGX_MLSEC_TLS_H_INCLUDED_
#define _NGX_MLSEC_TLS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* what is to be known before the first handshake; the configuration's */

typedef struct {
    void        *ssl;              /* ngx_ssl_t; NULL: there is no TLS */
    ngx_str_t    name;             /* asked for, and that of the certificate;
                                      a zero byte follows */
    unsigned     verify:1;
} ngx_mlsec_tls_t;


/* whom a certificate has to be from */

typedef enum {
    NGX_MLSEC_TLS_ANYBODY = 0,     /* it is not looked at */
    NGX_MLSEC_TLS_SYSTEM,          /* the CAs of this machine */
    NGX_MLSEC_TLS_FILE             /* those of a file */
} ngx_mlsec_tls_trust_e;


/*
 * Called once, when the handshake has ended: error is NULL or says why the
 * connection is not to be used ("no handshake", "certificate not trusted").
 * The handlers of c's events are the handshake's until then, and have to be
 * set by this one.
 */
typedef void (*ngx_mlsec_tls_done_pt)(ngx_connection_t *c, const char *error);


/*
 * Prepares TLS to a server.  name: a host name or an address, without a port;
 * copied.  file: PEM, of NGX_MLSEC_TLS_FILE.
 *
 * NGX_OK; NGX_DECLINED: the file cannot be read; NGX_ABORT: this nginx has
 * been built without TLS (the caller says so); NGX_ERROR without memory.
 */
ngx_int_t ngx_mlsec_tls_create(ngx_conf_t *cf, ngx_mlsec_tls_t *tls,
    const ngx_str_t *name, ngx_mlsec_tls_trust_e trust, ngx_str_t *file);

/*
 * Shakes hands on a connection that is established.  c->data stays the
 * caller's: it is put back before done() is called, which may happen before
 * this returns.  A timer of the read event bounds it ("timed out"); it is the
 * caller's to set.
 *
 * No session is kept from one connection to the next: a server whose
 * certificate has become invalid would go on to be trusted.
 */
void ngx_mlsec_tls_start(ngx_connection_t *c, const ngx_mlsec_tls_t *tls,
    ngx_mlsec_tls_done_pt done);

/*
 * Ends TLS on a connection that is about to be closed, in whatever state it
 * is, without waiting for the other side.  Harmless if there is none.
 */
void ngx_mlsec_tls_stop(ngx_connection_t *c);


#endif /* _NGX_MLSEC_TLS_H_INCLUDED_ */
