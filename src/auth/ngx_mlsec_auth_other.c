/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <auth/ngx_mlsec_auth.h>
#include <core/ngx_mlsec_identity.h>
#include <core/ngx_mlsec_variables.h>
#include <lib/auth/mlsec_base64url.h>

#if (NGX_HTTP_SSL)
#include <openssl/x509.h>
#endif


static void ngx_mlsec_auth_address(ngx_http_request_t *r,
    mlsec_str_t *address);
static ngx_int_t ngx_mlsec_auth_key_identity(ngx_http_request_t *r,
    const mlsec_api_key_t *key, ngx_mlsec_auth_ctx_t *ctx);


ngx_int_t
ngx_mlsec_auth_api_key(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx)
{
    ngx_uint_t              n;
    mlsec_str_t             presented, address;
    ngx_table_elt_t        *h;
    mlsec_reason_e          reason;
    const mlsec_api_key_t  *key;

    h = ngx_mlsec_header_in(r, (char *) lcf->api_key_header.data, &n);

    if (h == NULL) {
        return NGX_DECLINED;
    }

    if (n > 1) {
        ctx->bad_request = 1;
        ctx->reason = "there are several API keys";
        return NGX_ABORT;
    }

    presented.data = h->value.data;
    presented.len = h->value.len;
    ngx_mlsec_auth_address(r, &address);

    reason = mlsec_api_key_check(&lcf->api_keys->api_keys, presented,
                                 ngx_time(), address, &key);

    if (reason != MLSEC_REASON_OK) {
        ctx->reason = mlsec_reason_text(reason);
        return reason == MLSEC_REASON_KEY_ADDRESS ? NGX_HTTP_FORBIDDEN
                                                  : NGX_ABORT;
    }

    ctx->api_key = h->value;
    ctx->until = key->expires;

    return ngx_mlsec_auth_key_identity(r, key, ctx);
}


ngx_uint_t
ngx_mlsec_auth_api_key_sent(ngx_http_request_t *r)
{
    ngx_uint_t                        n;
    const ngx_mlsec_auth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_auth_module);

    if (!(lcf->methods & NGX_MLSEC_AUTH_API_KEY)) {
        return 0;
    }

    return ngx_mlsec_header_in(r, (char *) lcf->api_key_header.data, &n)
           != NULL;
}


static void
ngx_mlsec_auth_address(ngx_http_request_t *r, mlsec_str_t *address)
{
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    address->data = NULL;
    address->len = 0;

    switch (r->connection->sockaddr->sa_family) {

    case AF_INET:
        sin = (struct sockaddr_in *) r->connection->sockaddr;
        address->data = (u_char *) &sin->sin_addr;
        address->len = 4;
        break;

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) r->connection->sockaddr;
        address->data = sin6->sin6_addr.s6_addr;
        address->len = 16;
        break;
#endif
    }
}


/* Copied, since the file may be read again while the request runs. */

static ngx_int_t
ngx_mlsec_auth_key_identity(ngx_http_request_t *r,
    const mlsec_api_key_t *key, ngx_mlsec_auth_ctx_t *ctx)
{
    size_t                             i;
    const ngx_mlsec_auth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_auth_module);

    for (i = 0; i < key->nroles; i++) {
        ctx->roles |= ngx_mlsec_role_bit(mcf, key->roles[i].data,
                                         key->roles[i].len);
    }

    if (ngx_mlsec_auth_printable(r, &key->id, &ctx->identity) != NGX_OK
        || ngx_mlsec_auth_printable(r, &key->tenant, &ctx->tenant) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ctx->claims.data = ngx_pnalloc(r->pool, key->claims.len);
    if (ctx->claims.data == NULL) {
        return NGX_ERROR;
    }

    ctx->claims.len = key->claims.len;
    ngx_memcpy(ctx->claims.data, key->claims.data, key->claims.len);

    return NGX_OK;
}


#if (NGX_HTTP_SSL)

ngx_int_t
ngx_mlsec_auth_mtls(ngx_http_request_t *r, ngx_mlsec_auth_ctx_t *ctx)
{
    u_char                             buf[43];
    ngx_str_t                          subject;
    ngx_uint_t                         i;
    mlsec_str_t                        text;
    const ngx_mlsec_mtls_t            *line;
    const ngx_mlsec_auth_main_conf_t  *mcf;

    /* the thumbprint is there when nginx has verified a certificate */

    if (ngx_mlsec_auth_thumbprint(r, buf).len == 0) {
        return NGX_DECLINED;
    }

    if (ngx_ssl_get_subject_dn(r->connection, r->pool, &subject) != NGX_OK) {
        return NGX_ERROR;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_auth_module);
    line = mcf->mtls.elts;

    for (i = 0; i < mcf->mtls.nelts; i++) {
        if (line[i].subject.len == subject.len
            && ngx_memcmp(line[i].subject.data, subject.data, subject.len)
               == 0)
        {
            ctx->identity = line[i].name;
            ctx->roles = line[i].roles;
            return NGX_OK;
        }
    }

    text.data = subject.data;
    text.len = subject.len;

    return ngx_mlsec_auth_printable(r, &text, &ctx->identity);
}


mlsec_str_t
ngx_mlsec_auth_thumbprint(ngx_http_request_t *r, u_char *buf)
{
    X509         *cert;
    u_char        digest[32];
    unsigned      len;
    mlsec_str_t   bytes, text;

    text.data = buf;
    text.len = 0;

    if (r->connection->ssl == NULL
        || SSL_get_verify_result(r->connection->ssl->connection) != X509_V_OK)
    {
        return text;
    }

    cert = SSL_get_peer_certificate(r->connection->ssl->connection);

    if (cert == NULL) {
        return text;
    }

    if (X509_digest(cert, EVP_sha256(), digest, &len) == 1) {
        bytes.data = digest;
        bytes.len = sizeof(digest);
        text.len = mlsec_base64url_encode(buf, bytes);
    }

    X509_free(cert);

    return text;
}

#else

ngx_int_t
ngx_mlsec_auth_mtls(ngx_http_request_t *r, ngx_mlsec_auth_ctx_t *ctx)
{
    return NGX_DECLINED;
}


mlsec_str_t
ngx_mlsec_auth_thumbprint(ngx_http_request_t *r, u_char *buf)
{
    mlsec_str_t  text;

    text.data = buf;
    text.len = 0;

    return text;
}

#endif
