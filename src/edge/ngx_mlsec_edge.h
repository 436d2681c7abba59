/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What browsers and other clients meet first, before anybody asks who they
 * are: which pages may read answers, how the connection has to be protected,
 * which paths are taken at all.
 *
 * ngx_mlsec_edge_module.c    directives, inheritance, the variable
 * ngx_mlsec_edge_cors.c      mlsec_cors: origins, preflights
 * ngx_mlsec_edge_https.c     mlsec_https: plain http
 * ngx_mlsec_edge_filter.c    headers of responses
 * ngx_mlsec_edge_strict.c    mlsec_uri_strict
 */


#ifndef _NGX_MLSEC_EDGE_H_INCLUDED_
#define _NGX_MLSEC_EDGE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <lib/mlsec_types.h>


/* One mlsec_cors. */

typedef struct {
    ngx_uint_t           on;            /* 0: "off", nothing is touched */
    ngx_uint_t           any;           /* "*" */
    ngx_uint_t           credentials;
    ngx_array_t         *origins;       /* ngx_str_t, may be empty */
    ngx_str_t            methods;       /* empty: those of mlsec_allow */
    ngx_str_t            headers;       /* of requests */
    ngx_str_t            expose;        /* headers of responses */
    ngx_str_t            max_age;       /* seconds, as text */
} ngx_mlsec_cors_t;


#define NGX_MLSEC_HTTPS_OFF       1
#define NGX_MLSEC_HTTPS_REFUSE    2
#define NGX_MLSEC_HTTPS_REDIRECT  3


/* One mlsec_https. */

typedef struct {
    ngx_uint_t           mode;          /* NGX_MLSEC_HTTPS_* */
    ngx_uint_t           port;          /* of redirects */
    ngx_str_t            hsts;          /* the header, empty: none */
} ngx_mlsec_https_t;


/* One mlsec_browser_headers; a value that is empty is not sent. */

typedef struct {
    ngx_uint_t           on;
    ngx_str_t            csp;
    ngx_str_t            referrer;
} ngx_mlsec_browser_t;


typedef struct {
    ngx_mlsec_cors_t     *cors;
    ngx_mlsec_https_t    *https;
    ngx_mlsec_browser_t  *browser;
} ngx_mlsec_edge_loc_conf_t;


typedef struct {
    ngx_flag_t            strict;
} ngx_mlsec_edge_srv_conf_t;


typedef enum {
    NGX_MLSEC_ORIGIN_NONE = 0,          /* a program, or an old browser */
    NGX_MLSEC_ORIGIN_SAME,              /* a page of the gateway's own */
    NGX_MLSEC_ORIGIN_LISTED,
    NGX_MLSEC_ORIGIN_ANY,               /* of any page, by "mlsec_cors *" */
    NGX_MLSEC_ORIGIN_FOREIGN
} ngx_mlsec_origin_e;


/* ngx_mlsec_edge_cors.c */

/* Setter of mlsec_cors. */
char *ngx_mlsec_cors(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * Whose page asks, by the location's mlsec_cors.
 *
 * *origin: the value of the header, when there is one.
 */
ngx_mlsec_origin_e ngx_mlsec_cors_origin(ngx_http_request_t *r,
    ngx_str_t *origin);

/*
 * For the rewrite phase, before anything of the location is decided: whether
 * the request is a preflight (the Fetch standard's OPTIONS with Origin and
 * Access-Control-Request-Method) that the location's mlsec_cors answers.
 *
 * NGX_OK: it is one, to be answered with ngx_mlsec_cors_answer().
 * NGX_DECLINED: it is not, go on.  400: the request has several origins, the
 * phase engine finalizes it with that.
 */
ngx_int_t ngx_mlsec_cors_preflight(ngx_http_request_t *r);

/*
 * Answers a preflight: 204 with what may be asked, 403 for an origin that is
 * not listed, or 500.  The phase engine finalizes the request with it.
 */
ngx_int_t ngx_mlsec_cors_answer(ngx_http_request_t *r);

/*
 * Adds the headers of mlsec_cors to a response, takes a service's own away.
 *
 * NGX_OK, or NGX_ERROR without memory.
 */
ngx_int_t ngx_mlsec_cors_headers(ngx_http_request_t *r,
    const ngx_mlsec_cors_t *cors);


/* ngx_mlsec_edge_https.c */

/* Setter of mlsec_https. */
char *ngx_mlsec_https(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * Whether what the client sends is protected on its way: TLS here, or at a
 * proxy that ngx_http_realip_module trusts and that says so.
 */
ngx_uint_t ngx_mlsec_https_secure(ngx_http_request_t *r);

/*
 * Handler of the rewrite phase, before anything else of the location is
 * decided: what becomes of plain http.
 *
 * NGX_DECLINED: go on.  308, 403, 500: the phase engine finalizes the request
 * with it.
 */
ngx_int_t ngx_mlsec_https_rewrite(ngx_http_request_t *r);


/* ngx_mlsec_edge_strict.c */

/*
 * For the server rewrite phase, before any rewrite: whether the path and the
 * host of a request are one thing to everybody.
 *
 * otherwise: whether it is looked at where no mlsec_uri_strict says so.
 *
 * NGX_DECLINED: go on.  NGX_HTTP_BAD_REQUEST: the phase engine finalizes the
 * request with it.
 */
mlsec_hot ngx_int_t ngx_mlsec_edge_strict(ngx_http_request_t *r,
    ngx_uint_t otherwise);


/* ngx_mlsec_edge_filter.c */

/*
 * Adds a header to the response of r.
 *
 * name, value: as they are to be sent, living as long as r.
 *
 * NGX_OK, or NGX_ERROR without memory.
 */
ngx_int_t ngx_mlsec_edge_header(ngx_http_request_t *r, const char *name,
    const ngx_str_t *value);

/*
 * Puts the header filter in front of those that are there.  NGX_OK.
 */
ngx_int_t ngx_mlsec_edge_filter_init(ngx_conf_t *cf);


extern ngx_module_t  ngx_mlsec_edge_filter_module;


#endif /* _NGX_MLSEC_EDGE_H_INCLUDED_ */
