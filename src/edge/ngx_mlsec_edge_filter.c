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
#include <lib/mlsec_types.h>


static mlsec_hot ngx_int_t ngx_mlsec_edge_header_filter(ngx_http_request_t *r);
static mlsec_apart ngx_int_t ngx_mlsec_edge_headers(ngx_http_request_t *r,
    const ngx_mlsec_edge_loc_conf_t *lcf);
static ngx_int_t ngx_mlsec_edge_protocol(ngx_http_request_t *r);
static ngx_int_t ngx_mlsec_edge_browser(ngx_http_request_t *r,
    const ngx_mlsec_browser_t *browser);
static ngx_int_t ngx_mlsec_edge_default(ngx_http_request_t *r,
    const char *name, const ngx_str_t *value);


static const ngx_str_t  ngx_mlsec_edge_nosniff = ngx_string("nosniff");


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;


ngx_int_t
ngx_mlsec_edge_filter_init(ngx_conf_t *cf)
{
    const ngx_module_t  *auth;

    /* "bearer", of a WebSocket, is what mlsec_auth asks for */

    auth = ngx_mlsec_conf_module(cf, "ngx_mlsec_auth_module");

    if (!ngx_mlsec_conf_ever_used(&ngx_mlsec_edge_filter_module)
        && !ngx_mlsec_conf_ever_used(auth))
    {
        return NGX_OK;
    }

    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_mlsec_edge_header_filter;

    return NGX_OK;
}


/*
 * Runs after the headers filter: what add_header has said is there, and it
 * counts for errors too.
 */

static ngx_int_t
ngx_mlsec_edge_header_filter(ngx_http_request_t *r)
{
    const ngx_mlsec_edge_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_edge_filter_module);

    return (r != r->main
            || (!lcf->cors->on && !lcf->browser->on
                && lcf->https->hsts.len == 0
                && r->headers_out.status != NGX_HTTP_SWITCHING_PROTOCOLS))
           ? ngx_http_next_header_filter(r)
           : ngx_mlsec_edge_headers(r, lcf);
}


static ngx_int_t
ngx_mlsec_edge_headers(ngx_http_request_t *r,
    const ngx_mlsec_edge_loc_conf_t *lcf)
{
    if ((lcf->cors->on && ngx_mlsec_cors_headers(r, lcf->cors) != NGX_OK)
        || (lcf->browser->on
            && ngx_mlsec_edge_browser(r, lcf->browser) != NGX_OK))
    {
        return NGX_ERROR;
    }

    /* RFC 6797, 7.2: never over plain http, where anybody could have said it */

    if (lcf->https->hsts.len && ngx_mlsec_https_secure(r)
        && ngx_mlsec_edge_default(r, "Strict-Transport-Security",
                                  &lcf->https->hsts)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (r->headers_out.status == NGX_HTTP_SWITCHING_PROTOCOLS
        && ngx_mlsec_edge_protocol(r) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_next_header_filter(r);
}


/*
 * A browser that has offered protocols gives up a WebSocket of which none is
 * named, and a service need not know "bearer", which was said for the gateway.
 */

static ngx_int_t
ngx_mlsec_edge_protocol(ngx_http_request_t *r)
{
    ngx_str_t                   value;
    ngx_http_variable_value_t  *v;

    static ngx_str_t  name = ngx_string("mlsec_jwt_protocol");

    v = ngx_http_get_variable(r, &name, ngx_hash_key(name.data, name.len));

    if (v == NULL || v->not_found) {
        return NGX_OK;
    }

    value.data = v->data;
    value.len = v->len;

    return ngx_mlsec_edge_default(r, "Sec-WebSocket-Protocol", &value);
}


static ngx_int_t
ngx_mlsec_edge_browser(ngx_http_request_t *r,
    const ngx_mlsec_browser_t *browser)
{
    if (ngx_mlsec_edge_default(r, "X-Content-Type-Options",
                               &ngx_mlsec_edge_nosniff)
        != NGX_OK
        || ngx_mlsec_edge_default(r, "Content-Security-Policy",
                                  &browser->csp)
           != NGX_OK
        || ngx_mlsec_edge_default(r, "Referrer-Policy", &browser->referrer)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* A service, or add_header, may know better. */

static ngx_int_t
ngx_mlsec_edge_default(ngx_http_request_t *r, const char *name,
    const ngx_str_t *value)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    if (value->len == 0) {
        return NGX_OK;
    }

    len = ngx_strlen(name);

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].hash && h[i].key.len == len
                && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0)
            {
                return NGX_OK;
            }
        }
    }

    return ngx_mlsec_edge_header(r, name, value);
}


ngx_int_t
ngx_mlsec_edge_header(ngx_http_request_t *r, const char *name,
    const ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;
    ngx_mlsec_elt_last(h);

    return NGX_OK;
}
