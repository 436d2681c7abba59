/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Variables that stand for the request itself: its id and what the gateway
 * says about the client to the services behind it.
 */


#ifndef _NGX_MLSEC_VARIABLES_H_INCLUDED_
#define _NGX_MLSEC_VARIABLES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <lib/mlsec_types.h>


typedef struct {
    ngx_str_t    client;         /* X-Forwarded-For */
    ngx_str_t    host;           /* X-Forwarded-Host, may be empty */
    ngx_str_t    proto;          /* X-Forwarded-Proto */
} ngx_mlsec_forwarded_t;


/*
 * Registers $mlsec_request_id and $mlsec_forwarded_for, _proto and _host.
 * To be called in preconfiguration.
 *
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_variables_add(ngx_conf_t *cf);

/*
 * Draws the key that a worker's request ids are made with.  To be called when
 * the worker starts.
 *
 * NGX_OK, or NGX_ERROR after an [emerg] (the worker must not start).
 */
ngx_int_t ngx_mlsec_variables_init_worker(ngx_cycle_t *cycle);

/*
 * The id of the request: the client's X-Request-ID if there is exactly one,
 * of 1 to 128 characters out of A-Z a-z 0-9 . _ : @ / + = -, else 32
 * hexadecimal digits that cannot be guessed.  One id for a request and all of
 * its subrequests.
 *
 * *id is empty when there is no memory.
 */
void ngx_mlsec_request_id(ngx_http_request_t *r, ngx_str_t *id);

/*
 * What the gateway sends as X-Forwarded-For, -Host and -Proto.  The client's
 * own headers count only when the connection came from a proxy that
 * ngx_http_realip_module trusts and has replaced the address for; otherwise
 * they are what the gateway sees itself.
 *
 * The results live as long as the main request.
 */
void ngx_mlsec_forwarded(ngx_http_request_t *r,
    ngx_mlsec_forwarded_t *forwarded);

/*
 * How long ago the master has read its first configuration, in seconds.
 */
time_t ngx_mlsec_uptime(void);

/*
 * Finds a request header.
 *
 * name: lower case.  *n: how many there are.
 *
 * The first one, or NULL.
 */
mlsec_hot ngx_table_elt_t *ngx_mlsec_header_in(ngx_http_request_t *r,
    const char *name, ngx_uint_t *n);


#endif /* _NGX_MLSEC_VARIABLES_H_INCLUDED_ */
