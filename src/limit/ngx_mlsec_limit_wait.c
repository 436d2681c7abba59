/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Which way a shared limit is decided, and the request that waits for it.
 *
 * It waits in its phase: the handler returns NGX_AGAIN, nginx leaves the
 * request alone, and when the answer is there, or the time is up, the phase
 * is run again from this handler on, which finds the answer in the context.
 * A client that goes away meanwhile is noticed; whatever way the request
 * ends, the cleanup of its pool takes it out of the batch.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <limit/ngx_mlsec_limit_batch.h>


static void ngx_mlsec_limit_local(const ngx_mlsec_limit_main_conf_t *mcf,
    ngx_mlsec_limit_item_t *item);
static void ngx_mlsec_limit_wait_timer(ngx_event_t *ev);


void
ngx_mlsec_limit_way(ngx_http_request_t *r, ngx_mlsec_limit_item_t *item)
{
    const ngx_mlsec_limit_loc_conf_t   *lcf;
    const ngx_mlsec_limit_main_conf_t  *mcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_limit_module);

    item->who = NGX_MLSEC_LIMIT_HERE;
    item->sync = NULL;
    item->asks = 0;
    item->leased = 0;
    item->closed = 0;

    if (lcf->sync == NULL || lcf->sync->off
        || item->limit->kind == MLSEC_LIMIT_COUNT)
    {
        return;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_limit_module);

    item->sync = lcf->sync;

    if (mlsec_sync_alone(mcf->store.sync)) {
        item->how = MLSEC_SYNC_ALONE;
        ngx_mlsec_limit_local(mcf, item);
        return;
    }

    item->how = MLSEC_SYNC_LEASED;
    item->who = item->sync->every ? NGX_MLSEC_LIMIT_LEASE
                                  : NGX_MLSEC_LIMIT_STORE;
    item->lease.size = mlsec_lease_size(ngx_mlsec_limit_quantity(item),
                                        item->sync->share);
    ngx_mlsec_limit_generation(mcf, item);
}


void
ngx_mlsec_limit_generation(const ngx_mlsec_limit_main_conf_t *mcf,
    ngx_mlsec_limit_item_t *item)
{
    uint64_t  left;

    item->lease.generation = mlsec_sync_generation(mcf->store.sync);

    if (item->limit->kind == MLSEC_LIMIT_QUOTA) {

        /* with a new day or month a new lease begins, by itself */

        item->lease.generation += mlsec_quota_window(&item->terms.quota,
                                                     ngx_time(), &left);
    }
}


static void
ngx_mlsec_limit_local(const ngx_mlsec_limit_main_conf_t *mcf,
    ngx_mlsec_limit_item_t *item)
{
    uint64_t                 nodes;
    ngx_mlsec_limit_terms_t  terms;

    item->asks = 0;

    if (item->sync->fail != NGX_MLSEC_LIMIT_FAIL_LOCAL) {
        item->who = NGX_MLSEC_LIMIT_NOBODY;
        return;
    }

    item->who = NGX_MLSEC_LIMIT_HERE;

    terms = item->terms;
    nodes = mlsec_sync_nodes(mcf->store.sync, mcf->store.nodes);

    if (item->limit->kind == MLSEC_LIMIT_QUOTA) {
        mlsec_lease_local_quota(&terms.quota, nodes, terms.cost,
                                &item->terms.quota);

    } else {
        mlsec_lease_local(&terms.gcra, nodes, terms.cost, &item->terms.gcra);
    }
}


void
ngx_mlsec_limit_way_back(const ngx_mlsec_limit_main_conf_t *mcf,
    ngx_mlsec_limit_item_t *item)
{
    if (item->taken) {
        item->taken = 0;

        if (item->limit->kind == MLSEC_LIMIT_QUOTA) {
            mlsec_quota_give_back(&item->entry->word, &item->terms.quota,
                                  ngx_time(), item->terms.cost);

        } else {
            mlsec_gcra_give_back(&item->entry->word, &item->terms.gcra,
                                 item->terms.cost);
        }
    }

    item->how = mlsec_sync_alone(mcf->store.sync) ? MLSEC_SYNC_ALONE
                                                  : MLSEC_SYNC_LATE;
    ngx_mlsec_limit_local(mcf, item);
}


ngx_int_t
ngx_mlsec_limit_wait(ngx_http_request_t *r, ngx_mlsec_limit_ctx_t *ctx,
    ngx_uint_t first)
{
    ngx_uint_t                          i;
    ngx_msec_t                          timeout;
    ngx_mlsec_limit_waiter_t           *waiter;
    const ngx_mlsec_limit_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_limit_module);

    waiter = &ctx->waiter;

    waiter->request = r;
    waiter->since = first;

    if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_mlsec_limit_sync_ask(mcf, ctx, first) != NGX_OK) {
        return NGX_DECLINED;
    }

    timeout = NGX_MAX_INT_T_VALUE;

    for (i = first; i < ctx->nitems; i++) {

        if (ctx->items[i]->asks) {
            timeout = ngx_min(timeout, ctx->items[i]->sync->timeout);
        }
    }

    ngx_memzero(&waiter->timer, sizeof(ngx_event_t));

    waiter->timer.handler = ngx_mlsec_limit_wait_timer;
    waiter->timer.data = r->connection;
    waiter->timer.log = r->connection->log;
    waiter->state = NGX_MLSEC_LIMIT_WAITING;

    ngx_add_timer(&waiter->timer, timeout);

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_AGAIN;
}


static void
ngx_mlsec_limit_wait_timer(ngx_event_t *ev)
{
    ngx_mlsec_limit_batch_t   *batch;
    ngx_mlsec_limit_waiter_t  *waiter;

    /* its data is a connection, for nginx's debug log */

    waiter = (ngx_mlsec_limit_waiter_t *)
                 ((u_char *) ev - offsetof(ngx_mlsec_limit_waiter_t, timer));

    batch = waiter->batch;

    ngx_mlsec_limit_sync_forget(waiter);

    if (batch != NULL) {
        ngx_mlsec_limit_sync_late(waiter, batch, NGX_MLSEC_LIMIT_LATE);
    }

    ngx_mlsec_limit_wait_done(waiter, NGX_MLSEC_LIMIT_LATE);
}


void
ngx_mlsec_limit_wait_done(ngx_mlsec_limit_waiter_t *waiter,
    ngx_mlsec_limit_wait_e state)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = waiter->request;
    c = r->connection;

    waiter->batch = NULL;
    waiter->state = state;

    if (waiter->timer.timer_set) {
        ngx_del_timer(&waiter->timer);
    }

    ngx_http_set_log_request(c->log, r);

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);
    ngx_http_run_posted_requests(c);
}


void
ngx_mlsec_limit_wait_cancel(ngx_mlsec_limit_waiter_t *waiter)
{
    if (waiter->state != NGX_MLSEC_LIMIT_WAITING) {
        return;
    }

    waiter->state = NGX_MLSEC_LIMIT_IDLE;

    if (waiter->timer.timer_set) {
        ngx_del_timer(&waiter->timer);
    }

    ngx_mlsec_limit_sync_forget(waiter);
}
