/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * A part whose service has mlsec_max_inflight with a queue may have to wait for
 * its place.  It runs then as any other, but it has a ticket and no
 * subrequest: its time goes on, and who stops it withdraws the ticket.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <aggregate/ngx_mlsec_aggregate.h>
#include <service/ngx_mlsec_service.h>


static void ngx_mlsec_part_admitted(void *data, ngx_int_t rc,
    time_t retry_after);


ngx_int_t
ngx_mlsec_part_run(ngx_mlsec_part_t *part)
{
    time_t           retry_after;
    ngx_int_t        rc;
    ngx_mlsec_ask_t  ask;

    ask.pool = part->aggregate->request->pool;
    ask.ticket = NULL;
    ask.upstream = part->call->upstream;
    ask.optional = !part->call->required;
    ask.left = 0;
    ask.handler = ngx_mlsec_part_admitted;
    ask.data = part;

    rc = ngx_mlsec_service_admit(&ask, &part->ticket, &retry_after);

    /* it runs, and waits for its place */

    if (rc == NGX_AGAIN) {
        return NGX_OK;
    }

    return ngx_mlsec_part_let(part, rc, retry_after);
}


/*
 * Of one that has waited for its place.  The aggregate's timer is what looks
 * at its parts, and it is as if that had rung.
 */

static void
ngx_mlsec_part_admitted(void *data, ngx_int_t rc, time_t retry_after)
{
    ngx_mlsec_part_t *part = data;

    part->admitted = 1;
    part->admission = rc;
    part->retry_after = retry_after;

    ngx_mlsec_aggregate_ring(part->aggregate);
}


ngx_int_t
ngx_mlsec_part_let(ngx_mlsec_part_t *part, ngx_int_t rc, time_t retry_after)
{
    ngx_str_t            path, args;
    ngx_mlsec_ticket_t  *ticket;

    ticket = part->ticket;

    part->ticket = NULL;
    part->admitted = 0;

    if (rc != NGX_OK && part->again) {
        ngx_mlsec_part_end(part, part->again_error);
        return NGX_OK;
    }

    if (rc != NGX_OK) {
        part->retry_after = retry_after;
        ngx_mlsec_part_end(part, ngx_mlsec_part_refused(rc));
        return NGX_OK;
    }

    if (part->again) {
        ngx_mlsec_part_renew(part);
    }

    part->retry_after = 0;
    path = part->call->location;
    ngx_str_null(&args);

    return ngx_mlsec_part_subrequest(part, &path, &args, ticket);
}


void
ngx_mlsec_part_withdraw(ngx_mlsec_part_t *part)
{
    ngx_mlsec_service_withdraw(part->ticket);

    part->ticket = NULL;
    part->admitted = 0;
}
