/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * When what is checked.
 *
 * The precontent phase is the last before a content handler: who may ask, and
 * how often, has been decided, and nothing has gone to a service.  What can be
 * told from the headers is told before the body is read.  Then nginx reads the
 * body, whole, by itself or from what an earlier location has read, and the
 * phases go on, as nginx's own mirror module has it done.  A content handler
 * finds the body there, and reads nothing again.
 *
 * A request may come through several locations (rewrite, error_page,
 * X-Accel-Redirect, try_files): each checks by its own rules.  One that was
 * refused and is on its way to a page for that is let through to it, or the
 * page could not be shown.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_json.h>
#include <core/ngx_mlsec_kept.h>
#include <validate/ngx_mlsec_validate_conf.h>


#define NGX_MLSEC_VALIDATE_TEXT  256   /* bytes of a message */


typedef struct {
    const char   *name;
    ngx_uint_t    status;
    const char   *type;                /* as FastAPI's where it has one */
    const char   *loc;                 /* inside of the brackets */
} ngx_mlsec_validate_result_t;


static ngx_mlsec_validate_t *ngx_mlsec_validate_create(
    ngx_http_request_t *r);
static void ngx_mlsec_validate_cleanup(void *data);
static ngx_int_t ngx_mlsec_validate_start(ngx_mlsec_validate_t *v);
static ngx_uint_t ngx_mlsec_validate_anything(
    const ngx_mlsec_validate_loc_conf_t *conf, ngx_http_request_t *r);
static ngx_uint_t ngx_mlsec_validate_has_body(ngx_http_request_t *r);
static ngx_uint_t ngx_mlsec_validate_reads(const ngx_mlsec_validate_t *v);
static void ngx_mlsec_validate_resume(ngx_http_request_t *r);
static ngx_int_t ngx_mlsec_validate_finish(ngx_mlsec_validate_t *v,
    ngx_int_t rc);
static ngx_int_t ngx_mlsec_validate_details(ngx_mlsec_validate_t *v,
    ngx_str_t *message, size_t offset, const char *why);


/* in the order of ngx_mlsec_validate_e */

static const ngx_mlsec_validate_result_t  ngx_mlsec_validate_results[] = {
    { "passed", 0, "", "" },
    { "query", 400, "query_invalid", "\"query\"" },
    { "args", 400, "too_many", "\"query\"" },
    { "args_size", 414, "too_long", "\"query\"" },
    { "headers", 431, "too_large", "\"header\"" },
    { "content_type", 415, "content_type", "\"header\",\"content-type\"" },
    { "size", 413, "too_large", "\"body\"" },
    { "json", 422, "json_invalid", "\"body\"" },
    { "depth", 422, "json_depth", "\"body\"" },
    { "duplicate", 422, "json_duplicate", "\"body\"" },
    { "rules", 422, "", "" },
    { "failed", 500, "", "" }
};


ngx_int_t
ngx_mlsec_validate_handler(ngx_http_request_t *r)
{
    ngx_mlsec_validate_t                 *v;
    const ngx_mlsec_validate_loc_conf_t  *conf;

    conf = ngx_http_get_module_loc_conf(r, ngx_mlsec_validate_module);

    if (!conf->set || r != r->main || !ngx_mlsec_validate_anything(conf, r)) {
        return NGX_DECLINED;
    }

    v = (ngx_mlsec_validate_t *) ngx_mlsec_validate_get(r);

    if (v == NULL) {
        v = ngx_mlsec_validate_create(r);

        if (v == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

    } else {

        if (v->rc == NGX_DONE && r->err_status >= NGX_HTTP_BAD_REQUEST) {
            v->rc = r->err_status;     /* the body could not be read */
        }

        if (v->conf == conf) {

            /* a page for it that is the location itself shows the envelope */

            if (r->err_status && (ngx_uint_t) v->rc == v->error.status) {
                (void) ngx_mlsec_error_set(r, &v->error);
            }

            return v->rc;
        }

        if (v->rc >= NGX_HTTP_BAD_REQUEST
            && (ngx_uint_t) v->rc == r->err_status)
        {
            return NGX_DECLINED;
        }
    }

    v->conf = conf;
    v->result = NGX_MLSEC_VALIDATE_PASSED;
    v->rc = NGX_DONE;

    return ngx_mlsec_validate_start(v);
}


static ngx_mlsec_validate_t *
ngx_mlsec_validate_create(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t    *cln;
    ngx_mlsec_validate_t  *v;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_mlsec_validate_t));
    if (cln == NULL) {
        return NULL;
    }

    v = cln->data;
    ngx_memzero(v, sizeof(ngx_mlsec_validate_t));

    v->request = r;
    cln->handler = ngx_mlsec_validate_cleanup;

    return v;
}


/*
 * There is nothing to clean up: the handler is what the request's state is
 * found by.
 */

static void
ngx_mlsec_validate_cleanup(void *data)
{
}


const ngx_mlsec_validate_t *
ngx_mlsec_validate_get(ngx_http_request_t *r)
{
    return ngx_mlsec_kept(r->pool, ngx_mlsec_validate_cleanup);
}


const char *
ngx_mlsec_validate_name(ngx_mlsec_validate_e result)
{
    return ngx_mlsec_validate_results[result].name;
}


static ngx_int_t
ngx_mlsec_validate_start(ngx_mlsec_validate_t *v)
{
    ngx_int_t            rc;
    ngx_uint_t           body;
    ngx_http_request_t  *r;

    r = v->request;
    body = ngx_mlsec_validate_has_body(r);

    rc = ngx_mlsec_validate_head(v);

    if (rc == NGX_OK && body) {
        rc = ngx_mlsec_validate_announced(v);
    }

    /* what is only reported goes on to be read, by whoever wants it */

    if (rc != NGX_OK) {
        return ngx_mlsec_validate_finish(v, rc);
    }

    if (!body || !ngx_mlsec_validate_reads(v)) {
        return ngx_mlsec_validate_finish(v, ngx_mlsec_validate_body(v));
    }

    rc = ngx_http_read_client_request_body(r, ngx_mlsec_validate_resume);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}


/*
 * Most requests have no body, and most locations ask nothing else: they cost
 * no more than this.
 */

static ngx_uint_t
ngx_mlsec_validate_anything(const ngx_mlsec_validate_loc_conf_t *conf,
    ngx_http_request_t *r)
{
    return conf->rules != NULL || ngx_mlsec_validate_has_body(r)
           || conf->terms.args || conf->terms.args_size
           || conf->terms.headers || conf->terms.header_size;
}


/*
 * Whether the body has to be here.  One of another type than JSON is only
 * measured, and that may be told by its header: an upload is not kept here
 * for nothing.
 */

static ngx_uint_t
ngx_mlsec_validate_reads(const ngx_mlsec_validate_t *v)
{
    return v->conf->rules != NULL || ngx_mlsec_validate_is_json(v->request)
           || (v->conf->terms.max_size && v->request->headers_in.chunked);
}


/*
 * HTTP/2 and HTTP/3 set "chunked" for a stream without a length that has not
 * ended.
 */

static ngx_uint_t
ngx_mlsec_validate_has_body(ngx_http_request_t *r)
{
    return r->headers_in.content_length_n > 0 || r->headers_in.chunked;
}


static void
ngx_mlsec_validate_resume(ngx_http_request_t *r)
{
    ngx_mlsec_validate_t  *v;

    v = (ngx_mlsec_validate_t *) ngx_mlsec_validate_get(r);

    if (v == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    (void) ngx_mlsec_validate_finish(v, ngx_mlsec_validate_body(v));

    /* the body is for the content handler, also after error_page */

    r->preserve_body = 1;

    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
}


/*
 * rc: of a check.  Returns what the phase handler returns.
 */

static ngx_int_t
ngx_mlsec_validate_finish(ngx_mlsec_validate_t *v, ngx_int_t rc)
{
    ngx_uint_t           level;
    const char          *what;
    ngx_http_request_t  *r;

    r = v->request;
    v->rc = NGX_DECLINED;

    if (rc == NGX_ERROR) {
        v->rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
        return v->rc;
    }

    ngx_mlsec_metrics_add(v->conf->metrics, v->result, 1);

    if (rc == NGX_OK) {
        return v->rc;
    }

    level = NGX_LOG_INFO;
    what = "refused";

    if (v->conf->terms.report) {
        level = NGX_LOG_WARN;
        what = "would be refused";
    }

    ngx_log_error(level, r->connection->log, 0,
                  "mlsec validate: %s, reason: \"%s\", status: %ui, "
                  "location: \"%V\"", what,
                  ngx_mlsec_validate_name(v->result), v->error.status,
                  &r->uri);

    if (v->conf->terms.report) {
        return v->rc;
    }

    v->error.policy = "mlsec_validate";
    v->error.reason.data = (u_char *) ngx_mlsec_validate_name(v->result);
    v->error.reason.len = ngx_strlen(v->error.reason.data);

    (void) ngx_mlsec_error_set(r, &v->error);

    v->rc = v->error.status;

    return v->rc;
}


ngx_int_t
ngx_mlsec_validate_refuse(ngx_mlsec_validate_t *v,
    ngx_mlsec_validate_e result, size_t offset, const char *why,
    const char *format, ...)
{
    u_char     *p;
    va_list     args;
    ngx_str_t   message;

    v->result = result;

    ngx_memzero(&v->error, sizeof(ngx_mlsec_error_t));
    v->error.status = ngx_mlsec_validate_results[result].status;

    p = ngx_pnalloc(v->request->pool, NGX_MLSEC_VALIDATE_TEXT);
    if (p == NULL) {
        return NGX_ERROR;
    }

    message.data = p;

    va_start(args, format);
    p = ngx_vslprintf(p, p + NGX_MLSEC_VALIDATE_TEXT, format, args);
    va_end(args);

    message.len = p - message.data;

    if (v->error.status == 422) {
        ngx_str_set(&v->error.message, "Validation error");

    } else {
        v->error.message = message;
    }

    return ngx_mlsec_validate_details(v, &message, offset, why);
}


static ngx_int_t
ngx_mlsec_validate_details(ngx_mlsec_validate_t *v, ngx_str_t *message,
    size_t offset, const char *why)
{
    ngx_str_t                           text;
    ngx_mlsec_json_t                    w;
    const ngx_mlsec_validate_result_t  *result;

    result = &ngx_mlsec_validate_results[v->result];

    (void) ngx_mlsec_json_init(&w, v->request->pool, 256);

    ngx_mlsec_json_lit(&w, "\"error_type\":\"validation\",\"errors\":"
                           "[{\"type\":\"");
    ngx_mlsec_json_raw(&w, (u_char *) result->type,
                       ngx_strlen(result->type));
    ngx_mlsec_json_lit(&w, "\",\"loc\":[");
    ngx_mlsec_json_raw(&w, (u_char *) result->loc, ngx_strlen(result->loc));

    if (offset != NGX_MLSEC_VALIDATE_NOWHERE) {
        ngx_mlsec_json_lit(&w, ",");
        ngx_mlsec_json_int(&w, offset);
    }

    ngx_mlsec_json_lit(&w, "],\"msg\":");
    ngx_mlsec_json_string(&w, message);

    if (why != NULL) {
        text.data = (u_char *) why;
        text.len = ngx_strlen(why);

        ngx_mlsec_json_lit(&w, ",\"ctx\":{\"error\":");
        ngx_mlsec_json_string(&w, &text);
        ngx_mlsec_json_lit(&w, "}");
    }

    ngx_mlsec_json_lit(&w, "}]");

    if (ngx_mlsec_json_text(&w, &v->error.details) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}
