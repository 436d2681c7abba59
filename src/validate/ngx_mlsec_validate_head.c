/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_content.h>
#include <core/ngx_mlsec_variables.h>
#include <lib/aggregate/mlsec_args.h>
#include <validate/ngx_mlsec_validate_conf.h>


static ngx_int_t ngx_mlsec_validate_query(ngx_mlsec_validate_t *v);
static ngx_int_t ngx_mlsec_validate_headers(ngx_mlsec_validate_t *v);
static ngx_uint_t ngx_mlsec_validate_takes(
    const ngx_mlsec_validate_terms_t *terms, ngx_http_request_t *r);
static ngx_uint_t ngx_mlsec_validate_utf8(ngx_http_request_t *r);
static ngx_uint_t ngx_mlsec_validate_encoded(ngx_http_request_t *r);


ngx_int_t
ngx_mlsec_validate_head(ngx_mlsec_validate_t *v)
{
    ngx_int_t  rc;

    rc = ngx_mlsec_validate_query(v);

    return (rc == NGX_OK) ? ngx_mlsec_validate_headers(v) : rc;
}


/*
 * The query is what the client wrote unless the configuration has rewritten
 * it, and then it is what the service is going to see.
 */

static ngx_int_t
ngx_mlsec_validate_query(ngx_mlsec_validate_t *v)
{
    size_t                             n;
    mlsec_str_t                        query;
    const ngx_mlsec_validate_terms_t  *terms;

    terms = &v->conf->terms;
    query.data = v->request->args.data;
    query.len = v->request->args.len;

    if (terms->args_size && query.len > terms->args_size) {
        return ngx_mlsec_validate_refuse(v, NGX_MLSEC_VALIDATE_ARGS_SIZE,
                                         NGX_MLSEC_VALIDATE_NOWHERE, NULL,
                                         "Query should have at most %uz "
                                         "bytes", terms->args_size);
    }

    if (!terms->args || query.len == 0) {
        return NGX_OK;
    }

    if (mlsec_args_check(query, &n) != MLSEC_OK) {
        return ngx_mlsec_validate_refuse(v, NGX_MLSEC_VALIDATE_QUERY,
                                         NGX_MLSEC_VALIDATE_NOWHERE, NULL,
                                         "Query should be UTF-8, "
                                         "percent-encoded, without NUL");
    }

    if (n > terms->args) {
        return ngx_mlsec_validate_refuse(v, NGX_MLSEC_VALIDATE_ARGS,
                                         NGX_MLSEC_VALIDATE_NOWHERE, NULL,
                                         "Query should have at most %ui "
                                         "arguments", terms->args);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_validate_headers(ngx_mlsec_validate_t *v)
{
    ngx_uint_t                         i, n;
    ngx_list_part_t                   *part;
    ngx_table_elt_t                   *h;
    const ngx_mlsec_validate_terms_t  *terms;

    terms = &v->conf->terms;

    if (!terms->headers && !terms->header_size) {
        return NGX_OK;
    }

    n = 0;

    for (part = &v->request->headers_in.headers.part; part;
         part = part->next)
    {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (terms->header_size
                && h[i].key.len + h[i].value.len > terms->header_size)
            {
                return ngx_mlsec_validate_refuse(v,
                                         NGX_MLSEC_VALIDATE_HEADERS,
                                         NGX_MLSEC_VALIDATE_NOWHERE, NULL,
                                         "A header should have at most %uz "
                                         "bytes", terms->header_size);
            }
        }

        n += part->nelts;
    }

    if (terms->headers && n > terms->headers) {
        return ngx_mlsec_validate_refuse(v, NGX_MLSEC_VALIDATE_HEADERS,
                                         NGX_MLSEC_VALIDATE_NOWHERE, NULL,
                                         "There should be at most %ui "
                                         "headers", terms->headers);
    }

    return NGX_OK;
}


ngx_int_t
ngx_mlsec_validate_announced(ngx_mlsec_validate_t *v)
{
    ngx_http_request_t                *r;
    const ngx_mlsec_validate_terms_t  *terms;

    r = v->request;
    terms = &v->conf->terms;

    if (!ngx_mlsec_validate_takes(terms, r)) {
        return ngx_mlsec_validate_refuse(v, NGX_MLSEC_VALIDATE_TYPE,
                                         NGX_MLSEC_VALIDATE_NOWHERE, NULL,
                                         terms->types == NULL
                                         ? "The Content-Type must be "
                                           "application/json"
                                         : "This Content-Type is not taken "
                                           "here");
    }

    if (!ngx_mlsec_validate_utf8(r)) {
        return ngx_mlsec_validate_refuse(v, NGX_MLSEC_VALIDATE_TYPE,
                                         NGX_MLSEC_VALIDATE_NOWHERE, NULL,
                                         "JSON must be UTF-8, in its "
                                         "Content-Type too");
    }

    if (!terms->any && ngx_mlsec_validate_encoded(r)) {
        return ngx_mlsec_validate_refuse(v, NGX_MLSEC_VALIDATE_TYPE,
                                         NGX_MLSEC_VALIDATE_NOWHERE, NULL,
                                         "The body must not have a "
                                         "Content-Encoding");
    }

    if (terms->max_size && r->headers_in.content_length_n > terms->max_size) {
        return ngx_mlsec_validate_refuse(v, NGX_MLSEC_VALIDATE_SIZE,
                                         NGX_MLSEC_VALIDATE_NOWHERE, NULL,
                                         "Body should have at most %O bytes",
                                         terms->max_size);
    }

    return NGX_OK;
}


/*
 * Of two types nginx knows the first one, and the service gets both: which
 * one it believes is not known.
 */

static ngx_uint_t
ngx_mlsec_validate_takes(const ngx_mlsec_validate_terms_t *terms,
    ngx_http_request_t *r)
{
    ngx_str_t         type, *taken;
    ngx_uint_t        i, n;
    ngx_table_elt_t  *h;

    h = ngx_mlsec_header_in(r, "content-type", &n);

    if (terms->any && n < 2) {
        return 1;
    }

    if (n != 1) {
        return 0;
    }

    type = ngx_mlsec_content_type(&h->value);

    if (terms->types == NULL) {
        return ngx_mlsec_content_is_json(&type);
    }

    taken = terms->types->elts;

    for (i = 0; i < terms->types->nelts; i++) {

        if (taken[i].len == type.len
            && ngx_strncasecmp(taken[i].data, type.data, type.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* By another charset the service reads another text than is checked here. */

static ngx_uint_t
ngx_mlsec_validate_utf8(ngx_http_request_t *r)
{
    ngx_str_t         type;
    ngx_uint_t        n;
    ngx_table_elt_t  *h;

    h = ngx_mlsec_header_in(r, "content-type", &n);

    if (h == NULL) {
        return 1;
    }

    type = ngx_mlsec_content_type(&h->value);

    return !ngx_mlsec_content_is_json(&type)
           || ngx_mlsec_content_is_utf8(&h->value);
}


static ngx_uint_t
ngx_mlsec_validate_encoded(ngx_http_request_t *r)
{
    ngx_uint_t        n;
    ngx_table_elt_t  *h;

    h = ngx_mlsec_header_in(r, "content-encoding", &n);

    return n > 1
           || (n == 1
               && (h->value.len != sizeof("identity") - 1
                   || ngx_strncasecmp(h->value.data, (u_char *) "identity",
                                      h->value.len)
                      != 0));
}
