/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <core/ngx_mlsec_tls.h>


/*
 * nginx wants a pool in a connection with TLS, for what belongs to the
 * session; it is made and destroyed with the connection.
 */

#define NGX_MLSEC_TLS_POOL   1024                /* bytes */
#define NGX_MLSEC_TLS_DEPTH  4                   /* of a chain */


#if (NGX_SSL)


/* in c->data, while hands are shaken */

typedef struct {
    const ngx_mlsec_tls_t   *tls;
    ngx_mlsec_tls_done_pt    done;
    void                    *data;               /* the owner's */
} ngx_mlsec_tls_handshake_t;


static const char *ngx_mlsec_tls_begin(ngx_connection_t *c,
    const ngx_mlsec_tls_t *tls);
static void ngx_mlsec_tls_handler(ngx_connection_t *c);
static const char *ngx_mlsec_tls_verify(ngx_connection_t *c,
    const ngx_mlsec_tls_t *tls);


ngx_int_t
ngx_mlsec_tls_create(ngx_conf_t *cf, ngx_mlsec_tls_t *tls,
    const ngx_str_t *name, ngx_mlsec_tls_trust_e trust, ngx_str_t *file)
{
    ngx_ssl_t           *ssl;
    ngx_pool_cleanup_t  *cln;

    ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    tls->name.len = name->len;
    tls->name.data = ngx_pnalloc(cf->pool, name->len + 1);

    if (ssl == NULL || cln == NULL || tls->name.data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(tls->name.data, name->data, name->len + 1);

    ssl->log = cf->log;

    if (ngx_ssl_create(ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL) != NGX_OK) {
        return NGX_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = ssl;

    if (trust == NGX_MLSEC_TLS_FILE
        && ngx_ssl_trusted_certificate(cf, ssl, file, NGX_MLSEC_TLS_DEPTH)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (trust == NGX_MLSEC_TLS_SYSTEM
        && SSL_CTX_set_default_verify_paths(ssl->ctx) != 1)
    {
        return NGX_ERROR;
    }

    tls->ssl = ssl;
    tls->verify = (trust != NGX_MLSEC_TLS_ANYBODY);

    return NGX_OK;
}


void
ngx_mlsec_tls_start(ngx_connection_t *c, const ngx_mlsec_tls_t *tls,
    ngx_mlsec_tls_done_pt done)
{
    ngx_int_t                   rc;
    const char                 *error;
    ngx_mlsec_tls_handshake_t  *handshake;

    error = ngx_mlsec_tls_begin(c, tls);

    if (error != NULL) {
        done(c, error);
        return;
    }

    handshake = ngx_palloc(c->pool, sizeof(ngx_mlsec_tls_handshake_t));

    if (handshake == NULL) {
        done(c, "out of memory");
        return;
    }

    handshake->tls = tls;
    handshake->done = done;
    handshake->data = c->data;
    c->data = handshake;

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        c->ssl->handler = ngx_mlsec_tls_handler;
        return;
    }

    ngx_mlsec_tls_handler(c);
}


static const char *
ngx_mlsec_tls_begin(ngx_connection_t *c, const ngx_mlsec_tls_t *tls)
{
    u_char  address[sizeof(struct in6_addr)];

    c->pool = ngx_create_pool(NGX_MLSEC_TLS_POOL, ngx_cycle->log);

    if (c->pool == NULL
        || ngx_ssl_create_connection(tls->ssl, c,
                                     NGX_SSL_BUFFER|NGX_SSL_CLIENT)
           != NGX_OK)
    {
        return "out of memory";
    }

    c->sendfile = 0;

    /* RFC 6066, 3: addresses are no names */

    if (tls->name.len == 0 || tls->name.data[0] == '['
        || inet_pton(AF_INET, (char *) tls->name.data, address) == 1
        || inet_pton(AF_INET6, (char *) tls->name.data, address) == 1)
    {
        return NULL;
    }

    if (SSL_set_tlsext_host_name(c->ssl->connection, (char *) tls->name.data)
        == 0)
    {
        return "no handshake";
    }

    return NULL;
}


static void
ngx_mlsec_tls_handler(ngx_connection_t *c)
{
    const char                 *error;
    ngx_mlsec_tls_handshake_t  *handshake;

    handshake = c->data;
    c->data = handshake->data;

    if (c->read->timedout) {
        error = "timed out";

    } else if (!c->ssl->handshaked) {
        error = "no handshake";

    } else {
        error = ngx_mlsec_tls_verify(c, handshake->tls);
    }

    handshake->done(c, error);
}


static const char *
ngx_mlsec_tls_verify(ngx_connection_t *c, const ngx_mlsec_tls_t *tls)
{
    ngx_str_t  name;

    if (!tls->verify) {
        return NULL;
    }

    if (SSL_get_verify_result(c->ssl->connection) != X509_V_OK) {
        return "certificate not trusted";
    }

    name = tls->name;

    return ngx_ssl_check_host(c, &name) == NGX_OK ? NULL
           : "certificate of another name";
}


void
ngx_mlsec_tls_stop(ngx_connection_t *c)
{
    ngx_pool_t  *pool;

    if (c->ssl != NULL) {

        /* whether the peer has heard of the end is of no interest */

        c->ssl->no_wait_shutdown = 1;

        (void) ngx_ssl_shutdown(c);
    }

    pool = c->pool;

    if (pool != NULL) {
        c->pool = NULL;
        ngx_destroy_pool(pool);
    }
}


#else /* !NGX_SSL */


ngx_int_t
ngx_mlsec_tls_create(ngx_conf_t *cf, ngx_mlsec_tls_t *tls,
    const ngx_str_t *name, ngx_mlsec_tls_trust_e trust, ngx_str_t *file)
{
    return NGX_ABORT;
}


void
ngx_mlsec_tls_start(ngx_connection_t *c, const ngx_mlsec_tls_t *tls,
    ngx_mlsec_tls_done_pt done)
{
    done(c, "no handshake");
}


void
ngx_mlsec_tls_stop(ngx_connection_t *c)
{
    /* void */
}

#endif
