/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * X-Request-Deadline-Ms: how long the client is going to wait.  It can only
 * make its own request end sooner.
 */


#ifndef _NGX_MLSEC_DEADLINE_H_INCLUDED_
#define _NGX_MLSEC_DEADLINE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <lib/mlsec_types.h>


#define NGX_MLSEC_DEADLINE_HEADER  "X-Request-Deadline-Ms"


/*
 * What a request says of itself, ms; the shortest if it says so more than
 * once.  0: nothing, or nothing that can be understood.
 */
mlsec_hot ngx_msec_t ngx_mlsec_deadline(ngx_http_request_t *r);

/*
 * Registers $mlsec_deadline_ms: what is left of it, empty if nothing is said.
 * To be called in preconfiguration.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_deadline_add(ngx_conf_t *cf);


#endif /* _NGX_MLSEC_DEADLINE_H_INCLUDED_ */
