/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_mem.h>
#include <redis/ngx_mlsec_redis_client.h>


/*
 * A call is one of a fixed number of slots.  A free one is on the list "free",
 * one that waits for the socket on "queued", one whose bytes have gone to the
 * link on "sent": replies come in that order, so each is for the first of
 * "sent".
 *
 * A slot is freed when its replies have come, whoever still wants them.  One
 * that is given up (its time is over, its owner is gone) stays where it is
 * once its bytes are on their way, as its replies will come; nobody is told of
 * them but who has asked for late().  Its generation grows whenever somebody is
 * told or has gone, so that a ticket is good for one owner only.
 *
 * The bytes of a call are kept until then, in memory that the slot keeps for
 * the next one: they are needed again when the server does not know a script.
 */

#define NGX_MLSEC_REDIS_BATCH  65536         /* bytes given to a link at once */
#define NGX_MLSEC_REDIS_KEEP   16384         /* bytes that a slot keeps */


static ngx_int_t ngx_mlsec_redis_encode(ngx_mlsec_redis_slot_t *slot,
    const ngx_mlsec_redis_call_t *call);
static size_t ngx_mlsec_redis_encoded_len(
    const ngx_mlsec_redis_command_t *command);
static u_char *ngx_mlsec_redis_encode_command(u_char *p,
    const ngx_mlsec_redis_command_t *command, ngx_mlsec_redis_part_t *part);
static ngx_int_t ngx_mlsec_redis_again(ngx_mlsec_redis_client_t *client,
    ngx_mlsec_redis_slot_t *slot);
static ngx_int_t ngx_mlsec_redis_put_back(ngx_mlsec_redis_client_t *client,
    ngx_mlsec_redis_slot_t *slot);
static ngx_int_t ngx_mlsec_redis_put_text(ngx_mlsec_redis_slot_t *slot);
static void ngx_mlsec_redis_complete(ngx_mlsec_redis_client_t *client,
    ngx_mlsec_redis_slot_t *slot);
static void ngx_mlsec_redis_finish(ngx_mlsec_redis_client_t *client,
    ngx_mlsec_redis_slot_t *slot, const ngx_mlsec_redis_result_t *result);
static void ngx_mlsec_redis_expired(ngx_event_t *ev);
static ngx_mlsec_redis_slot_t *ngx_mlsec_redis_slot(
    const ngx_mlsec_redis_t *redis, ngx_mlsec_redis_ticket_t ticket);
static void ngx_mlsec_redis_age(ngx_mlsec_redis_slot_t *slot);
static void ngx_mlsec_redis_free(ngx_mlsec_redis_client_t *client,
    ngx_mlsec_redis_slot_t *slot);


ngx_int_t
ngx_mlsec_redis_calls_init(ngx_mlsec_redis_client_t *client, ngx_pool_t *pool)
{
    ngx_uint_t               i, n;
    ngx_mlsec_redis_slot_t  *slot;

    n = client->conf->queue;

    client->slots = ngx_pcalloc(pool, n * sizeof(ngx_mlsec_redis_slot_t));
    if (client->slots == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_init(&client->free);
    ngx_queue_init(&client->queued);
    ngx_queue_init(&client->sent);

    for (i = 0; i < n; i++) {
        slot = &client->slots[i];

        slot->fd = (ngx_socket_t) -1;
        slot->client = client;
        slot->generation = 1;

        slot->timer.handler = ngx_mlsec_redis_expired;
        slot->timer.data = slot;
        slot->timer.log = ngx_cycle->log;

        ngx_queue_insert_tail(&client->free, &slot->queue);
    }

    return NGX_OK;
}


mlsec_redis_error_e
ngx_mlsec_redis_call_queue(ngx_mlsec_redis_client_t *client,
    const ngx_mlsec_redis_call_t *call, mlsec_breaker_ticket_t leave,
    ngx_mlsec_redis_ticket_t *ticket)
{
    ngx_msec_t               timeout;
    ngx_queue_t             *q;
    ngx_mlsec_redis_slot_t  *slot;

    if (ngx_queue_empty(&client->free)) {
        return MLSEC_REDIS_FULL;
    }

    q = ngx_queue_head(&client->free);
    slot = ngx_queue_data(q, ngx_mlsec_redis_slot_t, queue);

    if (ngx_mlsec_redis_encode(slot, call) != NGX_OK) {
        return MLSEC_REDIS_NOMEM;
    }

    ngx_queue_remove(q);
    ngx_queue_insert_tail(&client->queued, q);
    client->nqueued++;

    slot->done = call->done;
    slot->late = call->late;
    slot->owner = call->owner;
    slot->leave = leave;
    slot->answered = 0;
    slot->missing = 0;
    slot->sent = 0;
    slot->again = 0;
    slot->proof = call->proof;
    slot->given_up = 0;
    slot->started = ngx_current_msec;

    timeout = client->conf->timeout;

    if (call->timeout && call->timeout < timeout) {
        timeout = call->timeout;
    }

    slot->timeout = timeout;
    slot->timer.cancelable = call->background;

    ngx_add_timer(&slot->timer, timeout);

    if (ticket != NULL) {
        ticket->slot = (uint32_t) (slot - client->slots);
        ticket->generation = slot->generation;
    }

    ngx_mlsec_redis_link_wake(&client->link);

    return MLSEC_REDIS_OK;
}


/*
 * The slot's memory: what is known of each command, then their bytes.
 */

static ngx_int_t
ngx_mlsec_redis_encode(ngx_mlsec_redis_slot_t *slot,
    const ngx_mlsec_redis_call_t *call)
{
    u_char      *p;
    size_t       len, parts;
    ngx_uint_t   i;

    parts = call->ncommands * sizeof(ngx_mlsec_redis_part_t);
    len = parts;

    for (i = 0; i < call->ncommands; i++) {
        len += ngx_mlsec_redis_encoded_len(&call->commands[i]);
    }

    if (len > slot->room) {

        if (slot->parts != NULL) {
            ngx_free(slot->parts);
            slot->room = 0;
        }

        slot->parts = ngx_alloc(len, ngx_cycle->log);
        if (slot->parts == NULL) {
            return NGX_ERROR;
        }

        slot->room = len;
    }

    p = (u_char *) slot->parts + parts;

    slot->ncommands = call->ncommands;
    slot->bytes = p;

    for (i = 0; i < call->ncommands; i++) {
        p = ngx_mlsec_redis_encode_command(p, &call->commands[i],
                                           &slot->parts[i]);
    }

    slot->len = p - slot->bytes;

    return NGX_OK;
}


static size_t
ngx_mlsec_redis_encoded_len(const ngx_mlsec_redis_command_t *command)
{
    size_t      len;
    ngx_uint_t  i;

    len = mlsec_redis_command_head_len(command->nargs
                                       + (command->script ? 2 : 0));

    if (command->script != NULL) {
        len += mlsec_redis_command_arg_len(sizeof("EVALSHA") - 1)
               + mlsec_redis_command_arg_len(MLSEC_REDIS_SHA_LEN);
    }

    for (i = 0; i < command->nargs; i++) {
        len += mlsec_redis_command_arg_len(command->args[i].len);
    }

    return len;
}


static u_char *
ngx_mlsec_redis_encode_command(u_char *p,
    const ngx_mlsec_redis_command_t *command, ngx_mlsec_redis_part_t *part)
{
    ngx_uint_t   i;
    mlsec_str_t  arg;

    part->script = command->script;
    part->nargs = command->nargs;

    p = mlsec_redis_command_head(p, command->nargs
                                    + (command->script ? 2 : 0));

    if (command->script != NULL) {
        arg.data = (const u_char *) "EVALSHA";
        arg.len = sizeof("EVALSHA") - 1;
        p = mlsec_redis_command_arg(p, arg);

        arg.data = command->script->sha;
        arg.len = MLSEC_REDIS_SHA_LEN;
        p = mlsec_redis_command_arg(p, arg);
    }

    part->args = p;

    for (i = 0; i < command->nargs; i++) {
        p = mlsec_redis_command_arg(p, command->args[i]);
    }

    part->len = p - part->args;

    return p;
}


/*
 * The link can take bytes.  What nobody waits for any more is not sent.
 */

void
ngx_mlsec_redis_call_fill(ngx_mlsec_redis_link_t *link)
{
    ngx_int_t                  rc;
    ngx_queue_t               *q;
    ngx_mlsec_redis_slot_t    *slot;
    ngx_mlsec_redis_client_t  *client;

    client = link->owner;

    while (!ngx_queue_empty(&client->queued)
           && ngx_mlsec_redis_link_pending(link) < NGX_MLSEC_REDIS_BATCH)
    {
        q = ngx_queue_head(&client->queued);
        slot = ngx_queue_data(q, ngx_mlsec_redis_slot_t, queue);

        rc = slot->again ? ngx_mlsec_redis_put_text(slot)
                         : ngx_mlsec_redis_link_put(link, slot->bytes,
                                                    slot->len);

        if (rc != NGX_OK) {
            break;
        }

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&client->sent, q);
        client->nqueued--;
        client->nsent++;
        slot->sent = 1;
    }

    if (client->nsent) {
        ngx_mlsec_redis_link_expect(link, 1);
    }
}


/*
 * EVAL in place of EVALSHA, for the scripts that the server did not know.
 */

static ngx_int_t
ngx_mlsec_redis_put_text(ngx_mlsec_redis_slot_t *slot)
{
    u_char                        *p, *start;
    size_t                         len;
    ngx_int_t                      rc;
    ngx_uint_t                     i;
    mlsec_str_t                    arg;
    const ngx_mlsec_redis_part_t  *part;

    len = 0;

    for (i = 0; i < slot->ncommands; i++) {
        part = &slot->parts[i];

        if (slot->missing & (1ull << i)) {
            len += mlsec_redis_command_head_len(part->nargs + 2)
                   + mlsec_redis_command_arg_len(sizeof("EVAL") - 1)
                   + mlsec_redis_command_arg_len(part->script->text.len)
                   + part->len;
        }
    }

    start = ngx_alloc(len, ngx_cycle->log);
    if (start == NULL) {
        return NGX_ERROR;
    }

    p = start;

    for (i = 0; i < slot->ncommands; i++) {
        part = &slot->parts[i];

        if (!(slot->missing & (1ull << i))) {
            continue;
        }

        p = mlsec_redis_command_head(p, part->nargs + 2);

        arg.data = (const u_char *) "EVAL";
        arg.len = sizeof("EVAL") - 1;
        p = mlsec_redis_command_arg(p, arg);

        arg.data = part->script->text.data;
        arg.len = part->script->text.len;
        p = mlsec_redis_command_arg(p, arg);

        p = ngx_cpymem(p, part->args, part->len);
    }

    rc = ngx_mlsec_redis_link_put(&slot->client->link, start, p - start);

    ngx_free(start);

    return rc;
}


void
ngx_mlsec_redis_call_reply(ngx_mlsec_redis_link_t *link,
    const mlsec_redis_reply_t *reply)
{
    ngx_uint_t                 i, n;
    ngx_queue_t               *q;
    ngx_mlsec_redis_slot_t    *slot;
    ngx_mlsec_redis_client_t  *client;

    client = link->owner;

    if (ngx_queue_empty(&client->sent)) {

        /* the server says something of its own: that it is going to close */

        ngx_mlsec_redis_link_forget(link);
        return;
    }

    q = ngx_queue_head(&client->sent);
    slot = ngx_queue_data(q, ngx_mlsec_redis_slot_t, queue);

    i = slot->answered++;
    n = slot->ncommands;

    if (slot->again) {

        /* the i-th of those that are missing */

        n = slot->nmissing;

        for (/* void */; !(slot->missing & (1ull << slot->next)); slot->next++)
        {
            /* void */
        }

        i = slot->next++;

    } else if (slot->parts[i].script != NULL
               && mlsec_redis_classify(reply) == MLSEC_REDIS_NOSCRIPT)
    {
        slot->missing |= 1ull << i;
        slot->nmissing++;
    }

    client->replies[i] = *reply;

    if (slot->answered < n) {
        return;
    }

    if (slot->missing && !slot->again && !slot->given_up
        && ngx_mlsec_redis_again(client, slot) == NGX_OK)
    {
        ngx_mlsec_redis_link_forget(link);
        return;
    }

    ngx_mlsec_redis_complete(client, slot);
    ngx_mlsec_redis_link_forget(link);
}


/*
 * A script that is not known has not run: it may be sent again, which is the
 * only thing that ever is.  Replies of other commands of the batch are kept.
 */

static ngx_int_t
ngx_mlsec_redis_again(ngx_mlsec_redis_client_t *client,
    ngx_mlsec_redis_slot_t *slot)
{
    if (slot->ncommands > 1
        && ngx_mlsec_redis_put_back(client, slot) != NGX_OK)
    {
        return NGX_ERROR;
    }

    slot->again = 1;
    slot->answered = 0;
    slot->next = 0;
    slot->sent = 0;

    ngx_queue_remove(&slot->queue);
    ngx_queue_insert_head(&client->queued, &slot->queue);
    client->nsent--;
    client->nqueued++;

    ngx_mlsec_redis_count(client, MLSEC_REDIS_NOSCRIPT);
    ngx_mlsec_redis_link_wake(&client->link);

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_redis_put_back(ngx_mlsec_redis_client_t *client,
    ngx_mlsec_redis_slot_t *slot)
{
    ngx_uint_t            i;
    mlsec_mem_t           mem;
    mlsec_redis_reply_t  *copy;

    slot->pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, ngx_cycle->log);
    if (slot->pool == NULL) {
        return NGX_ERROR;
    }

    mem = ngx_mlsec_mem(slot->pool);

    slot->kept = ngx_pcalloc(slot->pool,
                             slot->ncommands * sizeof(mlsec_redis_reply_t));
    if (slot->kept == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < slot->ncommands; i++) {

        if (slot->missing & (1ull << i)) {
            continue;
        }

        copy = mlsec_redis_reply_copy(&client->replies[i], &mem);
        if (copy == NULL) {
            return NGX_ERROR;
        }

        slot->kept[i] = *copy;
    }

    return NGX_OK;
}


static void
ngx_mlsec_redis_complete(ngx_mlsec_redis_client_t *client,
    ngx_mlsec_redis_slot_t *slot)
{
    ngx_uint_t                i;
    mlsec_redis_error_e       error;
    ngx_mlsec_redis_result_t  result;

    ngx_memzero(&result, sizeof(ngx_mlsec_redis_result_t));

    for (i = 0; i < slot->ncommands; i++) {

        if (slot->kept != NULL && !(slot->missing & (1ull << i))) {
            client->replies[i] = slot->kept[i];
        }

        error = mlsec_redis_classify(&client->replies[i]);

        if (result.error == MLSEC_REDIS_OK
            && (slot->ncommands == 1
                || mlsec_redis_group(error) == MLSEC_REDIS_DOWN))
        {
            result.error = error;
        }
    }

    if (mlsec_redis_group(result.error) != MLSEC_REDIS_DOWN) {
        result.replies = client->replies;
        result.nreplies = slot->ncommands;
    }

    ngx_mlsec_redis_finish(client, slot, &result);
}


/*
 * The end of a slot: whoever still waits is told, and it is free.  It is free
 * before that, so that the owner may do anything.
 */

static void
ngx_mlsec_redis_finish(ngx_mlsec_redis_client_t *client,
    ngx_mlsec_redis_slot_t *slot, const ngx_mlsec_redis_result_t *result)
{
    void                      *owner;
    ngx_pool_t                *pool;
    ngx_uint_t                 given_up;
    ngx_mlsec_redis_done_pt    done;
    ngx_mlsec_redis_result_t   told;

    told = *result;
    told.elapsed = ngx_current_msec - slot->started;

    given_up = slot->given_up;
    done = given_up ? slot->late : slot->done;
    owner = slot->owner;
    pool = slot->pool;
    slot->pool = NULL;

    if (!given_up) {
        ngx_mlsec_redis_judge(client, slot, told.error, told.elapsed);

    } else if (mlsec_redis_group(told.error) != MLSEC_REDIS_DOWN) {
        ngx_mlsec_redis_answered(client, slot);
    }

    if (slot->sent) {
        client->nsent--;

    } else {
        client->nqueued--;
    }

    ngx_queue_remove(&slot->queue);
    ngx_mlsec_redis_free(client, slot);

    if (client->nsent == 0) {
        ngx_mlsec_redis_link_expect(&client->link, 0);
    }

    if (done != NULL) {
        done(owner, &told);
    }

    if (pool != NULL) {
        ngx_destroy_pool(pool);
    }
}


void
ngx_mlsec_redis_calls_fail(ngx_mlsec_redis_client_t *client,
    mlsec_redis_error_e error)
{
    ngx_queue_t               lost, *q;
    ngx_mlsec_redis_slot_t   *slot;
    ngx_mlsec_redis_result_t  result;

    /* those that are sent from now on are not among them */

    ngx_queue_init(&lost);

    if (!ngx_queue_empty(&client->sent)) {
        ngx_queue_add(&lost, &client->sent);
        ngx_queue_init(&client->sent);
    }

    if (!ngx_queue_empty(&client->queued)
        && !ngx_mlsec_redis_link_hopeful(&client->link))
    {
        ngx_queue_add(&lost, &client->queued);
        ngx_queue_init(&client->queued);
    }

    while (!ngx_queue_empty(&lost)) {
        q = ngx_queue_head(&lost);
        slot = ngx_queue_data(q, ngx_mlsec_redis_slot_t, queue);

        ngx_memzero(&result, sizeof(ngx_mlsec_redis_result_t));
        result.error = error;

        ngx_mlsec_redis_finish(client, slot, &result);
    }
}


/*
 * A call has no time left.  Its replies may still come.
 */

static void
ngx_mlsec_redis_expired(ngx_event_t *ev)
{
    void                      *owner;
    ngx_mlsec_redis_slot_t    *slot;
    ngx_mlsec_redis_done_pt    done;
    ngx_mlsec_redis_client_t  *client;
    ngx_mlsec_redis_result_t   result;

    slot = ev->data;
    client = slot->client;

    ngx_memzero(&result, sizeof(ngx_mlsec_redis_result_t));

    if (!slot->sent) {
        result.error = slot->again ? MLSEC_REDIS_TIMEOUT
                                   : MLSEC_REDIS_UNAVAILABLE;
        ngx_mlsec_redis_finish(client, slot, &result);
        return;
    }

    result.error = MLSEC_REDIS_TIMEOUT;
    result.elapsed = ngx_current_msec - slot->started;

    result.late = (slot->late != NULL);

    ngx_mlsec_redis_judge(client, slot, result.error, result.elapsed);

    done = slot->done;
    owner = slot->owner;

    slot->given_up = 1;
    ngx_mlsec_redis_age(slot);

    if (done != NULL) {
        done(owner, &result);
    }
}


void
ngx_mlsec_redis_detach(ngx_mlsec_redis_t *redis,
    ngx_mlsec_redis_ticket_t ticket)
{
    ngx_mlsec_redis_slot_t    *slot;
    ngx_mlsec_redis_client_t  *client;

    slot = ngx_mlsec_redis_slot(redis, ticket);

    if (slot == NULL) {
        return;
    }

    client = slot->client;

    ngx_mlsec_redis_unjudged(client, slot);

    if (slot->sent) {
        slot->given_up = 1;
        slot->late = NULL;
        ngx_mlsec_redis_age(slot);

        if (slot->timer.timer_set) {
            ngx_del_timer(&slot->timer);
        }

        return;
    }

    client->nqueued--;
    ngx_queue_remove(&slot->queue);
    ngx_mlsec_redis_free(client, slot);
}


static ngx_mlsec_redis_slot_t *
ngx_mlsec_redis_slot(const ngx_mlsec_redis_t *redis,
    ngx_mlsec_redis_ticket_t ticket)
{
    ngx_mlsec_redis_slot_t  *slot;

    if (redis->client == NULL || ticket.slot >= redis->queue) {
        return NULL;
    }

    slot = &redis->client->slots[ticket.slot];

    return slot->generation == ticket.generation ? slot : NULL;
}


/* 0 is no ticket's. */

static void
ngx_mlsec_redis_age(ngx_mlsec_redis_slot_t *slot)
{
    slot->generation++;

    if (slot->generation == 0) {
        slot->generation = 1;
    }
}


static void
ngx_mlsec_redis_free(ngx_mlsec_redis_client_t *client,
    ngx_mlsec_redis_slot_t *slot)
{
    if (slot->timer.timer_set) {
        ngx_del_timer(&slot->timer);
    }

    if (slot->pool != NULL) {
        ngx_destroy_pool(slot->pool);
        slot->pool = NULL;
    }

    if (slot->room > NGX_MLSEC_REDIS_KEEP) {
        ngx_free(slot->parts);
        slot->parts = NULL;
        slot->room = 0;
    }

    slot->kept = NULL;
    slot->nmissing = 0;
    slot->done = NULL;
    slot->owner = NULL;
    ngx_mlsec_redis_age(slot);

    ngx_queue_insert_head(&client->free, &slot->queue);
}
