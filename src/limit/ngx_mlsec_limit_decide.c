/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* What the limits of a request say, in their zones and by their leases. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <limit/ngx_mlsec_limit_conf.h>


static ngx_mlsec_limit_item_t *ngx_mlsec_limit_look_all(
    ngx_http_request_t *r, ngx_mlsec_limit_ctx_t *ctx, ngx_uint_t first,
    uint64_t now);
static int ngx_mlsec_limit_nobody(ngx_mlsec_limit_item_t *item);
static int ngx_mlsec_limit_look_word(ngx_mlsec_limit_item_t *item,
    mlsec_atomic_t *word, uint64_t now);
static ngx_uint_t ngx_mlsec_limit_stale(const ngx_mlsec_limit_item_t *item);
static int ngx_mlsec_limit_take_word(ngx_mlsec_limit_item_t *item,
    uint64_t now);
static void ngx_mlsec_limit_take_lease(ngx_mlsec_limit_item_t *item);
static uint64_t ngx_mlsec_limit_yield(void *ctx);


/*
 * All or nothing.  First everything is looked at, so that a request that one
 * limit refuses is not for a moment taken from another one; then taken, and
 * given back if somebody was faster at a later one.
 *
 * NULL: admitted; else the item that refuses for the longest.
 */

ngx_mlsec_limit_item_t *
ngx_mlsec_limit_decide(ngx_http_request_t *r, ngx_mlsec_limit_ctx_t *ctx,
    ngx_uint_t first)
{
    int                      rc;
    ngx_uint_t               i;
    mlsec_limit_clock_t      clock;
    ngx_mlsec_limit_item_t  *item, *refused;

    ngx_mlsec_limit_clock(&clock);

    refused = (ctx->nitems - first == 1 && !ctx->items[first]->later)
              ? NULL : ngx_mlsec_limit_look_all(r, ctx, first, clock.now);

    for (i = first; i < ctx->nitems && refused == NULL; i++) {
        item = ctx->items[i];

        if (item->later || item->refused) {
            continue;
        }

        rc = ngx_mlsec_limit_take(item, &clock);

        if (item->leased && item->due != MLSEC_LEASE_QUIET) {
            ngx_mlsec_limit_sync_tell(
                ngx_http_get_module_main_conf(r, ngx_mlsec_limit_module),
                item, item->due);
        }

        if (rc == MLSEC_DECLINED) {
            ngx_mlsec_limit_note(r, item);

            if (!item->limit->dry) {
                ngx_mlsec_limit_give_back(ctx, first, i);
                refused = item;
            }
        }
    }

    return refused;
}


static ngx_mlsec_limit_item_t *
ngx_mlsec_limit_look_all(ngx_http_request_t *r, ngx_mlsec_limit_ctx_t *ctx,
    ngx_uint_t first, uint64_t now)
{
    ngx_uint_t               i;
    ngx_mlsec_limit_item_t  *item, *refused;

    refused = NULL;

    for (i = first; i < ctx->nitems; i++) {
        item = ctx->items[i];

        if (ngx_mlsec_limit_look(item, now) == MLSEC_DECLINED) {
            ngx_mlsec_limit_note(r, item);

            if (!item->limit->dry
                && (refused == NULL
                    || item->state.wait > refused->state.wait))
            {
                refused = item;
            }

            continue;
        }

        /* what is going to be counted at the end has to be there now */

        item->asks = (item->later && item->who == NGX_MLSEC_LIMIT_STORE
                      && item->terms.cost != 0);
    }

    return refused;
}


/* Out of reach, and not to be decided here. */

static int
ngx_mlsec_limit_nobody(ngx_mlsec_limit_item_t *item)
{
    ngx_memzero(&item->state, sizeof(mlsec_gcra_state_t));
    item->closed = (item->sync->fail == NGX_MLSEC_LIMIT_FAIL_CLOSED);

    return item->closed ? MLSEC_DECLINED : MLSEC_OK;
}


int
ngx_mlsec_limit_look(ngx_mlsec_limit_item_t *item, uint64_t now)
{
    uint64_t              present;
    mlsec_atomic_t        none = { 0 };
    mlsec_limit_table_t  *table;

    if (item->who == NGX_MLSEC_LIMIT_NOBODY) {
        return ngx_mlsec_limit_nobody(item);
    }

    table = item->limit->zone->table;

    if (item->limit->kind == MLSEC_LIMIT_COUNT) {
        present = mlsec_limit_present(table, &item->id);
        item->state.remaining = 0;
        item->state.reset = 0;
        item->state.wait = 1;

        return present < item->limit->max ? MLSEC_OK : MLSEC_DECLINED;
    }

    item->entry = mlsec_limit_find(table, &item->id);

    return ngx_mlsec_limit_look_word(item,
                                     item->entry == NULL
                                     || ngx_mlsec_limit_stale(item)
                                     ? &none : &item->entry->word,
                                     now);
}


static int
ngx_mlsec_limit_look_word(ngx_mlsec_limit_item_t *item, mlsec_atomic_t *word,
    uint64_t now)
{
    if (item->limit->kind == MLSEC_LIMIT_QUOTA) {
        return mlsec_quota_look(word, &item->terms.quota, ngx_time(),
                                item->terms.cost, &item->state);
    }

    return mlsec_gcra_look(word, &item->terms.gcra, now, item->terms.cost,
                           &item->state);
}


/*
 * A bucket that was filled while there was nobody to ask is not what all
 * gateways owe, and is not looked at: the store has to say.  It is not thrown
 * away either, since the store may not answer.  Nor is one believed of which
 * this gateway takes its part now, when there is somebody again; if there is,
 * and it was only late, what was used before is still to be told.
 */

static ngx_uint_t
ngx_mlsec_limit_stale(const ngx_mlsec_limit_item_t *item)
{
    if (item->sync == NULL) {
        return 0;
    }

    if (item->who == NGX_MLSEC_LIMIT_HERE) {

        if (item->how == MLSEC_SYNC_LATE) {
            mlsec_lease_doubt(&item->entry->lease, &item->lease);

        } else {
            mlsec_lease_distrust(&item->entry->lease);
        }

        return 0;
    }

    return mlsec_lease_stale(&item->entry->lease, &item->lease);
}


int
ngx_mlsec_limit_take(ngx_mlsec_limit_item_t *item,
    mlsec_limit_clock_t *clock)
{
    int                   rc;
    mlsec_atomic_t        none = { 0 };
    mlsec_limit_table_t  *table;

    if (item->who == NGX_MLSEC_LIMIT_NOBODY) {
        return ngx_mlsec_limit_nobody(item);
    }

    table = item->limit->zone->table;

    if (item->limit->kind == MLSEC_LIMIT_COUNT) {
        rc = mlsec_limit_enter(table, &item->id, clock, ngx_process_slot,
                               item->limit->max, &item->entry);
        item->taken = (rc == MLSEC_OK);
        item->state.remaining = 0;
        item->state.reset = 0;
        item->state.wait = 1;

        return rc;
    }

    do {
        item->entry = mlsec_limit_get(table, &item->id, clock);

        /* only counts keep a place for ever: there is none, let it pass */

        if (item->entry == NULL) {
            ngx_memzero(&item->state, sizeof(mlsec_gcra_state_t));
            item->state.remaining = ngx_mlsec_limit_quantity(item);
            return MLSEC_NOMEM;
        }

        if (ngx_mlsec_limit_stale(item)) {

            if (!item->later) {
                item->asks = (item->terms.cost != 0);
                return ngx_mlsec_limit_look_word(item, &none, clock->now);
            }

            /* it has happened, there is nothing to ask */

            if (mlsec_lease_settle(&item->entry->lease, &item->lease)) {
                mlsec_atomic_store(&item->entry->word,
                                   item->limit->kind == MLSEC_LIMIT_RATE
                                   ? clock->now : 0);
            }
        }

        rc = ngx_mlsec_limit_take_word(item, clock->now);

    } while (!mlsec_limit_still(item->entry, &item->id));

    item->taken = (rc == MLSEC_OK);

    if (item->taken && item->who != NGX_MLSEC_LIMIT_HERE && !item->later) {
        ngx_mlsec_limit_take_lease(item);
    }

    return rc;
}


/*
 * The bucket, as far as it is known here, has enough.  Whether it may be had
 * without asking is up to the lease.
 */

static void
ngx_mlsec_limit_take_lease(ngx_mlsec_limit_item_t *item)
{
    item->leased = (item->who == NGX_MLSEC_LIMIT_LEASE
                    && mlsec_lease_take(&item->entry->lease, &item->lease,
                                        item->terms.cost, &item->due)
                       == MLSEC_OK);

    item->asks = (!item->leased && item->terms.cost != 0);
}


static int
ngx_mlsec_limit_take_word(ngx_mlsec_limit_item_t *item, uint64_t now)
{
    if (item->limit->kind == MLSEC_LIMIT_QUOTA) {
        return mlsec_quota_take(&item->entry->word, &item->terms.quota,
                                ngx_time(), item->terms.cost, &item->state);
    }

    return mlsec_gcra_take(&item->entry->word, &item->terms.gcra, now,
                           item->terms.cost, &item->state);
}


void
ngx_mlsec_limit_give_back(ngx_mlsec_limit_ctx_t *ctx, ngx_uint_t first,
    ngx_uint_t last)
{
    ngx_uint_t               i;
    ngx_mlsec_limit_item_t  *item;

    for (i = first; i < last; i++) {
        item = ctx->items[i];

        if (!item->taken) {
            continue;
        }

        item->taken = 0;

        if (item->leased) {
            item->leased = 0;
            mlsec_lease_give_back(&item->entry->lease, &item->lease,
                                  item->terms.cost);
        }

        switch (item->limit->kind) {

        case MLSEC_LIMIT_COUNT:
            mlsec_limit_leave(item->entry, ngx_process_slot);
            break;

        case MLSEC_LIMIT_QUOTA:
            mlsec_quota_give_back(&item->entry->word, &item->terms.quota,
                                  ngx_time(), item->terms.cost);
            break;

        default:
            mlsec_gcra_give_back(&item->entry->word, &item->terms.gcra,
                                 item->terms.cost);
        }
    }
}


void
ngx_mlsec_limit_note(ngx_http_request_t *r, ngx_mlsec_limit_item_t *item)
{
    mlsec_limit_counters_t  *counters;

    item->refused = 1;

    counters = mlsec_limit_counters(item->limit->zone->table,
                                    item->limit->policy);

    if (counters != NULL) {
        mlsec_atomic_add(item->limit->dry ? &counters->dry
                                          : &counters->refused, 1);
    }

    if (item->entry != NULL) {
        mlsec_limit_refused(item->entry, ngx_mlsec_limit_now());
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "mlsec limit: %s, limit: \"%V\"",
                  item->limit->dry ? "would be refused (dry_run)" : "refused",
                  &item->limit->name);
}


uint64_t
ngx_mlsec_limit_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


static uint64_t
ngx_mlsec_limit_yield(void *ctx)
{
    ngx_sched_yield();

    return ngx_mlsec_limit_now();
}


void
ngx_mlsec_limit_clock(mlsec_limit_clock_t *clock)
{
    clock->yield = ngx_mlsec_limit_yield;
    clock->ctx = NULL;
    clock->now = ngx_mlsec_limit_now();
}
