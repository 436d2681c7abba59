/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Text with variables, taken apart.  nginx's own complex values give only the
 * finished text; here each variable's value can be escaped for the place
 * where it stands.
 */


#ifndef _NGX_MLSEC_TEMPLATE_H_INCLUDED_
#define _NGX_MLSEC_TEMPLATE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


typedef struct {
    ngx_str_t    text;           /* literal text, or the variable's name */
    ngx_int_t    index;          /* of the variable */
    unsigned     variable:1;
    unsigned     tag:7;          /* the user's, 0 at first */
} ngx_mlsec_template_piece_t;


/*
 * Splits text into literal pieces and variables ("$name", "${name}", and the
 * captures "$1" to "$9").
 *
 * directive: for messages.  text: must live as long as the configuration.
 *
 * An array of ngx_mlsec_template_piece_t in cf->pool, empty for empty text;
 * NULL after an [emerg].
 */
ngx_array_t *ngx_mlsec_template_compile(ngx_conf_t *cf, const char *directive,
    ngx_str_t *text);

/*
 * The value of a variable piece, evaluated anew if it may not be cached.
 *
 * 1: *value is set (nginx's memory, good for the rest of the request).
 * 0: the variable is not found; *value is empty.
 */
ngx_uint_t ngx_mlsec_template_value(ngx_http_request_t *r,
    const ngx_mlsec_template_piece_t *piece, ngx_str_t *value);

/*
 * The whole text, each variable replaced by its value as it is, one that is
 * not found by nothing.  For values that need no escaping; in place of
 * nginx's complex values, which let a map with a regex change what "$1" is,
 * for the rest of the request and in the middle of the value.
 *
 * NGX_OK: *value is set, in r->pool or where its only piece is; it must not
 * be written to.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_mlsec_template_join(ngx_http_request_t *r,
    const ngx_array_t *pieces, ngx_str_t *value);


#endif /* _NGX_MLSEC_TEMPLATE_H_INCLUDED_ */
