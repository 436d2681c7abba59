/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * A worker's talk with the store.
 *
 * Every worker talks for itself, about what its own requests have touched:
 * nothing has to be handed over, and a worker that dies takes nothing along,
 * since what was used and not told stands in shared memory.  Whoever tells it
 * takes it over first, so it is told once.
 *
 * There is one batch that is being filled.  It is sent at the end of the turn
 * of the event loop if a request waits or a lease runs short, after "every" if
 * not, and when it is full.  While it is on its way the next one is filled;
 * there may be some on their way.  When there are many, the store is what is
 * slow: the next one stays open until an answer has come, or it is full, so
 * that whoever comes meanwhile waits with the others and is not turned away
 * for want of a batch.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_timer.h>
#include <limit/ngx_mlsec_limit_batch.h>


#define NGX_MLSEC_LIMIT_BATCHES     32           /* of a worker, at most */
#define NGX_MLSEC_LIMIT_FLYING      8            /* sent before they are full */

#define NGX_MLSEC_LIMIT_ARGS                                                  \
    (1 + NGX_MLSEC_LIMIT_BATCH_KEYS * MLSEC_SCRIPT_KEY_ARGS                   \
     + NGX_MLSEC_LIMIT_BATCH_PARTS * (MLSEC_SCRIPT_TAKE_ARGS                  \
                                      + MLSEC_SCRIPT_PART_ARGS))

#define NGX_MLSEC_LIMIT_TEXT                                                  \
    (24 + NGX_MLSEC_LIMIT_BATCH_KEYS * MLSEC_SCRIPT_KEY_TEXT                  \
     + NGX_MLSEC_LIMIT_BATCH_PARTS * (MLSEC_SCRIPT_TAKE_TEXT                  \
                                      + MLSEC_SCRIPT_PART_TEXT))


/* of this worker */

typedef struct {
    ngx_mlsec_limit_batch_t      *open;          /* being filled */
    ngx_mlsec_limit_batch_t      *free;
    ngx_mlsec_limit_batch_t      *unsent;        /* were refused at once */
    ngx_uint_t                    made;          /* batches */
    ngx_uint_t                    flying;        /* sent, an answer may come
                                                  * in time */
    ngx_uint_t                    held;          /* 1: "open" is to be sent */
    ngx_event_t                   turn;          /* "every" is over */
    ngx_event_t                   now;           /* posted: send it */
    ngx_event_t                   end;           /* posted: of "unsent" */
    ngx_connection_t              dummy;
    ngx_mlsec_redis_script_t      batch;
} ngx_mlsec_limit_worker_t;


static ngx_mlsec_limit_batch_t *ngx_mlsec_limit_batch(
    const ngx_mlsec_limit_main_conf_t *mcf, ngx_uint_t room);
static void ngx_mlsec_limit_batch_free(ngx_mlsec_limit_batch_t *batch);
static void ngx_mlsec_limit_send_soon(mlsec_lease_due_e due,
    ngx_msec_t every);
static void ngx_mlsec_limit_send_event(ngx_event_t *ev);
static void ngx_mlsec_limit_landed(void);
static void ngx_mlsec_limit_send(void);
static void ngx_mlsec_limit_unsent(ngx_event_t *ev);
static mlsec_redis_error_e ngx_mlsec_limit_call(
    ngx_mlsec_limit_batch_t *batch);
static void ngx_mlsec_limit_batch_done(void *owner,
    const ngx_mlsec_redis_result_t *result);
static void ngx_mlsec_limit_batch_late(void *owner,
    const ngx_mlsec_redis_result_t *result);
static void ngx_mlsec_limit_correct(const ngx_mlsec_limit_batch_t *batch,
    const mlsec_redis_reply_t *reply);
static void ngx_mlsec_limit_again(const ngx_mlsec_limit_batch_t *batch);
static void ngx_mlsec_limit_batch_failed(ngx_mlsec_limit_batch_t *batch,
    mlsec_redis_error_e error, ngx_uint_t late);


static ngx_mlsec_limit_worker_t  ngx_mlsec_limit_worker;


ngx_int_t
ngx_mlsec_limit_sync_begin(ngx_cycle_t *cycle,
    ngx_mlsec_limit_main_conf_t *mcf)
{
    ngx_str_t                  text;
    ngx_mlsec_limit_worker_t  *worker;

    worker = &ngx_mlsec_limit_worker;

    if (!ngx_mlsec_limit_shared(mcf)
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    text.data = (u_char *) mlsec_script_batch;
    text.len = ngx_strlen(mlsec_script_batch);
    ngx_mlsec_redis_script(&worker->batch, &text);

    ngx_mlsec_timer_init(&worker->turn, &worker->dummy,
                         ngx_mlsec_limit_send_event, mcf, cycle->log);

    worker->now = worker->turn;

    worker->end = worker->turn;
    worker->end.handler = ngx_mlsec_limit_unsent;

    ngx_mlsec_limit_beat_begin(cycle, mcf);

    return NGX_OK;
}


/* The batch that is being filled, with room for so much; NULL: none. */

static ngx_mlsec_limit_batch_t *
ngx_mlsec_limit_batch(const ngx_mlsec_limit_main_conf_t *mcf, ngx_uint_t room)
{
    ngx_mlsec_limit_batch_t   *batch;
    ngx_mlsec_limit_worker_t  *worker;

    worker = &ngx_mlsec_limit_worker;
    batch = worker->open;

    if (batch != NULL) {

        if (ngx_mlsec_limit_batch_room(batch, room)) {
            return batch;
        }

        ngx_mlsec_limit_send();
    }

    batch = worker->free;

    if (batch != NULL) {
        worker->free = batch->next;

    } else {

        if (worker->made == NGX_MLSEC_LIMIT_BATCHES) {
            return NULL;
        }

        batch = ngx_alloc(sizeof(ngx_mlsec_limit_batch_t), ngx_cycle->log);
        if (batch == NULL) {
            return NULL;
        }

        worker->made++;
    }

    batch->main = mcf;
    ngx_mlsec_limit_batch_reset(batch);
    worker->open = batch;

    return batch;
}


static void
ngx_mlsec_limit_batch_free(ngx_mlsec_limit_batch_t *batch)
{
    batch->next = ngx_mlsec_limit_worker.free;
    ngx_mlsec_limit_worker.free = batch;
}


void
ngx_mlsec_limit_sync_tell(const ngx_mlsec_limit_main_conf_t *mcf,
    const ngx_mlsec_limit_item_t *item, mlsec_lease_due_e due)
{
    ngx_mlsec_limit_batch_t  *batch;

    if (due == MLSEC_LEASE_QUIET) {
        return;
    }

    /* what finds no room is told by the next request of the key */

    batch = ngx_mlsec_limit_batch(mcf, 1);

    if (batch == NULL || ngx_mlsec_limit_batch_key(batch, item) == NGX_ERROR) {
        return;
    }

    ngx_mlsec_limit_send_soon(due, item->sync->every);
}


/* How long what is to be told may wait for more of it. */

static void
ngx_mlsec_limit_send_soon(mlsec_lease_due_e due, ngx_msec_t every)
{
    ngx_mlsec_limit_worker_t  *worker;

    worker = &ngx_mlsec_limit_worker;

    if (due == MLSEC_LEASE_SHORT || every == 0) {
        ngx_post_event(&worker->now, &ngx_posted_events);

    } else if (!worker->turn.timer_set) {
        ngx_add_timer(&worker->turn, every);
    }
}


ngx_int_t
ngx_mlsec_limit_sync_ask(const ngx_mlsec_limit_main_conf_t *mcf,
    ngx_mlsec_limit_ctx_t *ctx, ngx_uint_t first)
{
    ngx_mlsec_limit_batch_t  *batch;

    batch = ngx_mlsec_limit_batch(mcf, ctx->nitems - first);

    if (batch == NULL
        || ngx_mlsec_limit_batch_ask(batch, ctx, first) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ngx_post_event(&ngx_mlsec_limit_worker.now, &ngx_posted_events);

    return NGX_OK;
}


static void
ngx_mlsec_limit_send_event(ngx_event_t *ev)
{
    ngx_mlsec_limit_worker_t  *worker;

    worker = &ngx_mlsec_limit_worker;

    if (worker->flying >= NGX_MLSEC_LIMIT_FLYING) {
        worker->held = 1;
        return;
    }

    ngx_mlsec_limit_send();
}


/* A batch has come back, or is late. */

static void
ngx_mlsec_limit_landed(void)
{
    ngx_mlsec_limit_worker_t  *worker;

    worker = &ngx_mlsec_limit_worker;
    worker->flying--;

    if (worker->held) {
        ngx_post_event(&worker->now, &ngx_posted_events);
    }
}


/*
 * Called from where requests are at work: those of a batch that cannot be sent
 * go on from an event of their own.
 */

static void
ngx_mlsec_limit_send(void)
{
    ngx_mlsec_limit_batch_t   *batch;
    ngx_mlsec_limit_worker_t  *worker;

    worker = &ngx_mlsec_limit_worker;
    batch = worker->open;

    if (batch == NULL) {
        return;
    }

    worker->open = NULL;
    worker->held = 0;

    if (worker->turn.timer_set) {
        ngx_del_timer(&worker->turn);
    }

    batch->generation = mlsec_sync_generation(batch->main->store.sync);
    batch->error = MLSEC_REDIS_OK;

    /* while it is out of reach nothing is told, then or later */

    if (!mlsec_sync_alone(batch->main->store.sync)) {

        if (!ngx_mlsec_limit_batch_report(batch)) {
            ngx_mlsec_limit_batch_free(batch);
            return;
        }

        batch->error = ngx_mlsec_limit_call(batch);

        if (batch->error == MLSEC_REDIS_OK) {
            batch->sent = 1;
            worker->flying++;
            return;
        }
    }

    batch->next = worker->unsent;
    worker->unsent = batch;

    ngx_post_event(&worker->end, &ngx_posted_events);
}


static void
ngx_mlsec_limit_unsent(ngx_event_t *ev)
{
    ngx_mlsec_limit_batch_t   *batch;
    ngx_mlsec_limit_worker_t  *worker;

    worker = &ngx_mlsec_limit_worker;

    while (worker->unsent != NULL) {
        batch = worker->unsent;
        worker->unsent = batch->next;

        if (batch->error != MLSEC_REDIS_OK) {
            ngx_mlsec_limit_batch_failed(batch, batch->error, 0);
            ngx_mlsec_limit_batch_free(batch);
            continue;
        }

        ngx_mlsec_limit_batch_lost(batch);
        ngx_mlsec_limit_batch_free(batch);
    }
}


static mlsec_redis_error_e
ngx_mlsec_limit_call(ngx_mlsec_limit_batch_t *batch)
{
    mlsec_script_args_t        args;
    ngx_mlsec_redis_call_t     call;
    ngx_mlsec_redis_command_t  command;

    static u_char              text[NGX_MLSEC_LIMIT_TEXT];
    static mlsec_str_t         list[NGX_MLSEC_LIMIT_ARGS];

    args.args = list;
    args.max = NGX_MLSEC_LIMIT_ARGS;
    args.text = text;
    args.end = text + NGX_MLSEC_LIMIT_TEXT;

    ngx_mlsec_limit_batch_write(batch, &args);

    if (args.full) {
        return MLSEC_REDIS_NOMEM;
    }

    command.script = &ngx_mlsec_limit_worker.batch;
    command.args = args.args;
    command.nargs = args.nargs;

    ngx_memzero(&call, sizeof(ngx_mlsec_redis_call_t));
    call.commands = &command;
    call.ncommands = 1;
    call.timeout = batch->timeout;
    call.background = (batch->nquestions == 0);
    call.done = ngx_mlsec_limit_batch_done;
    call.late = ngx_mlsec_limit_batch_late;
    call.owner = batch;

    return ngx_mlsec_redis_send(batch->main->store.redis, &call, NULL);
}


static void
ngx_mlsec_limit_batch_done(void *owner,
    const ngx_mlsec_redis_result_t *result)
{
    ngx_mlsec_limit_batch_t *batch = owner;

    mlsec_sync_t  *sync;

    ngx_mlsec_limit_landed();

    if (result->error != MLSEC_REDIS_OK) {
        ngx_mlsec_limit_batch_failed(batch, result->error, result->late);

        if (!result->late) {
            ngx_mlsec_limit_batch_free(batch);
        }

        return;
    }

    if (ngx_mlsec_limit_batch_answer(batch, &result->replies[0]) != NGX_OK) {
        ngx_mlsec_limit_batch_failed(batch, MLSEC_REDIS_PROTOCOL, 0);
        ngx_mlsec_limit_batch_free(batch);
        return;
    }

    ngx_mlsec_limit_correct(batch, &result->replies[0]);
    ngx_mlsec_limit_again(batch);

    sync = batch->main->store.sync;

    mlsec_sync_worked(sync);
    mlsec_atomic_add(&sync->batches, 1);
    mlsec_atomic_add(&sync->keys, batch->nkeys);

    ngx_mlsec_limit_batch_free(batch);
}


/*
 * The store was slow: nobody waits any more, but it has done what it was
 * asked.  Its numbers are old news; what it has decided in another way than
 * this gateway has to be put right.
 */

static void
ngx_mlsec_limit_batch_late(void *owner,
    const ngx_mlsec_redis_result_t *result)
{
    ngx_mlsec_limit_batch_t *batch = owner;

    if (result->error == MLSEC_REDIS_OK
        && ngx_mlsec_limit_batch_check(batch, &result->replies[0]) == NGX_OK)
    {
        ngx_mlsec_limit_correct(batch, &result->replies[0]);
    }

    ngx_mlsec_limit_batch_release(batch);
    ngx_mlsec_limit_batch_free(batch);
}


/* What was used while another report was on its way may be worth one now. */

static void
ngx_mlsec_limit_again(const ngx_mlsec_limit_batch_t *batch)
{
    ngx_uint_t                          i;
    mlsec_lease_due_e                   due;
    ngx_mlsec_limit_batch_t            *next;
    const ngx_mlsec_limit_batch_key_t  *key;

    for (i = 0; i < batch->nkeys; i++) {
        key = &batch->keys[i];

        if (key->entry == NULL || !mlsec_limit_still(key->entry, &key->id)) {
            continue;
        }

        due = mlsec_lease_due(&key->entry->lease, &key->lease);
        next = due != MLSEC_LEASE_QUIET
               ? ngx_mlsec_limit_batch(batch->main, 1) : NULL;

        if (next == NULL) {
            continue;
        }

        ngx_mlsec_limit_batch_correct(next, key, 0);
        ngx_mlsec_limit_send_soon(due, key->every);
    }
}


/*
 * A request that did not wait for its answer was decided by the gateway's part.
 * Admitted where the store has refused: it is told, and owed, like all that is
 * used of a lease.  The other way round: it is given back.
 */

static void
ngx_mlsec_limit_correct(const ngx_mlsec_limit_batch_t *batch,
    const mlsec_redis_reply_t *reply)
{
    int                                differs;
    ngx_uint_t                         i, j;
    ngx_mlsec_limit_batch_t           *next;
    const ngx_mlsec_limit_part_t      *part;
    const ngx_mlsec_limit_question_t  *question;

    if (batch->generation != mlsec_sync_generation(batch->main->store.sync)) {
        return;
    }

    for (i = 0; i < batch->nquestions; i++) {
        differs = ngx_mlsec_limit_batch_differs(batch, i, reply);
        question = &batch->questions[i];

        for (j = 0; differs != 0 && j < question->n; j++) {
            part = &batch->parts[question->first + j];
            next = part->charge ? ngx_mlsec_limit_batch(batch->main, 1)
                                : NULL;

            if (next != NULL) {
                ngx_mlsec_limit_batch_correct(next, &batch->keys[part->key],
                                              differs * (int64_t) part->cost);
                ngx_post_event(&ngx_mlsec_limit_worker.now,
                               &ngx_posted_events);
            }
        }
    }
}


void
ngx_mlsec_limit_sync_late(ngx_mlsec_limit_waiter_t *waiter,
    ngx_mlsec_limit_batch_t *batch, ngx_mlsec_limit_wait_e state)
{
    waiter->late = (state == NGX_MLSEC_LIMIT_LATE && batch->sent) ? batch
                                                                  : NULL;
    waiter->serial = batch->serial;
}


/* The batch may be another one by now, which knows nothing of the waiter. */

ngx_uint_t
ngx_mlsec_limit_sync_decided(ngx_mlsec_limit_waiter_t *waiter,
    ngx_uint_t refused)
{
    ngx_uint_t                   i;
    ngx_mlsec_limit_batch_t     *batch;
    ngx_mlsec_limit_question_t  *question;

    batch = waiter->late;
    waiter->late = NULL;

    if (batch == NULL) {
        return 0;
    }

    if (batch->serial != waiter->serial) {
        return 1;
    }

    for (i = waiter->first; i < waiter->first + waiter->n; i++) {
        question = &batch->questions[i];
        question->decided = 1;
        question->admitted = !(question->item ? question->item->refused
                                              : refused);
    }

    return 1;
}


/* late: 1: the store may still do it, and say so */

static void
ngx_mlsec_limit_batch_failed(ngx_mlsec_limit_batch_t *batch,
    mlsec_redis_error_e error, ngx_uint_t late)
{
    mlsec_sync_t  *sync;

    sync = batch->main->store.sync;

    if (batch->sent) {
        mlsec_atomic_add(&sync->batches, 1);
        mlsec_atomic_add(&sync->failed, 1);
    }

    /*
     * One worker without a connection is not a gateway without a store: what
     * was not sent says nothing of the store, which knows nothing of it.
     */

    if (error > MLSEC_REDIS_TLS) {
        ngx_mlsec_limit_failed(batch->main, error);

    } else {
        batch->sent = 0;
        ngx_mlsec_limit_batch_untold(batch);
    }

    if (!late) {
        ngx_mlsec_limit_batch_release(batch);
    }

    ngx_mlsec_limit_batch_lost(batch);
}
