/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The client's body, once nginx has read it, and what its type says.
 */


#ifndef _NGX_MLSEC_CONTENT_H_INCLUDED_
#define _NGX_MLSEC_CONTENT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * The type of a Content-Type without its parameters and blanks, inside value.
 */
ngx_str_t ngx_mlsec_content_type(const ngx_str_t *value);

/*
 * Whether a type (without parameters) is "application/json", or ends with
 * "+json" (RFC 6839, 3.1): 1 or 0.  Case does not matter.
 */
ngx_uint_t ngx_mlsec_content_is_json(const ngx_str_t *type);

/*
 * Whether a Content-Type names no charset but UTF-8: 1 or 0.  JSON has no such
 * parameter (RFC 8259, 11), yet there are readers that go by it, to whom
 * "+ACI-" is a quotation mark in UTF-7.  What looks like the parameter counts
 * wherever it stands, each of several, too.
 */
ngx_uint_t ngx_mlsec_content_is_utf8(const ngx_str_t *value);

/*
 * How long the body is that was read, in bytes; 0 without one.
 */
off_t ngx_mlsec_content_length(ngx_http_request_t *r);

/*
 * The body that was read, in one piece.
 *
 * *text: of ngx_mlsec_content_length() bytes, that of the buffer if there is
 * only one, else in r->pool; not to be written to.  What nginx has put into a
 * file is read back at once, from the page cache in all likelihood: it was
 * written just now.
 *
 * NGX_OK, or NGX_ERROR: no memory, or the file cannot be read (logged).
 */
ngx_int_t ngx_mlsec_content_text(ngx_http_request_t *r, ngx_str_t *text);


#endif /* _NGX_MLSEC_CONTENT_H_INCLUDED_ */
