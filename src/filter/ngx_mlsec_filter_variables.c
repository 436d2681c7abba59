/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_json.h>
#include <core/ngx_mlsec_mem.h>
#include <core/ngx_mlsec_variables.h>
#include <filter/ngx_mlsec_filter.h>
#include <lib/aggregate/mlsec_args.h>


static ngx_int_t ngx_mlsec_filter_value(ngx_http_request_t *r, ngx_uint_t i,
    const ngx_mlsec_filter_job_t *job, ngx_str_t *json);
static ngx_int_t ngx_mlsec_filter_args(ngx_http_request_t *r,
    ngx_str_t *json);
static ngx_int_t ngx_mlsec_filter_captures(ngx_http_request_t *r,
    ngx_str_t *json);
static void ngx_mlsec_filter_named_captures(ngx_http_request_t *r,
    ngx_mlsec_json_t *w);
static void ngx_mlsec_filter_member(ngx_mlsec_json_t *w, ngx_str_t *name,
    ngx_str_t *value);
static void ngx_mlsec_filter_claims(ngx_http_request_t *r, ngx_str_t *json);
static ngx_int_t ngx_mlsec_filter_now(ngx_http_request_t *r, ngx_str_t *json);
static ngx_int_t ngx_mlsec_filter_request_id(ngx_http_request_t *r,
    ngx_str_t *json);
static ngx_int_t ngx_mlsec_filter_text(ngx_http_request_t *r,
    const ngx_str_t *value, ngx_str_t *json);


#define ngx_mlsec_filter_name(s)                                              \
    { (const unsigned char *) s, sizeof(s) - 1 }

const mlsec_str_t  ngx_mlsec_filter_names[NGX_MLSEC_FILTER_VARIABLES] = {
    ngx_mlsec_filter_name("args"),
    ngx_mlsec_filter_name("captures"),
    ngx_mlsec_filter_name("claims"),
    ngx_mlsec_filter_name("now"),
    ngx_mlsec_filter_name("request_id"),
    ngx_mlsec_filter_name("method"),
    ngx_mlsec_filter_name("parts"),
    ngx_mlsec_filter_name("status"),
    ngx_mlsec_filter_name("errors"),
    ngx_mlsec_filter_name("elapsed")
};


ngx_int_t
ngx_mlsec_filter_values(ngx_http_request_t *r,
    const ngx_mlsec_filter_t *filter, const ngx_mlsec_filter_job_t *job,
    mlsec_filter_value_t *values)
{
    ngx_str_t   json;
    ngx_uint_t  i;

    ngx_memzero(values, filter->bound * sizeof(mlsec_filter_value_t));

    for (i = 0; i < filter->bound; i++) {

        if (!(filter->used >> i & 1)) {
            continue;
        }

        if (i == NGX_MLSEC_FILTER_PARTS) {
            values[i] = job->parts;
            continue;
        }

        ngx_str_null(&json);

        if (ngx_mlsec_filter_value(r, i, job, &json) != NGX_OK) {
            return NGX_ERROR;
        }

        values[i].text.data = json.data;
        values[i].text.len = json.len;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_filter_value(ngx_http_request_t *r, ngx_uint_t i,
    const ngx_mlsec_filter_job_t *job, ngx_str_t *json)
{
    switch (i) {

    case NGX_MLSEC_FILTER_ARGS:
        return ngx_mlsec_filter_args(r, json);

    case NGX_MLSEC_FILTER_CAPTURES:
        return ngx_mlsec_filter_captures(r, json);

    case NGX_MLSEC_FILTER_NOW:
        return ngx_mlsec_filter_now(r, json);

    case NGX_MLSEC_FILTER_REQUEST_ID:
        return ngx_mlsec_filter_request_id(r, json);

    case NGX_MLSEC_FILTER_METHOD:
        return ngx_mlsec_filter_text(r, &r->main->method_name, json);

    case NGX_MLSEC_FILTER_STATUS:
        *json = job->status;
        return NGX_OK;

    case NGX_MLSEC_FILTER_ERRORS:
        *json = job->errors;
        return NGX_OK;

    case NGX_MLSEC_FILTER_ELAPSED:
        *json = job->elapsed;
        return NGX_OK;

    default: /* NGX_MLSEC_FILTER_CLAIMS */
        ngx_mlsec_filter_claims(r, json);
        return NGX_OK;
    }
}


static ngx_int_t
ngx_mlsec_filter_args(ngx_http_request_t *r, ngx_str_t *json)
{
    uint64_t     seed[2];
    mlsec_mem_t  mem;
    mlsec_str_t  query, text;

    query.data = r->args.data;
    query.len = r->args.len;

    mem = ngx_mlsec_mem(r->pool);

    seed[0] = ((uint64_t) ngx_random() << 32) ^ (uint64_t) ngx_random();
    seed[1] = ((uint64_t) ngx_random() << 32) ^ (uint64_t) ngx_random();

    if (mlsec_args_json(query, &mem, seed, &text) != MLSEC_OK) {
        return NGX_ERROR;
    }

    json->data = (u_char *) text.data;
    json->len = text.len;

    return NGX_OK;
}


/*
 * The groups of the last regex that has matched, as "$1" is in nginx: by
 * number, and those of the location's regex that have names by name too.  A
 * group that took no part in the match is null.
 */

static ngx_int_t
ngx_mlsec_filter_captures(ngx_http_request_t *r, ngx_str_t *json)
{
    u_char            number[NGX_INT_T_LEN];
    ngx_str_t         name, value;
    ngx_mlsec_json_t  w;

#if (NGX_PCRE)
    ngx_uint_t        i;
#endif

    (void) ngx_mlsec_json_init(&w, r->pool, 256);

    ngx_mlsec_json_lit(&w, "{\"0\":");
    ngx_mlsec_json_string(&w, &r->uri);

#if (NGX_PCRE)

    for (i = 1; r->captures != NULL && i < r->ncaptures / 2; i++) {
        name.data = number;
        name.len = ngx_sprintf(number, "%ui", i) - number;

        if (r->captures[2 * i] < 0) {
            ngx_str_null(&value);

        } else {
            value.data = r->captures_data + r->captures[2 * i];
            value.len = r->captures[2 * i + 1] - r->captures[2 * i];
        }

        ngx_mlsec_filter_member(&w, &name,
                                r->captures[2 * i] < 0 ? NULL : &value);
    }

#endif

    ngx_mlsec_filter_named_captures(r, &w);

    ngx_mlsec_json_lit(&w, "}");

    return ngx_mlsec_json_text(&w, json);
}


static void
ngx_mlsec_filter_named_captures(ngx_http_request_t *r, ngx_mlsec_json_t *w)
{
#if (NGX_PCRE)

    ngx_str_t                   text;
    ngx_uint_t                  i;
    ngx_http_regex_t           *regex;
    ngx_http_variable_t        *v;
    ngx_http_core_loc_conf_t   *clcf;
    ngx_http_variable_value_t  *value;
    ngx_http_core_main_conf_t  *cmcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    regex = clcf->regex;
    v = cmcf->variables.elts;

    if (regex == NULL) {
        return;
    }

    for (i = 0; i < regex->nvariables; i++) {
        value = ngx_http_get_indexed_variable(r, regex->variables[i].index);

        if (value == NULL || value->not_found) {
            ngx_mlsec_filter_member(w, &v[regex->variables[i].index].name,
                                    NULL);
            continue;
        }

        text.data = value->data;
        text.len = value->len;

        ngx_mlsec_filter_member(w, &v[regex->variables[i].index].name, &text);
    }

#endif
}


static void
ngx_mlsec_filter_member(ngx_mlsec_json_t *w, ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_mlsec_json_lit(w, ",");
    ngx_mlsec_json_string(w, name);
    ngx_mlsec_json_lit(w, ":");

    if (value == NULL) {
        ngx_mlsec_json_lit(w, "null");

    } else {
        ngx_mlsec_json_string(w, value);
    }
}


/*
 * What the caller's token says, null when there is none.  Who has verified it
 * is met through a variable, as capabilities do.
 */

static void
ngx_mlsec_filter_claims(ngx_http_request_t *r, ngx_str_t *json)
{
    ngx_str_t                   name;
    ngx_http_variable_value_t  *v;

    ngx_str_set(&name, "mlsec_claims");

    v = ngx_http_get_variable(r->main, &name,
                              ngx_hash_key(name.data, name.len));

    if (v != NULL && !v->not_found) {
        json->data = v->data;
        json->len = v->len;
    }
}


static ngx_int_t
ngx_mlsec_filter_now(ngx_http_request_t *r, ngx_str_t *json)
{
    ngx_time_t  *tp;

    json->data = ngx_pnalloc(r->pool, NGX_TIME_T_LEN + sizeof(".000") - 1);
    if (json->data == NULL) {
        return NGX_ERROR;
    }

    tp = ngx_timeofday();

    json->len = ngx_sprintf(json->data, "%T.%03M", tp->sec, tp->msec)
                - json->data;

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_filter_request_id(ngx_http_request_t *r, ngx_str_t *json)
{
    ngx_str_t  id;

    ngx_mlsec_request_id(r, &id);

    return ngx_mlsec_filter_text(r, &id, json);
}


static ngx_int_t
ngx_mlsec_filter_text(ngx_http_request_t *r, const ngx_str_t *value,
    ngx_str_t *json)
{
    ngx_mlsec_json_t  w;

    (void) ngx_mlsec_json_init(&w, r->pool, value->len + 2);
    ngx_mlsec_json_string(&w, value);

    return ngx_mlsec_json_text(&w, json);
}
