/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * That a request was refused, and why: what ngx_mlsec_error_set() was told,
 * kept for the end of the request.  It outlives redirects inside of nginx,
 * which wipe the contexts of modules.
 */


#ifndef _NGX_MLSEC_REFUSAL_H_INCLUDED_
#define _NGX_MLSEC_REFUSAL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_error.h>


typedef struct {
    ngx_uint_t    status;
    ngx_uint_t    passed;        /* a service has said it, not the gateway */
    const char   *policy;        /* the directive that refuses; NULL: none
                                    any more */
    ngx_str_t     reason;
    ngx_str_t     identity;      /* who was refused, as far as it is known; */
    ngx_str_t     roles;         /* with commas between them; */
    ngx_str_t     tenant;        /* each may be empty */
} ngx_mlsec_refusal_t;


/*
 * Whether a status is one by which a request is refused: 1 or 0.  Not among
 * them is what is no matter of who may do what, such as 404 and 5xx.
 */
ngx_uint_t ngx_mlsec_refusal_status(ngx_uint_t status);

/*
 * Notes an error that is a refusal; the first one of a request counts.  Of
 * another error, or of a subrequest, nothing is noted.  What is in error
 * has to live as long as the request.  Without memory it is not noted.
 */
void ngx_mlsec_refusal_note(ngx_http_request_t *r,
    const ngx_mlsec_error_t *error);

/*
 * The refusal of a request, or NULL: there was none.  Whoever refused it may
 * add to it what only it knows.
 */
ngx_mlsec_refusal_t *ngx_mlsec_refusal(ngx_http_request_t *r);

/*
 * Forgets the refusal of a request that is served nevertheless, another one
 * may be noted.
 */
void ngx_mlsec_refusal_forget(ngx_http_request_t *r);

/*
 * Who asks, as the variables $mlsec_identity, $mlsec_roles and $mlsec_tenant
 * say now.  Each is empty when it is not known.
 */
void ngx_mlsec_refusal_who(ngx_http_request_t *r, ngx_str_t *identity,
    ngx_str_t *roles, ngx_str_t *tenant);


#endif /* _NGX_MLSEC_REFUSAL_H_INCLUDED_ */
