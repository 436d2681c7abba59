/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <edge/ngx_mlsec_edge.h>
#include <core/ngx_mlsec_compat.h>
#include <core/ngx_mlsec_conf.h>
#include <core/ngx_mlsec_error.h>
#include <core/ngx_mlsec_variables.h>


#define NGX_MLSEC_HSTS_DEFAULT  31536000       /* seconds, a year */


static ngx_int_t ngx_mlsec_https_param(ngx_conf_t *cf,
    ngx_mlsec_https_t *https, ngx_str_t *word, ngx_int_t *age,
    ngx_uint_t *subdomains);
static ngx_int_t ngx_mlsec_https_hsts(ngx_conf_t *cf,
    ngx_mlsec_https_t *https, ngx_int_t age, ngx_uint_t subdomains);
static ngx_uint_t ngx_mlsec_https_credential(ngx_http_request_t *r);
static ngx_uint_t ngx_mlsec_https_browser(ngx_http_request_t *r);
static ngx_int_t ngx_mlsec_https_redirect(ngx_http_request_t *r,
    const ngx_mlsec_https_t *https);
static ngx_int_t ngx_mlsec_https_refuse(ngx_http_request_t *r,
    ngx_uint_t leaked);


char *
ngx_mlsec_https(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_edge_loc_conf_t  *lcf = conf;

    ngx_int_t           age;
    ngx_str_t          *value;
    ngx_uint_t          i, subdomains;
    ngx_mlsec_https_t  *https;

    if (lcf->https != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    https = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_https_t));
    if (https == NULL) {
        return NGX_CONF_ERROR;
    }

    lcf->https = https;
    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0 && cf->args->nelts == 2) {
        https->mode = NGX_MLSEC_HTTPS_OFF;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value[1].data, "refuse") == 0) {
        https->mode = NGX_MLSEC_HTTPS_REFUSE;

    } else if (ngx_strcmp(value[1].data, "redirect") == 0) {
        https->mode = NGX_MLSEC_HTTPS_REDIRECT;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"mlsec_https\", expected "
                           "\"redirect\" or \"refuse\" with parameters, or "
                           "\"off\" alone", &value[1]);
        return NGX_CONF_ERROR;
    }

    age = NGX_MLSEC_HSTS_DEFAULT;
    subdomains = 0;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_mlsec_https_param(cf, https, &value[i], &age, &subdomains)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return ngx_mlsec_https_hsts(cf, https, age, subdomains) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static ngx_int_t
ngx_mlsec_https_param(ngx_conf_t *cf, ngx_mlsec_https_t *https,
    ngx_str_t *word, ngx_int_t *age, ngx_uint_t *subdomains)
{
    ngx_int_t  n;
    ngx_str_t  value;

    if (ngx_strcmp(word->data, "subdomains") == 0) {
        *subdomains = 1;
        return NGX_OK;
    }

    if (ngx_mlsec_conf_param(word, "hsts=", &value)) {
        *age = ngx_strcmp(value.data, "off") == 0 ? -1
                                                  : ngx_parse_time(&value, 1);

        if (*age != -1 || ngx_strcmp(value.data, "off") == 0) {
            return NGX_OK;
        }

    } else if (ngx_mlsec_conf_param(word, "port=", &value)) {
        n = ngx_atoi(value.data, value.len);

        if (n > 0 && n <= 65535) {
            https->port = n;
            return NGX_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" in \"mlsec_https\", expected "
                       "\"hsts=TIME\", \"hsts=off\", \"subdomains\" or "
                       "\"port=NUMBER\"", word);

    return NGX_ERROR;
}


static ngx_int_t
ngx_mlsec_https_hsts(ngx_conf_t *cf, ngx_mlsec_https_t *https, ngx_int_t age,
    ngx_uint_t subdomains)
{
    u_char  *p;

    if (age == -1) {
        return NGX_OK;
    }

    p = ngx_pnalloc(cf->pool, sizeof("max-age=; includeSubDomains")
                              + NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    https->hsts.data = p;
    https->hsts.len = ngx_sprintf(p, "max-age=%i%s", age,
                                  subdomains ? "; includeSubDomains" : "")
                      - p;

    return NGX_OK;
}


ngx_uint_t
ngx_mlsec_https_secure(ngx_http_request_t *r)
{
    ngx_mlsec_forwarded_t  forwarded;

    ngx_mlsec_forwarded(r, &forwarded);

    return forwarded.proto.len == 5
           && ngx_strncasecmp(forwarded.proto.data, (u_char *) "https", 5)
              == 0;
}


ngx_int_t
ngx_mlsec_https_rewrite(ngx_http_request_t *r)
{
    const ngx_mlsec_https_t          *https;
    const ngx_mlsec_edge_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_edge_filter_module);
    https = lcf->https;

    if (https->mode == NGX_MLSEC_HTTPS_OFF || r != r->main || r->err_status
        || ngx_mlsec_https_secure(r))
    {
        return NGX_DECLINED;
    }

    /* a redirect would hide that a credential has been on the wire */

    if (ngx_mlsec_https_credential(r)) {
        return ngx_mlsec_https_refuse(r, 1);
    }

    if (https->mode == NGX_MLSEC_HTTPS_REDIRECT
        && ngx_mlsec_https_browser(r))
    {
        return ngx_mlsec_https_redirect(r, https);
    }

    return ngx_mlsec_https_refuse(r, 0);
}


/*
 * Cookies do not count: a browser sends them by itself wherever a link of a
 * stranger points, and whoever follows one is to be redirected.  They are to
 * be "Secure".
 */

static ngx_uint_t
ngx_mlsec_https_credential(ngx_http_request_t *r)
{
    ngx_uint_t                  i, n;
    ngx_table_elt_t            *h;
    ngx_http_variable_value_t  *v;

    static ngx_str_t  names[] = {
        ngx_string("mlsec_jwt_query"),
        ngx_string("mlsec_api_key_sent")
    };

    if (r->headers_in.authorization != NULL
        || ngx_mlsec_header_in(r, "x-api-key", &n) != NULL)
    {
        return 1;
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        v = ngx_http_get_variable(r, &names[i],
                                  ngx_hash_key(names[i].data, names[i].len));

        if (v != NULL && !v->not_found) {
            return 1;
        }
    }

    h = ngx_mlsec_header_in(r, "sec-websocket-protocol", &n);

    return h != NULL && h->value.len > sizeof("bearer,") - 1
           && ngx_strncasecmp(h->value.data, (u_char *) "bearer,",
                              sizeof("bearer,") - 1)
              == 0;
}


/* Somebody goes to an address, rather than a script or a program. */

static ngx_uint_t
ngx_mlsec_https_browser(ngx_http_request_t *r)
{
    ngx_uint_t        n;
    ngx_table_elt_t  *h;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return 0;
    }

    h = ngx_mlsec_header_in(r, "accept", &n);

    return h != NULL
           && ngx_strlcasestrn(h->value.data, h->value.data + h->value.len,
                               (u_char *) "text/html", 9 - 1)
              != NULL;
}


static ngx_int_t
ngx_mlsec_https_redirect(ngx_http_request_t *r,
    const ngx_mlsec_https_t *https)
{
    u_char                 *p, *colon;
    size_t                  len;
    ngx_str_t               host;
    ngx_table_elt_t        *h;
    ngx_mlsec_forwarded_t   forwarded;

    ngx_mlsec_forwarded(r, &forwarded);
    host = forwarded.host;

    /* nginx's own copy is less the port; a proxy's is not */

    colon = host.len && host.data[0] == '['
            ? ngx_strlchr(host.data, host.data + host.len, ']')
            : host.data;
    colon = colon ? ngx_strlchr(colon, host.data + host.len, ':') : NULL;

    if (colon != NULL) {
        host.len = colon - host.data;
    }

    if (host.len == 0) {
        return ngx_mlsec_https_refuse(r, 0);
    }

    len = sizeof("https://:65535") - 1 + host.len + r->unparsed_uri.len;
    p = ngx_pnalloc(r->pool, len);
    h = ngx_list_push(&r->headers_out.headers);

    if (p == NULL || h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    h->value.data = p;
    p = ngx_sprintf(p, "https://%V", &host);

    if (https->port && https->port != 443) {
        p = ngx_sprintf(p, ":%ui", https->port);
    }

    p = ngx_cpymem(p, r->unparsed_uri.data, r->unparsed_uri.len);

    h->hash = 1;
    ngx_str_set(&h->key, "Location");
    h->value.len = p - h->value.data;
    ngx_mlsec_elt_last(h);
    r->headers_out.location = h;

    return NGX_HTTP_PERMANENT_REDIRECT;
}


static ngx_int_t
ngx_mlsec_https_refuse(ngx_http_request_t *r, ngx_uint_t leaked)
{
    ngx_str_t          no_store;
    ngx_mlsec_error_t  error;

    ngx_memzero(&error, sizeof(ngx_mlsec_error_t));
    error.status = NGX_HTTP_FORBIDDEN;
    error.policy = "mlsec_https";

    if (leaked) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "mlsec edge: a credential came over plain http, "
                      "whoever saw it on the way can use it");

        ngx_str_set(&error.reason, "credential_over_plaintext");
        ngx_str_set(&error.message, "A credential came over plain http: "
                    "replace it, and use https");
        ngx_str_set(&error.details,
                    "\"error_type\":\"credential_over_plaintext\"");

    } else {
        ngx_str_set(&error.message, "Use https");
        ngx_str_set(&error.details, "\"error_type\":\"plaintext\"");
    }

    ngx_str_set(&no_store, "no-store");

    if (ngx_mlsec_edge_header(r, "Cache-Control", &no_store) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    (void) ngx_mlsec_error_set(r, &error);

    return NGX_HTTP_FORBIDDEN;
}
