/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The least that any fan-out inside nginx has to do, as a yardstick for the
 * benchmark: start the same background subrequests, keep a copy of each body,
 * send the copies one after the other.  No validation, no names, no errors,
 * no timers, no limits.  What mlsec_call costs above this is its own price.
 *
 *     location = /bare { bare_call /part/a; bare_call /part/b; }
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


typedef struct {
    ngx_array_t                 *calls;      /* ngx_str_t */
} ngx_http_bare_loc_conf_t;


typedef struct ngx_http_bare_ctx_s  ngx_http_bare_ctx_t;


typedef struct {
    ngx_http_post_subrequest_t   post;
    ngx_http_bare_ctx_t         *ctx;
    u_char                      *start;
    u_char                      *pos;
    u_char                      *end;
    unsigned                     done:1;
} ngx_http_bare_part_t;


struct ngx_http_bare_ctx_s {
    ngx_http_bare_part_t        *parts;
    ngx_uint_t                   nparts;
    ngx_uint_t                   left;
};


static ngx_int_t ngx_http_bare_handler(ngx_http_request_t *r);
static void ngx_http_bare_resume(ngx_http_request_t *r);
static ngx_int_t ngx_http_bare_send(ngx_http_request_t *r,
    ngx_http_bare_ctx_t *ctx);
static ngx_int_t ngx_http_bare_done(ngx_http_request_t *r, void *data,
    ngx_int_t rc);
static ngx_int_t ngx_http_bare_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_bare_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_http_bare_keep(ngx_http_request_t *r,
    ngx_http_bare_part_t *part, ngx_buf_t *b);
static void *ngx_http_bare_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_bare_call(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_http_bare_init(ngx_conf_t *cf);


static ngx_command_t  ngx_http_bare_commands[] = {

    { ngx_string("bare_call"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_bare_call,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_bare_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_http_bare_init,                    /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_bare_create_loc_conf,         /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_http_bare_module = {
    NGX_MODULE_V1,
    &ngx_http_bare_module_ctx,             /* module context */
    ngx_http_bare_commands,                /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


static ngx_int_t
ngx_http_bare_handler(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_str_t                 *uri;
    ngx_uint_t                 i;
    ngx_http_request_t        *sr;
    ngx_http_bare_ctx_t       *ctx;
    ngx_http_bare_part_t      *part;
    ngx_http_bare_loc_conf_t  *blcf;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    blcf = ngx_http_get_module_loc_conf(r, ngx_http_bare_module);
    uri = blcf->calls->elts;

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_bare_ctx_t));
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->nparts = blcf->calls->nelts;
    ctx->left = ctx->nparts;
    ctx->parts = ngx_pcalloc(r->pool,
                             ctx->nparts * sizeof(ngx_http_bare_part_t));

    if (ctx->parts == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_set_ctx(r, ctx, ngx_http_bare_module);

    for (i = 0; i < ctx->nparts; i++) {
        part = &ctx->parts[i];

        part->ctx = ctx;
        part->post.handler = ngx_http_bare_done;
        part->post.data = part;

        if (ngx_http_subrequest(r, &uri[i], NULL, &sr, &part->post,
                                NGX_HTTP_SUBREQUEST_BACKGROUND)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    r->main->count++;
    r->write_event_handler = ngx_http_bare_resume;

    return NGX_DONE;
}


static void
ngx_http_bare_resume(ngx_http_request_t *r)
{
    ngx_http_bare_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_bare_module);

    if (ctx->left == 0) {
        r->write_event_handler = ngx_http_request_empty_handler;
        ngx_http_finalize_request(r, ngx_http_bare_send(r, ctx));
    }
}


static ngx_int_t
ngx_http_bare_send(ngx_http_request_t *r, ngx_http_bare_ctx_t *ctx)
{
    off_t                  size;
    ngx_int_t              rc;
    ngx_buf_t             *b;
    ngx_uint_t             i;
    ngx_chain_t           *out;
    ngx_http_bare_part_t  *part;

    size = 0;

    out = ngx_palloc(r->pool, ctx->nparts * sizeof(ngx_chain_t));
    b = ngx_pcalloc(r->pool, ctx->nparts * sizeof(ngx_buf_t));

    if (out == NULL || b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (i = 0; i < ctx->nparts; i++) {
        part = &ctx->parts[i];

        b[i].pos = part->start;
        b[i].last = part->pos;
        b[i].memory = (part->pos != part->start);

        out[i].buf = &b[i];
        out[i].next = &out[i + 1];

        size += part->pos - part->start;
    }

    b[i - 1].last_buf = 1;
    b[i - 1].last_in_chain = 1;
    out[i - 1].next = NULL;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = size;
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, out);
}


static ngx_int_t
ngx_http_bare_done(ngx_http_request_t *r, void *data, ngx_int_t rc)
{
    ngx_http_bare_part_t *part = data;

    if (!part->done) {
        part->done = 1;

        if (--part->ctx->left == 0) {
            (void) ngx_http_post_request(r->parent, NULL);
        }
    }

    return rc;
}


static ngx_int_t
ngx_http_bare_header_filter(ngx_http_request_t *r)
{
    if (r->post_subrequest == NULL
        || r->post_subrequest->handler != ngx_http_bare_done)
    {
        return ngx_http_next_header_filter(r);
    }

    r->header_sent = 1;
    r->filter_need_in_memory = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_bare_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_chain_t           *cl;
    ngx_http_bare_part_t  *part;

    if (r->post_subrequest == NULL
        || r->post_subrequest->handler != ngx_http_bare_done)
    {
        return ngx_http_next_body_filter(r, in);
    }

    part = r->post_subrequest->data;

    for (cl = in; cl; cl = cl->next) {

        if (ngx_buf_in_memory(cl->buf)
            && ngx_http_bare_keep(r, part, cl->buf) != NGX_OK)
        {
            return NGX_ERROR;
        }

        cl->buf->pos = cl->buf->last;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_bare_keep(ngx_http_request_t *r, ngx_http_bare_part_t *part,
    ngx_buf_t *b)
{
    size_t   len, size, used;
    u_char  *p;

    len = b->last - b->pos;

    if ((size_t) (part->end - part->pos) < len) {
        used = part->pos - part->start;
        size = (r->headers_out.content_length_n > 0)
               ? (size_t) r->headers_out.content_length_n : 4096;
        size = ngx_max(size, 2 * used + len);

        p = ngx_pnalloc(r->pool, size);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (used) {
            ngx_memcpy(p, part->start, used);
        }

        part->start = p;
        part->pos = p + used;
        part->end = p + size;
    }

    part->pos = ngx_cpymem(part->pos, b->pos, len);

    return NGX_OK;
}


static void *
ngx_http_bare_create_loc_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_http_bare_loc_conf_t));
}


static char *
ngx_http_bare_call(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_bare_loc_conf_t  *blcf = conf;

    ngx_str_t                 *value, *uri;
    ngx_http_core_loc_conf_t  *clcf;

    if (blcf->calls == NULL) {
        blcf->calls = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
        if (blcf->calls == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    uri = ngx_array_push(blcf->calls);
    if (uri == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;
    *uri = value[1];

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_bare_handler;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_bare_init(ngx_conf_t *cf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_bare_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_bare_body_filter;

    return NGX_OK;
}
