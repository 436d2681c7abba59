/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_json.h>
#include <core/ngx_mlsec_mem.h>
#include <filter/ngx_mlsec_filter.h>
#include <lib/json/mlsec_json.h>


#define NGX_MLSEC_FILTER_POOL    16384     /* bytes */
#define NGX_MLSEC_FILTER_RESULT  2048      /* bytes, first guess */


typedef struct {
    ngx_mlsec_json_t   text;
    size_t             left;           /* bytes that may still come */
    size_t             guess;          /* bytes: the first time that the text
                                          has to grow, 0 afterwards */
} ngx_mlsec_filter_out_t;


static ngx_int_t ngx_mlsec_filter_start(ngx_http_request_t *r,
    ngx_pool_t *pool, const ngx_mlsec_filter_t *filter,
    ngx_mlsec_filter_job_t *job, mlsec_filter_run_t **run);
static ngx_int_t ngx_mlsec_filter_take(ngx_http_request_t *r,
    mlsec_filter_run_t *run, ngx_mlsec_filter_job_t *job);
static size_t ngx_mlsec_filter_input_size(const mlsec_filter_value_t *input);
static int ngx_mlsec_filter_put(void *ctx, const unsigned char *data,
    size_t len);
static void ngx_mlsec_filter_out_grow(ngx_mlsec_filter_out_t *out,
    size_t len);
static ngx_int_t ngx_mlsec_filter_failed(ngx_http_request_t *r,
    mlsec_filter_run_t *run, ngx_mlsec_filter_job_t *job, int rc);
static ngx_int_t ngx_mlsec_filter_thrown(ngx_http_request_t *r,
    mlsec_filter_run_t *run, ngx_mlsec_filter_job_t *job);
static ngx_uint_t ngx_mlsec_filter_thrown_status(mlsec_str_t thrown);
static ngx_int_t ngx_mlsec_filter_thrown_message(ngx_http_request_t *r,
    mlsec_str_t thrown, ngx_uint_t status, ngx_str_t *message);
static ngx_int_t ngx_mlsec_filter_thrown_details(ngx_http_request_t *r,
    mlsec_str_t thrown, ngx_str_t *details);
static ngx_int_t ngx_mlsec_filter_refuse(ngx_http_request_t *r,
    mlsec_filter_run_t *run, ngx_mlsec_filter_job_t *job, const char *reason,
    const char *message);
static int ngx_mlsec_filter_find(mlsec_str_t object, const char *name,
    mlsec_str_t *value);


ngx_int_t
ngx_mlsec_filter_run(ngx_http_request_t *r, const ngx_mlsec_filter_t *filter,
    ngx_mlsec_filter_job_t *job)
{
    ngx_int_t            rc;
    ngx_pool_t          *pool;
    mlsec_filter_run_t  *run;

    ngx_memzero(&job->error, sizeof(ngx_mlsec_error_t));
    job->filter = filter;

    pool = ngx_create_pool(NGX_MLSEC_FILTER_POOL, r->connection->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_mlsec_filter_start(r, pool, filter, job, &run);

    if (rc == NGX_OK) {
        rc = ngx_mlsec_filter_take(r, run, job);
    }

    ngx_destroy_pool(pool);

    return rc;
}


static ngx_int_t
ngx_mlsec_filter_start(ngx_http_request_t *r, ngx_pool_t *pool,
    const ngx_mlsec_filter_t *filter, ngx_mlsec_filter_job_t *job,
    mlsec_filter_run_t **run)
{
    int                   rc;
    ngx_time_t           *tp;
    mlsec_filter_env_t    env;
    mlsec_filter_value_t  values[NGX_MLSEC_FILTER_VARIABLES];

    if (ngx_mlsec_filter_values(r, filter, job, values) != NGX_OK) {
        return NGX_ERROR;
    }

    tp = ngx_timeofday();

    ngx_memzero(&env, sizeof(mlsec_filter_env_t));

    env.mem = ngx_mlsec_mem(pool);
    env.now = (double) tp->sec + (double) tp->msec / 1000;
    env.seed[0] = ((uint64_t) ngx_random() << 32) ^ (uint64_t) ngx_random();
    env.seed[1] = ((uint64_t) ngx_random() << 32) ^ (uint64_t) ngx_random();

    ngx_mlsec_filter_limits(r, &env.max_steps, &env.max_memory);

    rc = mlsec_filter_start(filter->program, &env, &job->input, values, run);

    if (rc == MLSEC_OK) {
        return NGX_OK;
    }

    if (rc == MLSEC_NOMEM) {
        return NGX_ERROR;
    }

    return ngx_mlsec_filter_failed(r, NULL, job, rc);
}


/*
 * An answer is one JSON document, so a program must give exactly one result.
 */

static ngx_int_t
ngx_mlsec_filter_take(ngx_http_request_t *r, mlsec_filter_run_t *run,
    ngx_mlsec_filter_job_t *job)
{
    int                      rc;
    ngx_mlsec_filter_out_t   out;
    mlsec_filter_style_t     style;

    rc = mlsec_filter_next(run);

    if (rc == MLSEC_DECLINED) {
        return ngx_mlsec_filter_refuse(r, run, job, "no result",
                                       "The filter gave no result");
    }

    if (rc != MLSEC_OK) {
        return ngx_mlsec_filter_failed(r, run, job, rc);
    }

    ngx_memzero(&style, sizeof(mlsec_filter_style_t));

    if (ngx_mlsec_json_init(&out.text, r->pool, NGX_MLSEC_FILTER_RESULT)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    out.left = job->max_size;
    out.guess = ngx_mlsec_filter_input_size(&job->input);

    rc = mlsec_filter_write(run, &style, ngx_mlsec_filter_put, &out);

    if (rc == MLSEC_OK) {
        rc = mlsec_filter_next(run);

        if (rc == MLSEC_OK) {
            return ngx_mlsec_filter_refuse(r, run, job, "several results",
                                   "The filter gave more than one result");
        }
    }

    if (rc != MLSEC_DECLINED) {
        return ngx_mlsec_filter_failed(r, run, job, rc);
    }

    return ngx_mlsec_json_text(&out.text, &job->result);
}


static size_t
ngx_mlsec_filter_input_size(const mlsec_filter_value_t *input)
{
    size_t      size;
    ngx_uint_t  i;

    size = input->text.len;

    for (i = 0; i < input->nparts; i++) {
        size += input->parts[i].text.len;
    }

    return size;
}


static int
ngx_mlsec_filter_put(void *ctx, const unsigned char *data, size_t len)
{
    ngx_mlsec_filter_out_t *out = ctx;

    if (len > out->left) {
        return MLSEC_DECLINED;
    }

    if (out->guess != 0 && len > (size_t) (out->text.end - out->text.pos)) {
        ngx_mlsec_filter_out_grow(out, len);
    }

    out->left -= len;

    ngx_mlsec_json_raw(&out->text, data, len);

    return MLSEC_OK;
}


/*
 * Most programs give a few numbers, or most of what came in.  So what does
 * not fit the first block gets one for all, instead of doubling up to it.
 * Without memory the text is marked as failed.
 */

static void
ngx_mlsec_filter_out_grow(ngx_mlsec_filter_out_t *out, size_t len)
{
    size_t            size;
    ngx_mlsec_json_t  old;

    old = out->text;
    size = ngx_min(out->guess, out->left) + len;
    out->guess = 0;

    if (ngx_mlsec_json_init(&out->text, old.pool,
                            (size_t) (old.pos - old.start) + size)
        != NGX_OK)
    {
        out->text = old;
        out->text.failed = 1;
        return;
    }

    ngx_mlsec_json_raw(&out->text, old.start, (size_t) (old.pos - old.start));
}


static ngx_int_t
ngx_mlsec_filter_failed(ngx_http_request_t *r, mlsec_filter_run_t *run,
    ngx_mlsec_filter_job_t *job, int rc)
{
    switch (rc) {

    case MLSEC_FILTER_ERROR:
        return ngx_mlsec_filter_thrown(r, run, job);

    case MLSEC_FILTER_STEPS:
        return ngx_mlsec_filter_refuse(r, NULL, job, "too many steps",
                                       "The filter took too many steps");

    case MLSEC_FILTER_MEMORY:
        return ngx_mlsec_filter_refuse(r, NULL, job, "too much memory",
                                       "The filter took too much memory");

    case MLSEC_FILTER_OUTPUT:
        return ngx_mlsec_filter_refuse(r, NULL, job, "result too large",
                                       "The result of the filter is too "
                                       "large");

    case MLSEC_FILTER_INPUT:
        return ngx_mlsec_filter_refuse(r, NULL, job, "input is not JSON",
                                       "The input of the filter is not "
                                       "JSON");

    default: /* MLSEC_NOMEM */
        return NGX_ERROR;
    }
}


/*
 * The program has called error(), or done what cannot be done.  An object
 * with a "status" is meant for the client: error({status: 422, message:
 * "limit is not a number", errors: [...]}).  Everything else is a defect of
 * the program or a body that it did not expect.
 */

static ngx_int_t
ngx_mlsec_filter_thrown(ngx_http_request_t *r, mlsec_filter_run_t *run,
    ngx_mlsec_filter_job_t *job)
{
    ngx_str_t                text;
    ngx_uint_t               status;
    mlsec_str_t              thrown;
    ngx_mlsec_filter_out_t   out;

    if (ngx_mlsec_json_init(&out.text, r->pool, NGX_MLSEC_FILTER_RESULT)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    out.left = job->max_size;
    out.guess = 0;

    if (mlsec_filter_write_error(run, ngx_mlsec_filter_put, &out) != MLSEC_OK)
    {
        return ngx_mlsec_filter_refuse(r, run, job, "error",
                                       "The filter failed");
    }

    if (ngx_mlsec_json_text(&out.text, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    thrown.data = text.data;
    thrown.len = text.len;

    status = ngx_mlsec_filter_thrown_status(thrown);

    if (status == 0) {
        return ngx_mlsec_filter_refuse(r, run, job, "error",
                                       "The filter failed");
    }

    job->error.status = status;

    if (ngx_mlsec_filter_thrown_message(r, thrown, status,
                                        &job->error.message)
        != NGX_OK
        || ngx_mlsec_filter_thrown_details(r, thrown, &job->error.details)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}


/*
 * 400 to 599 but 444 and 499, or 0.
 */

static ngx_uint_t
ngx_mlsec_filter_thrown_status(mlsec_str_t thrown)
{
    ngx_int_t    status;
    mlsec_str_t  value;

    if (ngx_mlsec_filter_find(thrown, "status", &value) != MLSEC_OK) {
        return 0;
    }

    status = ngx_atoi((u_char *) value.data, value.len);

    if (status < 400 || status > 599 || status == 444 || status == 499) {
        return 0;
    }

    return status;
}


static ngx_int_t
ngx_mlsec_filter_thrown_message(ngx_http_request_t *r, mlsec_str_t thrown,
    ngx_uint_t status, ngx_str_t *message)
{
    mlsec_str_t  value, raw;

    if (ngx_mlsec_filter_find(thrown, "message", &value) != MLSEC_OK
        || mlsec_json_string(value, &raw) != MLSEC_OK
        || raw.len == 0)
    {
        message->data = (u_char *) ngx_mlsec_error_reason(status);
        message->len = ngx_strlen(message->data);

        return NGX_OK;
    }

    message->data = ngx_pnalloc(r->pool, raw.len);
    if (message->data == NULL) {
        return NGX_ERROR;
    }

    message->len = mlsec_json_decode(message->data, raw);

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_filter_thrown_details(ngx_http_request_t *r, mlsec_str_t thrown,
    ngx_str_t *details)
{
    ngx_uint_t        n;
    mlsec_str_t       value;
    ngx_mlsec_json_t  w;

    static const char *const  names[] = { "error_type", "errors" };

    (void) ngx_mlsec_json_init(&w, r->pool, 256);

    for (n = 0; n < sizeof(names) / sizeof(names[0]); n++) {

        if (ngx_mlsec_filter_find(thrown, names[n], &value) != MLSEC_OK
            || mlsec_json_type(value)
               != (n == 0 ? MLSEC_JSON_STRING : MLSEC_JSON_ARRAY))
        {
            continue;
        }

        if (w.pos != w.start) {
            ngx_mlsec_json_lit(&w, ",");
        }

        ngx_mlsec_json_lit(&w, "\"");
        ngx_mlsec_json_raw(&w, (u_char *) names[n], ngx_strlen(names[n]));
        ngx_mlsec_json_lit(&w, "\":");
        ngx_mlsec_json_raw(&w, value.data, value.len);
    }

    return ngx_mlsec_json_text(&w, details);
}


/*
 * The text of an error may hold pieces of bodies: it is never logged, and
 * shown only where mlsec_error_detail lets upstreams' own words be shown.
 */

static ngx_int_t
ngx_mlsec_filter_refuse(ngx_http_request_t *r, mlsec_filter_run_t *run,
    ngx_mlsec_filter_job_t *job, const char *reason, const char *message)
{
    ngx_str_t         text;
    mlsec_str_t       said;
    ngx_mlsec_json_t  w;

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "mlsec filter: program failed, reason: \"%s\", "
                  "location: \"%V\"%s%V%s", reason, &r->uri,
                  job->filter->files.len ? ", file: \"" : "",
                  &job->filter->files, job->filter->files.len ? "\"" : "");

    job->error.status = NGX_HTTP_INTERNAL_SERVER_ERROR;
    job->error.message.data = (u_char *) message;
    job->error.message.len = ngx_strlen(message);

    (void) ngx_mlsec_json_init(&w, r->pool, 256);

    ngx_mlsec_json_lit(&w, "\"error_type\":\"filter\"");

    if (run != NULL
        && ngx_mlsec_error_detail(r) == NGX_MLSEC_DETAIL_BODY)
    {
        said = mlsec_filter_message(run);

        text.data = (u_char *) said.data;
        text.len = said.len;

        if (text.len) {
            ngx_mlsec_json_lit(&w, ",\"filter_error\":");
            ngx_mlsec_json_string(&w, &text);
        }
    }

    if (ngx_mlsec_json_text(&w, &job->error.details) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}


static int
ngx_mlsec_filter_find(mlsec_str_t object, const char *name,
    mlsec_str_t *value)
{
    mlsec_str_t  key;

    key.data = (const unsigned char *) name;
    key.len = ngx_strlen(name);

    return mlsec_json_find(object, key, value);
}
