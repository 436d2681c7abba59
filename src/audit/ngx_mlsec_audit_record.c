/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <audit/ngx_mlsec_audit.h>
#include <core/ngx_mlsec_kept.h>
#include <core/ngx_mlsec_refusal.h>
#include <core/ngx_mlsec_variables.h>


#define NGX_MLSEC_AUDIT_RETRY  5           /* seconds */


/*
 * Of a request that is about to change something: who asked, at the moment at
 * which it was let through.  It outlives redirects, as a cleanup of the pool.
 */

typedef struct {
    ngx_str_t    identity;
    ngx_str_t    roles;
    ngx_str_t    tenant;
    ngx_uint_t   intent;                   /* it is in the log */
} ngx_mlsec_audit_ctx_t;


/* Whatever is not known to change nothing changes something. */

static const ngx_str_t  ngx_mlsec_audit_reads[] = {
    ngx_string("GET"),
    ngx_string("HEAD"),
    ngx_string("OPTIONS"),
    ngx_string("TRACE"),
    ngx_string("PROPFIND"),
    ngx_null_string
};


static ngx_mlsec_audit_ctx_t *ngx_mlsec_audit_ctx(ngx_http_request_t *r);
static void ngx_mlsec_audit_ctx_cleanup(void *data);
static ngx_int_t ngx_mlsec_audit_block(ngx_http_request_t *r);
static ngx_int_t ngx_mlsec_audit_decide(ngx_http_request_t *r,
    mlsec_audit_record_t *record);
static void ngx_mlsec_audit_denied(mlsec_audit_record_t *record,
    const ngx_mlsec_refusal_t *refusal);
static ngx_uint_t ngx_mlsec_audit_by_nginx(ngx_http_request_t *r,
    ngx_uint_t status);
static void ngx_mlsec_audit_request(ngx_http_request_t *r,
    mlsec_audit_record_t *record);
static mlsec_str_t ngx_mlsec_audit_str(const ngx_str_t *text);
static mlsec_str_t ngx_mlsec_audit_method(ngx_http_request_t *r);
static ngx_uint_t ngx_mlsec_audit_is_read(ngx_http_request_t *r);
static mlsec_str_t ngx_mlsec_audit_path(ngx_http_request_t *r);


ngx_int_t
ngx_mlsec_audit_precontent(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t                *cln;
    mlsec_audit_record_t               record;
    ngx_mlsec_audit_ctx_t             *ctx;
    const ngx_mlsec_audit_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_audit_module);

    if (lcf->file == NULL || r != r->main || ngx_mlsec_audit_is_read(r)) {
        return NGX_DECLINED;
    }

    ctx = ngx_mlsec_audit_ctx(r);

    if (ctx == NULL) {
        cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_mlsec_audit_ctx_t));
        if (cln == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        cln->handler = ngx_mlsec_audit_ctx_cleanup;
        ctx = cln->data;
        ctx->intent = 0;

        ngx_mlsec_refusal_who(r, &ctx->identity, &ctx->roles, &ctx->tenant);
    }

    /* a page for an error changes nothing, and is never kept back */

    if (!lcf->block || ctx->intent || r->err_status) {
        return NGX_DECLINED;
    }

    ngx_memzero(&record, sizeof(mlsec_audit_record_t));
    record.event = MLSEC_AUDIT_INTENT;
    record.identity = ngx_mlsec_audit_str(&ctx->identity);
    record.roles = ngx_mlsec_audit_str(&ctx->roles);
    record.tenant = ngx_mlsec_audit_str(&ctx->tenant);
    ngx_mlsec_audit_request(r, &record);

    if (ngx_mlsec_audit_add(lcf->file, &record) != NGX_OK
        || ngx_mlsec_audit_write(lcf->file) != NGX_OK)
    {
        return ngx_mlsec_audit_block(r);
    }

    ctx->intent = 1;

    return NGX_DECLINED;
}


static ngx_mlsec_audit_ctx_t *
ngx_mlsec_audit_ctx(ngx_http_request_t *r)
{
    return ngx_mlsec_kept(r->pool, ngx_mlsec_audit_ctx_cleanup);
}


/* There is nothing to clean up: it is the mark by which this is found. */

static void
ngx_mlsec_audit_ctx_cleanup(void *data)
{
}


static ngx_int_t
ngx_mlsec_audit_block(ngx_http_request_t *r)
{
    ngx_mlsec_error_t  error;

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "mlsec audit: refused, it cannot be recorded, uri: \"%V\"",
                  &r->uri);

    ngx_memzero(&error, sizeof(ngx_mlsec_error_t));
    error.status = NGX_HTTP_SERVICE_UNAVAILABLE;
    error.retry_after = NGX_MLSEC_AUDIT_RETRY;
    error.policy = "mlsec_audit_log";
    ngx_str_set(&error.message, "Changes are not taken now: they cannot be "
                                "recorded");
    ngx_str_set(&error.details, "\"error_type\":\"audit\"");
    ngx_str_set(&error.reason, "the intent could not be written");

    (void) ngx_mlsec_error_set(r, &error);

    return NGX_HTTP_SERVICE_UNAVAILABLE;
}


ngx_int_t
ngx_mlsec_audit_log(ngx_http_request_t *r)
{
    mlsec_audit_record_t               record;
    const ngx_mlsec_audit_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_audit_module);

    if (lcf->file == NULL || r != r->main
        || ngx_mlsec_audit_decide(r, &record) != NGX_OK)
    {
        return NGX_OK;
    }

    ngx_mlsec_audit_request(r, &record);
    (void) ngx_mlsec_audit_add(lcf->file, &record);

    return NGX_OK;
}


/*
 * What the record is of.
 *
 * A refusal is known by who has said it; one of nginx itself ("deny", a
 * malformed request) by its status.  A service's own 403 is none: the gateway
 * has let the request through.
 *
 * NGX_OK, or NGX_DECLINED: there is nothing to record.
 */

static ngx_int_t
ngx_mlsec_audit_decide(ngx_http_request_t *r, mlsec_audit_record_t *record)
{
    ngx_mlsec_audit_ctx_t      *ctx;
    const ngx_mlsec_refusal_t  *refusal;

    ngx_memzero(record, sizeof(mlsec_audit_record_t));

    record->status = r->err_status ? r->err_status : r->headers_out.status;
    refusal = ngx_mlsec_refusal(r);

    if (refusal != NULL && !refusal->passed) {
        ngx_mlsec_audit_denied(record, refusal);
        return NGX_OK;
    }

    ctx = ngx_mlsec_audit_ctx(r);

    if (ctx == NULL && refusal == NULL
        && ngx_mlsec_audit_by_nginx(r, record->status))
    {
        record->event = MLSEC_AUDIT_DENY;
        record->policy.data = (u_char *) "nginx";
        record->policy.len = sizeof("nginx") - 1;
        record->reason.data = (u_char *)
                                  ngx_mlsec_error_reason(record->status);
        record->reason.len = ngx_strlen(record->reason.data);

        return NGX_OK;
    }

    if (ngx_mlsec_audit_is_read(r)) {
        return NGX_DECLINED;
    }

    record->event = MLSEC_AUDIT_WRITE;

    if (ctx != NULL) {
        record->identity = ngx_mlsec_audit_str(&ctx->identity);
        record->roles = ngx_mlsec_audit_str(&ctx->roles);
        record->tenant = ngx_mlsec_audit_str(&ctx->tenant);
    }

    return NGX_OK;
}


static void
ngx_mlsec_audit_denied(mlsec_audit_record_t *record,
    const ngx_mlsec_refusal_t *refusal)
{
    record->event = MLSEC_AUDIT_DENY;
    record->policy.data = (u_char *) refusal->policy;
    record->policy.len = ngx_strlen(refusal->policy);
    record->reason = ngx_mlsec_audit_str(&refusal->reason);
    record->identity = ngx_mlsec_audit_str(&refusal->identity);
    record->roles = ngx_mlsec_audit_str(&refusal->roles);
    record->tenant = ngx_mlsec_audit_str(&refusal->tenant);
}


static ngx_uint_t
ngx_mlsec_audit_by_nginx(ngx_http_request_t *r, ngx_uint_t status)
{
    ngx_uint_t                  i;
    ngx_http_upstream_state_t  *state;

    if (status == NGX_HTTP_CLOSE) {
        return 1;
    }

    /* an encoding of the transfer that is none, as smugglers have it */

    if (status == NGX_HTTP_NOT_IMPLEMENTED
        && r->headers_in.transfer_encoding != NULL && !r->headers_in.chunked)
    {
        return 1;
    }

    if (r->err_status == 0 || !ngx_mlsec_refusal_status(status)) {
        return 0;
    }

    /* "proxy_intercept_errors": it is the service's */

    if (r->upstream_states != NULL) {
        state = r->upstream_states->elts;

        for (i = 0; i < r->upstream_states->nelts; i++) {

            if (state[i].status == status) {
                return 0;
            }
        }
    }

    return 1;
}


static void
ngx_mlsec_audit_request(ngx_http_request_t *r, mlsec_audit_record_t *record)
{
    ngx_str_t                        id;
    const ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    ngx_mlsec_request_id(r, &id);

    record->request_id = ngx_mlsec_audit_str(&id);
    record->client = ngx_mlsec_audit_str(&r->connection->addr_text);
    record->method = ngx_mlsec_audit_method(r);
    record->route = ngx_mlsec_audit_str(&clcf->name);
    record->path = ngx_mlsec_audit_path(r);
}


static mlsec_str_t
ngx_mlsec_audit_str(const ngx_str_t *text)
{
    mlsec_str_t  str;

    str.data = text->data;
    str.len = text->len;

    return str;
}


/*
 * As the client wrote it: a page for an error is shown with GET, and
 * r->method forgets what it was.
 */

static mlsec_str_t
ngx_mlsec_audit_method(ngx_http_request_t *r)
{
    u_char       *p;
    mlsec_str_t   method;

    method = ngx_mlsec_audit_str(&r->request_line);

    p = ngx_strlchr(r->request_line.data,
                    r->request_line.data + r->request_line.len, ' ');

    if (p == NULL || method.len == 0) {
        return ngx_mlsec_audit_str(&r->method_name);
    }

    method.len = p - r->request_line.data;

    return method;
}


static ngx_uint_t
ngx_mlsec_audit_is_read(ngx_http_request_t *r)
{
    mlsec_str_t       method;
    const ngx_str_t  *read;

    method = ngx_mlsec_audit_method(r);

    for (read = ngx_mlsec_audit_reads; read->len; read++) {

        if (method.len == read->len
            && ngx_memcmp(method.data, read->data, read->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* As the client wrote it; what follows "?" or "#" may be a secret. */

static mlsec_str_t
ngx_mlsec_audit_path(ngx_http_request_t *r)
{
    size_t       i;
    ngx_str_t    path;

    ngx_mlsec_error_path(r, &path);

    for (i = 0; i < path.len; i++) {

        if (path.data[i] == '#') {
            path.len = i;
        }
    }

    return ngx_mlsec_audit_str(&path);
}
