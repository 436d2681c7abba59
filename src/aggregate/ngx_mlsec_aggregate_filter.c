/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Where programs of the filter language stand in an aggregate: filter= on
 * one body, mlsec_filter on all of them in place of merging, body= on what a
 * part sends.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <aggregate/ngx_mlsec_aggregate.h>
#include <aggregate/ngx_mlsec_aggregate_chain.h>
#include <core/ngx_mlsec_json.h>


static ngx_int_t ngx_mlsec_call_program(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t files, const ngx_mlsec_filter_t **filter);
static ngx_int_t ngx_mlsec_call_filter_set(ngx_conf_t *cf,
    ngx_mlsec_call_t *call, ngx_str_t *value, ngx_uint_t files);
static ngx_int_t ngx_mlsec_aggregate_inputs(ngx_mlsec_aggregate_t *a,
    const mlsec_merge_part_t *parts, mlsec_filter_value_t *input);
static ngx_int_t ngx_mlsec_aggregate_status(ngx_mlsec_aggregate_t *a,
    ngx_str_t *status);
static ngx_int_t ngx_mlsec_aggregate_elapsed(ngx_mlsec_aggregate_t *a,
    ngx_str_t *elapsed);
static ngx_int_t ngx_mlsec_aggregate_one_buffer(ngx_http_request_t *r,
    ngx_str_t *text, ngx_chain_t **out, off_t *size);


ngx_int_t
ngx_mlsec_call_filter(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value)
{
    return ngx_mlsec_call_filter_set(cf, call, value, 0);
}


ngx_int_t
ngx_mlsec_call_filter_file(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value)
{
    return ngx_mlsec_call_filter_set(cf, call, value, 1);
}


static ngx_int_t
ngx_mlsec_call_filter_set(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value, ngx_uint_t files)
{
    if (call->filter != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a second program of part \"%V\" in "
                           "\"mlsec_call\", join them with \"|\" or list the "
                           "files in one \"filter_file=\"", &call->name);
        return NGX_ERROR;
    }

    return ngx_mlsec_call_program(cf, value, files, &call->filter);
}


ngx_int_t
ngx_mlsec_call_body_filter(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value)
{
    ngx_str_t  text;

    if (ngx_mlsec_conf_param(value, "filter:", &text)) {
        return ngx_mlsec_call_program(cf, &text, 0, &call->body_filter);
    }

    if (ngx_mlsec_conf_param(value, "file:", &text)) {
        return ngx_mlsec_call_program(cf, &text, 1, &call->body_filter);
    }

    return NGX_DECLINED;
}


/*
 * files: the value is a list of file names, else it is the program.
 */

static ngx_int_t
ngx_mlsec_call_program(ngx_conf_t *cf, ngx_str_t *value, ngx_uint_t files,
    const ngx_mlsec_filter_t **filter)
{
    u_char       *p, *last, *comma;
    ngx_str_t    *path;
    ngx_array_t   paths;

    if (!files) {
        *filter = ngx_mlsec_filter_compile(cf, "mlsec_call", value, 0);

        return (*filter != NULL) ? NGX_OK : NGX_ERROR;
    }

    if (ngx_array_init(&paths, cf->pool, 2, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    last = value->data + value->len;

    for (p = value->data; p <= last; p = comma + 1) {

        comma = ngx_strlchr(p, last, ',');
        comma = (comma != NULL) ? comma : last;

        path = ngx_array_push(&paths);
        if (path == NULL) {
            return NGX_ERROR;
        }

        path->data = p;
        path->len = comma - p;
    }

    *filter = ngx_mlsec_filter_compile_files(cf, "mlsec_call", paths.elts,
                                             paths.nelts, 0);

    return (*filter != NULL) ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_mlsec_aggregate_filter_conf(ngx_conf_t *cf,
    ngx_mlsec_aggregate_loc_conf_t *conf)
{
    const char                    *why;
    const ngx_mlsec_conf_place_t  *place;

    conf->filter = ngx_mlsec_filter_conf(cf, &place);

    if (conf->filter == NULL) {
        return NGX_OK;
    }

    why = (conf->calls == NULL) ? "in a location without \"mlsec_call\""
          : conf->merge.set ? "with \"mlsec_merge\" in one location, "
                              "one of them makes the answer"
          : NULL;

    if (why == NULL) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"mlsec_filter\" %s in %V:%ui", why, &place->file,
                  place->line);

    return NGX_ERROR;
}


ngx_mlsec_err_e
ngx_mlsec_part_filter(ngx_mlsec_part_t *part, mlsec_str_t *text)
{
    uint64_t                clock;
    ngx_int_t               rc;
    ngx_mlsec_filter_job_t  job;

    ngx_memzero(&job, sizeof(ngx_mlsec_filter_job_t));

    clock = ngx_mlsec_part_clock(part->aggregate);

    job.input.text = *text;
    job.max_size = part->aggregate->conf->call_max;

    rc = ngx_mlsec_filter_run(part->aggregate->request, part->call->filter,
                              &job);

    part->filtered = ngx_mlsec_part_clock(part->aggregate) - clock;

    if (rc == NGX_DECLINED) {
        return NGX_MLSEC_ERR_FILTER;
    }

    if (rc != NGX_OK) {
        return NGX_MLSEC_ERR_TOO_LARGE;
    }

    text->data = job.result.data;
    text->len = job.result.len;

    return NGX_MLSEC_ERR_NONE;
}


ngx_int_t
ngx_mlsec_aggregate_filter(ngx_mlsec_aggregate_t *a,
    const mlsec_merge_part_t *parts, const ngx_str_t *errors,
    ngx_chain_t **out, off_t *size)
{
    ngx_int_t               rc;
    ngx_http_request_t     *r;
    ngx_mlsec_filter_job_t  job;

    r = a->request;

    ngx_memzero(&job, sizeof(ngx_mlsec_filter_job_t));

    if (ngx_mlsec_aggregate_inputs(a, parts, &job.input) != NGX_OK
        || ngx_mlsec_aggregate_status(a, &job.status) != NGX_OK
        || ngx_mlsec_aggregate_elapsed(a, &job.elapsed) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&job.errors, "[]");

    if (errors->len) {
        job.errors = *errors;
    }

    job.max_size = a->conf->total_max;

    rc = ngx_mlsec_filter_run(r, a->conf->filter, &job);

    if (rc == NGX_OK) {
        return ngx_mlsec_aggregate_one_buffer(r, &job.result, out, size);
    }

    if (rc != NGX_DECLINED) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* the parts have been called */

    job.error.passed = 1;
    (void) ngx_mlsec_error_set(r, &job.error);

    return job.error.status;
}


/*
 * {NAME: body}: a part that was left out is not a member, one that failed is
 * null.
 */

static ngx_int_t
ngx_mlsec_aggregate_inputs(ngx_mlsec_aggregate_t *a,
    const mlsec_merge_part_t *parts, mlsec_filter_value_t *input)
{
    ngx_uint_t             i, n;
    mlsec_str_t           *names;
    mlsec_filter_value_t  *values;

    names = ngx_palloc(a->request->pool, a->nparts * sizeof(mlsec_str_t));
    values = ngx_pcalloc(a->request->pool,
                         a->nparts * sizeof(mlsec_filter_value_t));

    if (names == NULL || values == NULL) {
        return NGX_ERROR;
    }

    n = 0;

    for (i = 0; i < a->nparts; i++) {

        if (parts[i].state == MLSEC_PART_OMITTED) {
            continue;
        }

        names[n] = parts[i].name;

        if (parts[i].state == MLSEC_PART_BODY) {
            values[n].text = parts[i].body;
        }

        n++;
    }

    input->names = names;
    input->parts = values;
    input->nparts = n;

    return NGX_OK;
}


/*
 * {NAME: status}: null when the service has not answered.
 */

static ngx_int_t
ngx_mlsec_aggregate_status(ngx_mlsec_aggregate_t *a, ngx_str_t *status)
{
    ngx_str_t          name;
    ngx_uint_t         i;
    ngx_mlsec_json_t   w;
    ngx_mlsec_part_t  *part;

    if (!(a->conf->filter->used >> NGX_MLSEC_FILTER_STATUS & 1)) {
        return NGX_OK;
    }

    (void) ngx_mlsec_json_init(&w, a->request->pool, 32 * a->nparts);

    for (i = 0; i < a->nparts; i++) {
        part = &a->parts[i];
        name = part->call->name;

        ngx_mlsec_json_raw(&w, (u_char *) (i ? "," : "{"), 1);
        ngx_mlsec_json_string(&w, &name);
        ngx_mlsec_json_lit(&w, ":");

        if (part->status) {
            ngx_mlsec_json_int(&w, part->status);

        } else {
            ngx_mlsec_json_lit(&w, "null");
        }
    }

    ngx_mlsec_json_lit(&w, "}");

    return ngx_mlsec_json_text(&w, status);
}


/*
 * {NAME: milliseconds}, to the microsecond: null for a part that was not
 * called.
 */

static ngx_int_t
ngx_mlsec_aggregate_elapsed(ngx_mlsec_aggregate_t *a, ngx_str_t *elapsed)
{
    ngx_str_t          name;
    ngx_uint_t         i;
    ngx_mlsec_json_t   w;
    ngx_mlsec_part_t  *part;
    u_char            *last, number[NGX_INT64_LEN + sizeof(".000")];

    if (!(a->conf->filter->used >> NGX_MLSEC_FILTER_ELAPSED & 1)) {
        return NGX_OK;
    }

    (void) ngx_mlsec_json_init(&w, a->request->pool, 40 * a->nparts);

    for (i = 0; i < a->nparts; i++) {
        part = &a->parts[i];
        name = part->call->name;

        ngx_mlsec_json_raw(&w, (u_char *) (i ? "," : "{"), 1);
        ngx_mlsec_json_string(&w, &name);
        ngx_mlsec_json_lit(&w, ":");

        if (part->clock == 0) {
            ngx_mlsec_json_lit(&w, "null");
            continue;
        }

        last = ngx_sprintf(number, "%uL.%03uL", part->clock / 1000,
                           part->clock % 1000);
        ngx_mlsec_json_raw(&w, number, last - number);
    }

    ngx_mlsec_json_lit(&w, "}");

    return ngx_mlsec_json_text(&w, elapsed);
}


uint64_t
ngx_mlsec_part_clock(const ngx_mlsec_aggregate_t *a)
{
    struct timespec  ts;

    if ((!a->explain
         && (a->conf->filter == NULL
             || !(a->conf->filter->used >> NGX_MLSEC_FILTER_ELAPSED & 1)))
        || clock_gettime(CLOCK_MONOTONIC, &ts) != 0)
    {
        return 0;
    }

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


static ngx_int_t
ngx_mlsec_aggregate_one_buffer(ngx_http_request_t *r, ngx_str_t *text,
    ngx_chain_t **out, off_t *size)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    b = ngx_calloc_buf(r->pool);
    cl = ngx_alloc_chain_link(r->pool);

    if (b == NULL || cl == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = text->data;
    b->last = text->data + text->len;
    b->memory = 1;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    cl->buf = b;
    cl->next = NULL;

    *out = cl;
    *size = text->len;

    return NGX_OK;
}
