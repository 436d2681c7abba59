/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Request headers that say who somebody is.  Services believe them because the
 * gateway sets them, so what a client sends under these names is taken away
 * before anything reads it.
 */


#ifndef _NGX_MLSEC_IDENTITY_H_INCLUDED_
#define _NGX_MLSEC_IDENTITY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <lib/mlsec_types.h>


/*
 * what the gateway says itself: X-User-Id, X-User-Roles, X-Tenant-Id,
 * X-Gateway-Token
 */

typedef enum {
    NGX_MLSEC_IDENTITY_USER = 0,
    NGX_MLSEC_IDENTITY_ROLES,
    NGX_MLSEC_IDENTITY_TENANT,
    NGX_MLSEC_IDENTITY_TOKEN,
    NGX_MLSEC_IDENTITIES
} ngx_mlsec_identity_e;


/*
 * Takes the client's headers of r away that could pass for the gateway's word,
 * and those that would change method or path behind its back.
 */
mlsec_hot void ngx_mlsec_identity_strip(ngx_http_request_t *r);

/*
 * Takes one header of the request away.
 */
void ngx_mlsec_identity_hide(ngx_table_elt_t *h);

/*
 * Sets the gateway's headers, in place of earlier values.
 *
 * values: by ngx_mlsec_identity_e, NGX_MLSEC_IDENTITIES of them; bytes that may
 * stand in a header, in memory that lives as long as r.  Empty: there is no
 * such header.
 *
 * NGX_OK or NGX_ERROR.
 */
mlsec_hot ngx_int_t ngx_mlsec_identity_set(ngx_http_request_t *r,
    const ngx_str_t *values);

/*
 * Whether a header of a request is one that the gateway has set: 1 or 0.
 */
mlsec_hot ngx_uint_t ngx_mlsec_identity_is_own(const ngx_table_elt_t *h);


#endif /* _NGX_MLSEC_IDENTITY_H_INCLUDED_ */
