/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What a part sends as its body: nothing, the client's own bytes, or what a
 * program makes of the client's JSON.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <aggregate/ngx_mlsec_aggregate.h>
#include <aggregate/ngx_mlsec_aggregate_chain.h>
#include <core/ngx_mlsec_content.h>


static ngx_int_t ngx_mlsec_body_refuse(ngx_mlsec_aggregate_t *a,
    ngx_uint_t status, const char *message);
static ngx_uint_t ngx_mlsec_body_is_json(ngx_http_request_t *r);
static ngx_int_t ngx_mlsec_body_read(ngx_mlsec_aggregate_t *a);
static ngx_http_request_body_t *ngx_mlsec_body_of(ngx_http_request_t *r,
    ngx_str_t *text);


ngx_int_t
ngx_mlsec_part_map_body(ngx_mlsec_part_t *part)
{
    ngx_int_t               rc;
    ngx_uint_t              late;
    ngx_mlsec_aggregate_t  *a;
    ngx_mlsec_filter_job_t  job;

    a = part->aggregate;
    late = (part->link != NULL);

    if (!a->body_read) {
        rc = ngx_mlsec_body_read(a);

        if (rc != NGX_OK) {
            return rc;
        }

        a->body_read = 1;
    }

    ngx_memzero(&job, sizeof(ngx_mlsec_filter_job_t));

    job.input.text.data = a->body.data;
    job.input.text.len = a->body.len;
    job.max_size = a->conf->call_max;

    if (late && ngx_mlsec_chain_bodies(part, &job.parts) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_mlsec_filter_run(a->request, part->call->body_filter, &job);

    if (rc == NGX_DECLINED) {

        /* without its $parts a program may well fail: it runs again */

        if (!late && ngx_mlsec_part_body_waits(part)
            && job.error.status == NGX_HTTP_INTERNAL_SERVER_ERROR)
        {
            return NGX_OK;
        }

        a->refusal = job.error;
        return NGX_BUSY;
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    part->request_body = ngx_mlsec_body_of(a->request, &job.result);

    return (part->request_body != NULL) ? NGX_OK : NGX_ERROR;
}


ngx_uint_t
ngx_mlsec_part_body_waits(const ngx_mlsec_part_t *part)
{
    const ngx_mlsec_filter_t  *filter;

    filter = part->call->body_filter;

    return part->call->chain != NULL && filter != NULL
           && (filter->used >> NGX_MLSEC_FILTER_PARTS & 1);
}


/*
 * The client's body as a->body, empty if there is none; checked, since
 * whatever a program is given must be JSON.
 */

static ngx_int_t
ngx_mlsec_body_read(ngx_mlsec_aggregate_t *a)
{
    int                  rc;
    off_t                len;
    mlsec_str_t          text;
    ngx_http_request_t  *r;

    r = a->request;
    len = ngx_mlsec_content_length(r);

    if (len == 0) {
        return NGX_OK;
    }

    if (!ngx_mlsec_body_is_json(r)) {
        return ngx_mlsec_body_refuse(a, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                              "The Content-Type must be application/json");
    }

    if ((size_t) len > a->conf->call_max) {
        return ngx_mlsec_body_refuse(a, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                     "The request body is too large");
    }

    if (ngx_mlsec_content_text(r, &a->body) != NGX_OK) {
        return NGX_ERROR;
    }

    text.data = a->body.data;
    text.len = a->body.len;

    rc = mlsec_json_scan(text, MLSEC_JSON_DEFAULT_DEPTH, NULL, NULL);

    if (rc == MLSEC_EMPTY) {
        ngx_str_null(&a->body);

    } else if (rc != MLSEC_OK) {
        return ngx_mlsec_body_refuse(a, 422,
                                     "The request body is not valid JSON");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_body_refuse(ngx_mlsec_aggregate_t *a, ngx_uint_t status,
    const char *message)
{
    a->refusal.status = status;
    a->refusal.message.data = (u_char *) message;
    a->refusal.message.len = ngx_strlen(message);

    return NGX_BUSY;
}


static ngx_uint_t
ngx_mlsec_body_is_json(ngx_http_request_t *r)
{
    ngx_str_t  type;

    if (r->headers_in.content_type == NULL) {
        return 0;
    }

    type = ngx_mlsec_content_type(&r->headers_in.content_type->value);

    return ngx_mlsec_content_is_json(&type);
}


static ngx_http_request_body_t *
ngx_mlsec_body_of(ngx_http_request_t *r, ngx_str_t *text)
{
    ngx_buf_t                *b;
    ngx_http_request_body_t  *rb;

    rb = ngx_pcalloc(r->pool, sizeof(ngx_http_request_body_t));
    if (rb == NULL) {
        return NULL;
    }

    rb->bufs = ngx_alloc_chain_link(r->pool);
    b = ngx_calloc_buf(r->pool);

    if (rb->bufs == NULL || b == NULL) {
        return NULL;
    }

    b->pos = text->data;
    b->last = text->data + text->len;
    b->start = b->pos;
    b->end = b->last;
    b->memory = 1;
    b->last_buf = 1;

    rb->bufs->buf = b;
    rb->bufs->next = NULL;

    return rb;
}


void
ngx_mlsec_part_set_body(ngx_mlsec_part_t *part, ngx_http_headers_in_t *in)
{
    ngx_http_request_t      *r, *sr;
    const ngx_mlsec_call_t  *call;

    r = part->aggregate->request;
    sr = part->capture.request;
    call = part->call;

    sr->request_body = NULL;

    if (call->method) {
        sr->method = call->method;
        sr->method_name = call->method_name;

    } else if (call->body && !(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        sr->method = r->method;
        sr->method_name = r->method_name;
    }

    if (part->request_body != NULL) {
        sr->request_body = part->request_body;
        in->content_length_n = ngx_buf_size(part->request_body->bufs->buf);
        return;
    }

    if (!call->body || r->request_body == NULL) {

        /* RFC 9110, 8.6: a POST without content says so */

        if (sr->method & (NGX_HTTP_POST|NGX_HTTP_PUT|NGX_HTTP_PATCH)) {
            in->content_length_n = 0;
        }

        return;
    }

    /*
     * nginx has read the whole body by now and has counted it, also when it
     * came in chunks.
     */

    sr->request_body = r->request_body;
    in->content_length_n = r->headers_in.content_length_n;

    if (in->content_length_n < 0) {
        in->content_length_n = 0;
    }
}
