/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <aggregate/ngx_mlsec_aggregate.h>
#include <aggregate/ngx_mlsec_aggregate_chain.h>
#include <core/ngx_mlsec_conf.h>


/* data of the getters: which of the values is asked for */

#define NGX_MLSEC_VAR_PARTS       0
#define NGX_MLSEC_VAR_FAILED      1
#define NGX_MLSEC_VAR_SLOWEST     2
#define NGX_MLSEC_VAR_SLOWEST_MS  3
#define NGX_MLSEC_VAR_ATTEMPTS    4

#define NGX_MLSEC_VAR_NAME        0
#define NGX_MLSEC_VAR_SCHEME      1
#define NGX_MLSEC_VAR_UPSTREAM    2
#define NGX_MLSEC_VAR_URL         3
#define NGX_MLSEC_VAR_HOST        4


static ngx_int_t ngx_mlsec_aggregate_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_mlsec_aggregate_failed_names(ngx_mlsec_aggregate_t *a,
    ngx_str_t *value);
static ngx_mlsec_part_t *ngx_mlsec_aggregate_slowest(
    ngx_mlsec_aggregate_t *a);
static ngx_int_t ngx_mlsec_aggregate_number(ngx_mlsec_aggregate_t *a,
    ngx_uint_t number, ngx_str_t *value);
static ngx_int_t ngx_mlsec_part_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_mlsec_item_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static void ngx_mlsec_variable_set(ngx_http_variable_value_t *v,
    const ngx_str_t *value);


/*
 * Subrequests share the variables of the main request, so nothing here may be
 * cached: every part has its own values.
 */

static ngx_http_variable_t  ngx_mlsec_aggregate_variables[] = {

    { ngx_string("mlsec_parts"), NULL, ngx_mlsec_aggregate_variable,
      NGX_MLSEC_VAR_PARTS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mlsec_failed"), NULL, ngx_mlsec_aggregate_variable,
      NGX_MLSEC_VAR_FAILED, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mlsec_slowest"), NULL, ngx_mlsec_aggregate_variable,
      NGX_MLSEC_VAR_SLOWEST, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mlsec_slowest_ms"), NULL, ngx_mlsec_aggregate_variable,
      NGX_MLSEC_VAR_SLOWEST_MS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mlsec_attempts"), NULL, ngx_mlsec_aggregate_variable,
      NGX_MLSEC_VAR_ATTEMPTS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mlsec_part_name"), NULL, ngx_mlsec_part_variable,
      NGX_MLSEC_VAR_NAME, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mlsec_part_scheme"), NULL, ngx_mlsec_part_variable,
      NGX_MLSEC_VAR_SCHEME, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mlsec_part_upstream"), NULL, ngx_mlsec_part_variable,
      NGX_MLSEC_VAR_UPSTREAM, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mlsec_part_url"), NULL, ngx_mlsec_part_variable,
      NGX_MLSEC_VAR_URL, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mlsec_part_host"), NULL, ngx_mlsec_part_variable,
      NGX_MLSEC_VAR_HOST, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mlsec_item"), NULL, ngx_mlsec_item_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_mlsec_aggregate_variables_add(ngx_conf_t *cf)
{
    return ngx_mlsec_conf_variables(cf, ngx_mlsec_aggregate_variables);
}


static ngx_int_t
ngx_mlsec_aggregate_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_int_t               rc;
    ngx_str_t               value;
    ngx_uint_t              i, n;
    ngx_mlsec_part_t       *slowest;
    ngx_mlsec_aggregate_t  *a;

    a = ngx_mlsec_aggregate_get(r);

    if (a == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    n = 0;
    rc = NGX_OK;
    ngx_str_null(&value);
    slowest = ngx_mlsec_aggregate_slowest(a);

    switch (data) {

    case NGX_MLSEC_VAR_PARTS:
        for (i = 0; i < a->nparts; i++) {
            n += !a->parts[i].skipped;
        }

        rc = ngx_mlsec_aggregate_number(a, n, &value);
        break;

    case NGX_MLSEC_VAR_FAILED:
        rc = ngx_mlsec_aggregate_failed_names(a, &value);
        break;

    case NGX_MLSEC_VAR_SLOWEST:
        if (slowest != NULL) {
            value = slowest->call->name;
        }

        break;

    case NGX_MLSEC_VAR_SLOWEST_MS:
        if (slowest != NULL) {
            rc = ngx_mlsec_aggregate_number(a, slowest->elapsed, &value);
        }

        break;

    default: /* NGX_MLSEC_VAR_ATTEMPTS */
        for (i = 0; i < a->nparts; i++) {
            n += a->parts[i].attempts;
        }

        rc = ngx_mlsec_aggregate_number(a, n, &value);
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_mlsec_variable_set(v, &value);

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_aggregate_failed_names(ngx_mlsec_aggregate_t *a, ngx_str_t *value)
{
    u_char            *p;
    size_t             len;
    ngx_uint_t         i;
    ngx_mlsec_part_t  *part;

    len = 0;

    for (i = 0; i < a->nparts; i++) {
        part = &a->parts[i];
        len += ngx_mlsec_part_error(part) ? part->call->name.len + 1 : 0;
    }

    if (len == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(a->request->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value->data = p;
    value->len = len - 1;

    for (i = 0; i < a->nparts; i++) {
        part = &a->parts[i];

        if (ngx_mlsec_part_error(part)) {
            p = ngx_cpymem(p, part->call->name.data, part->call->name.len);
            *p++ = ',';
        }
    }

    return NGX_OK;
}


static ngx_mlsec_part_t *
ngx_mlsec_aggregate_slowest(ngx_mlsec_aggregate_t *a)
{
    ngx_uint_t         i;
    ngx_mlsec_part_t  *part, *slowest;

    slowest = NULL;

    for (i = 0; i < a->nparts; i++) {
        part = &a->parts[i];

        if (!part->skipped
            && (slowest == NULL || part->elapsed > slowest->elapsed))
        {
            slowest = part;
        }
    }

    return slowest;
}


static ngx_int_t
ngx_mlsec_aggregate_number(ngx_mlsec_aggregate_t *a, ngx_uint_t number,
    ngx_str_t *value)
{
    value->data = ngx_pnalloc(a->request->pool, NGX_INT_T_LEN);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    value->len = ngx_sprintf(value->data, "%ui", number) - value->data;

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_part_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_mlsec_part_t  *part;

    part = ngx_mlsec_part_get(r);

    if (part == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    switch (data) {

    case NGX_MLSEC_VAR_NAME:
        ngx_mlsec_variable_set(v, &part->call->name);
        break;

    case NGX_MLSEC_VAR_SCHEME:
        ngx_mlsec_variable_set(v, &part->call->uri.scheme);
        break;

    case NGX_MLSEC_VAR_UPSTREAM:
        ngx_mlsec_variable_set(v, &part->call->uri.upstream);
        break;

    case NGX_MLSEC_VAR_URL:
        ngx_mlsec_variable_set(v, &part->url);
        break;

    default: /* NGX_MLSEC_VAR_HOST */
        ngx_mlsec_variable_set(v, &part->host);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_item_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    const ngx_str_t  *text;

    text = ngx_mlsec_chain_item(r);

    if (text == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    ngx_mlsec_variable_set(v, text);

    return NGX_OK;
}


static void
ngx_mlsec_variable_set(ngx_http_variable_value_t *v, const ngx_str_t *value)
{
    if (value->len == 0) {
        v->not_found = 1;
        return;
    }

    v->data = value->data;
    v->len = value->len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
}
