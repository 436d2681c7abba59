/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The endpoints of a server, for the help that a 404 envelope gives.
 */


#ifndef _NGX_MLSEC_ENDPOINT_H_INCLUDED_
#define _NGX_MLSEC_ENDPOINT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


#define NGX_MLSEC_ENDPOINT_MAX  64


/*
 * A JSON array with the names of the exact and prefix locations of r's server
 * that have a content handler and are not internal, sorted, at most
 * NGX_MLSEC_ENDPOINT_MAX.  Made once when the configuration is read, and
 * lives as long as it.
 */
ngx_str_t *ngx_mlsec_endpoint_list(ngx_http_request_t *r);


extern ngx_module_t  ngx_mlsec_endpoint_module;


#endif /* _NGX_MLSEC_ENDPOINT_H_INCLUDED_ */
