/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * mlsec_allow: the methods of a location, and 405 for the others; the roles
 * that each of them takes are for whoever knows who is asking.
 */


#ifndef _NGX_MLSEC_ALLOW_H_INCLUDED_
#define _NGX_MLSEC_ALLOW_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_conf.h>
#include <lib/mlsec_types.h>


/* One line. */

typedef struct {
    ngx_uint_t                methods;     /* NGX_HTTP_GET|...; all: any */
    ngx_array_t              *roles;       /* ngx_str_t; NULL: no role */
    ngx_mlsec_conf_place_t    place;
} ngx_mlsec_allow_rule_t;


/*
 * Handler of the rewrite phase: refuses a method that the location of a main
 * request does not have.  To be run before ngx_http_rewrite_module, so that
 * the method counts before anything that "if" and "return" say.
 *
 * NGX_DECLINED: go on.  NGX_HTTP_NOT_ALLOWED: the phase engine finalizes the
 * request with it.
 */
mlsec_hot ngx_int_t ngx_mlsec_allow_rewrite(ngx_http_request_t *r);

/*
 * What the header Allow of a 405 in r's location has to say: "GET, HEAD"
 * where nothing is configured.  Lives as long as the configuration.
 */
const ngx_str_t *ngx_mlsec_allow_header(ngx_http_request_t *r);

/*
 * The methods that mlsec_allow gives to r's location, in the same form; NULL
 * where it says nothing, or "any".
 */
const ngx_str_t *ngx_mlsec_allow_named(ngx_http_request_t *r);

/*
 * Whether a handler of the location that by itself knows GET and HEAD alone
 * takes the method of r: these two, or what mlsec_allow says.
 */
ngx_uint_t ngx_mlsec_allow_taken(ngx_http_request_t *r);

/*
 * The lines that count in the location that cf is merging: of
 * ngx_mlsec_allow_rule_t, NULL when there are none.  To be called from the
 * merge of a module that comes later.
 */
const ngx_array_t *ngx_mlsec_allow_rules(ngx_conf_t *cf);


extern ngx_module_t  ngx_mlsec_allow_module;


#endif /* _NGX_MLSEC_ALLOW_H_INCLUDED_ */
