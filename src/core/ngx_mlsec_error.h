/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The error envelope: the JSON body of every 4xx and 5xx that the gateway or
 * nginx makes.  A handler that fails says what went wrong with
 * ngx_mlsec_error_set() and then finalizes the request with the status, as
 * any nginx handler does; error_page of the location still wins.
 */


#ifndef _NGX_MLSEC_ERROR_H_INCLUDED_
#define _NGX_MLSEC_ERROR_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <lib/mlsec_types.h>


/* mlsec_error_detail: how much of an upstream's own error is shown */

#define NGX_MLSEC_DETAIL_OFF     0
#define NGX_MLSEC_DETAIL_STATUS  1
#define NGX_MLSEC_DETAIL_BODY    2


typedef struct {
    ngx_uint_t    status;        /* HTTP status, 400-599 */
    ngx_str_t     message;       /* any bytes; empty: the status's own */
    ngx_str_t     details;       /* members of a JSON object, no braces */
    time_t        retry_after;   /* seconds for Retry-After, 0: none */
    ngx_str_t     allow;         /* for Allow of a 405; empty: what mlsec_allow
                                    says of the location */

    /* for whoever keeps records, never told to the client: */

    const char       *policy;        /* the directive that refuses the request;
                                        NULL: no one of them */
    ngx_str_t         reason;        /* empty: message */
    ngx_uint_t        passed;        /* 1: a service has said it */
} ngx_mlsec_error_t;


/*
 * Gives the response that r is about to be finalized with its message and
 * details.  A second call replaces the first.
 *
 * error: copied; the bytes that it points at must live in r->pool or longer.
 *
 * NGX_OK, or NGX_ERROR without memory (the envelope then has the status's
 * own message).  An error that refuses the request is noted, too, see
 * ngx_mlsec_refusal_note().
 */
ngx_int_t ngx_mlsec_error_set(ngx_http_request_t *r,
    const ngx_mlsec_error_t *error);

/*
 * What ngx_mlsec_error_set() was last told of r, also before an error_page has
 * led elsewhere; NULL when that was about another status, or nothing.
 *
 * Lives as long as r->pool, or until the next call of ngx_mlsec_error_set().
 */
const ngx_mlsec_error_t *ngx_mlsec_error_said(ngx_http_request_t *r,
    ngx_uint_t status);

/*
 * Says why nginx may be about to answer error->status, for what is not the
 * answer yet: an attempt to reach a peer has failed, another one may follow.
 * Unlike ngx_mlsec_error_set() it makes no envelope where there would be none
 * without it, and it is forgotten if the status comes out otherwise.  A second
 * call replaces the first.
 *
 * error: copied; the bytes that it points at must live in r->pool or longer.
 */
void ngx_mlsec_error_cause(ngx_http_request_t *r,
    const ngx_mlsec_error_t *error);

/*
 * mlsec_error_detail of the request's location: NGX_MLSEC_DETAIL_*.
 */
ngx_uint_t ngx_mlsec_error_detail(ngx_http_request_t *r);

/*
 * The path as the client wrote it: before rewrites, still escaped, without
 * the query; empty when the request line could not be read.
 */
void ngx_mlsec_error_path(ngx_http_request_t *r, ngx_str_t *path);

/*
 * The reason phrase of a status ("Not Found"), RFC 9110, 15; "Error" for
 * statuses that have none.
 */
const char *ngx_mlsec_error_reason(ngx_uint_t status);


/*
 * Handler of the two rewrite phases: notes that an error_page is under way.
 *
 * NGX_DECLINED always.
 */
mlsec_hot ngx_int_t ngx_mlsec_error_rewrite(ngx_http_request_t *r);


extern ngx_module_t  ngx_mlsec_error_filter_module;


#endif /* _NGX_MLSEC_ERROR_H_INCLUDED_ */
