/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * How often: rates, quotas and requests at once, by address and by whom
 * authentication found.
 */


#ifndef _NGX_MLSEC_LIMIT_H_INCLUDED_
#define _NGX_MLSEC_LIMIT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <lib/mlsec_types.h>


/*
 * Handler of the preaccess phase: limits of zones whose key is the client's
 * address, before anything is known of who it is.
 *
 * NGX_DECLINED: admitted; NGX_HTTP_TOO_MANY_REQUESTS with its envelope set;
 * NGX_HTTP_INTERNAL_SERVER_ERROR: a rate or cost of the configuration's is
 * none.  Subrequests are always admitted: their parent was counted.
 */
ngx_int_t ngx_mlsec_limit_address(ngx_http_request_t *r);

/*
 * All other limits; codes as above.  To be called when the request's identity
 * is known: by the access handler, and again in the precontent phase, in case
 * a stock handler's word was enough to skip it ("satisfy any").  Counts a
 * request once, however often it is called.
 */
mlsec_hot ngx_int_t ngx_mlsec_limit_identity(ngx_http_request_t *r);

/*
 * Handler of the log phase: limits with "count=" take their units now, when
 * the status is known.
 */
ngx_int_t ngx_mlsec_limit_log(ngx_http_request_t *r);



extern ngx_module_t  ngx_mlsec_limit_module;


#endif /* _NGX_MLSEC_LIMIT_H_INCLUDED_ */
