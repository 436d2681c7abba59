/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * A part that is called again: mlsec_retry of its upstream.
 *
 * Between two attempts a part is running like any other, it only has no
 * subrequest: the timer of the aggregate wakes it when it is due.  Its time is
 * that of the first attempt, whatever happens, so a part is never made to wait
 * beyond it.  The failure of the last attempt is kept until the next one is
 * under way, and is what the part ends with if there is none.
 *
 * Nothing of an answer that was wanted has come when a part is called again:
 * who has seen the first byte of one does not ask twice.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <aggregate/ngx_mlsec_aggregate.h>
#include <aggregate/ngx_mlsec_aggregate_chain.h>
#include <core/ngx_mlsec_compat.h>
#include <core/ngx_mlsec_deadline.h>
#include <service/ngx_mlsec_service.h>


static ngx_uint_t ngx_mlsec_part_retry_on(const ngx_mlsec_part_t *part,
    ngx_mlsec_err_e error, ngx_mlsec_failure_t *failure);
static void ngx_mlsec_part_go(ngx_mlsec_part_t *part);


ngx_uint_t
ngx_mlsec_part_again(ngx_mlsec_part_t *part, ngx_mlsec_err_e error)
{
    ngx_msec_t            delay;
    ngx_msec_int_t        left;
    ngx_mlsec_failure_t   failure;

    if (part->retry == NULL
        || !ngx_mlsec_part_retry_on(part, error, &failure))
    {
        return 0;
    }

    left = (ngx_msec_int_t) (part->expires - ngx_current_msec);

    if (left <= 0 || ngx_mlsec_chain_late(part->aggregate)) {
        return 0;
    }

    failure.left = left;

    if (ngx_mlsec_service_again(part->retry, part->capture.request, &failure,
                                &delay)
        != NGX_OK)
    {
        return 0;
    }

    (void) ngx_mlsec_part_attempts(part);

    part->again = 1;
    part->again_error = error;
    part->again_at = ngx_current_msec + delay;
    part->past = part->attempts;

    ngx_log_error(NGX_LOG_INFO, part->aggregate->request->connection->log, 0,
                  "mlsec aggregate: part is called again, part: \"%V\", "
                  "service: \"%V\", type: %V, status: %ui, attempts: %ui, "
                  "in %M ms",
                  &part->call->name, &part->call->service,
                  ngx_mlsec_part_error_name(error), part->status,
                  part->attempts, delay);

    return 1;
}


static ngx_uint_t
ngx_mlsec_part_retry_on(const ngx_mlsec_part_t *part, ngx_mlsec_err_e error,
    ngx_mlsec_failure_t *failure)
{
    failure->on = 0;
    failure->status = part->status;
    failure->retry_after = -1;

    /* of an answer that is wanted something has come */

    if (part->wanted && part->pos != part->start) {
        return 0;
    }

    switch (error) {

    case NGX_MLSEC_ERR_CONNECT:
    case NGX_MLSEC_ERR_CONNECTION_TIMEOUT:
        failure->on = NGX_MLSEC_RETRY_ON_CONNECT;
        return 1;

    case NGX_MLSEC_ERR_TIMEOUT:
        failure->on = NGX_MLSEC_RETRY_ON_TIMEOUT;
        return 1;

    case NGX_MLSEC_ERR_RESET:
        failure->on = NGX_MLSEC_RETRY_ON_RESET;
        return 1;

    case NGX_MLSEC_ERR_UPSTREAM_STATUS:
        failure->retry_after = part->timed ? part->retry_after : -1;
        return 1;

    default:
        return 0;
    }
}


ngx_msec_t
ngx_mlsec_part_due(const ngx_mlsec_part_t *part)
{
    return (part->again && part->ticket == NULL) ? part->again_at
                                                 : part->expires;
}


void
ngx_mlsec_part_tick(ngx_mlsec_part_t *part)
{
    if (!part->running) {
        return;
    }

    if ((ngx_msec_int_t) (ngx_current_msec - ngx_mlsec_part_due(part)) < 0) {

        if (part->admitted) {
            ngx_mlsec_part_go(part);
        }

        return;
    }

    if (!part->again || part->ticket != NULL) {
        ngx_mlsec_part_time_out(part);

    } else if ((ngx_msec_int_t) (ngx_current_msec - part->expires) >= 0) {
        ngx_mlsec_part_end(part, part->again_error);

    } else {
        ngx_mlsec_part_go(part);
    }
}


/*
 * Calls a part from outside of its start: again, or since it has its place.
 */

static void
ngx_mlsec_part_go(ngx_mlsec_part_t *part)
{
    ngx_int_t               rc;
    ngx_mlsec_aggregate_t  *a;

    a = part->aggregate;

    /* its headers may have values of other parts */

    if (part->link != NULL) {
        a->starting = part;
    }

    rc = part->admitted ? ngx_mlsec_part_let(part, part->admission,
                                             part->retry_after)
                        : ngx_mlsec_part_run(part);

    a->starting = NULL;

    /* the values were fine the first time, so this is memory */

    if (rc != NGX_OK && part->running) {
        part->status = NGX_HTTP_INTERNAL_SERVER_ERROR;
        ngx_mlsec_part_stop(part, NGX_MLSEC_ERR_UPSTREAM_STATUS);
    }
}


void
ngx_mlsec_part_renew(ngx_mlsec_part_t *part)
{
    ngx_mlsec_explain_again(part);
    ngx_mlsec_capture_renew(&part->capture);

    part->again = 0;
    part->cancel = 0;
    part->wanted = 0;
    part->incomplete = 0;
    part->status = 0;
    part->retry_after = 0;
    part->timed = 0;
    part->drained = 0;
    part->start = NULL;
    part->pos = NULL;
    part->end = NULL;

    ngx_str_null(&part->cache_control);
    ngx_str_null(&part->authenticate);
}


/*
 * What is left of the time, so that nobody works for longer than anybody
 * waits.  The list of headers is one for all parts; this one stands before it.
 */

ngx_int_t
ngx_mlsec_part_set_deadline(ngx_mlsec_part_t *part, ngx_http_headers_in_t *in)
{
    u_char           *p;
    ngx_msec_int_t    left;
    ngx_list_part_t  *rest;
    ngx_table_elt_t  *h;

    static ngx_uint_t  hash;

    if (hash == 0) {
        hash = ngx_hash_key((u_char *) "x-request-deadline-ms",
                            sizeof(NGX_MLSEC_DEADLINE_HEADER) - 1);
    }

    p = ngx_pnalloc(part->aggregate->request->pool, NGX_INT64_LEN);
    h = ngx_palloc(part->aggregate->request->pool, sizeof(ngx_table_elt_t));
    rest = ngx_palloc(part->aggregate->request->pool, sizeof(ngx_list_part_t));

    if (p == NULL || h == NULL || rest == NULL) {
        return NGX_ERROR;
    }

    left = (ngx_msec_int_t) (part->expires - ngx_current_msec);
    left = ngx_max(left, 1);

    ngx_str_set(&h->key, NGX_MLSEC_DEADLINE_HEADER);
    h->value.data = p;
    h->value.len = ngx_sprintf(p, "%M", (ngx_msec_t) left) - p;
    h->lowcase_key = (u_char *) "x-request-deadline-ms";
    h->hash = hash;
    ngx_mlsec_elt_last(h);

    *rest = in->headers.part;

    in->headers.part.elts = h;
    in->headers.part.nelts = 1;
    in->headers.part.next = rest;

    return NGX_OK;
}
