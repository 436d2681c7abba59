/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What a worker tells the store and asks it, put together: keys with what was
 * used of them, and questions of requests that wait.  One call of one script.
 */


#ifndef _NGX_MLSEC_LIMIT_BATCH_H_INCLUDED_
#define _NGX_MLSEC_LIMIT_BATCH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <lib/limit/mlsec_limit_script.h>
#include <lib/limit/mlsec_shared_key.h>
#include <limit/ngx_mlsec_limit_conf.h>


#define NGX_MLSEC_LIMIT_BATCH_KEYS   64
#define NGX_MLSEC_LIMIT_BATCH_PARTS  128         /* of all questions */
#define NGX_MLSEC_LIMIT_BATCH_SLOTS  256         /* a power of 2 */


/* A key in a batch: what is to be known of it when its request is gone. */

typedef struct {
    mlsec_limit_id_t               id;
    mlsec_limit_entry_t           *entry;        /* NULL: has gone */
    ngx_mlsec_limit_terms_t        terms;
    mlsec_lease_t                  lease;
    mlsec_script_terms_t           told;
    mlsec_lease_ticket_t           ticket;
    ngx_msec_t                     every;
    int64_t                        corrected;    /* units, to be told too */
    u_char                         text[MLSEC_SHARED_KEY_SIZE];
    size_t                         len;
} ngx_mlsec_limit_batch_key_t;


/* A question: of which keys, and how much of each. */

typedef struct {
    ngx_mlsec_limit_waiter_t      *waiter;       /* NULL: nobody any more */
    ngx_mlsec_limit_item_t        *item;         /* a dry one; NULL: all of
                                                  * the others together */
    ngx_uint_t                     first;        /* of the parts */
    ngx_uint_t                     n;
    unsigned                       decided:1;    /* here, without an answer */
    unsigned                       admitted:1;
} ngx_mlsec_limit_question_t;


typedef struct {
    ngx_uint_t                     key;
    uint64_t                       cost;
    unsigned                       charge:1;
} ngx_mlsec_limit_part_t;


struct ngx_mlsec_limit_batch_s {
    ngx_mlsec_limit_batch_key_t    keys[NGX_MLSEC_LIMIT_BATCH_KEYS];
    ngx_uint_t                     nkeys;
    u_char                         slots[NGX_MLSEC_LIMIT_BATCH_SLOTS];

    ngx_mlsec_limit_question_t     questions[NGX_MLSEC_LIMIT_BATCH_PARTS];
    ngx_uint_t                     nquestions;
    ngx_mlsec_limit_part_t         parts[NGX_MLSEC_LIMIT_BATCH_PARTS];
    ngx_uint_t                     nparts;

    const ngx_mlsec_limit_main_conf_t  *main;
    uint64_t                       generation;
    ngx_msec_t                     timeout;
    mlsec_redis_error_e            error;        /* why it was not sent */
    uint64_t                       serial;       /* of its use */
    unsigned                       sent:1;
    ngx_mlsec_limit_batch_t       *next;         /* in a list of the worker's */
};


/* Makes a batch that has been used, or never, an empty one. */
void ngx_mlsec_limit_batch_reset(ngx_mlsec_limit_batch_t *batch);

/* Whether it has room for n keys and parts more: 1 or 0. */
ngx_uint_t ngx_mlsec_limit_batch_room(const ngx_mlsec_limit_batch_t *batch,
    ngx_uint_t n);

/*
 * The number of an item's key, which is put in if it is not there; there has
 * to be room.  NGX_ERROR: it cannot be written.
 */
ngx_int_t ngx_mlsec_limit_batch_key(ngx_mlsec_limit_batch_t *batch,
    const ngx_mlsec_limit_item_t *item);

/*
 * Puts a key of another batch in, with units that were used (or, below 0,
 * were not) beside what its lease says; there has to be room.
 */
void ngx_mlsec_limit_batch_correct(ngx_mlsec_limit_batch_t *batch,
    const ngx_mlsec_limit_batch_key_t *key, int64_t units);

/*
 * Puts the questions of a waiter in: one for all items that ask, and one for
 * each of them that is a dry run, whose no counts for nothing.  There has to
 * be room.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_limit_batch_ask(ngx_mlsec_limit_batch_t *batch,
    ngx_mlsec_limit_ctx_t *ctx, ngx_uint_t first);

/*
 * Takes over what was used of each key, to be told.  1 if there is anything to
 * say or to ask, 0.
 */
ngx_uint_t ngx_mlsec_limit_batch_report(ngx_mlsec_limit_batch_t *batch);

/*
 * It was not sent: what was taken over is given back for another batch to
 * tell, and what was admitted without waiting for it.
 */
void ngx_mlsec_limit_batch_untold(const ngx_mlsec_limit_batch_t *batch);

/*
 * There is no answer, or it came too late: what was told is on its way no
 * longer.
 */
void ngx_mlsec_limit_batch_release(const ngx_mlsec_limit_batch_t *batch);

/* Writes the arguments of the script. */
void ngx_mlsec_limit_batch_write(const ngx_mlsec_limit_batch_t *batch,
    mlsec_script_args_t *args);

/*
 * Takes the numbers of an answer to where they belong: keys, then waiters,
 * whose requests go on.  NGX_ERROR: it is not the answer to this batch, and
 * nothing was done.
 */
ngx_int_t ngx_mlsec_limit_batch_answer(ngx_mlsec_limit_batch_t *batch,
    const mlsec_redis_reply_t *reply);

/* Whether it is the answer to this batch: NGX_OK or NGX_ERROR. */
ngx_int_t ngx_mlsec_limit_batch_check(const ngx_mlsec_limit_batch_t *batch,
    const mlsec_redis_reply_t *reply);

/*
 * How the answer to a question differs from what was decided without it: 1,
 * the units of its parts were used and not taken; -1, taken and not used; 0.
 */
int ngx_mlsec_limit_batch_differs(const ngx_mlsec_limit_batch_t *batch,
    ngx_uint_t question, const mlsec_redis_reply_t *reply);

/*
 * A waiter goes on from here.  If it does without an answer that may still
 * come, it will say what was decided: ngx_mlsec_limit_sync_decided().
 */
void ngx_mlsec_limit_sync_late(ngx_mlsec_limit_waiter_t *waiter,
    ngx_mlsec_limit_batch_t *batch, ngx_mlsec_limit_wait_e state);

/* Makes the heartbeats of a worker, which begin at once. */
void ngx_mlsec_limit_beat_begin(ngx_cycle_t *cycle,
    ngx_mlsec_limit_main_conf_t *mcf);

/* A batch or a heartbeat that was sent has failed: notes it, and says so. */
void ngx_mlsec_limit_failed(const ngx_mlsec_limit_main_conf_t *mcf,
    mlsec_redis_error_e error);

/* There is no answer: all waiters go on without. */
void ngx_mlsec_limit_batch_lost(ngx_mlsec_limit_batch_t *batch);


#endif /* _NGX_MLSEC_LIMIT_BATCH_H_INCLUDED_ */
