/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What a request has to be like before a service hears of it: its query, its
 * headers, the type, size and syntax of its body, and what a program of the
 * filter language says of its values.
 */


#ifndef _NGX_MLSEC_VALIDATE_H_INCLUDED_
#define _NGX_MLSEC_VALIDATE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * Handler of the precontent phase: checks the client's request, and has its
 * body read first if there is one.
 *
 * Runs for each location that the request comes to, each with its own rules;
 * not for subrequests, which the gateway makes itself.
 *
 * NGX_DECLINED: the request is good, or the location has no rules.
 * NGX_DONE: the body is being read; the phases go on when it is there.
 * A status: the request is refused, its envelope is set.
 */
ngx_int_t ngx_mlsec_validate_handler(ngx_http_request_t *r);


extern ngx_module_t  ngx_mlsec_validate_module;


#endif /* _NGX_MLSEC_VALIDATE_H_INCLUDED_ */
