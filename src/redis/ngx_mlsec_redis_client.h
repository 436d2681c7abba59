/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* A worker's client of one server; for the files of this folder only. */


#ifndef _NGX_MLSEC_REDIS_CLIENT_H_INCLUDED_
#define _NGX_MLSEC_REDIS_CLIENT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <redis/ngx_mlsec_redis_conf.h>


/* what is known of a command when its reply comes */

typedef struct {
    const ngx_mlsec_redis_script_t  *script;     /* NULL: none */
    u_char                          *args;       /* encoded, of a script: what
                                                    follows its name */
    size_t                           len;
    ngx_uint_t                       nargs;
} ngx_mlsec_redis_part_t;


/* a call, or room for one; see ngx_mlsec_redis_call.c */

typedef struct {
    void                        *ident[3];       /* as in ngx_connection_t */
    ngx_socket_t                 fd;

    ngx_queue_t                  queue;
    ngx_mlsec_redis_client_t    *client;
    ngx_event_t                  timer;          /* until it is given up */
    uint32_t                     generation;     /* not 0 */

    ngx_mlsec_redis_done_pt      done;
    ngx_mlsec_redis_done_pt      late;
    void                        *owner;
    mlsec_breaker_ticket_t       leave;
    ngx_msec_t                   started;
    ngx_msec_t                   timeout;        /* ms */

    ngx_mlsec_redis_part_t      *parts;          /* one for each command, then
                                                    their bytes */
    size_t                       room;           /* bytes, of all that */
    u_char                      *bytes;
    size_t                       len;

    ngx_uint_t                   ncommands;
    ngx_uint_t                   answered;
    uint64_t                     missing;        /* bits: scripts that are not
                                                    known */
    ngx_uint_t                   nmissing;
    ngx_uint_t                   next;           /* of them, in the second
                                                    round */
    ngx_pool_t                  *pool;           /* of kept, or NULL */
    mlsec_redis_reply_t         *kept;           /* of the first round */

    unsigned                     sent:1;         /* given to the link */
    unsigned                     again:1;        /* the second round */
    unsigned                     proof:1;        /* it writes */
    unsigned                     given_up:1;     /* nobody is to be told */
} ngx_mlsec_redis_slot_t;


typedef enum {
    NGX_MLSEC_REDIS_UNKNOWN = 0,                 /* the first attempt is made */
    NGX_MLSEC_REDIS_UP,
    NGX_MLSEC_REDIS_DOWN
} ngx_mlsec_redis_standing_e;


typedef struct {
    ngx_mlsec_redis_watch_pt     handler;
    void                        *data;
} ngx_mlsec_redis_watcher_t;


/* when there was hope, and how often in a row it was in vain */

typedef struct {
    ngx_msec_t                   at;
    ngx_uint_t                   times;
} ngx_mlsec_redis_hope_t;


struct ngx_mlsec_redis_client_s {
    const ngx_mlsec_redis_t     *conf;
    ngx_mlsec_redis_link_t       link;
    ngx_mlsec_redis_pubsub_t    *pubsub;         /* NULL: no subscription yet */

    ngx_mlsec_redis_slot_t      *slots;          /* conf->queue of them */
    ngx_queue_t                  free;
    ngx_queue_t                  queued;
    ngx_queue_t                  sent;
    ngx_uint_t                   nqueued;
    ngx_uint_t                   nsent;
    mlsec_redis_reply_t          replies[NGX_MLSEC_REDIS_COMMANDS];

    mlsec_breaker_t              breaker;
    ngx_event_t                  settle;         /* posted: look at the state */
    ngx_event_t                  trial;          /* timer, the breaker's */
    ngx_event_t                  ping;           /* timer, when it is quiet */
    ngx_connection_t             dummy;          /* of both; data: client */
    ngx_msec_t                   trial_timeout;  /* ms */
    ngx_msec_t                   last_call;

    ngx_mlsec_redis_standing_e   standing;
    mlsec_redis_error_e          cause;          /* of being down */
    mlsec_redis_error_e          opened_by;      /* the breaker */
    unsigned                     renew:1;        /* another connection */
    ngx_array_t                  watchers;       /* ngx_mlsec_redis_watcher_t */

    ngx_msec_t                   failed_at;      /* when what has failed had
                                                  * begun: an attempt, a call */
    ngx_mlsec_redis_hope_t       heard;          /* since others have heard */
    ngx_mlsec_redis_hope_t       worked;         /* ... or it has written */

    mlsec_redis_error_e          last_error;
    ngx_msec_t                   last_error_at;
    ngx_msec_t                   latency;        /* ms * 8 */
    uint64_t                     calls;
    uint64_t                     connects;
    uint64_t                     errors[MLSEC_REDIS_ERRORS];
};


/* ngx_mlsec_redis_link.c */

/*
 * Whether the connection is being made for the first time since it was good:
 * worth waiting for.
 */
static ngx_inline ngx_uint_t
ngx_mlsec_redis_link_hopeful(const ngx_mlsec_redis_link_t *link)
{
    return link->failures == 0 && link->state != NGX_MLSEC_REDIS_ENDED;
}


/* ngx_mlsec_redis_call.c */

/*
 * Makes the slots.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_redis_calls_init(ngx_mlsec_redis_client_t *client,
    ngx_pool_t *pool);

/*
 * Puts a call into the queue.  leave: the breaker's.  MLSEC_REDIS_OK, _FULL
 * or _NOMEM.
 */
mlsec_redis_error_e ngx_mlsec_redis_call_queue(
    ngx_mlsec_redis_client_t *client, const ngx_mlsec_redis_call_t *call,
    mlsec_breaker_ticket_t leave, ngx_mlsec_redis_ticket_t *ticket);

/*
 * fill() of the link for calls: gives it the bytes of those in the queue.
 */
void ngx_mlsec_redis_call_fill(ngx_mlsec_redis_link_t *link);

/*
 * reply() of the link for calls: it is for the first call that was sent.
 */
void ngx_mlsec_redis_call_reply(ngx_mlsec_redis_link_t *link,
    const mlsec_redis_reply_t *reply);

/*
 * The connection is lost: ends calls that were sent, and those in the queue
 * unless there is hope.
 */
void ngx_mlsec_redis_calls_fail(ngx_mlsec_redis_client_t *client,
    mlsec_redis_error_e error);


/* ngx_mlsec_redis_client.c */

/*
 * Makes the client of a worker, which begins to connect.  NGX_OK or
 * NGX_ERROR.
 */
ngx_int_t ngx_mlsec_redis_client_begin(ngx_cycle_t *cycle,
    ngx_mlsec_redis_t *redis);

/*
 * The worker ends: closes its connections, tells nobody.
 */
void ngx_mlsec_redis_client_end(ngx_mlsec_redis_t *redis);

/*
 * Tells the breaker how a call has ended.
 */
void ngx_mlsec_redis_judge(ngx_mlsec_redis_client_t *client,
    const ngx_mlsec_redis_slot_t *slot, mlsec_redis_error_e error,
    ngx_msec_t elapsed);

/*
 * A call was answered, in time or not: all workers may know.
 */
void ngx_mlsec_redis_answered(ngx_mlsec_redis_client_t *client,
    const ngx_mlsec_redis_slot_t *slot);

/*
 * Tells it that the owner has gone.
 */
void ngx_mlsec_redis_unjudged(ngx_mlsec_redis_client_t *client,
    const ngx_mlsec_redis_slot_t *slot);

/*
 * Counts an error, or a script that had to be sent again.
 */
void ngx_mlsec_redis_count(ngx_mlsec_redis_client_t *client,
    mlsec_redis_error_e error);


/* ngx_mlsec_redis_pubsub.c */

/*
 * Ends the subscriptions of a worker.
 */
void ngx_mlsec_redis_pubsub_end(ngx_mlsec_redis_pubsub_t *pubsub);

/*
 * How many channels are confirmed; *state: of the connection.
 */
ngx_uint_t ngx_mlsec_redis_pubsub_view(const ngx_mlsec_redis_pubsub_t *pubsub,
    ngx_mlsec_redis_state_e *state);


/* ngx_mlsec_redis_status.c */

/* content handler of mlsec_redis_status */
ngx_int_t ngx_mlsec_redis_status_handler(ngx_http_request_t *r);


/* ngx_mlsec_redis_metrics.c */

/* words of a server */

#define NGX_MLSEC_REDIS_WORD_CALLS     0     /* by error, OK among them */
#define NGX_MLSEC_REDIS_WORD_LATENCY   MLSEC_REDIS_ERRORS
#define NGX_MLSEC_REDIS_WORD_CONNECTS  (NGX_MLSEC_REDIS_WORD_LATENCY          \
                                        + MLSEC_HISTOGRAM_WORDS)
#define NGX_MLSEC_REDIS_WORD_LOST      (NGX_MLSEC_REDIS_WORD_CONNECTS + 1)
#define NGX_MLSEC_REDIS_WORD_MESSAGES  (NGX_MLSEC_REDIS_WORD_LOST + 1)
#define NGX_MLSEC_REDIS_WORDS          (NGX_MLSEC_REDIS_WORD_MESSAGES + 1)

/*
 * Gives a server its series.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_redis_metrics(ngx_conf_t *cf, ngx_mlsec_redis_t *redis);


#endif /* _NGX_MLSEC_REDIS_CLIENT_H_INCLUDED_ */
