/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <aggregate/ngx_mlsec_aggregate.h>
#include <aggregate/ngx_mlsec_aggregate_chain.h>
#include <core/ngx_mlsec_error.h>
#include <core/ngx_mlsec_mem.h>
#include <core/ngx_mlsec_respond.h>
#include <service/ngx_mlsec_service.h>


static ngx_int_t ngx_mlsec_aggregate_merge(ngx_mlsec_aggregate_t *a);
static mlsec_merge_part_t *ngx_mlsec_aggregate_plan(ngx_mlsec_aggregate_t *a,
    mlsec_merge_t *merge);
static ngx_uint_t ngx_mlsec_aggregate_all_failed(ngx_mlsec_aggregate_t *a);
static ngx_int_t ngx_mlsec_aggregate_fail(ngx_mlsec_aggregate_t *a,
    ngx_mlsec_part_t *failed);
static ngx_uint_t ngx_mlsec_aggregate_fail_status(ngx_mlsec_aggregate_t *a,
    ngx_mlsec_part_t *failed);
static void ngx_mlsec_aggregate_fail_message(ngx_mlsec_aggregate_t *a,
    ngx_mlsec_part_t *failed, ngx_str_t *message);
static ngx_int_t ngx_mlsec_aggregate_errors(ngx_mlsec_aggregate_t *a,
    const mlsec_merge_t *merge, ngx_str_t *errors, ngx_str_t *names);
static void ngx_mlsec_aggregate_conflicts(ngx_mlsec_aggregate_t *a,
    const mlsec_merge_t *merge, ngx_uint_t i, ngx_mlsec_json_t *w);
static void ngx_mlsec_aggregate_entry_detail(ngx_mlsec_part_t *part,
    ngx_mlsec_json_t *w);
static ngx_uint_t ngx_mlsec_part_has_fallback(ngx_mlsec_part_t *part);


ngx_int_t
ngx_mlsec_aggregate_respond(ngx_mlsec_aggregate_t *a,
    ngx_mlsec_part_t *failed)
{
    ngx_uint_t  i;

    if (failed == NULL && ngx_mlsec_aggregate_all_failed(a)) {

        for (i = 0; i < a->nparts; i++) {

            failed = ngx_mlsec_chain_cause(failed,
                                   ngx_mlsec_part_failure(&a->parts[i]));
        }
    }

    if (failed != NULL) {
        ngx_mlsec_aggregate_count(a, NGX_MLSEC_AGGREGATE_FAILED);

        if (a->explain) {
            return ngx_mlsec_aggregate_explain(a,
                                 ngx_mlsec_aggregate_fail_status(a, failed));
        }

        return ngx_mlsec_aggregate_fail(a, failed);
    }

    return ngx_mlsec_aggregate_merge(a);
}


/*
 * Whether nothing at all has come.  An aggregate whose parts were all left
 * out by if= has not failed.
 */

static ngx_uint_t
ngx_mlsec_aggregate_all_failed(ngx_mlsec_aggregate_t *a)
{
    ngx_uint_t         i, called;
    ngx_mlsec_part_t  *part;

    called = 0;

    for (i = 0; i < a->nparts; i++) {
        part = &a->parts[i];

        if (part->skipped) {
            continue;
        }

        if ((part->error == NGX_MLSEC_ERR_NONE && part->link == NULL)
            || ngx_mlsec_part_failure(part) == NULL)
        {
            return 0;
        }

        called++;
    }

    return called > 0;
}


static ngx_int_t
ngx_mlsec_aggregate_merge(ngx_mlsec_aggregate_t *a)
{
    off_t                size;
    ngx_int_t            rc;
    ngx_str_t            errors, names;
    ngx_uint_t           i, completed, list;
    ngx_chain_t         *out;
    mlsec_merge_t        merge;
    mlsec_merge_part_t  *parts;

    parts = ngx_mlsec_aggregate_plan(a, &merge);

    if (parts == NULL
        || ngx_mlsec_aggregate_errors(a, &merge, &errors, &names) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    completed = (errors.len == 0);

    for (i = 0; i < a->nparts; i++) {

        if (a->parts[i].incomplete) {
            completed = 0;
        }
    }

    /* where the list has no place in the body, the names go into a header */

    list = (a->conf->filter != NULL
            || a->conf->merge.mode == MLSEC_MERGE_NAMESPACE
            || (a->conf->merge.mode == MLSEC_MERGE_FLAT
                && !merge.has_errors));

    if (list) {
        ngx_str_null(&names);
    }

    a->merged = ngx_mlsec_part_clock(a);

    rc = (a->conf->filter != NULL)
         ? ngx_mlsec_aggregate_filter(a, parts, &errors, &out, &size)
         : ngx_mlsec_aggregate_splice(a->request, &merge, &errors, &out,
                                      &size);

    a->merged = ngx_mlsec_part_clock(a) - a->merged;

    if (rc != NGX_OK) {
        ngx_mlsec_aggregate_count(a, NGX_MLSEC_AGGREGATE_FAILED);

        rc = (rc > NGX_OK) ? rc : NGX_HTTP_INTERNAL_SERVER_ERROR;

        return a->explain ? ngx_mlsec_aggregate_explain(a, rc) : rc;
    }

    ngx_mlsec_aggregate_count(a, completed ? NGX_MLSEC_AGGREGATE_COMPLETE
                                           : NGX_MLSEC_AGGREGATE_PARTIAL);

    if (a->explain) {
        return ngx_mlsec_aggregate_explain(a, completed ? NGX_HTTP_OK
                                              : a->conf->on_partial);
    }

    if (ngx_mlsec_aggregate_set_headers(a, completed, &names) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_mlsec_respond_send(a->request,
                                  completed ? NGX_HTTP_OK
                                            : a->conf->on_partial,
                                  out, size);
}


static mlsec_merge_part_t *
ngx_mlsec_aggregate_plan(ngx_mlsec_aggregate_t *a, mlsec_merge_t *merge)
{
    ngx_str_t            body;
    ngx_uint_t           i;
    mlsec_mem_t          mem;
    ngx_mlsec_part_t    *part;
    mlsec_merge_part_t  *parts;
    mlsec_merge_conf_t   conf;

    parts = ngx_pcalloc(a->request->pool,
                        a->nparts * sizeof(mlsec_merge_part_t));
    if (parts == NULL) {
        return NULL;
    }

    for (i = 0; i < a->nparts; i++) {
        part = &a->parts[i];

        parts[i].name.data = part->call->name.data;
        parts[i].name.len = part->call->name.len;

        if (part->skipped
            || (part->error
                && part->call->fallback == NGX_MLSEC_FALLBACK_OMIT))
        {
            parts[i].state = MLSEC_PART_OMITTED;

        } else if (part->error == NGX_MLSEC_ERR_NONE) {
            parts[i].body.data = part->body.data;
            parts[i].body.len = part->body.len;

        } else if (ngx_mlsec_part_result(part, &body)) {
            parts[i].body.data = body.data;
            parts[i].body.len = body.len;

        } else {
            parts[i].state = MLSEC_PART_FAILED;
        }
    }

    mem = ngx_mlsec_mem(a->request->pool);

    conf.mode = a->conf->merge.mode;
    conf.on_conflict = a->conf->merge.on_conflict;
    conf.seed[0] = ((uint64_t) ngx_random() << 32) ^ (uint64_t) ngx_random();
    conf.seed[1] = ((uint64_t) ngx_random() << 32) ^ (uint64_t) ngx_random();

    if (mlsec_merge_plan(merge, &mem, &conf, parts, a->nparts) != MLSEC_OK) {
        return NULL;
    }

    return parts;
}


static ngx_int_t
ngx_mlsec_aggregate_fail(ngx_mlsec_aggregate_t *a, ngx_mlsec_part_t *failed)
{
    ngx_str_t            errors, names;
    ngx_mlsec_json_t     w;
    ngx_mlsec_error_t    error;
    ngx_http_request_t  *r;

    r = a->request;

    ngx_memzero(&error, sizeof(ngx_mlsec_error_t));

    error.passed = 1;
    error.status = ngx_mlsec_aggregate_fail_status(a, failed);
    ngx_mlsec_aggregate_fail_message(a, failed, &error.message);

    if (ngx_mlsec_aggregate_errors(a, NULL, &errors, &names) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    (void) ngx_mlsec_json_init(&w, r->pool, 256 + errors.len);

    ngx_mlsec_aggregate_entry(failed, &w);
    ngx_mlsec_json_lit(&w, ",\"errors\":");
    ngx_mlsec_json_raw(&w, errors.data, errors.len);

    if (ngx_mlsec_json_text(&w, &error.details) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (error.status == NGX_HTTP_SERVICE_UNAVAILABLE
        || error.status == NGX_HTTP_TOO_MANY_REQUESTS)
    {
        error.retry_after = failed->retry_after;
    }

    if (error.status == NGX_HTTP_UNAUTHORIZED && failed->authenticate.len
        && ngx_mlsec_aggregate_add_header(r, "WWW-Authenticate",
                                          &failed->authenticate)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_mlsec_aggregate_server_timing(a) != NGX_OK
        || ngx_mlsec_error_set(r, &error) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return error.status;
}


static ngx_uint_t
ngx_mlsec_aggregate_fail_status(ngx_mlsec_aggregate_t *a,
    ngx_mlsec_part_t *failed)
{
    ngx_uint_t  status;

    status = ngx_mlsec_part_status_code(failed);

    if (failed->error == NGX_MLSEC_ERR_UPSTREAM_STATUS) {

        switch (status) {

        /* what the client can do something about is the client's to see */

        case 401:
        case 403:
        case 404:
        case 409:
        case 422:
        case 429:
            return status;

        default:
            status = NGX_HTTP_BAD_GATEWAY;
        }
    }

    return a->conf->on_failure ? a->conf->on_failure : status;
}


static void
ngx_mlsec_aggregate_fail_message(ngx_mlsec_aggregate_t *a,
    ngx_mlsec_part_t *failed, ngx_str_t *message)
{
    u_char      *p;
    size_t       len;
    const char  *what;

    switch (failed->error) {
    case NGX_MLSEC_ERR_CONNECT:
        what = NGX_MLSEC_SERVICE_CONNECT;
        break;
    case NGX_MLSEC_ERR_CONNECTION_TIMEOUT:
        what = NGX_MLSEC_SERVICE_CONNECT_TIMEOUT;
        break;
    case NGX_MLSEC_ERR_TIMEOUT:
        what = NGX_MLSEC_SERVICE_LATE;
        break;
    case NGX_MLSEC_ERR_RESET:
        what = NGX_MLSEC_SERVICE_RESET;
        break;
    case NGX_MLSEC_ERR_CIRCUIT_OPEN:
        what = NGX_MLSEC_SERVICE_OPEN;
        break;
    case NGX_MLSEC_ERR_SHED:
        what = NGX_MLSEC_SERVICE_FULL;
        break;
    case NGX_MLSEC_ERR_NO_PEER:
        what = NGX_MLSEC_SERVICE_NO_PEER;
        break;
    case NGX_MLSEC_ERR_TOO_LARGE:
        what = "sent an answer that is too large";
        break;
    case NGX_MLSEC_ERR_BAD_JSON:
        what = "sent an answer that is not valid JSON";
        break;
    case NGX_MLSEC_ERR_BAD_TYPE:
        what = "sent an answer of the wrong type";
        break;
    case NGX_MLSEC_ERR_DNS:
        what = NGX_MLSEC_SERVICE_NOWHERE;
        break;
    case NGX_MLSEC_ERR_UPSTREAM_STATUS:
        what = "answered with status ";
        break;
    case NGX_MLSEC_ERR_DEPENDENCY:
        what = "was not called, what it depends on failed or is missing";
        break;
    case NGX_MLSEC_ERR_FILTER:
        what = "sent an answer that the filter of its part failed on";
        break;
    default:
        what = "failed";
    }

    len = sizeof("Service  ") + failed->call->service.len + ngx_strlen(what)
          + NGX_INT_T_LEN;

    p = ngx_pnalloc(a->request->pool, len);
    if (p == NULL) {
        return;
    }

    message->data = p;

    p = ngx_sprintf(p, "Service %V %s", &failed->call->service, what);

    if (failed->error == NGX_MLSEC_ERR_UPSTREAM_STATUS) {
        p = ngx_sprintf(p, "%ui", failed->status);
    }

    message->len = p - message->data;
}


/*
 * The errors[] list, in declared order, and the names of the parts in it.
 * Both are empty when there is nothing to list.  merge: the plan, NULL for an
 * envelope.
 */

static ngx_int_t
ngx_mlsec_aggregate_errors(ngx_mlsec_aggregate_t *a,
    const mlsec_merge_t *merge, ngx_str_t *errors, ngx_str_t *names)
{
    size_t             before;
    ngx_uint_t         i, failed;
    ngx_mlsec_json_t   w, n;
    ngx_mlsec_part_t  *part;

    ngx_str_null(errors);
    ngx_str_null(names);

    failed = (merge != NULL && merge->nconflicts);

    for (i = 0; i < a->nparts && !failed; i++) {
        failed = (a->parts[i].error != NGX_MLSEC_ERR_NONE);
    }

    if (!failed && !ngx_mlsec_group_incomplete(a)) {
        return NGX_OK;
    }

    (void) ngx_mlsec_json_init(&w, a->request->pool, 512);
    (void) ngx_mlsec_json_init(&n, a->request->pool, 64);

    ngx_mlsec_json_lit(&w, "[");

    for (i = 0; i < a->nparts; i++) {
        part = &a->parts[i];
        before = w.pos - w.start;

        if (part->error) {

            if (before > 1) {
                ngx_mlsec_json_lit(&w, ",");
            }

            ngx_mlsec_json_lit(&w, "{");
            ngx_mlsec_aggregate_entry(part, &w);
            ngx_mlsec_json_lit(&w, "}");

        } else if (part->link != NULL) {
            ngx_mlsec_group_entries(part, &w);
        }

        ngx_mlsec_aggregate_conflicts(a, merge, i, &w);

        if ((size_t) (w.pos - w.start) == before) {
            continue;
        }

        if (n.pos != n.start) {
            ngx_mlsec_json_lit(&n, ",");
        }

        ngx_mlsec_json_raw(&n, part->call->name.data, part->call->name.len);
    }

    ngx_mlsec_json_lit(&w, "]");

    if (ngx_mlsec_json_text(&w, errors) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_mlsec_json_text(&n, names);
}


static void
ngx_mlsec_aggregate_conflicts(ngx_mlsec_aggregate_t *a,
    const mlsec_merge_t *merge, ngx_uint_t i, ngx_mlsec_json_t *w)
{
    size_t                         n;
    ngx_mlsec_part_t              *part;
    const mlsec_merge_conflict_t  *conflict;

    if (merge == NULL) {
        return;
    }

    part = &a->parts[i];

    for (n = 0; n < merge->nconflicts; n++) {
        conflict = &merge->conflicts[n];

        if (conflict->part != i) {
            continue;
        }

        if (w->pos - w->start > 1) {
            ngx_mlsec_json_lit(w, ",");
        }

        ngx_mlsec_json_lit(w, "{\"service\":");
        ngx_mlsec_json_string(w, &part->call->service);
        ngx_mlsec_json_lit(w, ",\"part\":");
        ngx_mlsec_json_string(w, &part->call->name);
        ngx_mlsec_json_lit(w, ",\"error_type\":\"conflict\",\"member\":\"");
        ngx_mlsec_json_raw(w, conflict->key.data, conflict->key.len);
        ngx_mlsec_json_lit(w, "\",\"status_code\":");
        ngx_mlsec_json_int(w, NGX_HTTP_BAD_GATEWAY);
        ngx_mlsec_json_lit(w, ",\"attempts\":");
        ngx_mlsec_json_int(w, part->attempts);
        ngx_mlsec_json_lit(w, ",\"elapsed_ms\":");
        ngx_mlsec_json_int(w, part->elapsed);
        ngx_mlsec_json_lit(w, "}");
    }
}


void
ngx_mlsec_aggregate_entry(ngx_mlsec_part_t *part, ngx_mlsec_json_t *w)
{
    ngx_mlsec_json_lit(w, "\"service\":");
    ngx_mlsec_json_string(w, &part->call->service);
    ngx_mlsec_json_lit(w, ",\"part\":");
    ngx_mlsec_json_string(w, &part->call->name);

    if (part->link != NULL && part->link->item) {
        ngx_mlsec_json_lit(w, ",\"index\":");
        ngx_mlsec_json_int(w, part->link->index);
    }

    ngx_mlsec_json_lit(w, ",\"error_type\":");
    ngx_mlsec_json_string(w, ngx_mlsec_part_error_name(part->error));
    ngx_mlsec_json_lit(w, ",\"status_code\":");
    ngx_mlsec_json_int(w, ngx_mlsec_part_status_code(part));
    ngx_mlsec_json_lit(w, ",\"attempts\":");
    ngx_mlsec_json_int(w, part->attempts);
    ngx_mlsec_json_lit(w, ",\"elapsed_ms\":");
    ngx_mlsec_json_int(w, part->elapsed);

    if (ngx_mlsec_part_has_fallback(part)) {
        ngx_mlsec_json_lit(w, ",\"fallback\":true");
    }

    ngx_mlsec_aggregate_entry_detail(part, w);
}


static void
ngx_mlsec_aggregate_entry_detail(ngx_mlsec_part_t *part, ngx_mlsec_json_t *w)
{
    ngx_str_t    body;
    ngx_uint_t   detail;
    mlsec_str_t  text;

    detail = ngx_mlsec_error_detail(part->aggregate->request);

    if (detail == NGX_MLSEC_DETAIL_OFF || part->status == 0) {
        return;
    }

    ngx_mlsec_json_lit(w, ",\"upstream_status\":");
    ngx_mlsec_json_int(w, part->status);

    if (detail != NGX_MLSEC_DETAIL_BODY || part->wanted) {
        return;
    }

    body.data = part->start;
    body.len = part->pos - part->start;

    text.data = body.data;
    text.len = body.len;

    ngx_mlsec_json_lit(w, ",\"upstream_body\":");

    if (mlsec_json_scan(text, MLSEC_JSON_DEFAULT_DEPTH - 4, NULL, NULL)
        == MLSEC_OK)
    {
        ngx_mlsec_json_raw(w, body.data, body.len);

    } else {
        ngx_mlsec_json_string(w, &body);
    }
}


static ngx_uint_t
ngx_mlsec_part_has_fallback(ngx_mlsec_part_t *part)
{
    return part->call->fallback != NGX_MLSEC_FALLBACK_NONE;
}
