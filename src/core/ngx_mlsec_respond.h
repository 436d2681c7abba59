/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Sending JSON, and the two directives that send it by themselves:
 * mlsec_respond (a constant body) and mlsec_fail (a constant error).
 */


#ifndef _NGX_MLSEC_RESPOND_H_INCLUDED_
#define _NGX_MLSEC_RESPOND_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * Sends an application/json response.
 *
 * out: the body, its last buffer marked with last_buf (main request) and
 * last_in_chain; the bytes must live in r->pool or longer.
 * size: of the body in bytes, for Content-Length.
 *
 * What the caller returns from its content handler or finalizes with.
 */
ngx_int_t ngx_mlsec_respond_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_chain_t *out, off_t size);

/*
 * The same with status 200, for a body in one piece.
 *
 * text: its bytes must live in r->pool or longer.
 *
 * As above, or 500 without memory.
 */
ngx_int_t ngx_mlsec_respond_text(ngx_http_request_t *r,
    const ngx_str_t *text);


extern ngx_module_t  ngx_mlsec_respond_module;


#endif /* _NGX_MLSEC_RESPOND_H_INCLUDED_ */
