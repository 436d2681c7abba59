/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * A client of Redis on nginx's event loop.  Each worker has one connection to
 * each server that "mlsec_redis" names, and one more when something is
 * subscribed to.  Nothing here blocks, and nothing waits for longer than it
 * was told to.
 *
 * A call is one command or a batch of them, sent in one piece; other calls do
 * not come in between on the way, but the server may do something else
 * between two commands of a batch.  What has to be one piece is a script.
 *
 *     send ---> queued until connected ---> written ---> replies ---> done()
 *       |          |  no connection            |  time is up            ^
 *       |          +---------------------------+------------------------+
 *       v                                      |  lost
 *     refused at once, no callback             +---> done(), error
 *
 * A call is never sent twice.  The one exception: a script that the server
 * does not know (NOSCRIPT) has not been executed, and is sent once more with
 * its text, after which the server knows it.
 */


#ifndef _NGX_MLSEC_REDIS_H_INCLUDED_
#define _NGX_MLSEC_REDIS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <lib/redis/mlsec_redis.h>


#define NGX_MLSEC_REDIS_COMMANDS  64         /* of a call, at most */


/* a client, one for each "mlsec_redis"; lives as long as the configuration */

typedef struct ngx_mlsec_redis_s  ngx_mlsec_redis_t;


/*
 * A call on its way.  It can be kept, copied and forgotten: it names a call,
 * it does not point to one.  {0, 0} is none.
 */

typedef struct {
    uint32_t                   slot;
    uint32_t                   generation;
} ngx_mlsec_redis_ticket_t;


/* what a script is called by; made once, see ngx_mlsec_redis_script() */

typedef struct {
    ngx_str_t                  text;
    u_char                     sha[MLSEC_REDIS_SHA_LEN];
} ngx_mlsec_redis_script_t;


/*
 * script: NULL: the arguments are the command, its name first
 * ("INCRBY", "k", "1").  Otherwise they are what follows the script in EVAL:
 * the number of keys, the keys, the other arguments.
 */

typedef struct {
    const ngx_mlsec_redis_script_t  *script;
    const mlsec_str_t               *args;       /* any bytes */
    ngx_uint_t                       nargs;      /* 1 and up */
} ngx_mlsec_redis_command_t;


/* how a call ended */

typedef struct {

    /*
     * MLSEC_REDIS_OK: all replies are there; none of them is the error of a
     * server that is down, but one may be MLSEC_REDIS_ERROR (a command that
     * was wrong).  A call of one command has its error here in any case.
     */
    mlsec_redis_error_e         error;

    /* as many as there were commands; NULL and 0 unless all are there */

    const mlsec_redis_reply_t  *replies;
    ngx_uint_t                  nreplies;

    ngx_msec_t                  elapsed;         /* ms, since it was sent */

    unsigned                    late:1;          /* late() is called, later */
} ngx_mlsec_redis_result_t;


/*
 * Called exactly once for each call that was accepted and not detached, never
 * before ngx_mlsec_redis_send() has returned; from an event of the client's
 * connection or timer, so a request has to be finalized or resumed as from any
 * event (ngx_http_run_posted_requests()).  May send other calls.
 *
 * owner: as in the call.  result: its memory is gone when the callback
 * returns; copy what is needed longer.
 */
typedef void (*ngx_mlsec_redis_done_pt)(void *owner,
    const ngx_mlsec_redis_result_t *result);


typedef struct {
    const ngx_mlsec_redis_command_t  *commands;
    ngx_uint_t                        ncommands; /* 1 and up, at most
                                                    NGX_MLSEC_REDIS_COMMANDS */

    /*
     * ms until done() is called at the latest, with MLSEC_REDIS_TIMEOUT
     * (written) or MLSEC_REDIS_UNAVAILABLE (not yet); 0 or more than
     * "timeout=" of mlsec_redis: that one.
     */
    ngx_msec_t                        timeout;

    /*
     * 1: a worker that has been told to end does not wait for this call (a
     * heartbeat).  0: it does (a request does).
     */
    unsigned                          background:1;

    /*
     * 1: it writes: who has its answer knows that the server refuses nothing,
     * which all workers go by then.
     */
    unsigned                          proof:1;

    ngx_mlsec_redis_done_pt           done;      /* NULL: nobody asks */

    /*
     * NULL, or for who wants to know what became of a call that was given up:
     * called once, as done(), after done() has had "late" in its result; with
     * the replies, which have come after all, or with the error for which
     * they never will: nobody knows then whether it was executed.
     */
    ngx_mlsec_redis_done_pt           late;
    void                             *owner;
} ngx_mlsec_redis_call_t;


typedef enum {
    NGX_MLSEC_REDIS_IDLE = 0,      /* before the worker's first attempt */
    NGX_MLSEC_REDIS_RESOLVING,
    NGX_MLSEC_REDIS_CONNECTING,    /* TCP and TLS */
    NGX_MLSEC_REDIS_GREETING,      /* AUTH, SELECT, CLIENT SETNAME, PING */
    NGX_MLSEC_REDIS_READY,
    NGX_MLSEC_REDIS_WAITING,       /* for the next attempt */
    NGX_MLSEC_REDIS_ENDED          /* the worker ends */
} ngx_mlsec_redis_state_e;


/* this worker's client, for status pages and metrics */

typedef struct {
    ngx_mlsec_redis_state_e    state;
    ngx_uint_t                 usable;           /* ngx_mlsec_redis_usable() */
    ngx_uint_t                 breaker;          /* mlsec_breaker_state_e */
    ngx_uint_t                 in_flight;        /* written, not answered */
    ngx_uint_t                 queued;           /* not written */
    ngx_uint_t                 limit;            /* of the two together */
    ngx_uint_t                 failures;         /* attempts to connect that
                                                    failed, in a row */
    ngx_msec_t                 retry_in;         /* ms, in WAITING */
    mlsec_redis_error_e        last_error;       /* of the connection or a
                                                    call; OK: none yet */
    ngx_msec_t                 last_error_ago;   /* ms */
    ngx_msec_t                 latency;          /* ms, smoothed, 1/8 new */
    uint64_t                   calls;            /* accepted, in all */
    uint64_t                   connects;         /* that came to READY */
    uint64_t                   errors[MLSEC_REDIS_ERRORS];  /* of calls */
    ngx_uint_t                 subscribed;       /* channels confirmed */
    ngx_mlsec_redis_state_e    pubsub;           /* state of that connection */
} ngx_mlsec_redis_view_t;


/*
 * The client that a directive is going to use.  To be called while http{} is
 * read; the "mlsec_redis" that it means may come later in the file.
 *
 * name: of "name=", empty for the one without.
 * directive: for the message when there is none at the end of http{}:
 * [emerg] "DIRECTIVE" needs "mlsec_redis", in FILE:LINE.
 *
 * The client, which is not to be called before workers start; NULL without
 * memory.
 */
ngx_mlsec_redis_t *ngx_mlsec_redis_use(ngx_conf_t *cf, const ngx_str_t *name,
    const char *directive);

/*
 * Makes a script out of its text, which must live as long.  Any time.
 */
void ngx_mlsec_redis_script(ngx_mlsec_redis_script_t *script,
    const ngx_str_t *text);

/*
 * Sends a call.  In workers only, from init_process on (modules after this
 * one) until exit_process.
 *
 * call: everything in it is copied but owner.
 * ticket: for ngx_mlsec_redis_detach(); NULL if that is not wanted.
 *
 * MLSEC_REDIS_OK: done() will be called.  MLSEC_REDIS_UNAVAILABLE, _FULL,
 * _NOMEM: it was not sent, done() will not be called; counted as an error.
 * MLSEC_REDIS_REFUSED: no or too many commands.
 *
 * While a connection is made for the first time, or at once after one was
 * lost, calls wait in the queue.  When that attempt has failed they are
 * refused until there is one again: nobody waits for a server that is down.
 */
mlsec_redis_error_e ngx_mlsec_redis_send(ngx_mlsec_redis_t *redis,
    const ngx_mlsec_redis_call_t *call, ngx_mlsec_redis_ticket_t *ticket);

/*
 * The owner goes away: done() of the call will not be called.  What was
 * written stays written, the reply is thrown away.  Harmless for a call that
 * is over, and for {0, 0}: to be called from a pool cleanup in any case.
 */
void ngx_mlsec_redis_detach(ngx_mlsec_redis_t *redis,
    ngx_mlsec_redis_ticket_t ticket);

/*
 * Whether a call would be accepted now, as far as the connection and the
 * breaker say: 1 or 0.  Costs a few reads.
 */
ngx_uint_t ngx_mlsec_redis_usable(const ngx_mlsec_redis_t *redis);

/*
 * Called when that changes.  usable: 1: calls are accepted again.  From
 * events, as done(); may send calls.
 */
typedef void (*ngx_mlsec_redis_watch_pt)(void *data, ngx_uint_t usable);

/*
 * Has a function called at each change from now on, in this worker; the first
 * call comes with the first connection (or its failure).  To be called in
 * init_process.  NGX_OK or NGX_ERROR without memory.
 */
ngx_int_t ngx_mlsec_redis_watch(ngx_mlsec_redis_t *redis,
    ngx_mlsec_redis_watch_pt watch, void *data);

/*
 * Fills *view with what this worker knows at this moment; all 0 where there
 * is no client, such as in the master.  Costs a few hundred reads.
 */
void ngx_mlsec_redis_view(const ngx_mlsec_redis_t *redis,
    ngx_mlsec_redis_view_t *view);


typedef enum {
    NGX_MLSEC_REDIS_MESSAGE = 0,
    NGX_MLSEC_REDIS_SUBSCRIBED,    /* messages come from now on; those since
                                      the last _LOST are missing */
    NGX_MLSEC_REDIS_LOST           /* messages go by unseen from now on */
} ngx_mlsec_redis_event_e;


/*
 * payload: of a _MESSAGE, gone when the callback returns.  May unsubscribe,
 * also itself.
 */
typedef void (*ngx_mlsec_redis_message_pt)(void *owner,
    ngx_mlsec_redis_event_e event, const mlsec_str_t *payload);


/*
 * Subscribes to a channel in this worker, for as long as it lives or until it
 * is taken back; after each loss of the connection it is subscribed to anew.
 * Messages are lost in between, as Redis does not keep them: they are hints
 * that something has changed, never the news themselves.
 *
 * channel: copied; several owners may have the same one.
 * ticket: names the subscription.
 *
 * NGX_OK; NGX_ERROR: no memory.
 */
ngx_int_t ngx_mlsec_redis_subscribe(ngx_mlsec_redis_t *redis,
    const ngx_str_t *channel, ngx_mlsec_redis_message_pt handler,
    void *owner, ngx_mlsec_redis_ticket_t *ticket);

/*
 * Takes a subscription back: its handler is not called any more.  Harmless
 * for one that was taken back, and for {0, 0}.
 */
void ngx_mlsec_redis_unsubscribe(ngx_mlsec_redis_t *redis,
    ngx_mlsec_redis_ticket_t ticket);


extern ngx_module_t  ngx_mlsec_redis_module;


#endif /* _NGX_MLSEC_REDIS_H_INCLUDED_ */
