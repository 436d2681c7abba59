/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What the files of this folder share; nobody else includes it.
 *
 * ngx_mlsec_redis_module.c  directives
 * ngx_mlsec_redis_server.c  where the server is: URL, password, TLS, resolver
 * ngx_mlsec_redis_link.c    a connection: made, kept, made again
 * ngx_mlsec_redis_greeting.c  what it begins with
 * ngx_mlsec_redis_call.c    calls: queue, replies, times, scripts
 * ngx_mlsec_redis_client.c  whether the server is any good: breaker, watchers
 * ngx_mlsec_redis_shared.c  what workers know of it together
 * ngx_mlsec_redis_pubsub.c  subscriptions
 * ngx_mlsec_redis_status.c  mlsec_redis_status
 * ngx_mlsec_redis_metrics.c what is counted
 *
 * A worker's client has a link for calls, and one for subscriptions once there
 * is one.  A link knows bytes and replies, not what they are for.
 */


#ifndef _NGX_MLSEC_REDIS_CONF_H_INCLUDED_
#define _NGX_MLSEC_REDIS_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event_connect.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_conf.h>
#include <core/ngx_mlsec_tls.h>
#include <lib/redis/mlsec_redis_reader.h>
#include <lib/redis/mlsec_redis_url.h>
#include <lib/redis/mlsec_standing.h>
#include <lib/service/mlsec_breaker.h>
#include <metrics/ngx_mlsec_metrics.h>
#include <redis/ngx_mlsec_redis.h>


typedef struct ngx_mlsec_redis_client_s  ngx_mlsec_redis_client_t;
typedef struct ngx_mlsec_redis_link_s    ngx_mlsec_redis_link_t;
typedef struct ngx_mlsec_redis_pubsub_s  ngx_mlsec_redis_pubsub_t;


/*
 * Of all workers: when it has answered any of them, ms, and has written for
 * one, which says more; whether it has been said that it is lost.
 */

typedef struct {
    mlsec_atomic_t             heard;
    mlsec_atomic_t             worked;
    mlsec_standing_t           calls;
    mlsec_standing_t           messages;     /* subscriptions */
} ngx_mlsec_redis_shared_t;


/* one mlsec_redis */

struct ngx_mlsec_redis_s {
    ngx_str_t                  name;         /* empty: the one without */
    ngx_str_t                  shown;        /* URL without user, password */
    mlsec_redis_url_t          url;
    ngx_str_t                  host;         /* of url */
    ngx_str_t                  user;
    ngx_str_t                  password;

    ngx_addr_t                *address;      /* NULL: ask the resolver */
    ngx_resolver_t            *resolver;
    ngx_msec_t                 resolver_timeout;

    ngx_mlsec_tls_t            tls;
    ngx_str_t                  trusted;      /* file; empty: the system's */
    ngx_str_t                  sni;
    ngx_uint_t                 unverified;   /* 1: verify=off */

    ngx_msec_t                 connect_timeout;      /* ms */
    ngx_msec_t                 timeout;              /* ms */
    ngx_uint_t                 queue;        /* calls */
    size_t                     max_reply;    /* bytes */

    const char                *user_of;      /* a directive that wants it */
    ngx_mlsec_conf_place_t     user_place;
    ngx_mlsec_conf_place_t     place;
    ngx_uint_t                 defined;      /* 1: there is a mlsec_redis */

    ngx_mlsec_series_t        *metrics;
    ngx_shm_zone_t            *shm;
    ngx_mlsec_redis_shared_t  *shared;
    ngx_mlsec_redis_client_t  *client;       /* this worker's, else NULL */
};


typedef struct {
    ngx_array_t                servers;      /* ngx_mlsec_redis_t * */
} ngx_mlsec_redis_main_conf_t;


/* what mlsec_redis_status tries out */

#define NGX_MLSEC_REDIS_CHECK_PING    1
#define NGX_MLSEC_REDIS_CHECK_WRITE   2
#define NGX_MLSEC_REDIS_CHECK_PUBSUB  4
#define NGX_MLSEC_REDIS_CHECKS        3      /* how many there are */


typedef struct {
    ngx_mlsec_redis_t         *status;       /* NULL: no such page */
    ngx_uint_t                 checks;       /* NGX_MLSEC_REDIS_CHECK_* */
    ngx_mlsec_conf_place_t     place;
} ngx_mlsec_redis_loc_conf_t;


/*
 * What owns a link is told.  Each may be called from events only, never from
 * inside of a function of the link that the owner has called.
 */

typedef struct {

    /* greeted: the link takes bytes */
    void  (*ready)(ngx_mlsec_redis_link_t *link);

    /* nothing is on its way to the socket: ngx_mlsec_redis_link_put() */
    void  (*fill)(ngx_mlsec_redis_link_t *link);

    /* a reply; it and its memory are the link's, see _link_forget() */
    void  (*reply)(ngx_mlsec_redis_link_t *link,
                   const mlsec_redis_reply_t *reply);

    /* it was ready, or an attempt has failed; another one follows */
    void  (*lost)(ngx_mlsec_redis_link_t *link, mlsec_redis_error_e error);

} ngx_mlsec_redis_link_events_t;


struct ngx_mlsec_redis_link_s {

    /* first, as in ngx_connection_t: nginx's debug log reads fd of the data
     * of a timer */

    void                                 *ident[3];
    ngx_socket_t                          fd;

    const ngx_mlsec_redis_t              *conf;
    const ngx_mlsec_redis_link_events_t  *events;
    void                                 *owner;
    const char                           *what;  /* for CLIENT SETNAME */

    ngx_mlsec_redis_state_e               state;
    ngx_peer_connection_t                 pc;
    ngx_sockaddr_t                        sockaddr;
    ngx_resolver_ctx_t                   *ctx;   /* a question, or NULL */
    ngx_event_t                           timer; /* until the next attempt */
    ngx_event_t                           post;  /* there is to be filled */
    ngx_log_t                             log;   /* of connect() */

    ngx_uint_t                            failures;  /* in a row */
    ngx_msec_t                            since;     /* of being ready */
    ngx_msec_t                            due;       /* the next attempt */
    ngx_msec_t                            begun;     /* the one under way; when
                                                      * ready, the silence */
    ngx_uint_t                            epoch;     /* of the connection */

    ngx_uint_t                            greetings; /* replies to come */
    ngx_uint_t                            greeted;   /* they have come */
    mlsec_redis_error_e                   greeting;  /* what they say */

    u_char                               *out;       /* to be sent */
    size_t                                out_room;
    size_t                                out_pos;
    size_t                                out_len;

    mlsec_redis_reader_t                  reader;
    ngx_pool_t                           *pool;      /* of replies */
};


/* ngx_mlsec_redis_server.c */

/*
 * Reads the URL of a "mlsec_redis".  NGX_OK, or NGX_ERROR after an [emerg].
 */
ngx_int_t ngx_mlsec_redis_server_url(ngx_conf_t *cf, ngx_mlsec_redis_t *redis,
    ngx_str_t *value);

/*
 * Reads a password from a file.  NGX_OK, or NGX_ERROR after an [emerg].
 */
ngx_int_t ngx_mlsec_redis_server_password(ngx_conf_t *cf,
    ngx_mlsec_redis_t *redis, ngx_str_t *path);

/*
 * What is known when all of http{} was read: TLS, the resolver.  NGX_OK, or
 * NGX_ERROR after an [emerg].
 */
ngx_int_t ngx_mlsec_redis_server_prepare(ngx_conf_t *cf,
    ngx_mlsec_redis_t *redis);


/* ngx_mlsec_redis_shared.c */

/*
 * Adds the zone of a server, whose URL is known.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_redis_shared_zone(ngx_conf_t *cf,
    ngx_mlsec_redis_t *redis);

/*
 * A worker begins, or ends: what it has lost, or its predecessor, is not
 * waited for any more.
 */
void ngx_mlsec_redis_shared_leave(const ngx_mlsec_redis_t *redis);

/*
 * The server has answered this worker, or has written for it: now.
 */
void ngx_mlsec_redis_shared_now(mlsec_atomic_t *when);

/*
 * Whether that was at "since" (ms) or later for any worker: 1 or 0.
 */
ngx_uint_t ngx_mlsec_redis_shared_since(const mlsec_atomic_t *when,
    ngx_msec_t since);

/*
 * This worker cannot use it.  telling: 1: a cause that somebody has to know.
 * 1: this is the worker that has to say so; 0.
 */
ngx_uint_t ngx_mlsec_redis_shared_lost(mlsec_standing_t *standing,
    mlsec_redis_error_e cause, ngx_uint_t telling);

/*
 * It can.  What is to be said for all workers: MLSEC_STANDING_FIRST, _AGAIN,
 * or nothing, _QUIET.
 */
mlsec_standing_e ngx_mlsec_redis_shared_found(mlsec_standing_t *standing);


/* ngx_mlsec_redis_link.c */

/*
 * Makes a link, which makes its first attempt at once, from an event.
 * link: zeroed, lives as long as the worker.
 */
void ngx_mlsec_redis_link_init(ngx_mlsec_redis_link_t *link,
    const ngx_mlsec_redis_t *conf,
    const ngx_mlsec_redis_link_events_t *events, void *owner,
    const char *what);

/*
 * Has fill() called soon, when the link is ready.
 */
void ngx_mlsec_redis_link_wake(ngx_mlsec_redis_link_t *link);

/*
 * Appends bytes that are to be sent; in fill() only.  NGX_OK, or NGX_ERROR
 * without memory: nothing was appended.
 */
ngx_int_t ngx_mlsec_redis_link_put(ngx_mlsec_redis_link_t *link,
    const u_char *data, size_t len);

/*
 * The same for a command; args: n of them, its name first.
 */
ngx_int_t ngx_mlsec_redis_link_command(ngx_mlsec_redis_link_t *link,
    const mlsec_str_t *args, ngx_uint_t n);

/*
 * How many bytes fill() has appended so far.
 */
size_t ngx_mlsec_redis_link_pending(const ngx_mlsec_redis_link_t *link);

/*
 * Gives the memory of replies back; in reply(), as its last act.
 */
void ngx_mlsec_redis_link_forget(ngx_mlsec_redis_link_t *link);

/*
 * Expects something from the server within "timeout=" (on), or nothing (off).
 * Each reply begins the time anew.  Past it the link is lost.
 */
void ngx_mlsec_redis_link_expect(ngx_mlsec_redis_link_t *link, ngx_uint_t on);

/*
 * Waits no longer for the next attempt, which, or the one that is under way, is
 * as good as a first one: there is reason to think that it succeeds.
 */
void ngx_mlsec_redis_link_hope(ngx_mlsec_redis_link_t *link);

/*
 * Gives up the connection for another one, which the address is asked anew
 * for; lost() is called with error.
 */
void ngx_mlsec_redis_link_renew(ngx_mlsec_redis_link_t *link,
    mlsec_redis_error_e error);

/*
 * Closes it for good; nothing is called any more.
 */
void ngx_mlsec_redis_link_end(ngx_mlsec_redis_link_t *link);


/* ngx_mlsec_redis_greeting.c */

/*
 * Appends what a link that has just been connected sends first.  NGX_OK or
 * NGX_ERROR without memory.
 */
ngx_int_t ngx_mlsec_redis_greet(ngx_mlsec_redis_link_t *link);

/*
 * Takes a reply to that.
 *
 * NGX_AGAIN: there are others to come.  NGX_OK: the link is good for commands.
 * NGX_ERROR: it is not, link->greeting says why.
 */
ngx_int_t ngx_mlsec_redis_greeted(ngx_mlsec_redis_link_t *link,
    const mlsec_redis_reply_t *reply);


#endif /* _NGX_MLSEC_REDIS_CONF_H_INCLUDED_ */
