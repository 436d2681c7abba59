/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <limit/ngx_mlsec_limit_batch.h>


/* s that the count of a day or month is kept after its end */

#define NGX_MLSEC_LIMIT_KEPT  3600


static u_char *ngx_mlsec_limit_batch_slot(ngx_mlsec_limit_batch_t *batch,
    const mlsec_limit_id_t *id, const mlsec_limit_entry_t *entry);
static ngx_int_t ngx_mlsec_limit_batch_fill(ngx_mlsec_limit_batch_t *batch,
    ngx_mlsec_limit_batch_key_t *key, const ngx_mlsec_limit_item_t *item);
static ngx_int_t ngx_mlsec_limit_batch_question(
    ngx_mlsec_limit_batch_t *batch, ngx_mlsec_limit_ctx_t *ctx,
    ngx_uint_t first, ngx_uint_t last, ngx_mlsec_limit_item_t *dry);
static void ngx_mlsec_limit_batch_note(
    const ngx_mlsec_limit_batch_key_t *key, int64_t units);
static void ngx_mlsec_limit_batch_merge(ngx_mlsec_limit_batch_t *batch,
    ngx_mlsec_limit_batch_key_t *key, uint64_t owed);
static void ngx_mlsec_limit_batch_verdict(
    const ngx_mlsec_limit_question_t *question, ngx_uint_t admitted);
static void ngx_mlsec_limit_batch_state(ngx_mlsec_limit_item_t *item);
static void ngx_mlsec_limit_batch_wake(ngx_mlsec_limit_batch_t *batch,
    ngx_mlsec_limit_wait_e state);


void
ngx_mlsec_limit_batch_reset(ngx_mlsec_limit_batch_t *batch)
{
    static uint64_t  serial;

    batch->nkeys = 0;
    batch->nquestions = 0;
    batch->nparts = 0;
    batch->timeout = 0;
    batch->sent = 0;
    batch->serial = ++serial;
    ngx_memzero(batch->slots, sizeof(batch->slots));
}


ngx_uint_t
ngx_mlsec_limit_batch_room(const ngx_mlsec_limit_batch_t *batch, ngx_uint_t n)
{
    return batch->nkeys + n <= NGX_MLSEC_LIMIT_BATCH_KEYS
           && batch->nparts + n <= NGX_MLSEC_LIMIT_BATCH_PARTS
           && batch->nquestions + n + 1 <= NGX_MLSEC_LIMIT_BATCH_PARTS;
}


ngx_int_t
ngx_mlsec_limit_batch_key(ngx_mlsec_limit_batch_t *batch,
    const ngx_mlsec_limit_item_t *item)
{
    u_char                       *slot;
    ngx_mlsec_limit_batch_key_t  *key;

    batch->timeout = ngx_max(batch->timeout, item->sync->timeout);

    slot = ngx_mlsec_limit_batch_slot(batch, &item->id, item->entry);

    if (*slot != 0) {
        return *slot - 1;
    }

    key = &batch->keys[batch->nkeys];

    if (ngx_mlsec_limit_batch_fill(batch, key, item) != NGX_OK) {
        return NGX_ERROR;
    }

    *slot = (u_char) ++batch->nkeys;

    return *slot - 1;
}


/* The place of a key in the list of slots: its number plus 1, or 0. */

static u_char *
ngx_mlsec_limit_batch_slot(ngx_mlsec_limit_batch_t *batch,
    const mlsec_limit_id_t *id, const mlsec_limit_entry_t *entry)
{
    u_char                             *slot;
    ngx_uint_t                          i;
    const ngx_mlsec_limit_batch_key_t  *key;

    /* there are four times as many slots as keys */

    i = id->hash % NGX_MLSEC_LIMIT_BATCH_SLOTS;

    for ( ;; ) {
        slot = &batch->slots[i];

        if (*slot == 0) {
            return slot;
        }

        key = &batch->keys[*slot - 1];

        if (key->id.hash == id->hash && key->id.policy == id->policy
            && key->entry == entry)
        {
            return slot;
        }

        i = (i + 1) % NGX_MLSEC_LIMIT_BATCH_SLOTS;
    }
}


void
ngx_mlsec_limit_batch_correct(ngx_mlsec_limit_batch_t *batch,
    const ngx_mlsec_limit_batch_key_t *key, int64_t units)
{
    u_char                       *slot;
    ngx_mlsec_limit_batch_key_t  *own;

    slot = ngx_mlsec_limit_batch_slot(batch, &key->id, key->entry);

    if (*slot == 0) {
        own = &batch->keys[batch->nkeys];
        *own = *key;
        own->corrected = 0;
        own->told.used = 0;
        own->ticket.told = 0;
        *slot = (u_char) ++batch->nkeys;
    }

    batch->keys[*slot - 1].corrected += units;
}


static ngx_int_t
ngx_mlsec_limit_batch_fill(ngx_mlsec_limit_batch_t *batch,
    ngx_mlsec_limit_batch_key_t *key, const ngx_mlsec_limit_item_t *item)
{
    mlsec_shared_key_t  parts;

    key->id = item->id;
    key->entry = item->entry;
    key->terms = item->terms;
    key->lease = item->lease;
    key->every = item->sync->every;
    key->ticket.round = 0;
    key->ticket.told = 0;
    key->corrected = 0;

    ngx_memzero(&key->told, sizeof(mlsec_script_terms_t));
    parts.window = 0;

    if (item->limit->kind == MLSEC_LIMIT_QUOTA) {
        parts.window = mlsec_quota_window(&item->terms.quota, ngx_time(),
                                          &key->told.ttl);
        key->told.ttl += NGX_MLSEC_LIMIT_KEPT;
        key->told.limit = item->terms.quota.limit;

    } else {
        key->told.interval = item->terms.gcra.interval;
        key->told.limit = item->terms.gcra.tolerance;
    }

    parts.prefix.data = batch->main->store.prefix.data;
    parts.prefix.len = batch->main->store.prefix.len;
    parts.zone.data = item->limit->zone->name.data;
    parts.zone.len = item->limit->zone->name.len;
    parts.name.data = item->limit->name.data;
    parts.name.len = item->limit->name.len;
    parts.key.data = item->key.data;
    parts.key.len = item->key.len;

    key->len = mlsec_shared_key(&parts, key->text);

    return key->len ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_mlsec_limit_batch_ask(ngx_mlsec_limit_batch_t *batch,
    ngx_mlsec_limit_ctx_t *ctx, ngx_uint_t first)
{
    ngx_int_t                rc;
    ngx_uint_t               i;
    ngx_mlsec_limit_item_t  *item;

    ctx->waiter.batch = batch;
    ctx->waiter.first = batch->nquestions;

    rc = ngx_mlsec_limit_batch_question(batch, ctx, first, ctx->nitems, NULL);

    for (i = first; i < ctx->nitems && rc == NGX_OK; i++) {
        item = ctx->items[i];

        if (item->asks && item->limit->dry) {
            rc = ngx_mlsec_limit_batch_question(batch, ctx, i, i + 1, item);
        }
    }

    ctx->waiter.n = batch->nquestions - ctx->waiter.first;

    if (rc != NGX_OK) {
        ngx_mlsec_limit_sync_forget(&ctx->waiter);
    }

    return rc;
}


static ngx_int_t
ngx_mlsec_limit_batch_question(ngx_mlsec_limit_batch_t *batch,
    ngx_mlsec_limit_ctx_t *ctx, ngx_uint_t first, ngx_uint_t last,
    ngx_mlsec_limit_item_t *dry)
{
    ngx_int_t                    key;
    ngx_uint_t                   i;
    ngx_mlsec_limit_part_t      *part;
    ngx_mlsec_limit_item_t      *item;
    ngx_mlsec_limit_question_t  *question;

    question = &batch->questions[batch->nquestions];
    question->waiter = &ctx->waiter;
    question->item = dry;
    question->first = batch->nparts;
    question->decided = 0;
    question->admitted = 0;

    for (i = first; i < last; i++) {
        item = ctx->items[i];

        if (!item->asks || (item->limit->dry && dry == NULL)) {
            continue;
        }

        key = ngx_mlsec_limit_batch_key(batch, item);
        if (key == NGX_ERROR) {
            return NGX_ERROR;
        }

        part = &batch->parts[batch->nparts++];
        part->key = key;
        part->cost = item->terms.cost;
        part->charge = !item->later;
    }

    question->n = batch->nparts - question->first;
    batch->nquestions += (question->n != 0);

    return NGX_OK;
}


ngx_uint_t
ngx_mlsec_limit_batch_report(ngx_mlsec_limit_batch_t *batch)
{
    ngx_uint_t                    i, any;
    ngx_mlsec_limit_batch_key_t  *key;

    any = (batch->nquestions != 0);

    for (i = 0; i < batch->nkeys; i++) {
        key = &batch->keys[i];

        if (key->entry != NULL && !mlsec_limit_still(key->entry, &key->id)) {
            key->entry = NULL;
        }

        if (key->entry != NULL) {
            key->told.used = mlsec_lease_report(&key->entry->lease,
                                                &key->lease,
                                                ngx_current_msec / 1000,
                                                &key->ticket);
        }

        key->told.used += key->corrected;
        any |= (key->told.used != 0);
    }

    return any;
}


void
ngx_mlsec_limit_batch_untold(const ngx_mlsec_limit_batch_t *batch)
{
    ngx_uint_t                         i, j;
    const ngx_mlsec_limit_part_t      *part;
    const ngx_mlsec_limit_question_t  *question;

    /* what was used before an outage is told to nobody */

    if (batch->generation != mlsec_sync_generation(batch->main->store.sync)) {
        return;
    }

    for (i = 0; i < batch->nkeys; i++) {
        ngx_mlsec_limit_batch_note(&batch->keys[i],
                                   batch->keys[i].told.used);
    }

    /* those that did not wait for it, and were admitted here */

    for (i = 0; i < batch->nquestions; i++) {
        question = &batch->questions[i];

        for (j = 0; question->admitted && j < question->n; j++) {
            part = &batch->parts[question->first + j];

            if (part->charge) {
                ngx_mlsec_limit_batch_note(&batch->keys[part->key],
                                           (int64_t) part->cost);
            }
        }
    }
}


void
ngx_mlsec_limit_batch_release(const ngx_mlsec_limit_batch_t *batch)
{
    ngx_uint_t                          i;
    const ngx_mlsec_limit_batch_key_t  *key;

    for (i = 0; i < batch->nkeys; i++) {
        key = &batch->keys[i];

        if (key->entry != NULL && mlsec_limit_still(key->entry, &key->id)) {
            mlsec_lease_release(&key->entry->lease, &key->lease,
                                &key->ticket);
        }
    }
}


static void
ngx_mlsec_limit_batch_note(const ngx_mlsec_limit_batch_key_t *key,
    int64_t units)
{
    if (units > 0 && key->entry != NULL
        && mlsec_limit_still(key->entry, &key->id))
    {
        (void) mlsec_lease_note(&key->entry->lease, &key->lease,
                                (uint64_t) units);
    }
}


void
ngx_mlsec_limit_batch_write(const ngx_mlsec_limit_batch_t *batch,
    mlsec_script_args_t *args)
{
    mlsec_str_t                        text;
    ngx_uint_t                         i, j;
    const ngx_mlsec_limit_part_t      *part;
    const ngx_mlsec_limit_question_t  *question;

    mlsec_script_begin(args, batch->nkeys);

    for (i = 0; i < batch->nkeys; i++) {
        text.data = batch->keys[i].text;
        text.len = batch->keys[i].len;
        mlsec_script_text(args, text);
    }

    for (i = 0; i < batch->nkeys; i++) {
        mlsec_script_terms(args, &batch->keys[i].told);
    }

    for (i = 0; i < batch->nquestions; i++) {
        question = &batch->questions[i];

        /* of one who has gone nothing is taken, but its place stays */

        if (question->waiter == NULL) {
            mlsec_script_take(args, 0);
            continue;
        }

        mlsec_script_take(args, question->n);

        for (j = 0; j < question->n; j++) {
            part = &batch->parts[question->first + j];
            mlsec_script_part(args, part->key, part->cost, part->charge);
        }
    }
}


ngx_int_t
ngx_mlsec_limit_batch_check(const ngx_mlsec_limit_batch_t *batch,
    const mlsec_redis_reply_t *reply)
{
    ngx_uint_t  i, n;

    n = batch->nkeys + batch->nquestions;

    if (reply->type != MLSEC_REDIS_ARRAY || reply->n != n) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {

        if (reply->element[i].type != MLSEC_REDIS_INTEGER
            || reply->element[i].integer < 0)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_mlsec_limit_batch_answer(ngx_mlsec_limit_batch_t *batch,
    const mlsec_redis_reply_t *reply)
{
    ngx_uint_t  i;

    if (ngx_mlsec_limit_batch_check(batch, reply) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < batch->nkeys; i++) {
        ngx_mlsec_limit_batch_merge(batch, &batch->keys[i],
                                    reply->element[i].integer);
    }

    for (i = 0; i < batch->nquestions; i++) {
        ngx_mlsec_limit_batch_verdict(&batch->questions[i],
                                      reply->element[batch->nkeys + i].integer
                                      != 0);
    }

    ngx_mlsec_limit_batch_wake(batch, NGX_MLSEC_LIMIT_ANSWERED);

    return NGX_OK;
}


/* What was lost and found since belongs to another generation. */

static void
ngx_mlsec_limit_batch_merge(ngx_mlsec_limit_batch_t *batch,
    ngx_mlsec_limit_batch_key_t *key, uint64_t owed)
{
    mlsec_sync_t          *sync;
    mlsec_limit_entry_t   *entry;
    mlsec_lease_answer_t   answer;

    sync = batch->main->store.sync;
    entry = key->entry;

    if (entry == NULL || !mlsec_limit_still(entry, &key->id)
        || batch->generation != mlsec_sync_generation(sync))
    {
        return;
    }

    answer.nodes = mlsec_sync_nodes(sync, batch->main->store.nodes);
    answer.ticket = key->ticket;

    if (key->id.kind == MLSEC_LIMIT_QUOTA) {
        answer.owed = owed;
        answer.now = ngx_time();
        mlsec_lease_merge_quota(&entry->word, &entry->lease, &key->lease,
                                &key->terms.quota, &answer);

    } else {
        answer.owed = owed * 1000;
        answer.now = ngx_mlsec_limit_now();
        mlsec_lease_merge(&entry->word, &entry->lease, &key->lease,
                          &key->terms.gcra, &answer);
    }
}


static void
ngx_mlsec_limit_batch_verdict(const ngx_mlsec_limit_question_t *question,
    ngx_uint_t admitted)
{
    ngx_uint_t               i, refused;
    ngx_mlsec_limit_ctx_t   *ctx;
    ngx_mlsec_limit_item_t  *item, *first;

    if (question->waiter == NULL) {
        return;
    }

    if (question->item != NULL) {
        ngx_mlsec_limit_batch_state(question->item);
        question->item->refused = !admitted;
        return;
    }

    ctx = ngx_http_get_module_ctx(question->waiter->request,
                                  ngx_mlsec_limit_module);
    first = NULL;
    refused = 0;

    for (i = question->waiter->since; i < ctx->nitems; i++) {
        item = ctx->items[i];

        if (!item->asks || item->limit->dry) {
            continue;
        }

        first = first ? first : item;
        ngx_mlsec_limit_batch_state(item);

        /* one no for all of them: whose it was, the numbers say */

        item->refused = (!admitted && item->state.wait != 0);
        refused |= item->refused;

        if (admitted) {
            item->state.wait = 0;
        }
    }

    /* what was missing has been given back since, too late for this one */

    if (!admitted && !refused && first != NULL) {
        first->refused = 1;
        first->state.wait = 1;
    }
}


/*
 * How the limit of an item stands now, by its word, which has just been set.
 * What it had taken there before it asked is in what the store says, or not.
 */

static void
ngx_mlsec_limit_batch_state(ngx_mlsec_limit_item_t *item)
{
    item->taken = 0;
    item->how = MLSEC_SYNC_ASKED;

    if (item->entry == NULL || !mlsec_limit_still(item->entry, &item->id)) {
        return;
    }

    if (item->limit->kind == MLSEC_LIMIT_QUOTA) {
        (void) mlsec_quota_look(&item->entry->word, &item->terms.quota,
                                ngx_time(), item->terms.cost, &item->state);
        return;
    }

    (void) mlsec_gcra_look(&item->entry->word, &item->terms.gcra,
                           ngx_mlsec_limit_now(), item->terms.cost,
                           &item->state);
}


int
ngx_mlsec_limit_batch_differs(const ngx_mlsec_limit_batch_t *batch,
    ngx_uint_t question, const mlsec_redis_reply_t *reply)
{
    ngx_uint_t                         taken;
    const ngx_mlsec_limit_question_t  *q;

    q = &batch->questions[question];
    taken = (reply->element[batch->nkeys + question].integer != 0);

    if (!q->decided || taken == q->admitted) {
        return 0;
    }

    return taken ? -1 : 1;
}


static void
ngx_mlsec_limit_batch_wake(ngx_mlsec_limit_batch_t *batch,
    ngx_mlsec_limit_wait_e state)
{
    ngx_uint_t                 i, j;
    ngx_mlsec_limit_waiter_t  *waiter;

    /* a request that goes on may end another one, which leaves by itself */

    for (i = 0; i < batch->nquestions; i++) {
        waiter = batch->questions[i].waiter;

        if (waiter == NULL) {
            continue;
        }

        for (j = waiter->first; j < waiter->first + waiter->n; j++) {
            batch->questions[j].waiter = NULL;
        }

        ngx_mlsec_limit_sync_late(waiter, batch, state);
        ngx_mlsec_limit_wait_done(waiter, state);
    }
}


void
ngx_mlsec_limit_batch_lost(ngx_mlsec_limit_batch_t *batch)
{
    ngx_mlsec_limit_batch_wake(batch, NGX_MLSEC_LIMIT_LATE);
}


void
ngx_mlsec_limit_sync_forget(ngx_mlsec_limit_waiter_t *waiter)
{
    ngx_uint_t  i;

    if (waiter->batch == NULL) {
        return;
    }

    for (i = waiter->first; i < waiter->first + waiter->n; i++) {
        waiter->batch->questions[i].waiter = NULL;
    }

    waiter->batch = NULL;
}
