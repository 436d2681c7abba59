/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_template.h>
#include <limit/ngx_mlsec_limit_conf.h>


static ngx_int_t ngx_mlsec_limit_terms_rate(const ngx_mlsec_limit_t *limit,
    mlsec_str_t rate, mlsec_str_t burst, ngx_mlsec_limit_terms_t *terms,
    const char **what);
static void ngx_mlsec_limit_key_of_address(
    const struct sockaddr *sa, ngx_str_t *key);


ngx_int_t
ngx_mlsec_limit_rate_of(ngx_http_request_t *r, const ngx_mlsec_limit_t *limit,
    ngx_str_t *rate)
{
    *rate = limit->rate.text;

    if (limit->rate.pieces == NULL) {
        return NGX_OK;
    }

    if (ngx_mlsec_template_join(r, limit->rate.pieces, rate) != NGX_OK) {
        return NGX_ERROR;
    }

    if (rate->len == 0
        || (rate->len == 3 && ngx_strncmp(rate->data, "off", 3) == 0))
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_int_t
ngx_mlsec_limit_terms(ngx_http_request_t *r, const ngx_mlsec_limit_t *limit,
    const ngx_str_t *rate, ngx_mlsec_limit_terms_t *terms)
{
    ngx_int_t                       rc;
    ngx_str_t                       values[3];
    ngx_uint_t                      i;
    const char                     *what;
    const ngx_mlsec_limit_value_t  *value[3];

    if (limit->constant) {
        *terms = limit->terms;
        return NGX_OK;
    }

    values[0] = *rate;
    value[1] = &limit->burst;
    value[2] = &limit->cost;

    for (i = 1; i < 3; i++) {
        values[i] = value[i]->text;

        if (value[i]->pieces
            && ngx_mlsec_template_join(r, value[i]->pieces, &values[i])
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    rc = ngx_mlsec_limit_terms_read(limit, values, terms, &what);

    if (rc == NGX_ERROR) {

        /* the value may be the client's, and is not for a log */

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "mlsec limit: invalid value of \"%s\", limit: \"%V\"",
                      what, &limit->name);
    }

    return rc;
}


ngx_int_t
ngx_mlsec_limit_terms_read(const ngx_mlsec_limit_t *limit,
    const ngx_str_t values[3], ngx_mlsec_limit_terms_t *terms,
    const char **what)
{
    int          rc;
    ngx_int_t    result;
    ngx_uint_t   i;
    mlsec_str_t  text[3];

    for (i = 0; i < 3; i++) {
        text[i].data = values[i].data;
        text[i].len = values[i].len;
    }

    result = ngx_mlsec_limit_terms_rate(limit, text[0], text[1], terms, what);

    if (result != NGX_OK) {
        return result;
    }

    *what = "cost=";
    terms->cost = 1;

    rc = mlsec_rate_number(text[2], UINT64_MAX, &terms->cost);

    return (rc == MLSEC_INVALID) ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_mlsec_limit_terms_rate(const ngx_mlsec_limit_t *limit, mlsec_str_t rate,
    mlsec_str_t burst, ngx_mlsec_limit_terms_t *terms, const char **what)
{
    int           rc;
    uint64_t      at_once;
    mlsec_rate_t  parsed;

    if (limit->kind == MLSEC_LIMIT_QUOTA) {
        *what = "quota=";
        rc = mlsec_rate_quota(rate, &terms->quota);

    } else {
        *what = "rate=";
        rc = mlsec_rate_parse(rate, &parsed);
    }

    if (rc == MLSEC_EMPTY) {
        return NGX_DECLINED;
    }

    if (rc != MLSEC_OK) {
        return NGX_ERROR;
    }

    if (limit->kind == MLSEC_LIMIT_QUOTA) {
        return NGX_OK;
    }

    *what = "burst=";
    at_once = parsed.count;

    if (mlsec_rate_number(burst, MLSEC_GCRA_MAX_BURST, &at_once)
        == MLSEC_INVALID
        || mlsec_gcra_make(&terms->gcra, parsed.count, parsed.period,
                           at_once)
           != MLSEC_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_mlsec_limit_key_of(ngx_http_request_t *r,
    const ngx_mlsec_limit_zone_t *zone, ngx_str_t *key)
{
    if (zone->key == NULL) {
        ngx_mlsec_limit_key_of_address(r->connection->sockaddr, key);
        return NGX_OK;
    }

    if (ngx_mlsec_template_join(r, zone->key, key) != NGX_OK) {
        return NGX_ERROR;
    }

    return key->len ? NGX_OK : NGX_DECLINED;
}


static void
ngx_mlsec_limit_key_of_address(const struct sockaddr *sa,
    ngx_str_t *key)
{
    const struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    const struct sockaddr_in6  *sin6;
#endif

    switch (sa->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (const struct sockaddr_in6 *) sa;
        key->data = (u_char *) &sin6->sin6_addr;
        key->len = 8;

        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            key->data += 12;
            key->len = 4;
        }

        break;
#endif

    case AF_INET:
        sin = (const struct sockaddr_in *) sa;
        key->data = (u_char *) &sin->sin_addr;
        key->len = 4;
        break;

    default:

        /* a unix socket: all are one */

        ngx_str_set(key, "unix");
        break;
    }
}


ngx_int_t
ngx_mlsec_limit_client_net(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char     *p, net[16];
    ngx_str_t   key;

    ngx_mlsec_limit_key_of_address(r->connection->sockaddr, &key);

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    p = ngx_pnalloc(r->pool, NGX_SOCKADDR_STRLEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->data = p;

    if (key.len == 8) {
        ngx_memzero(net, sizeof(net));
        ngx_memcpy(net, key.data, 8);
#if (NGX_HAVE_INET6)
        p += ngx_inet6_ntop(net, p, NGX_INET6_ADDRSTRLEN);
        p = ngx_cpymem(p, "/64", 3);
#endif

    } else if (r->connection->sockaddr->sa_family == AF_UNIX) {
        p = ngx_cpymem(p, key.data, key.len);

    } else {
        p = ngx_sprintf(p, "%d.%d.%d.%d", (int) key.data[0],
                        (int) key.data[1], (int) key.data[2],
                        (int) key.data[3]);
    }

    v->len = p - v->data;

    return NGX_OK;
}
