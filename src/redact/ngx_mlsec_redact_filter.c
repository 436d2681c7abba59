/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The header waits until the body is here and has become another one: then
 * there is a length, and an answer that cannot be redacted is still an error
 * and no broken connection.  What cannot be looked into does not leave.
 *
 * The filters run behind the capture filter, so never for parts of an
 * aggregate, but for what is made of them; and in front of the error filter,
 * so that an envelope is made after them.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_content.h>
#include <core/ngx_mlsec_error.h>
#include <core/ngx_mlsec_mem.h>
#include <lib/json/mlsec_json.h>
#include <redact/ngx_mlsec_redact.h>


#define NGX_MLSEC_REDACT_BUFFER  4096  /* bytes, of unknown length at first */


typedef struct {
    ngx_str_t    body;
    size_t       room;                 /* bytes */
    unsigned     done:1;
} ngx_mlsec_redact_ctx_t;


static ngx_int_t ngx_mlsec_redact_header_filter(ngx_http_request_t *r);
static ngx_uint_t ngx_mlsec_redact_is_json(ngx_http_request_t *r);
static mlsec_apart ngx_int_t ngx_mlsec_redact_header(ngx_http_request_t *r,
    const ngx_mlsec_redact_loc_conf_t *conf);
static const char *ngx_mlsec_redact_hidden(ngx_http_request_t *r,
    const ngx_mlsec_redact_loc_conf_t *conf);
static ngx_int_t ngx_mlsec_redact_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static mlsec_apart ngx_int_t ngx_mlsec_redact_body(ngx_http_request_t *r,
    ngx_mlsec_redact_ctx_t *ctx, ngx_chain_t *in);
static ngx_int_t ngx_mlsec_redact_keep(ngx_http_request_t *r,
    ngx_mlsec_redact_ctx_t *ctx, ngx_buf_t *b, size_t max);
static ngx_int_t ngx_mlsec_redact_finish(ngx_http_request_t *r,
    ngx_mlsec_redact_ctx_t *ctx);
static ngx_int_t ngx_mlsec_redact_send(ngx_http_request_t *r,
    const ngx_str_t *text);
static ngx_int_t ngx_mlsec_redact_refuse(ngx_http_request_t *r,
    const char *reason);
static ngx_int_t ngx_mlsec_redact_abort(ngx_http_request_t *r,
    const char *reason);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


ngx_int_t
ngx_mlsec_redact_filter_init(ngx_conf_t *cf)
{
    if (!ngx_mlsec_conf_ever_used(&ngx_mlsec_redact_filter_module)) {
        return NGX_OK;
    }

    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_mlsec_redact_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_mlsec_redact_body_filter;

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_redact_header_filter(ngx_http_request_t *r)
{
    const ngx_mlsec_redact_loc_conf_t  *conf;

    conf = ngx_http_get_module_loc_conf(r, ngx_mlsec_redact_filter_module);

    return (conf->redact == NULL) ? ngx_http_next_header_filter(r)
                                  : ngx_mlsec_redact_header(r, conf);
}


static ngx_int_t
ngx_mlsec_redact_header(ngx_http_request_t *r,
    const ngx_mlsec_redact_loc_conf_t *conf)
{
    const char              *reason;
    ngx_mlsec_redact_ctx_t  *ctx;

    if (r != r->main
        || r->headers_out.status == NGX_HTTP_NO_CONTENT
        || r->headers_out.status == NGX_HTTP_NOT_MODIFIED
        || r->headers_out.status < NGX_HTTP_OK
        || !ngx_mlsec_redact_is_json(r))
    {
        return ngx_http_next_header_filter(r);
    }

    reason = ngx_mlsec_redact_hidden(r, conf);

    if (reason != NULL) {
        return ngx_mlsec_redact_refuse(r, reason);
    }

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_mlsec_redact_ctx_t));
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ctx->room = (r->headers_out.content_length_n > 0)
                ? (size_t) r->headers_out.content_length_n
                : ngx_min(conf->max_size, NGX_MLSEC_REDACT_BUFFER);

    /*
     * The bytes are others than those that the service has a length, a tag
     * and a date for; ranges would be ranges of those.
     */

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_weak_etag(r);

    if (r->method == NGX_HTTP_HEAD || r->header_only) {
        return ngx_http_next_header_filter(r);
    }

    ngx_http_set_ctx(r, ctx, ngx_mlsec_redact_filter_module);

    r->filter_need_in_memory = 1;

    return NGX_OK;
}


static ngx_uint_t
ngx_mlsec_redact_is_json(ngx_http_request_t *r)
{
    ngx_str_t  type;

    type = ngx_mlsec_content_type(&r->headers_out.content_type);

    return ngx_mlsec_content_is_json(&type);
}


/* Why the body cannot be looked into, NULL if it can. */

static const char *
ngx_mlsec_redact_hidden(ngx_http_request_t *r,
    const ngx_mlsec_redact_loc_conf_t *conf)
{
    if (r->headers_out.content_encoding != NULL
        && r->headers_out.content_encoding->value.len != 0)
    {
        return "compressed";
    }

    if (r->headers_out.status == NGX_HTTP_PARTIAL_CONTENT) {
        return "a part only";
    }

    if (r->headers_out.content_length_n > (off_t) conf->max_size) {
        return "too large";
    }

    return NULL;
}


static ngx_int_t
ngx_mlsec_redact_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_mlsec_redact_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_mlsec_redact_filter_module);

    return (ctx == NULL || ctx->done) ? ngx_http_next_body_filter(r, in)
                                      : ngx_mlsec_redact_body(r, ctx, in);
}


static ngx_int_t
ngx_mlsec_redact_body(ngx_http_request_t *r, ngx_mlsec_redact_ctx_t *ctx,
    ngx_chain_t *in)
{
    ngx_int_t                           rc;
    ngx_uint_t                          last;
    ngx_chain_t                        *cl;
    const ngx_mlsec_redact_loc_conf_t  *conf;

    conf = ngx_http_get_module_loc_conf(r, ngx_mlsec_redact_filter_module);
    last = 0;

    for (cl = in; cl; cl = cl->next) {

        rc = ngx_mlsec_redact_keep(r, ctx, cl->buf, conf->max_size);

        if (rc == NGX_DECLINED) {
            return ngx_mlsec_redact_abort(r, "too large");
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

        last |= cl->buf->last_buf;
    }

    return last ? ngx_mlsec_redact_finish(r, ctx) : NGX_OK;
}


/*
 * Takes the bytes of a buffer.  NGX_DECLINED: there are more than max of them.
 */

static ngx_int_t
ngx_mlsec_redact_keep(ngx_http_request_t *r, ngx_mlsec_redact_ctx_t *ctx,
    ngx_buf_t *b, size_t max)
{
    u_char  *p;
    size_t   len;

    len = (size_t) (b->last - b->pos);

    if (len > max - ctx->body.len) {
        return NGX_DECLINED;
    }

    if (ctx->body.data == NULL || len > ctx->room - ctx->body.len) {

        while (len > ctx->room - ctx->body.len) {
            ctx->room *= 2;
        }

        p = ngx_pnalloc(r->pool, ctx->room);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (ctx->body.len != 0) {
            ngx_memcpy(p, ctx->body.data, ctx->body.len);
            ngx_pfree(r->pool, ctx->body.data);
        }

        ctx->body.data = p;
    }

    ngx_memcpy(ctx->body.data + ctx->body.len, b->pos, len);

    ctx->body.len += len;
    b->pos = b->last;

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_redact_finish(ngx_http_request_t *r, ngx_mlsec_redact_ctx_t *ctx)
{
    ngx_int_t                           rc;
    ngx_str_t                           left;
    mlsec_mem_t                         mem;
    mlsec_str_t                         text, out;
    const ngx_mlsec_redact_loc_conf_t  *conf;

    conf = ngx_http_get_module_loc_conf(r, ngx_mlsec_redact_filter_module);

    ctx->done = 1;

    text.data = ctx->body.data;
    text.len = ctx->body.len;

    rc = mlsec_json_scan(text, MLSEC_JSON_MAX_DEPTH, NULL, NULL);

    if (rc == MLSEC_EMPTY) {
        return ngx_mlsec_redact_send(r, &ctx->body);
    }

    if (rc != MLSEC_OK) {
        return ngx_mlsec_redact_abort(r, "not JSON");
    }

    mem = ngx_mlsec_mem(r->pool);

    if (mlsec_redact_apply(conf->redact, &mem, text, &out) != MLSEC_OK) {
        return NGX_ERROR;
    }

    left.data = (u_char *) out.data;
    left.len = out.len;

    return ngx_mlsec_redact_send(r, &left);
}


static ngx_int_t
ngx_mlsec_redact_send(ngx_http_request_t *r, const ngx_str_t *text)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    r->headers_out.content_length_n = text->len;

    rc = ngx_http_next_header_filter(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = text->data;
    b->last = text->data + text->len;
    b->memory = (text->len != 0);
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_next_body_filter(r, &out);
}


/*
 * Says why, for whoever runs this and for the client.  Returns the status.
 */

static ngx_int_t
ngx_mlsec_redact_refuse(ngx_http_request_t *r, const char *reason)
{
    ngx_mlsec_error_t  error;

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "mlsec redact: an answer was held back, reason: \"%s\", "
                  "location: \"%V\"", reason, &r->uri);

    ngx_memzero(&error, sizeof(ngx_mlsec_error_t));

    error.status = NGX_HTTP_BAD_GATEWAY;
    ngx_str_set(&error.message, "The answer cannot be passed on");
    ngx_str_set(&error.details, "\"error_type\":\"redact\"");

    (void) ngx_mlsec_error_set(r, &error);

    return NGX_HTTP_BAD_GATEWAY;
}


/*
 * The same while the body comes: nginx believes that the header was sent.
 * The state of the error filter has to outlive what it clears.
 */

static ngx_int_t
ngx_mlsec_redact_abort(ngx_http_request_t *r, const char *reason)
{
    return ngx_http_filter_finalize_request(r,
                                            &ngx_mlsec_error_filter_module,
                                            ngx_mlsec_redact_refuse(r,
                                                                    reason));
}
