/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <service/ngx_mlsec_service_conf.h>


/*
 * TLS of probes is nginx's own, as that of proxy_pass is.  nginx wants a pool
 * in a connection with TLS, for what belongs to the session; a probe's is made
 * and destroyed with the connection.
 *
 * No session is kept from one probe to the next: a peer whose certificate has
 * become invalid would go on to pass with one that was good when the session
 * was made.
 */

#define NGX_MLSEC_TLS_POOL   1024                /* bytes */
#define NGX_MLSEC_TLS_DEPTH  4                   /* of a chain */


#if (NGX_SSL)

static ngx_int_t ngx_mlsec_tls_name(ngx_conf_t *cf,
    ngx_mlsec_service_conf_t *conf);
static const char *ngx_mlsec_tls_begin(ngx_mlsec_probe_t *probe);
static void ngx_mlsec_tls_handler(ngx_connection_t *c);
static const char *ngx_mlsec_tls_verify(const ngx_mlsec_health_t *health,
    ngx_connection_t *c);


ngx_int_t
ngx_mlsec_tls_prepare(ngx_conf_t *cf, ngx_mlsec_service_conf_t *conf)
{
    ngx_ssl_t           *ssl;
    ngx_pool_cleanup_t  *cln;
    ngx_mlsec_health_t  *health;

    health = &conf->health;

    if (!health->secure) {
        return NGX_OK;
    }

    ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (ssl == NULL || cln == NULL || ngx_mlsec_tls_name(cf, conf) != NGX_OK) {
        return NGX_ERROR;
    }

    ssl->log = cf->log;

    if (ngx_ssl_create(ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL) != NGX_OK) {
        return NGX_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = ssl;

    if (health->trusted.len
        && ngx_ssl_trusted_certificate(cf, ssl, &health->trusted,
                                       NGX_MLSEC_TLS_DEPTH)
           != NGX_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "cannot read CAs from \"%V\", \"trusted=\" of "
                      "\"mlsec_health\" in %V:%ui, expected a PEM file",
                      &health->trusted, &conf->place.file, conf->place.line);
        return NGX_ERROR;
    }

    health->tls = ssl;

    return NGX_OK;
}


/*
 * The name that is asked for, and that the certificate has to have: that of
 * the Host, without its port, unless "sni=" says another one.  OpenSSL wants
 * a string that ends with a zero byte.
 */

static ngx_int_t
ngx_mlsec_tls_name(ngx_conf_t *cf, ngx_mlsec_service_conf_t *conf)
{
    u_char              *p, *last;
    ngx_str_t            name;
    ngx_mlsec_health_t  *health;

    health = &conf->health;

    name = health->sni.len ? health->sni : *ngx_mlsec_health_host(conf);
    last = name.data + name.len;

    /* the last colon; one inside of brackets is of an IPv6 address */

    for (p = last; health->sni.len == 0 && p > name.data; p--) {

        if (p[-1] == ']') {
            break;
        }

        if (p[-1] == ':') {
            name.len = p - 1 - name.data;
            break;
        }
    }

    health->sni.data = ngx_pnalloc(cf->pool, name.len + 1);
    if (health->sni.data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(health->sni.data, name.data, name.len + 1);
    health->sni.len = name.len;

    return NGX_OK;
}


void
ngx_mlsec_tls_start(ngx_mlsec_probe_t *probe)
{
    ngx_int_t          rc;
    const char        *error;
    ngx_connection_t  *c;

    c = probe->pc.connection;
    error = ngx_mlsec_tls_begin(probe);

    if (error != NULL) {
        ngx_mlsec_probe_secured(probe, error);
        return;
    }

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        c->ssl->handler = ngx_mlsec_tls_handler;
        return;
    }

    ngx_mlsec_tls_handler(c);
}


static const char *
ngx_mlsec_tls_begin(ngx_mlsec_probe_t *probe)
{
    u_char                    address[sizeof(struct in6_addr)];
    ngx_connection_t         *c;
    const ngx_mlsec_health_t *health;

    c = probe->pc.connection;
    health = &probe->conf->health;

    c->pool = ngx_create_pool(NGX_MLSEC_TLS_POOL, ngx_cycle->log);

    if (c->pool == NULL
        || ngx_ssl_create_connection(health->tls, c,
                                     NGX_SSL_BUFFER|NGX_SSL_CLIENT)
           != NGX_OK)
    {
        return "out of memory";
    }

    c->sendfile = 0;

    /* RFC 6066, 3: addresses are no names */

    if (health->sni.data[0] == '['
        || inet_pton(AF_INET, (char *) health->sni.data, address) == 1
        || inet_pton(AF_INET6, (char *) health->sni.data, address) == 1)
    {
        return NULL;
    }

    if (SSL_set_tlsext_host_name(c->ssl->connection,
                                 (char *) health->sni.data)
        == 0)
    {
        return "no handshake";
    }

    return NULL;
}


static void
ngx_mlsec_tls_handler(ngx_connection_t *c)
{
    const char         *error;
    ngx_mlsec_probe_t  *probe;

    probe = c->data;

    if (c->read->timedout) {
        error = "timed out";

    } else if (!c->ssl->handshaked) {
        error = "no handshake";

    } else {
        error = ngx_mlsec_tls_verify(&probe->conf->health, c);
    }

    ngx_mlsec_probe_secured(probe, error);
}


static const char *
ngx_mlsec_tls_verify(const ngx_mlsec_health_t *health, ngx_connection_t *c)
{
    ngx_str_t  name;

    if (health->trusted.len == 0) {
        return NULL;
    }

    if (SSL_get_verify_result(c->ssl->connection) != X509_V_OK) {
        return "certificate not trusted";
    }

    name = health->sni;

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
ngx_mlsec_tls_prepare(ngx_conf_t *cf, ngx_mlsec_service_conf_t *conf)
{
    if (!conf->health.secure) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"tls\" of \"mlsec_health\" in %V:%ui: this nginx has been "
                  "built without TLS", &conf->place.file, conf->place.line);

    return NGX_ERROR;
}


void
ngx_mlsec_tls_start(ngx_mlsec_probe_t *probe)
{
    ngx_mlsec_probe_secured(probe, "no handshake");
}


void
ngx_mlsec_tls_stop(ngx_connection_t *c)
{
    /* void */
}

#endif
