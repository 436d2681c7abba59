/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_error.h>
#include <core/ngx_mlsec_allow.h>
#include <core/ngx_mlsec_compat.h>
#include <core/ngx_mlsec_endpoint.h>
#include <core/ngx_mlsec_json.h>
#include <core/ngx_mlsec_refusal.h>
#include <core/ngx_mlsec_variables.h>
#include <lib/mlsec_types.h>


typedef struct {
    ngx_flag_t           errors;
    ngx_uint_t           detail;
} ngx_mlsec_error_loc_conf_t;


typedef struct {
    ngx_mlsec_error_t    error;        /* what our handler has said */
    ngx_mlsec_error_t    cause;        /* why nginx may say its status */
    ngx_str_t            body;         /* the envelope to be sent */
    ngx_uint_t           page_for;     /* status of an error_page, 0: none */
    unsigned             sent:1;
} ngx_mlsec_error_ctx_t;


/*
 * What has been said last.  The context is gone when an error_page leads
 * elsewhere; a cleanup of the pool stays.
 */

typedef struct {
    ngx_http_request_t  *request;
    ngx_mlsec_error_t    error;
} ngx_mlsec_error_kept_t;


static ngx_mlsec_error_ctx_t *ngx_mlsec_error_ctx(ngx_http_request_t *r);
static ngx_int_t ngx_mlsec_error_keep(ngx_http_request_t *r,
    const ngx_mlsec_error_t *error);
static ngx_mlsec_error_kept_t *ngx_mlsec_error_kept(ngx_http_request_t *r);
static void ngx_mlsec_error_cleanup(void *data);
static mlsec_hot ngx_int_t ngx_mlsec_error_header_filter(
    ngx_http_request_t *r);
static mlsec_apart ngx_int_t ngx_mlsec_error_replace(ngx_http_request_t *r);
static mlsec_hot ngx_int_t ngx_mlsec_error_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static mlsec_apart ngx_int_t ngx_mlsec_error_body(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_uint_t ngx_mlsec_error_is_no_http(ngx_http_request_t *r);
static ngx_uint_t ngx_mlsec_error_wanted(ngx_http_request_t *r);
static ngx_int_t ngx_mlsec_error_envelope(ngx_http_request_t *r,
    ngx_mlsec_error_ctx_t *ctx);
static void ngx_mlsec_error_message(ngx_http_request_t *r,
    ngx_mlsec_error_ctx_t *ctx, ngx_str_t *path, ngx_str_t *message);
static ngx_int_t ngx_mlsec_error_headers(ngx_http_request_t *r,
    ngx_mlsec_error_ctx_t *ctx);
static ngx_int_t ngx_mlsec_error_add_header(ngx_http_request_t *r,
    const char *name, ngx_str_t *value);
static void *ngx_mlsec_error_create_loc_conf(ngx_conf_t *cf);
static char *ngx_mlsec_error_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_mlsec_error_filter_init(ngx_conf_t *cf);


static ngx_conf_enum_t  ngx_mlsec_error_details[] = {
    { ngx_string("off"), NGX_MLSEC_DETAIL_OFF },
    { ngx_string("status"), NGX_MLSEC_DETAIL_STATUS },
    { ngx_string("body"), NGX_MLSEC_DETAIL_BODY },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_mlsec_error_commands[] = {

    { ngx_string("mlsec_errors"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_mlsec_error_loc_conf_t, errors),
      NULL },

    { ngx_string("mlsec_error_detail"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_mlsec_error_loc_conf_t, detail),
      &ngx_mlsec_error_details },

      ngx_null_command
};


static ngx_http_module_t  ngx_mlsec_error_filter_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_mlsec_error_filter_init,           /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_mlsec_error_create_loc_conf,       /* create location configuration */
    ngx_mlsec_error_merge_loc_conf         /* merge location configuration */
};


ngx_module_t  ngx_mlsec_error_filter_module = {
    NGX_MODULE_V1,
    &ngx_mlsec_error_filter_module_ctx,    /* module context */
    ngx_mlsec_error_commands,              /* module directives */
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


ngx_int_t
ngx_mlsec_error_set(ngx_http_request_t *r, const ngx_mlsec_error_t *error)
{
    ngx_mlsec_error_ctx_t  *ctx;

    ctx = ngx_mlsec_error_ctx(r);

    if (ctx == NULL || ngx_mlsec_error_keep(r, error) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->error = *error;
    ngx_mlsec_refusal_note(r, error);

    /* a page for an error that says by itself what to show is no page yet */

    ctx->page_for = 0;

    return NGX_OK;
}


const ngx_mlsec_error_t *
ngx_mlsec_error_said(ngx_http_request_t *r, ngx_uint_t status)
{
    const ngx_mlsec_error_kept_t  *kept;

    kept = ngx_mlsec_error_kept(r);

    return (kept != NULL && kept->error.status == status) ? &kept->error
                                                          : NULL;
}


static ngx_int_t
ngx_mlsec_error_keep(ngx_http_request_t *r, const ngx_mlsec_error_t *error)
{
    ngx_pool_cleanup_t      *cln;
    ngx_mlsec_error_kept_t  *kept;

    kept = ngx_mlsec_error_kept(r);

    if (kept == NULL) {
        cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_mlsec_error_kept_t));
        if (cln == NULL) {
            return NGX_ERROR;
        }

        cln->handler = ngx_mlsec_error_cleanup;
        kept = cln->data;
        kept->request = r;
    }

    kept->error = *error;

    return NGX_OK;
}


/*
 * The requests of the parts of an aggregate share its pool.
 */

static ngx_mlsec_error_kept_t *
ngx_mlsec_error_kept(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t      *cln;
    ngx_mlsec_error_kept_t  *kept;

    for (cln = r->pool->cleanup; cln != NULL; cln = cln->next) {

        if (cln->handler != ngx_mlsec_error_cleanup) {
            continue;
        }

        kept = cln->data;

        if (kept->request == r) {
            return kept;
        }
    }

    return NULL;
}


static void
ngx_mlsec_error_cleanup(void *data)
{
    /* it is there to be found */
}


void
ngx_mlsec_error_cause(ngx_http_request_t *r, const ngx_mlsec_error_t *error)
{
    ngx_mlsec_error_ctx_t  *ctx;

    ctx = ngx_mlsec_error_ctx(r);

    if (ctx != NULL) {
        ctx->cause = *error;
    }
}


ngx_uint_t
ngx_mlsec_error_detail(ngx_http_request_t *r)
{
    const ngx_mlsec_error_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_error_filter_module);

    return lcf->detail;
}


const char *
ngx_mlsec_error_reason(ngx_uint_t status)
{
    switch (status) {
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    default:  return "Error";
    }
}


ngx_int_t
ngx_mlsec_error_rewrite(ngx_http_request_t *r)
{
    ngx_mlsec_error_ctx_t  *ctx;

    if (r->err_status < NGX_HTTP_BAD_REQUEST || r != r->main) {
        return NGX_DECLINED;
    }

    ctx = ngx_mlsec_error_ctx(r);

    if (ctx != NULL) {
        ctx->page_for = r->err_status;
    }

    return NGX_DECLINED;
}


static ngx_mlsec_error_ctx_t *
ngx_mlsec_error_ctx(ngx_http_request_t *r)
{
    ngx_mlsec_error_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_mlsec_error_filter_module);

    if (ctx == NULL) {
        ctx = ngx_pcalloc(r->pool, sizeof(ngx_mlsec_error_ctx_t));
        if (ctx == NULL) {
            return NULL;
        }

        ngx_http_set_ctx(r, ctx, ngx_mlsec_error_filter_module);
    }

    return ctx;
}


static ngx_int_t
ngx_mlsec_error_header_filter(ngx_http_request_t *r)
{
    return (r->err_status < NGX_HTTP_BAD_REQUEST
            && r->http_version != NGX_HTTP_VERSION_9)
           ? ngx_http_next_header_filter(r)
           : ngx_mlsec_error_replace(r);
}


static ngx_int_t
ngx_mlsec_error_replace(ngx_http_request_t *r)
{
    ngx_mlsec_error_ctx_t  *ctx;

    if (r->err_status < NGX_HTTP_BAD_REQUEST
        || r != r->main
        || !ngx_mlsec_error_wanted(r))
    {
        return (r->http_version == NGX_HTTP_VERSION_9
                && ngx_mlsec_error_is_no_http(r))
               ? NGX_HTTP_BAD_GATEWAY : ngx_http_next_header_filter(r);
    }

    ctx = ngx_mlsec_error_ctx(r);

    if (ctx == NULL
        || ngx_mlsec_error_envelope(r, ctx) != NGX_OK
        || ngx_mlsec_error_headers(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_next_header_filter(r);
}


/*
 * nginx takes what a service sends without a status line for HTTP/0.9, and
 * passes it on in the same way: bytes without any header, in the middle of a
 * connection that speaks another version.  A URL that leads to the port of
 * something else, or of TLS, is found out like this.
 *
 * The version is that of the client again then, as it stands in its request.
 */

static ngx_uint_t
ngx_mlsec_error_is_no_http(ngx_http_request_t *r)
{
    const u_char                      *p;
    const ngx_mlsec_error_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_error_filter_module);

    if (lcf->errors != 1
        || r != r->main
        || r->upstream == NULL
        || r->post_action
        || r->http_protocol.len != sizeof("HTTP/1.1") - 1)
    {
        return 0;
    }

    p = r->http_protocol.data + sizeof("HTTP/") - 1;

    r->http_version = (p[0] - '0') * 1000 + p[2] - '0';

    return 1;
}


static ngx_int_t
ngx_mlsec_error_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    return (r->err_status < NGX_HTTP_BAD_REQUEST || in == NULL)
           ? ngx_http_next_body_filter(r, in)
           : ngx_mlsec_error_body(r, in);
}


static ngx_int_t
ngx_mlsec_error_body(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_buf_t              *b;
    ngx_chain_t            *cl, out;
    ngx_mlsec_error_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_mlsec_error_filter_module);

    if (ctx == NULL || ctx->body.len == 0) {
        return ngx_http_next_body_filter(r, in);
    }

    for (cl = in; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
    }

    if (ctx->sent) {
        return ngx_http_next_body_filter(r, NULL);
    }

    ctx->sent = 1;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = ctx->body.data;
    b->last = ctx->body.data + ctx->body.len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_next_body_filter(r, &out);
}


/*
 * Whether the response is nginx's built-in error page and the location wants
 * an envelope instead.
 *
 * r->err_status says that nginx has turned an error into a response, but it
 * stays set when an error_page sends the request elsewhere and that place
 * answers.  nginx does not record which of the two has happened: r->error_page
 * is also set when no error_page matched the code, and not set at all with
 * recursive_error_pages.  What an error_page cannot do is to skip the rewrite
 * phases on its way: a request that has come through them with this very
 * error is on its way to a page of the configuration's, see
 * ngx_mlsec_error_rewrite().
 */

static ngx_uint_t
ngx_mlsec_error_wanted(ngx_http_request_t *r)
{
    ngx_mlsec_error_ctx_t             *ctx;
    const ngx_mlsec_error_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_error_filter_module);

    if (lcf->errors == 0) {
        return 0;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_mlsec_error_filter_module);

    if (ctx == NULL) {
        return lcf->errors == 1;
    }

    if (ctx->page_for == r->err_status) {
        return 0;
    }

    return lcf->errors == 1 || ctx->error.status == r->err_status;
}


static ngx_int_t
ngx_mlsec_error_envelope(ngx_http_request_t *r, ngx_mlsec_error_ctx_t *ctx)
{
    ngx_str_t          path, message, id, *endpoints;
    ngx_mlsec_json_t   w;

    if (ctx->error.status != r->err_status) {
        ctx->error = ctx->cause;
    }

    if (ctx->error.status != r->err_status) {
        ngx_memzero(&ctx->error, sizeof(ngx_mlsec_error_t));
        ctx->error.status = r->err_status;
    }

    ngx_mlsec_error_path(r, &path);
    ngx_mlsec_error_message(r, ctx, &path, &message);
    ngx_mlsec_request_id(r, &id);

    (void) ngx_mlsec_json_init(&w, r->pool, 512);

    ngx_mlsec_json_lit(&w, "{\"error\":true,\"status_code\":");
    ngx_mlsec_json_int(&w, ctx->error.status);
    ngx_mlsec_json_lit(&w, ",\"message\":");
    ngx_mlsec_json_string(&w, &message);
    ngx_mlsec_json_lit(&w, ",\"path\":");
    ngx_mlsec_json_string(&w, &path);
    ngx_mlsec_json_lit(&w, ",\"timestamp\":");
    ngx_mlsec_json_time(&w);
    ngx_mlsec_json_lit(&w, ",\"request_id\":");
    ngx_mlsec_json_string(&w, &id);
    ngx_mlsec_json_lit(&w, ",\"detail\":");
    ngx_mlsec_json_string(&w, &message);
    ngx_mlsec_json_lit(&w, ",\"details\":{");
    ngx_mlsec_json_raw(&w, ctx->error.details.data, ctx->error.details.len);

    if (ctx->error.status == NGX_HTTP_NOT_FOUND
        && ctx->error.details.len == 0)
    {
        endpoints = ngx_mlsec_endpoint_list(r);

        ngx_mlsec_json_lit(&w, "\"available_endpoints\":");
        ngx_mlsec_json_raw(&w, endpoints->data, endpoints->len);
    }

    ngx_mlsec_json_lit(&w, "}}");

    return ngx_mlsec_json_text(&w, &ctx->body);
}


static void
ngx_mlsec_error_message(ngx_http_request_t *r, ngx_mlsec_error_ctx_t *ctx,
    ngx_str_t *path, ngx_str_t *message)
{
    u_char  *p;

    if (ctx->error.message.len) {
        *message = ctx->error.message;
        return;
    }

    message->data = (u_char *) ngx_mlsec_error_reason(ctx->error.status);
    message->len = ngx_strlen(message->data);

    if (ctx->error.status != NGX_HTTP_NOT_FOUND) {
        return;
    }

    p = ngx_pnalloc(r->pool, sizeof("Endpoint not found: ") + path->len);
    if (p == NULL) {
        return;
    }

    message->data = p;
    message->len = ngx_sprintf(p, "Endpoint not found: %V", path) - p;
}


/*
 * The path as the client wrote it: before rewrites, still escaped, without
 * the query.  Empty when the request line could not be read.
 */

void
ngx_mlsec_error_path(ngx_http_request_t *r, ngx_str_t *path)
{
    u_char  *p;

    *path = r->unparsed_uri;

    if (path->len == 0) {
        return;
    }

    p = ngx_strlchr(path->data, path->data + path->len, '?');

    if (p != NULL) {
        path->len = p - path->data;
    }
}


static ngx_int_t
ngx_mlsec_error_headers(ngx_http_request_t *r, ngx_mlsec_error_ctx_t *ctx)
{
    ngx_str_t  value;

    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.charset.len = 0;

    ngx_http_clear_content_length(r);
    r->headers_out.content_length_n = ctx->body.len;

    if (ctx->error.retry_after) {
        value.data = ngx_pnalloc(r->pool, NGX_TIME_T_LEN);
        if (value.data == NULL) {
            return NGX_ERROR;
        }

        value.len = ngx_sprintf(value.data, "%T", ctx->error.retry_after)
                    - value.data;

        if (ngx_mlsec_error_add_header(r, "Retry-After", &value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    /* RFC 9110, 15.5.6: a 405 must say what is allowed */

    if (ctx->error.status == NGX_HTTP_NOT_ALLOWED) {
        value = ctx->error.allow.len ? ctx->error.allow
                                     : *ngx_mlsec_allow_header(r);
        return ngx_mlsec_error_add_header(r, "Allow", &value);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_error_add_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);
    part = &r->headers_out.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].hash && h[i].key.len == len
            && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0)
        {
            return NGX_OK;
        }
    }

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = len;
    h->value = *value;
    ngx_mlsec_elt_last(h);

    return NGX_OK;
}


static void *
ngx_mlsec_error_create_loc_conf(ngx_conf_t *cf)
{
    ngx_mlsec_error_loc_conf_t  *conf;

    conf = ngx_palloc(cf->pool, sizeof(ngx_mlsec_error_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    conf->errors = NGX_CONF_UNSET;
    conf->detail = NGX_CONF_UNSET_UINT;

    return conf;
}


static char *
ngx_mlsec_error_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_mlsec_error_loc_conf_t  *prev = parent;
    ngx_mlsec_error_loc_conf_t  *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->error_pages != NULL) {
        ngx_mlsec_conf_use(cf, &ngx_mlsec_error_filter_module);
    }

    /*
     * No default: where nothing is said, only errors that handlers of ours
     * have described become an envelope.
     */

    if (conf->errors == NGX_CONF_UNSET) {
        conf->errors = prev->errors;
    }

    ngx_conf_merge_uint_value(conf->detail, prev->detail,
                              NGX_MLSEC_DETAIL_OFF);

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mlsec_error_filter_init(ngx_conf_t *cf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_mlsec_error_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_mlsec_error_body_filter;

    return NGX_OK;
}
