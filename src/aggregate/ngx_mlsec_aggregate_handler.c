/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <aggregate/ngx_mlsec_aggregate.h>
#include <aggregate/ngx_mlsec_aggregate_chain.h>
#include <core/ngx_mlsec_deadline.h>
#include <core/ngx_mlsec_error.h>


#define NGX_MLSEC_AGGREGATE_DEPTH  8     /* aggregates inside aggregates */


static ngx_uint_t ngx_mlsec_aggregate_cycle(ngx_http_request_t *r);
static void ngx_mlsec_aggregate_start(ngx_http_request_t *r);
static ngx_mlsec_aggregate_t *ngx_mlsec_aggregate_create(
    ngx_http_request_t *r);
static void ngx_mlsec_aggregate_refuse(ngx_mlsec_aggregate_t *a,
    ngx_int_t rc);
static void ngx_mlsec_aggregate_resume(ngx_http_request_t *r);
static ngx_mlsec_part_t *ngx_mlsec_aggregate_failed(ngx_mlsec_aggregate_t *a);
static void ngx_mlsec_aggregate_wake(ngx_mlsec_aggregate_t *a);
static void ngx_mlsec_aggregate_finish(ngx_mlsec_aggregate_t *a,
    ngx_mlsec_part_t *failed);
static void ngx_mlsec_aggregate_arm(ngx_mlsec_aggregate_t *a);
static void ngx_mlsec_aggregate_timer(ngx_event_t *ev);
static void ngx_mlsec_aggregate_stop(ngx_mlsec_aggregate_t *a,
    ngx_mlsec_err_e error);
static void ngx_mlsec_aggregate_cancel(ngx_http_request_t *r);
static void ngx_mlsec_aggregate_cleanup(void *data);


ngx_int_t
ngx_mlsec_aggregate_handler(ngx_http_request_t *r)
{
    ngx_int_t                              rc;
    const ngx_mlsec_aggregate_loc_conf_t  *conf;

    if (ngx_mlsec_aggregate_cycle(r)) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    conf = ngx_http_get_module_loc_conf(r, ngx_mlsec_aggregate_module);

    if (conf->body) {
        rc = ngx_http_read_client_request_body(r, ngx_mlsec_aggregate_start);

        return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;
    }

    r->main->count++;

    ngx_mlsec_aggregate_start(r);

    return NGX_DONE;
}


/*
 * nginx stops a chain of subrequests after 50 levels, but with several parts
 * on every level that is too late.  An aggregate that is reached from itself
 * would never end, and one level inside another has its use only so often.
 */

static ngx_uint_t
ngx_mlsec_aggregate_cycle(ngx_http_request_t *r)
{
    ngx_uint_t              depth;
    ngx_http_request_t     *pr;
    ngx_mlsec_aggregate_t  *a;

    depth = 0;

    for (pr = r->parent; pr; pr = pr->parent) {

        a = ngx_http_get_module_ctx(pr, ngx_mlsec_aggregate_module);

        if (a == NULL) {
            continue;
        }

        if (a->conf == ngx_http_get_module_loc_conf(r,
                                                  ngx_mlsec_aggregate_module)
            || ++depth > NGX_MLSEC_AGGREGATE_DEPTH)
        {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "mlsec aggregate: %s, location: \"%V\"",
                          depth > NGX_MLSEC_AGGREGATE_DEPTH
                          ? "nested too deep" : "it is a part of itself",
                          &r->uri);
            return 1;
        }
    }

    return 0;
}


static void
ngx_mlsec_aggregate_start(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_uint_t              i;
    ngx_mlsec_aggregate_t  *a;

    a = ngx_mlsec_aggregate_create(r);

    if (a == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    for (i = 0; i < a->nparts; i++) {

        rc = ngx_mlsec_part_start(&a->parts[i]);

        if (rc != NGX_OK) {
            ngx_mlsec_aggregate_refuse(a, rc);
            return;
        }
    }

    r->write_event_handler = ngx_mlsec_aggregate_resume;

    /*
     * The client's going away is seen only when somebody looks.  A body that
     * no part wants is left in the socket until the answer is ready:
     * discarding it takes the read event for itself.
     */

    if (r == r->main) {
        r->read_event_handler = ngx_http_test_reading;
    }

    ngx_mlsec_capture_on_cancel(r, ngx_mlsec_aggregate_cancel);

    ngx_mlsec_aggregate_resume(r);
}


static ngx_mlsec_aggregate_t *
ngx_mlsec_aggregate_create(ngx_http_request_t *r)
{
    ngx_uint_t                             i;
    ngx_pool_cleanup_t                    *pool_cln;
    ngx_http_cleanup_t                    *cln;
    ngx_mlsec_aggregate_t                 *a;
    const ngx_mlsec_call_t                *calls;
    const ngx_mlsec_aggregate_loc_conf_t  *conf;

    conf = ngx_http_get_module_loc_conf(r, ngx_mlsec_aggregate_module);

    a = ngx_pcalloc(r->pool, sizeof(ngx_mlsec_aggregate_t));
    if (a == NULL) {
        return NULL;
    }

    a->nparts = conf->calls->nelts;
    a->parts = ngx_pcalloc(r->pool, a->nparts * sizeof(ngx_mlsec_part_t));

    if (a->parts == NULL) {
        return NULL;
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_mlsec_aggregate_cleanup;
    cln->data = a;

    /* to be found by, see ngx_mlsec_aggregate_get() */

    pool_cln = ngx_pool_cleanup_add(r->pool, 0);
    if (pool_cln == NULL) {
        return NULL;
    }

    pool_cln->handler = ngx_mlsec_aggregate_cleanup;
    pool_cln->data = a;

    a->request = r;
    a->conf = conf;
    a->started = ngx_current_msec;
    a->explain = ngx_mlsec_explain_wanted(r, conf);
    a->deadline = ngx_mlsec_deadline(r);

    if (a->deadline == 0 || a->deadline > conf->deadline) {
        a->deadline = conf->deadline;
    }

    a->timer.handler = ngx_mlsec_aggregate_timer;
    a->timer.data = a;
    a->timer.log = r->connection->log;

    calls = conf->calls->elts;

    for (i = 0; i < a->nparts; i++) {
        a->parts[i].call = &calls[i];
        a->parts[i].aggregate = a;
        a->local |= (calls[i].upstream == NULL);
    }

    ngx_http_set_ctx(r, a, ngx_mlsec_aggregate_module);

    if (ngx_mlsec_aggregate_base_headers(a) != NGX_OK) {
        return NULL;
    }

    return a;
}


/*
 * The client's own words would make a part's request a wrong one.
 */

static void
ngx_mlsec_aggregate_refuse(ngx_mlsec_aggregate_t *a, ngx_int_t rc)
{
    ngx_mlsec_error_t    error;
    ngx_http_request_t  *r;

    r = a->request;

    ngx_mlsec_aggregate_stop(a, NGX_MLSEC_ERR_CANCELED);
    ngx_mlsec_aggregate_cleanup(a);
    ngx_mlsec_capture_on_cancel(r, NULL);
    a->done = 1;

    if (r == r->main) {
        r->read_event_handler = ngx_http_block_reading;
    }

    if (rc == NGX_BUSY) {
        (void) ngx_mlsec_error_set(r, &a->refusal);

        ngx_http_finalize_request(r, a->refusal.status);
        return;
    }

    if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "mlsec aggregate: client sent a value that cannot be "
                      "part of a request, uri: \"%V\"", &r->uri);

        ngx_memzero(&error, sizeof(ngx_mlsec_error_t));
        error.status = NGX_HTTP_BAD_REQUEST;
        ngx_str_set(&error.message, "A value in the path or query is not "
                                    "allowed");

        (void) ngx_mlsec_error_set(r, &error);

        ngx_http_finalize_request(r, NGX_HTTP_BAD_REQUEST);
        return;
    }

    ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
}


/*
 * Runs whenever a part has ended or time has passed; decides whether the
 * answer can be sent.
 */

static void
ngx_mlsec_aggregate_resume(ngx_http_request_t *r)
{
    ngx_uint_t              step;
    ngx_mlsec_part_t       *failed;
    ngx_mlsec_aggregate_t  *a;

    a = ngx_http_get_module_ctx(r, ngx_mlsec_aggregate_module);

    if (a->done) {
        return;
    }

    /* a step may be the end of a required part, without any waiting */

    step = (a->conf->chain != NULL);

    for ( ;; ) {
        failed = ngx_mlsec_aggregate_failed(a);

        if (failed != NULL || !step) {
            break;
        }

        step = 0;

        if (ngx_mlsec_chain_step(a) != NGX_OK) {
            ngx_mlsec_aggregate_refuse(a, NGX_ERROR);
            return;
        }
    }

    if (failed != NULL) {
        ngx_mlsec_aggregate_stop(a, NGX_MLSEC_ERR_CANCELED);
        ngx_mlsec_aggregate_finish(a, failed);
        return;
    }

    if (a->soft && a->required == 0 && a->running) {

        /* late, but not a sibling's fault: their time was up */

        ngx_mlsec_aggregate_stop(a, NGX_MLSEC_ERR_TIMEOUT);
    }

    if (a->running == 0) {
        ngx_mlsec_aggregate_finish(a, NULL);
        return;
    }

    ngx_mlsec_aggregate_wake(a);
    ngx_mlsec_aggregate_arm(a);
}


/*
 * Stops the subrequests of parts that ended before them, and finds the first
 * required part, in declared order, that has failed without a fallback.
 */

static ngx_mlsec_part_t *
ngx_mlsec_aggregate_failed(ngx_mlsec_aggregate_t *a)
{
    ngx_uint_t         i;
    ngx_mlsec_part_t  *part, *failed;

    failed = NULL;

    for (i = 0; i < a->nparts; i++) {
        part = &a->parts[i];

        if (part->cancel) {
            part->cancel = 0;
            ngx_mlsec_capture_cancel(&part->capture, 0);
        }

        if (part->error && part->call->required) {
            failed = ngx_mlsec_chain_cause(failed,
                                           ngx_mlsec_part_failure(part));
        }
    }

    return (a->groups == NULL) ? failed : ngx_mlsec_group_failed(a, failed);
}


/*
 * A phase handler that delays a request (limit_req) sleeps on the timer of the
 * client's connection, and when it rings nginx wakes the main request, never
 * a background subrequest.  So the news is passed on.
 */

static void
ngx_mlsec_aggregate_wake(ngx_mlsec_aggregate_t *a)
{
    ngx_uint_t         i;
    ngx_mlsec_part_t  *part;

    if (!a->local || a->request->connection->write->delayed) {
        return;
    }

    for (i = 0; i < a->nparts; i++) {
        part = &a->parts[i];

        if (part->running && part->call->upstream == NULL
            && ngx_mlsec_capture_in_phase(&part->capture))
        {
            (void) ngx_http_post_request(part->capture.request, NULL);
        }
    }

    if (a->groups != NULL) {
        ngx_mlsec_group_wake(a);
    }
}


static void
ngx_mlsec_aggregate_finish(ngx_mlsec_aggregate_t *a, ngx_mlsec_part_t *failed)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = a->request;
    a->done = 1;

    ngx_mlsec_aggregate_cleanup(a);
    ngx_mlsec_capture_on_cancel(r, NULL);

    if (r == r->main) {
        r->read_event_handler = ngx_http_block_reading;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc == NGX_OK) {
        rc = ngx_mlsec_aggregate_respond(a, failed);
    }

    ngx_http_finalize_request(r, rc);
}


/*
 * One timer for all: it is set to the part that has to be done first.
 */

static void
ngx_mlsec_aggregate_arm(ngx_mlsec_aggregate_t *a)
{
    ngx_uint_t          i;
    ngx_msec_t          first;
    ngx_msec_int_t      left;
    ngx_mlsec_part_t   *part;

    first = a->started + a->deadline;

    for (i = 0; i < a->nparts; i++) {
        part = &a->parts[i];

        if (part->running
            && (ngx_msec_int_t) (ngx_mlsec_part_due(part) - first) < 0)
        {
            first = ngx_mlsec_part_due(part);
        }
    }

    if (a->groups != NULL) {
        first = ngx_mlsec_group_first(a, first);
    }

    if (a->conf->soft && !a->soft
        && (ngx_msec_int_t) (a->started + a->conf->soft - first) < 0)
    {
        first = a->started + a->conf->soft;
    }

    left = (ngx_msec_int_t) (first - ngx_current_msec);

    ngx_add_timer(&a->timer, (left > 0) ? (ngx_msec_t) left : 1);
}


static void
ngx_mlsec_aggregate_timer(ngx_event_t *ev)
{
    ngx_mlsec_aggregate_ring(ev->data);
}


void
ngx_mlsec_aggregate_ring(ngx_mlsec_aggregate_t *a)
{
    ngx_uint_t           i;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = a->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    for (i = 0; i < a->nparts; i++) {
        ngx_mlsec_part_tick(&a->parts[i]);
    }

    if (a->groups != NULL) {
        ngx_mlsec_group_time_out(a);
    }

    if (a->conf->soft && ngx_current_msec - a->started >= a->conf->soft) {
        a->soft = 1;
    }

    ngx_mlsec_aggregate_resume(r);

    ngx_http_run_posted_requests(c);
}


static void
ngx_mlsec_aggregate_stop(ngx_mlsec_aggregate_t *a, ngx_mlsec_err_e error)
{
    ngx_uint_t  i;

    for (i = 0; i < a->nparts; i++) {
        ngx_mlsec_part_stop(&a->parts[i], error);
    }

    if (a->conf->chain != NULL) {
        ngx_mlsec_chain_stop(a, error);
    }
}


/*
 * The aggregate is itself a part, and that part is stopped.
 */

static void
ngx_mlsec_aggregate_cancel(ngx_http_request_t *r)
{
    ngx_mlsec_aggregate_t  *a;

    a = ngx_http_get_module_ctx(r, ngx_mlsec_aggregate_module);

    if (a == NULL || a->done) {
        return;
    }

    a->done = 1;

    ngx_mlsec_aggregate_cleanup(a);
    ngx_mlsec_aggregate_stop(a, NGX_MLSEC_ERR_CANCELED);
}


static void
ngx_mlsec_aggregate_cleanup(void *data)
{
    ngx_mlsec_aggregate_t  *a = data;

    if (a->timer.timer_set) {
        ngx_del_timer(&a->timer);
    }
}


ngx_mlsec_aggregate_t *
ngx_mlsec_aggregate_get(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t     *cln;
    ngx_mlsec_aggregate_t  *a;

    a = ngx_http_get_module_ctx(r, ngx_mlsec_aggregate_module);

    if (a != NULL) {
        return a;
    }

    /*
     * An internal redirect wipes the contexts, and the cleanups of the
     * request are gone when it is logged; those of its pool stay.
     */

    if (!r->internal) {
        return NULL;
    }

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler != ngx_mlsec_aggregate_cleanup) {
            continue;
        }

        a = cln->data;

        if (a->request == r) {
            return a;
        }
    }

    return NULL;
}
