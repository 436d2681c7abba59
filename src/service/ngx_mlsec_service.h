/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * A service: an upstream{} with a name for people and defaults for calls.
 */


#ifndef _NGX_MLSEC_SERVICE_H_INCLUDED_
#define _NGX_MLSEC_SERVICE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


typedef struct {
    ngx_str_t     name;          /* empty: the upstream's own name */
    ngx_str_t     host;          /* Host header; empty: the upstream's name */
    ngx_msec_t    timeout;       /* of a call, ms; 0: not set */
} ngx_mlsec_service_t;


/*
 * What mlsec_service says of an upstream.
 *
 * uscf: an upstream{} of the configuration, not an implicit one.
 *
 * Never NULL; fields that were not set are empty or 0.  Lives as long as the
 * configuration.
 */
const ngx_mlsec_service_t *ngx_mlsec_service_get(
    ngx_http_upstream_srv_conf_t *uscf);

/*
 * Finds an upstream{} by name, ignoring case as nginx does.  Upstreams
 * that proxy_pass has created for an address do not count.
 *
 * To be called when all of the configuration has been read.  NULL if there
 * is none.
 */
ngx_http_upstream_srv_conf_t *ngx_mlsec_service_find(ngx_conf_t *cf,
    ngx_str_t *name);

/*
 * How long a client should wait when no peer of an upstream takes requests:
 * the shortest fail_timeout of those that the configuration does not mark as
 * down, in seconds, at least 1; nginx's default of 10 when all are.
 */
time_t ngx_mlsec_service_retry_after(ngx_http_upstream_srv_conf_t *uscf);


extern ngx_module_t  ngx_mlsec_service_module;


#endif /* _NGX_MLSEC_SERVICE_H_INCLUDED_ */
