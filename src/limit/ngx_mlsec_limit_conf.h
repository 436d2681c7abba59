/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* What the files of this folder know of each other. */


#ifndef _NGX_MLSEC_LIMIT_CONF_H_INCLUDED_
#define _NGX_MLSEC_LIMIT_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_conf.h>
#include <lib/limit/mlsec_lease.h>
#include <lib/limit/mlsec_limit_table.h>
#include <lib/limit/mlsec_rate.h>
#include <lib/limit/mlsec_sync.h>
#include <limit/ngx_mlsec_limit.h>
#include <metrics/ngx_mlsec_metrics.h>
#include <redis/ngx_mlsec_redis.h>


#define NGX_MLSEC_LIMIT_MAX       8        /* limits of a location */
#define NGX_MLSEC_LIMIT_ITEMS     16       /* of a request, with redirects */

#define NGX_MLSEC_LIMIT_HEADERS_OFF     0
#define NGX_MLSEC_LIMIT_HEADERS_DRAFT   1
#define NGX_MLSEC_LIMIT_HEADERS_LEGACY  2
#define NGX_MLSEC_LIMIT_HEADERS_BOTH    3

#define NGX_MLSEC_LIMIT_FAIL_LOCAL      0
#define NGX_MLSEC_LIMIT_FAIL_OPEN       1
#define NGX_MLSEC_LIMIT_FAIL_CLOSED     2


typedef struct {
    ngx_str_t                   name;
    ngx_array_t                *key;       /* template pieces; NULL: address */
    ngx_shm_zone_t             *shm;
    mlsec_limit_table_t        *table;
    unsigned                    counts:1;  /* has a mlsec_limit_conn */
} ngx_mlsec_limit_zone_t;


/* A parameter: text, and its pieces when there is a variable in it. */

typedef struct {
    ngx_str_t                   text;
    ngx_array_t                *pieces;    /* NULL: constant */
} ngx_mlsec_limit_value_t;


/* when= and unless= */

typedef struct {
    ngx_int_t                   index;     /* of the variable */
    ngx_array_t                 words;     /* ngx_str_t */
    ngx_uint_t                  unless;
} ngx_mlsec_limit_when_t;


/* What of a limit may differ from request to request. */

typedef struct {
    mlsec_gcra_t                gcra;      /* of MLSEC_LIMIT_RATE */
    mlsec_quota_t               quota;     /* of MLSEC_LIMIT_QUOTA */
    uint64_t                    cost;
} ngx_mlsec_limit_terms_t;


typedef struct {
    ngx_mlsec_limit_zone_t     *zone;
    ngx_str_t                   name;
    uint32_t                    policy;
    mlsec_limit_kind_e          kind;

    ngx_mlsec_limit_value_t     rate;      /* or quota */
    ngx_mlsec_limit_value_t     burst;
    ngx_mlsec_limit_value_t     cost;
    ngx_mlsec_limit_terms_t     terms;     /* of those that are constant */
    ngx_mlsec_limit_when_t     *when;      /* NULL: for every request */
    uint64_t                    max;       /* of mlsec_limit_conn */

    ngx_array_t                *count;     /* statuses; NULL: all requests */
    ngx_str_t                   change;    /* what to change, for people */
    ngx_str_t                   header;    /* RateLimit-Policy; empty: it is
                                              not the same each time */
    ngx_mlsec_series_t         *metrics;   /* NULL: nobody counts */
    ngx_mlsec_conf_place_t      place;
    unsigned                    constant:1;    /* terms are complete */
    unsigned                    off:1;         /* for every request */
    unsigned                    dry:1;
} ngx_mlsec_limit_t;


/* mlsec_limit_sync */

typedef struct {
    uint64_t                    share;     /* of MLSEC_LEASE_WHOLE */
    ngx_msec_t                  every;     /* 0: the store is always asked */
    ngx_msec_t                  timeout;
    ngx_uint_t                  fail;      /* NGX_MLSEC_LIMIT_FAIL_* */
    unsigned                    off:1;
} ngx_mlsec_limit_sync_t;


/* What gateways share their limits through; redis is NULL if they do not. */

typedef struct {
    ngx_mlsec_redis_t          *redis;
    ngx_str_t                   name;      /* of the client */
    ngx_str_t                   prefix;    /* of keys */
    uint64_t                    nodes;     /* as long as it is not known */
    ngx_msec_t                  timeout;   /* the longest of all */
    ngx_shm_zone_t             *shm;
    mlsec_sync_t               *sync;
    unsigned                    set:1;     /* by a directive */
} ngx_mlsec_limit_store_t;


typedef struct {
    ngx_array_t                 zones;     /* ngx_mlsec_limit_zone_t * */
    ngx_array_t                 limits;    /* ngx_mlsec_limit_t *, all */
    ngx_mlsec_limit_store_t     store;
} ngx_mlsec_limit_main_conf_t;


typedef struct {
    ngx_array_t                *limits;    /* ngx_mlsec_limit_t *; NULL: not
                                            * set; empty: "off" */
    ngx_uint_t                  headers;
    ngx_uint_t                  off;       /* 1: "off" was written here */
    unsigned                    by_address:1;    /* has limits that may apply */
    unsigned                    by_key:1;        /* the same */
    ngx_uint_t                  status;    /* 1: mlsec_limit_status */
    const ngx_mlsec_limit_sync_t  *sync;   /* NULL: not set */
    ngx_mlsec_conf_place_t      place;
} ngx_mlsec_limit_loc_conf_t;


/* Who decides about an item. */

typedef enum {
    NGX_MLSEC_LIMIT_HERE = 0,              /* this gateway: its own zone, or
                                            * its part of a shared limit */
    NGX_MLSEC_LIMIT_LEASE,                 /* a lease, and then the store */
    NGX_MLSEC_LIMIT_STORE,                 /* the store, each time */
    NGX_MLSEC_LIMIT_NOBODY                 /* out of reach: it does not count,
                                            * or it refuses (closed) */
} ngx_mlsec_limit_who_e;


/* One limit at work on a request. */

typedef struct {
    const ngx_mlsec_limit_t    *limit;
    const ngx_mlsec_limit_sync_t  *sync;   /* NULL: not shared */
    ngx_str_t                   key;       /* as key= says */
    mlsec_limit_id_t            id;
    mlsec_limit_entry_t        *entry;
    ngx_mlsec_limit_terms_t     terms;
    mlsec_lease_t               lease;
    mlsec_gcra_state_t          state;
    mlsec_lease_due_e           due;       /* what was used of the lease */
    ngx_mlsec_limit_who_e       who;
    mlsec_sync_how_e            how;       /* of one that is shared */
    unsigned                    taken:1;
    unsigned                    leased:1;  /* also from the lease */
    unsigned                    asks:1;    /* the store has to say */
    unsigned                    later:1;   /* at the end, by status */
    unsigned                    refused:1;
    unsigned                    closed:1;  /* refused for want of a store */
} ngx_mlsec_limit_item_t;


/* A request that waits for the store, in a batch of this worker. */

typedef struct ngx_mlsec_limit_batch_s  ngx_mlsec_limit_batch_t;

typedef enum {
    NGX_MLSEC_LIMIT_IDLE = 0,
    NGX_MLSEC_LIMIT_WAITING,
    NGX_MLSEC_LIMIT_ANSWERED,
    NGX_MLSEC_LIMIT_LATE                   /* no answer, or not in time */
} ngx_mlsec_limit_wait_e;

typedef struct {
    ngx_http_request_t         *request;
    ngx_mlsec_limit_batch_t    *batch;     /* NULL: in none */
    ngx_uint_t                  first;     /* its first question there */
    ngx_uint_t                  n;         /* of them */
    ngx_uint_t                  since;     /* the first item */
    ngx_event_t                 timer;
    ngx_mlsec_limit_wait_e      state;
    ngx_mlsec_limit_batch_t    *late;      /* NULL, or: to be told what was
                                            * decided without its answer */
    uint64_t                    serial;    /* of late */
} ngx_mlsec_limit_waiter_t;


/* The headers of an answer. */

typedef struct {
    ngx_table_elt_t            *policy;
    ngx_table_elt_t            *limit;
    ngx_table_elt_t            *legacy[3];
    ngx_table_elt_t            *retry;
    unsigned                    anew:1;    /* nginx has thrown others away */
} ngx_mlsec_limit_headers_t;


typedef struct {
    ngx_mlsec_limit_item_t     *items[NGX_MLSEC_LIMIT_ITEMS];
    ngx_uint_t                  nitems;
    const ngx_mlsec_limit_item_t  *strictest;
    const ngx_mlsec_limit_item_t  *told;   /* what the headers say */
    ngx_mlsec_limit_headers_t   headers;
    ngx_mlsec_limit_waiter_t    waiter;
    unsigned                    refused:1;
} ngx_mlsec_limit_ctx_t;


/* setter of mlsec_limit */
char *ngx_mlsec_limit_rate_line(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* setter of mlsec_limit_conn */
char *ngx_mlsec_limit_conn_line(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* The name of the directive that a limit is of. */
const char *ngx_mlsec_limit_directive(const ngx_mlsec_limit_t *limit);

/*
 * Reads when= or unless= into limit->when.
 *
 * NGX_OK; NGX_DECLINED: arg is neither; NGX_ERROR after an [emerg].
 */
ngx_int_t ngx_mlsec_limit_when(ngx_conf_t *cf, ngx_mlsec_limit_t *limit,
    ngx_str_t *arg);

/*
 * Whether a limit is for a request, by its when= or unless=: 1 or 0.
 */
ngx_uint_t ngx_mlsec_limit_applies(ngx_http_request_t *r,
    const ngx_mlsec_limit_when_t *when);

/*
 * The text of a limit's rate or quota for a request.
 *
 * NGX_OK; NGX_DECLINED: the limit does not apply ("off" or nothing);
 * NGX_ERROR: no memory.
 */
ngx_int_t ngx_mlsec_limit_rate_of(ngx_http_request_t *r,
    const ngx_mlsec_limit_t *limit, ngx_str_t *rate);

/*
 * Works out burst and cost of a limit from the variables in them, and all of
 * its terms.
 *
 * rate: of ngx_mlsec_limit_rate_of().
 *
 * NGX_OK with *terms; NGX_DECLINED: the limit does not apply; NGX_ERROR: a
 * value is none, which is logged.
 */
ngx_int_t ngx_mlsec_limit_terms(ngx_http_request_t *r,
    const ngx_mlsec_limit_t *limit, const ngx_str_t *rate,
    ngx_mlsec_limit_terms_t *terms);

/*
 * Turns texts into terms.
 *
 * NGX_OK; NGX_DECLINED: "off"; NGX_ERROR with *what: the parameter that is
 * none.
 */
ngx_int_t ngx_mlsec_limit_terms_read(const ngx_mlsec_limit_t *limit,
    const ngx_str_t values[3], ngx_mlsec_limit_terms_t *terms,
    const char **what);

/*
 * The key of a zone for a request: an IPv4 address, the first 64 bits of an
 * IPv6 address, or the value of key=.
 *
 * NGX_OK; NGX_DECLINED: empty, the limit does not apply; NGX_ERROR: no
 * memory.
 */
ngx_int_t ngx_mlsec_limit_key_of(ngx_http_request_t *r,
    const ngx_mlsec_limit_zone_t *zone, ngx_str_t *key);

/* $mlsec_client_net: what key=address counts, as text. */
ngx_int_t ngx_mlsec_limit_client_net(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);

/* setter of mlsec_limit_sync */
char *ngx_mlsec_limit_sync_line(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* setter of mlsec_limit_store */
char *ngx_mlsec_limit_store_line(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* Whether limits are shared at all. */
ngx_uint_t ngx_mlsec_limit_shared(const ngx_mlsec_limit_main_conf_t *mcf);

/*
 * Decides the items from "first" on: all or nothing.  Those that ask are to
 * be decided by the store.
 *
 * NULL: admitted so far; else the item that refuses for the longest.
 */
ngx_mlsec_limit_item_t *ngx_mlsec_limit_decide(ngx_http_request_t *r,
    ngx_mlsec_limit_ctx_t *ctx, ngx_uint_t first);

/* Whether an item would be admitted: MLSEC_OK or MLSEC_DECLINED. */
int ngx_mlsec_limit_look(ngx_mlsec_limit_item_t *item, uint64_t now);

/* Takes an item's units; MLSEC_NOMEM: its zone is full, it is admitted. */
int ngx_mlsec_limit_take(ngx_mlsec_limit_item_t *item,
    mlsec_limit_clock_t *clock);

/* Gives back what items have taken, from "first" to before "last". */
void ngx_mlsec_limit_give_back(ngx_mlsec_limit_ctx_t *ctx, ngx_uint_t first,
    ngx_uint_t last);

/* Notes that an item refuses. */
void ngx_mlsec_limit_note(ngx_http_request_t *r,
    ngx_mlsec_limit_item_t *item);

/* Makes the clock that the table of a zone wants. */
void ngx_mlsec_limit_clock(mlsec_limit_clock_t *clock);

/*
 * The way of an item: who decides it, with which terms and lease.  To be
 * called when its terms are known.
 */
void ngx_mlsec_limit_way(ngx_http_request_t *r,
    ngx_mlsec_limit_item_t *item);

/* The generation of an item's lease, as it is now. */
void ngx_mlsec_limit_generation(const ngx_mlsec_limit_main_conf_t *mcf,
    ngx_mlsec_limit_item_t *item);

/*
 * The store has not answered: what is to be done instead, by "fail=".  What
 * the item has taken is given back.
 */
void ngx_mlsec_limit_way_back(const ngx_mlsec_limit_main_conf_t *mcf,
    ngx_mlsec_limit_item_t *item);

/*
 * Has what was used of an item's limit told to the store: at the next turn,
 * or at once.
 */
void ngx_mlsec_limit_sync_tell(const ngx_mlsec_limit_main_conf_t *mcf,
    const ngx_mlsec_limit_item_t *item, mlsec_lease_due_e due);

/*
 * Asks the store for the items from "first" on that ask.  Their "refused" is
 * set when the answer is there.
 *
 * NGX_OK: the waiter is told by ngx_mlsec_limit_wait_done(); NGX_DECLINED:
 * too many are on their way.
 */
ngx_int_t ngx_mlsec_limit_sync_ask(const ngx_mlsec_limit_main_conf_t *mcf,
    ngx_mlsec_limit_ctx_t *ctx, ngx_uint_t first);

/* The waiter does not wait any more. */
void ngx_mlsec_limit_sync_forget(ngx_mlsec_limit_waiter_t *waiter);

/*
 * What has become of a request that has not waited for the answer, which may
 * still come.  refused: 1 or 0.
 *
 * 1: the question is on its way, and what it does there is put right when the
 * answer comes.  0: nobody was asked, nobody knows of the request.
 */
ngx_uint_t ngx_mlsec_limit_sync_decided(ngx_mlsec_limit_waiter_t *waiter,
    ngx_uint_t refused);

/* A worker begins: heartbeats.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_mlsec_limit_sync_begin(ngx_cycle_t *cycle,
    ngx_mlsec_limit_main_conf_t *mcf);

/*
 * Suspends a request until the store has answered, or not in time.
 *
 * NGX_AGAIN: to be returned from the phase, whose handler is called again;
 * NGX_DECLINED: the store cannot be asked; NGX_ERROR: the connection fails.
 */
ngx_int_t ngx_mlsec_limit_wait(ngx_http_request_t *r,
    ngx_mlsec_limit_ctx_t *ctx, ngx_uint_t first);

/* Ends the waiting, from an event.  The request may be gone afterwards. */
void ngx_mlsec_limit_wait_done(ngx_mlsec_limit_waiter_t *waiter,
    ngx_mlsec_limit_wait_e state);

/* Ends it without going on: the request ends. */
void ngx_mlsec_limit_wait_cancel(ngx_mlsec_limit_waiter_t *waiter);

/* ngx_mlsec_limit_metrics.c: series of all limits.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_mlsec_limit_metrics(ngx_conf_t *cf);

/* What has become of an item. */
void ngx_mlsec_limit_metrics_count(const ngx_mlsec_limit_item_t *item);

/*
 * What RateLimit-Policy says of a limit with these terms.
 *
 * NGX_OK with *text in the pool, or NGX_ERROR.
 */
ngx_int_t ngx_mlsec_limit_policy_header(ngx_pool_t *pool,
    const ngx_mlsec_limit_t *limit, const ngx_mlsec_limit_terms_t *terms,
    ngx_str_t *text);

/* Tells the client where it stands; NGX_OK or NGX_ERROR. */
ngx_int_t ngx_mlsec_limit_tell(ngx_http_request_t *r,
    ngx_mlsec_limit_ctx_t *ctx);

/* Retry-After and the envelope of a refusal; the status to return. */
ngx_int_t ngx_mlsec_limit_refuse(ngx_http_request_t *r,
    ngx_mlsec_limit_ctx_t *ctx, const ngx_mlsec_limit_item_t *item);

/* The same of fail=closed. */
ngx_int_t ngx_mlsec_limit_unavailable(ngx_http_request_t *r,
    ngx_mlsec_limit_ctx_t *ctx, const ngx_mlsec_limit_item_t *item);

/* Units of an item at once, for people and headers. */
uint64_t ngx_mlsec_limit_quantity(const ngx_mlsec_limit_item_t *item);

/* content handler of mlsec_limit_status */
ngx_int_t ngx_mlsec_limit_status_handler(ngx_http_request_t *r);

/* Nanoseconds of a clock that nobody sets. */
uint64_t ngx_mlsec_limit_now(void);


#endif /* _NGX_MLSEC_LIMIT_CONF_H_INCLUDED_ */
