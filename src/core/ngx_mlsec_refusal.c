/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_refusal.h>
#include <core/ngx_mlsec_kept.h>


static ngx_mlsec_refusal_t *ngx_mlsec_refusal_slot(ngx_http_request_t *r);
static void ngx_mlsec_refusal_cleanup(void *data);
static void ngx_mlsec_refusal_variable(ngx_http_request_t *r,
    const char *name, ngx_str_t *value);


ngx_uint_t
ngx_mlsec_refusal_status(ngx_uint_t status)
{
    switch (status) {

    case NGX_HTTP_BAD_REQUEST:
    case NGX_HTTP_UNAUTHORIZED:
    case NGX_HTTP_FORBIDDEN:
    case NGX_HTTP_NOT_ALLOWED:
    case NGX_HTTP_REQUEST_ENTITY_TOO_LARGE:
    case NGX_HTTP_REQUEST_URI_TOO_LARGE:
    case NGX_HTTP_UNSUPPORTED_MEDIA_TYPE:
    case NGX_HTTP_MISDIRECTED_REQUEST:
    case 422:
    case NGX_HTTP_TOO_MANY_REQUESTS:
    case 431:
    case NGX_HTTP_CLOSE:
        return 1;

    default:
        return 0;
    }
}


void
ngx_mlsec_refusal_note(ngx_http_request_t *r, const ngx_mlsec_error_t *error)
{
    ngx_pool_cleanup_t   *cln;
    ngx_mlsec_refusal_t  *refusal;

    if (r != r->main
        || (error->policy == NULL && !ngx_mlsec_refusal_status(error->status))
        || ngx_mlsec_refusal(r) != NULL)
    {
        return;
    }

    refusal = ngx_mlsec_refusal_slot(r);

    if (refusal == NULL) {
        cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_mlsec_refusal_t));
        if (cln == NULL) {
            return;
        }

        cln->handler = ngx_mlsec_refusal_cleanup;
        refusal = cln->data;
    }

    refusal->status = error->status;
    refusal->passed = error->passed;
    refusal->policy = error->policy ? error->policy : "mlsec";
    refusal->reason = error->reason.len ? error->reason : error->message;

    ngx_mlsec_refusal_who(r, &refusal->identity, &refusal->roles,
                          &refusal->tenant);
}


ngx_mlsec_refusal_t *
ngx_mlsec_refusal(ngx_http_request_t *r)
{
    ngx_mlsec_refusal_t  *refusal;

    refusal = ngx_mlsec_refusal_slot(r);

    return refusal != NULL && refusal->policy != NULL ? refusal : NULL;
}


void
ngx_mlsec_refusal_forget(ngx_http_request_t *r)
{
    ngx_mlsec_refusal_t  *refusal;

    refusal = ngx_mlsec_refusal_slot(r);

    if (refusal != NULL) {
        refusal->policy = NULL;
    }
}


static ngx_mlsec_refusal_t *
ngx_mlsec_refusal_slot(ngx_http_request_t *r)
{
    return ngx_mlsec_kept(r->main->pool, ngx_mlsec_refusal_cleanup);
}


/* There is nothing to clean up: it is the mark by which this is found. */

static void
ngx_mlsec_refusal_cleanup(void *data)
{
}


void
ngx_mlsec_refusal_who(ngx_http_request_t *r, ngx_str_t *identity,
    ngx_str_t *roles, ngx_str_t *tenant)
{
    ngx_mlsec_refusal_variable(r, "mlsec_identity", identity);
    ngx_mlsec_refusal_variable(r, "mlsec_roles", roles);
    ngx_mlsec_refusal_variable(r, "mlsec_tenant", tenant);
}


static void
ngx_mlsec_refusal_variable(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    ngx_str_t                   key;
    ngx_http_variable_value_t  *v;

    key.data = (u_char *) name;
    key.len = ngx_strlen(name);
    ngx_str_null(value);

    v = ngx_http_get_variable(r, &key, ngx_hash_key(key.data, key.len));

    if (v != NULL && !v->not_found) {
        value->data = v->data;
        value->len = v->len;
    }
}
