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

static ngx_int_t ngx_mlsec_tls_name(ngx_conf_t *cf, const ngx_str_t *host,
    ngx_uint_t exact, ngx_mlsec_tls_t *tls);
static ngx_uint_t ngx_mlsec_tls_is_address(const ngx_str_t *name);
static ngx_uint_t ngx_mlsec_tls_is_named(ngx_connection_t *c,
    const ngx_str_t *name);


ngx_int_t
ngx_mlsec_tls_create(ngx_conf_t *cf, const ngx_str_t *host, ngx_uint_t exact,
    ngx_mlsec_tls_trust_e trust, ngx_str_t *file, ngx_mlsec_tls_t **tls)
{
    ngx_ssl_t           *ssl;
    ngx_mlsec_tls_t     *t;
    ngx_pool_cleanup_t  *cln;

    t = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_tls_t));
    ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (t == NULL || ssl == NULL || cln == NULL
        || ngx_mlsec_tls_name(cf, host, exact, t) != NGX_OK)
    {
        return NGX_ERROR;
    }

    t->ssl = ssl;
    t->trust = trust;
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
        return NGX_ABORT;
    }

    if (trust == NGX_MLSEC_TLS_SYSTEM
        && SSL_CTX_set_default_verify_paths(ssl->ctx) != 1)
    {
        return NGX_ABORT;
    }

    *tls = t;

    return NGX_OK;
}


/*
 * The name of a host is what stands before its port.  OpenSSL wants a string
 * that ends with a zero byte.
 */

static ngx_int_t
ngx_mlsec_tls_name(ngx_conf_t *cf, const ngx_str_t *host, ngx_uint_t exact,
    ngx_mlsec_tls_t *tls)
{
    u_char     *p;
    ngx_str_t   name;

    name = *host;

    /* the last colon; one inside of brackets is of an IPv6 address */

    for (p = name.data + name.len; !exact && p > name.data; p--) {

        if (p[-1] == ']') {
            break;
        }

        if (p[-1] == ':') {
            name.len = p - 1 - name.data;
            break;
        }
    }

    /* those are of a URI, not of the name that is looked for */

    if (name.len > 2 && name.data[0] == '['
        && name.data[name.len - 1] == ']')
    {
        name.data++;
        name.len -= 2;
    }

    tls->name.data = ngx_pnalloc(cf->pool, name.len + 1);
    if (tls->name.data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(tls->name.data, name.data, name.len + 1);
    tls->name.len = name.len;

    return NGX_OK;
}


const char *
ngx_mlsec_tls_start(const ngx_mlsec_tls_t *tls, ngx_connection_t *c,
    void (*handler)(ngx_connection_t *c))
{
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

    if (!ngx_mlsec_tls_is_address(&tls->name)
        && SSL_set_tlsext_host_name(c->ssl->connection,
                                    (char *) tls->name.data)
           == 0)
    {
        return "no handshake";
    }

    if (ngx_ssl_handshake(c) == NGX_AGAIN) {
        c->ssl->handler = handler;
        return NULL;
    }

    handler(c);

    return NULL;
}


static ngx_uint_t
ngx_mlsec_tls_is_address(const ngx_str_t *name)
{
    u_char  address[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, (char *) name->data, address) == 1
           || inet_pton(AF_INET6, (char *) name->data, address) == 1;
}


const char *
ngx_mlsec_tls_verdict(const ngx_mlsec_tls_t *tls, ngx_connection_t *c)
{
    if (c->read->timedout) {
        return "timed out";
    }

    if (!c->ssl->handshaked) {
        return "no handshake";
    }

    if (tls->trust == NGX_MLSEC_TLS_NONE) {
        return NULL;
    }

    if (SSL_get_verify_result(c->ssl->connection) != X509_V_OK) {
        return "certificate not trusted";
    }

    return ngx_mlsec_tls_is_named(c, &tls->name)
           ? NULL : "certificate of another name";
}


/* nginx looks at the names in a certificate, and not at its addresses. */

static ngx_uint_t
ngx_mlsec_tls_is_named(ngx_connection_t *c, const ngx_str_t *name)
{
    X509        *cert;
    ngx_str_t    copy;
    ngx_uint_t   named;

    if (!ngx_mlsec_tls_is_address(name)) {
        copy = *name;
        return ngx_ssl_check_host(c, &copy) == NGX_OK;
    }

    cert = SSL_get_peer_certificate(c->ssl->connection);
    if (cert == NULL) {
        return 0;
    }

    named = X509_check_ip_asc(cert, (char *) name->data, 0) == 1;

    X509_free(cert);

    return named;
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
ngx_mlsec_tls_create(ngx_conf_t *cf, const ngx_str_t *host, ngx_uint_t exact,
    ngx_mlsec_tls_trust_e trust, ngx_str_t *file, ngx_mlsec_tls_t **tls)
{
    return NGX_DECLINED;
}


const char *
ngx_mlsec_tls_start(const ngx_mlsec_tls_t *tls, ngx_connection_t *c,
    void (*handler)(ngx_connection_t *c))
{
    return "no handshake";
}


const char *
ngx_mlsec_tls_verdict(const ngx_mlsec_tls_t *tls, ngx_connection_t *c)
{
    return "no handshake";
}


void
ngx_mlsec_tls_stop(ngx_connection_t *c)
{
    /* void */
}

#endif
