/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <aggregate/ngx_mlsec_aggregate.h>
#include <aggregate/ngx_mlsec_aggregate_chain.h>
#include <core/ngx_mlsec_compat.h>
#include <core/ngx_mlsec_deadline.h>
#include <core/ngx_mlsec_identity.h>
#include <core/ngx_mlsec_template.h>
#include <core/ngx_mlsec_variables.h>
#include <lib/aggregate/mlsec_cache_merge.h>


static ngx_int_t ngx_mlsec_part_take_headers(ngx_http_headers_in_t *from,
    ngx_http_headers_in_t *in, const ngx_array_t *own);
static ngx_uint_t ngx_mlsec_part_header_passes(ngx_table_elt_t *h);
static ngx_uint_t ngx_mlsec_part_header_is_own(ngx_table_elt_t *h,
    const ngx_array_t *own);
static ngx_int_t ngx_mlsec_part_add_header(ngx_http_headers_in_t *in,
    ngx_uint_t index, ngx_str_t *value);
static ngx_int_t ngx_mlsec_part_own_headers(ngx_mlsec_part_t *part,
    ngx_http_headers_in_t *in);
static ngx_int_t ngx_mlsec_part_header_value(ngx_http_request_t *r,
    const ngx_mlsec_call_header_t *header, ngx_str_t *value);
static ngx_uint_t ngx_mlsec_part_has_own(const ngx_mlsec_call_t *call,
    const char *name);
static ngx_int_t ngx_mlsec_part_json_type(ngx_http_headers_in_t *in);
static ngx_int_t ngx_mlsec_aggregate_cache_control(ngx_mlsec_aggregate_t *a,
    ngx_uint_t completed);


/*
 * What a part may know of the client's request.  Everything else stays with
 * the gateway: conditions and ranges would make a part answer 304 or 206,
 * Accept-Encoding would put gzip into the JSON, Cookie is the gateway's own.
 */

static ngx_str_t  ngx_mlsec_part_headers[] = {
    ngx_string("authorization"),
    ngx_string("accept"),
    ngx_string("accept-language"),
    ngx_string("content-type"),
    ngx_string("traceparent"),
    ngx_string("tracestate"),
    ngx_null_string
};


/* what the gateway says itself */

#define NGX_MLSEC_ADDED_REQUEST_ID       0
#define NGX_MLSEC_ADDED_FORWARDED_FOR    1
#define NGX_MLSEC_ADDED_FORWARDED_PROTO  2
#define NGX_MLSEC_ADDED_FORWARDED_HOST   3

static struct {
    ngx_str_t    name;
    u_char      *lowcase;
    ngx_uint_t   hash;           /* of lowcase; set when nginx starts */
} ngx_mlsec_part_added[] = {
    { ngx_string("X-Request-ID"), (u_char *) "x-request-id", 0 },
    { ngx_string("X-Forwarded-For"), (u_char *) "x-forwarded-for", 0 },
    { ngx_string("X-Forwarded-Proto"), (u_char *) "x-forwarded-proto", 0 },
    { ngx_string("X-Forwarded-Host"), (u_char *) "x-forwarded-host", 0 }
};


void
ngx_mlsec_aggregate_headers_init(void)
{
    ngx_uint_t  i;

    for (i = 0;
         i < sizeof(ngx_mlsec_part_added) / sizeof(ngx_mlsec_part_added[0]);
         i++)
    {
        ngx_mlsec_part_added[i].hash =
                            ngx_hash_key(ngx_mlsec_part_added[i].lowcase,
                                         ngx_mlsec_part_added[i].name.len);
    }
}


ngx_int_t
ngx_mlsec_aggregate_base_headers(ngx_mlsec_aggregate_t *a)
{
    ngx_str_t               id;
    ngx_http_request_t     *r;
    ngx_http_headers_in_t  *in;
    ngx_mlsec_forwarded_t   forwarded;

    r = a->request;

    in = ngx_pcalloc(r->pool, sizeof(ngx_http_headers_in_t));
    if (in == NULL) {
        return NGX_ERROR;
    }

    a->headers_in = in;

    in->host = r->headers_in.host;
    in->server = r->headers_in.server;
    in->content_length_n = -1;
    in->keep_alive_n = -1;

    if (ngx_list_init(&in->headers, r->pool, 10, sizeof(ngx_table_elt_t))
        != NGX_OK
        || ngx_mlsec_part_take_headers(&r->headers_in, in, NULL) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_mlsec_request_id(r, &id);
    ngx_mlsec_forwarded(r, &forwarded);

    if (ngx_mlsec_part_add_header(in, NGX_MLSEC_ADDED_REQUEST_ID, &id)
        != NGX_OK
        || ngx_mlsec_part_add_header(in, NGX_MLSEC_ADDED_FORWARDED_FOR,
                                     &forwarded.client)
           != NGX_OK
        || ngx_mlsec_part_add_header(in, NGX_MLSEC_ADDED_FORWARDED_PROTO,
                                     &forwarded.proto)
           != NGX_OK
        || ngx_mlsec_part_add_header(in, NGX_MLSEC_ADDED_FORWARDED_HOST,
                                     &forwarded.host)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * Parts only read their headers, so all share one list; a part that has
 * headers of its own gets its own list.
 */

ngx_int_t
ngx_mlsec_part_set_headers(ngx_mlsec_part_t *part)
{
    ngx_int_t                rc;
    ngx_uint_t               untyped;
    const ngx_array_t        none = { NULL, 0, 0, 0, NULL };
    ngx_http_request_t      *r, *sr;
    ngx_http_headers_in_t   *in;
    const ngx_mlsec_call_t  *call;

    r = part->aggregate->request;
    sr = part->capture.request;
    call = part->call;
    in = &sr->headers_in;

    part->host = call->host;

    *in = *part->aggregate->headers_in;

    untyped = (part->request_body != NULL && in->content_type == NULL
               && !ngx_mlsec_part_has_own(call, "Content-Type"));

    if (call->headers != NULL || untyped) {

        if (ngx_list_init(&in->headers, r->pool, 12, sizeof(ngx_table_elt_t))
            != NGX_OK
            || ngx_mlsec_part_take_headers(part->aggregate->headers_in, in,
                                           call->headers ? call->headers
                                                         : &none)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (untyped && ngx_mlsec_part_json_type(in) != NGX_OK) {
            return NGX_ERROR;
        }

        rc = (call->headers != NULL) ? ngx_mlsec_part_own_headers(part, in)
                                     : NGX_OK;

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (!ngx_mlsec_part_has_own(call, NGX_MLSEC_DEADLINE_HEADER)
        && ngx_mlsec_part_set_deadline(part, in) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_mlsec_part_set_body(part, in);

    return NGX_OK;
}


/*
 * Whether there is a header= of that name.
 */

static ngx_uint_t
ngx_mlsec_part_has_own(const ngx_mlsec_call_t *call, const char *name)
{
    size_t                          len;
    ngx_uint_t                      i;
    const ngx_mlsec_call_header_t  *header;

    if (call->headers == NULL) {
        return 0;
    }

    len = ngx_strlen(name);
    header = call->headers->elts;

    for (i = 0; i < call->headers->nelts; i++) {

        if (header[i].name.len == len
            && ngx_strncasecmp(header[i].name.data, (u_char *) name, len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/*
 * What a program has made is JSON, whether the client has said so or has sent
 * nothing.
 */

static ngx_int_t
ngx_mlsec_part_json_type(ngx_http_headers_in_t *in)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&in->headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&h->key, "Content-Type");
    ngx_str_set(&h->value, "application/json");
    h->lowcase_key = (u_char *) "content-type";
    h->hash = ngx_hash_key(h->lowcase_key, h->key.len);
    ngx_mlsec_elt_last(h);

    in->content_type = h;

    return NGX_OK;
}


/*
 * Copies headers: of the client's (own is NULL) those that a part may know, of
 * the base list those that the part does not set itself.
 */

static ngx_int_t
ngx_mlsec_part_take_headers(ngx_http_headers_in_t *from,
    ngx_http_headers_in_t *in, const ngx_array_t *own)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h, *copy;

    in->authorization = NULL;
    in->content_type = NULL;

    for (part = &from->headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].hash == 0
                || (own == NULL && !ngx_mlsec_part_header_passes(&h[i]))
                || (own != NULL && ngx_mlsec_part_header_is_own(&h[i], own)))
            {
                continue;
            }

            copy = ngx_list_push(&in->headers);
            if (copy == NULL) {
                return NGX_ERROR;
            }

            *copy = h[i];
            ngx_mlsec_elt_last(copy);

            /* variables and other modules look for these two by name */

            if (from->authorization == &h[i]) {
                in->authorization = copy;

            } else if (from->content_type == &h[i]) {
                in->content_type = copy;
            }
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_mlsec_part_header_passes(ngx_table_elt_t *h)
{
    ngx_str_t  *name;

    if (ngx_mlsec_identity_is_own(h)) {
        return 1;
    }

    for (name = ngx_mlsec_part_headers; name->len; name++) {

        if (h->key.len == name->len
            && ngx_memcmp(h->lowcase_key, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_mlsec_part_add_header(ngx_http_headers_in_t *in, ngx_uint_t index,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    if (value->len == 0) {
        return NGX_OK;
    }

    h = ngx_list_push(&in->headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->key = ngx_mlsec_part_added[index].name;
    h->value = *value;
    h->lowcase_key = ngx_mlsec_part_added[index].lowcase;
    h->hash = ngx_mlsec_part_added[index].hash;
    ngx_mlsec_elt_last(h);

    return NGX_OK;
}


static ngx_uint_t
ngx_mlsec_part_header_is_own(ngx_table_elt_t *h, const ngx_array_t *own)
{
    ngx_uint_t                      i;
    const ngx_mlsec_call_header_t  *header;

    header = own->elts;

    for (i = 0; i < own->nelts; i++) {

        if (header[i].name.len == h->key.len
            && ngx_strncasecmp(header[i].name.data, h->key.data, h->key.len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


/*
 * An empty value sends no header, as with proxy_set_header.
 */

static ngx_int_t
ngx_mlsec_part_own_headers(ngx_mlsec_part_t *part, ngx_http_headers_in_t *in)
{
    ngx_int_t                       rc;
    ngx_str_t                       value;
    ngx_uint_t                      i;
    ngx_table_elt_t                *h;
    ngx_http_request_t             *r;
    const ngx_mlsec_call_header_t  *header;

    r = part->aggregate->request;
    header = part->call->headers->elts;

    for (i = 0; i < part->call->headers->nelts; i++) {

        rc = ngx_mlsec_part_header_value(r, &header[i], &value);

        if (rc != NGX_OK) {
            return rc;
        }

        if (value.len == 0) {
            continue;
        }

        if (header[i].name.len == 4
            && ngx_strncasecmp(header[i].name.data, (u_char *) "host", 4) == 0)
        {
            part->host = value;
            continue;
        }

        h = ngx_list_push(&in->headers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        h->hash = header[i].hash;
        h->key = header[i].name;
        h->value = value;
        h->lowcase_key = header[i].lowcase;
        ngx_mlsec_elt_last(h);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_part_header_value(ngx_http_request_t *r,
    const ngx_mlsec_call_header_t *header, ngx_str_t *value)
{
    size_t     n;
    ngx_int_t  rc;

    rc = header->needs ? ngx_mlsec_chain_text(r, header->value, value)
                       : ngx_mlsec_template_join(r, header->value, value);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    for (n = 0; n < value->len; n++) {

        if (value->data[n] < ' ' && value->data[n] != '\t') {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_mlsec_part_check_headers(ngx_http_request_t *r,
    const ngx_mlsec_call_t *call)
{
    ngx_int_t                       rc;
    ngx_str_t                       value;
    ngx_uint_t                      i;
    const ngx_mlsec_call_header_t  *header;

    if (call->headers == NULL) {
        return NGX_OK;
    }

    header = call->headers->elts;

    for (i = 0; i < call->headers->nelts; i++) {
        rc = ngx_mlsec_part_header_value(r, &header[i], &value);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


ngx_table_elt_t *
ngx_mlsec_part_header_out(ngx_http_request_t *sr, const char *name)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);

    for (part = &sr->headers_out.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].hash && h[i].key.len == len
                && ngx_tolower(h[i].key.data[0]) == ngx_tolower(name[0])
                && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0)
            {
                return &h[i];
            }
        }
    }

    return NULL;
}


void
ngx_mlsec_part_cache_control(ngx_mlsec_part_t *part)
{
    u_char            *p;
    ngx_str_t         *value;
    ngx_uint_t         i;
    ngx_list_part_t   *list;
    ngx_table_elt_t   *h;

    value = &part->cache_control;

    for (list = &part->capture.request->headers_out.headers.part;
         list;
         list = list->next)
    {
        h = list->elts;

        for (i = 0; i < list->nelts; i++) {

            if (h[i].hash == 0
                || h[i].key.len != sizeof("Cache-Control") - 1
                || ngx_tolower(h[i].key.data[0]) != 'c'
                || ngx_strncasecmp(h[i].key.data, (u_char *) "Cache-Control",
                                   h[i].key.len)
                   != 0)
            {
                continue;
            }

            if (value->len == 0) {
                *value = h[i].value;
                continue;
            }

            p = ngx_pnalloc(part->aggregate->request->pool,
                            value->len + 2 + h[i].value.len);

            if (p == NULL) {
                ngx_str_set(value, "no-store");
                return;
            }

            value->len = ngx_sprintf(p, "%V, %V", value, &h[i].value) - p;
            value->data = p;
        }
    }
}


ngx_int_t
ngx_mlsec_aggregate_set_headers(ngx_mlsec_aggregate_t *a,
    ngx_uint_t completed, ngx_str_t *failed)
{
    ngx_str_t            value;
    ngx_http_request_t  *r;

    r = a->request;

    if (completed) {
        ngx_str_set(&value, "true");

    } else {
        ngx_str_set(&value, "false");
    }

    if (ngx_mlsec_aggregate_add_header(r, "X-Gateway-Completed", &value)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (failed->len
        && ngx_mlsec_aggregate_add_header(r, "X-Gateway-Failed", failed)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_mlsec_aggregate_cache_control(a, completed) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_mlsec_aggregate_server_timing(a);
}


static ngx_int_t
ngx_mlsec_aggregate_cache_control(ngx_mlsec_aggregate_t *a,
    ngx_uint_t completed)
{
    ngx_str_t             value;
    ngx_uint_t            i;
    mlsec_str_t           text;
    ngx_mlsec_part_t     *part;
    mlsec_cache_merge_t   merge;

    mlsec_cache_merge_init(&merge);

    for (i = 0; i < a->nparts; i++) {
        part = &a->parts[i];

        if (part->skipped) {
            continue;
        }

        if (part->link != NULL && part->link->group != NULL) {
            ngx_mlsec_group_cache_control(part, &merge);
            continue;
        }

        text.data = part->cache_control.data;
        text.len = part->cache_control.len;

        mlsec_cache_merge_add(&merge, text);
    }

    if (!completed) {

        /* what is missing now may be there the next time */

        text.data = (u_char *) "no-store";
        text.len = sizeof("no-store") - 1;

        mlsec_cache_merge_add(&merge, text);
    }

    value.data = ngx_pnalloc(a->request->pool, MLSEC_CACHE_MERGE_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = mlsec_cache_merge_write(&merge, value.data);

    if (value.len == 0) {
        return NGX_OK;
    }

    return ngx_mlsec_aggregate_add_header(a->request, "Cache-Control", &value);
}


ngx_int_t
ngx_mlsec_aggregate_server_timing(ngx_mlsec_aggregate_t *a)
{
    u_char            *p;
    size_t             len;
    ngx_str_t          value, *type;
    ngx_uint_t         i;
    ngx_mlsec_err_e    error;
    ngx_mlsec_part_t  *part;

    if (!a->conf->server_timing) {
        return NGX_OK;
    }

    len = 0;

    for (i = 0; i < a->nparts; i++) {
        len += a->parts[i].call->name.len + NGX_INT64_LEN
               + sizeof(", ;dur=;desc=\"connection_timeout\"");
    }

    p = ngx_pnalloc(a->request->pool, len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;

    for (i = 0; i < a->nparts; i++) {
        part = &a->parts[i];

        if (part->skipped) {
            continue;
        }

        p = ngx_sprintf(p, "%s%V;dur=%M", p == value.data ? "" : ", ",
                        &part->call->name, part->elapsed);

        error = ngx_mlsec_part_error(part);

        if (error) {
            type = ngx_mlsec_part_error_name(error);
            p = ngx_sprintf(p, ";desc=\"%V\"", type);
        }
    }

    value.len = p - value.data;

    if (value.len == 0) {
        return NGX_OK;
    }

    return ngx_mlsec_aggregate_add_header(a->request, "Server-Timing", &value);
}


ngx_int_t
ngx_mlsec_aggregate_add_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;
    ngx_mlsec_elt_last(h);

    return NGX_OK;
}
