/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <edge/ngx_mlsec_edge.h>
#include <core/ngx_mlsec_error.h>
#include <core/ngx_mlsec_variables.h>
#include <lib/edge/mlsec_path.h>


static mlsec_rare ngx_int_t ngx_mlsec_strict_refuse(ngx_http_request_t *r,
    const char *why);
static const char *ngx_mlsec_strict_why(ngx_http_request_t *r);
static ngx_uint_t ngx_mlsec_strict_host(ngx_http_request_t *r);
static mlsec_rare ngx_uint_t ngx_mlsec_strict_one_host(ngx_http_request_t *r);


ngx_int_t
ngx_mlsec_edge_strict(ngx_http_request_t *r, ngx_uint_t otherwise)
{
    ngx_uint_t                        on;
    const char                       *why;
    const ngx_mlsec_edge_srv_conf_t  *scf;

    scf = ngx_http_get_module_srv_conf(r, ngx_mlsec_edge_filter_module);
    on = scf->strict == NGX_CONF_UNSET ? otherwise : (ngx_uint_t) scf->strict;

    /* an internal redirect's path is of the configuration's own making */

    if (!on || r != r->main || r->internal) {
        return NGX_DECLINED;
    }

    why = ngx_mlsec_strict_why(r);

    return (why == NULL) ? NGX_DECLINED : ngx_mlsec_strict_refuse(r, why);
}


static ngx_int_t
ngx_mlsec_strict_refuse(ngx_http_request_t *r, const char *why)
{
    ngx_mlsec_error_t  error;

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "mlsec edge: the path is refused, reason: \"%s\"", why);

    ngx_memzero(&error, sizeof(ngx_mlsec_error_t));
    error.status = NGX_HTTP_BAD_REQUEST;
    error.policy = "mlsec_uri_strict";
    error.reason.data = (u_char *) why;
    error.reason.len = ngx_strlen(why);
    ngx_str_set(&error.details, "\"error_type\":\"path\"");

    (void) ngx_mlsec_error_set(r, &error);

    return NGX_HTTP_BAD_REQUEST;
}


/* NULL: nothing is wrong */

static const char *
ngx_mlsec_strict_why(ngx_http_request_t *r)
{
    u_char        *query, *last;
    mlsec_str_t    raw, plain;
    mlsec_path_e   verdict;

    raw.data = r->unparsed_uri.data;
    raw.len = r->unparsed_uri.len;
    plain.data = r->uri.data;
    plain.len = r->uri.len;

    last = r->unparsed_uri.data + r->unparsed_uri.len;
    query = ngx_strlchr(r->unparsed_uri.data, last, '?');

    if (query != NULL) {
        raw.len = query - r->unparsed_uri.data;

        /* $args ends there, and what a service is sent goes on */

        if (ngx_strlchr(query, last, '#') != NULL) {
            return mlsec_path_text(MLSEC_PATH_FRAGMENT);
        }
    }

    /* RFC 9112, 3.2.2: "http://host" alone is "/" */

    if (raw.len > 0 || r->host_start == NULL) {
        verdict = mlsec_path_check(raw, plain);

        if (verdict != MLSEC_PATH_OK) {
            return mlsec_path_text(verdict);
        }
    }

    return ngx_mlsec_strict_host(r) ? NULL
                                    : "the request names two hosts";
}


/*
 * RFC 9112, 3.2.2: a host in the request line counts, and Host is ignored.
 * Whoever comes next may not know that.  (HTTP/2 has its own rules, nginx has
 * made one host of them.)
 */

static ngx_uint_t
ngx_mlsec_strict_host(ngx_http_request_t *r)
{
    ngx_uint_t  n;

    return mlsec_likely(r->host_start == NULL)
           || r->http_version >= NGX_HTTP_VERSION_20
           || ngx_mlsec_header_in(r, "host", &n) == NULL
           || ngx_mlsec_strict_one_host(r);
}


static ngx_uint_t
ngx_mlsec_strict_one_host(ngx_http_request_t *r)
{
    u_char  *p, *last;
    size_t   len;

    /* with its port, of whose end not every nginx keeps where it is */

    last = r->request_line.data + r->request_line.len;

    for (p = r->host_start; p < last; p++) {
        if (*p == '/' || *p == '?' || *p == '#' || *p == ' ') {
            break;
        }
    }

    len = p - r->host_start;

    return r->headers_in.host->value.len == len
           && ngx_strncasecmp(r->headers_in.host->value.data, r->host_start,
                              len)
              == 0;
}
