/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Keys that are fetched: mlsec_jwt_key_uri.
 *
 *   ngx_mlsec_auth_uri.c    the directive
 *   ngx_mlsec_auth_keys.c   the zone, the keys of this worker, the clock
 *   ngx_mlsec_auth_fetch.c  one fetch
 *   ngx_mlsec_auth_wait.c   requests that wait for one
 *
 * What is shared, and when it is time, is in lib/auth/mlsec_key_store.h.
 */


#ifndef _NGX_MLSEC_AUTH_KEYS_H_INCLUDED_
#define _NGX_MLSEC_AUTH_KEYS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <auth/ngx_mlsec_auth.h>
#include <core/ngx_mlsec_conf.h>
#include <core/ngx_mlsec_exchange.h>
#include <lib/auth/mlsec_key_store.h>


#define NGX_MLSEC_KEYS_ADDRESSES  4        /* of a name, that are tried */


/* What a worker does about a URI; its own copy, made by fork(). */

typedef struct {
    const struct ngx_mlsec_keys_uri_s  *uri;

    mlsec_jwk_set_t        *keys;          /* NULL: none yet */
    uint64_t                generation;    /* of them */
    uint64_t                stamp;         /* of them, as of a key file */

    ngx_resolver_ctx_t     *ctx;           /* NULL: nothing is asked */
    ngx_mlsec_exchange_t    exchange;
    ngx_msec_t              deadline;      /* ngx_current_msec */
    ngx_sockaddr_t          address[NGX_MLSEC_KEYS_ADDRESSES];
    socklen_t               socklen[NGX_MLSEC_KEYS_ADDRESSES];
    ngx_uint_t              naddresses;
    ngx_uint_t              tried;         /* of these */
    ngx_str_t               name;          /* of the one that is tried */
    u_char                  text[NGX_SOCKADDR_STRLEN];

    unsigned                fetching:1;    /* this worker is at it */
} ngx_mlsec_keys_live_t;


/* One URI; shared by all locations that name it. */

struct ngx_mlsec_keys_uri_s {
    ngx_str_t               uri;           /* as it was written */
    ngx_str_t               authority;     /* of it */
    ngx_str_t               host;          /* without a port */
    ngx_str_t               request;       /* the bytes of it */
    ngx_addr_t             *addr;          /* NULL: host is a name */
    in_port_t               port;
    mlsec_key_rule_t        rule;
    ngx_msec_t              wait;          /* ms, of a request */
    size_t                  max_size;      /* bytes of a body */
    ngx_str_t               trusted;       /* file of CAs; empty: system's */
    ngx_mlsec_tls_t         tls;
    ngx_resolver_t         *resolver;
    ngx_shm_zone_t         *zone;
    ngx_mlsec_keys_live_t  *live;
    ngx_mlsec_conf_place_t  place;

    unsigned                secure:1;      /* https */
    unsigned                insecure:1;    /* http is meant */
    unsigned                used:1;        /* by a location that asks for
                                              tokens */
};


/* A request that waits; in its pool. */

struct ngx_mlsec_wait_s {
    ngx_queue_t                       queue;
    ngx_http_request_t               *request;
    const ngx_mlsec_auth_loc_conf_t  *lcf;
    ngx_str_t                         token;
    ngx_msec_t                        until;     /* ngx_current_msec */
    uint64_t                          need[NGX_MLSEC_AUTH_SETS];
                                                 /* the fetch that is waited
                                                    for, for each URI */
    uint64_t                          seen[NGX_MLSEC_AUTH_SETS];
                                                 /* generations */
    unsigned                          queued:1;
};


/* The store of a URI, in its zone. */

#define ngx_mlsec_keys_store(u)  ((mlsec_key_store_t *) (u)->zone->data)


/* ngx_mlsec_auth_uri.c */

/* Setter of mlsec_jwt_key_uri. */
char *ngx_mlsec_jwt_key_uri(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * When a location that asks for tokens is merged: what its URIs need for
 * being fetched.
 *
 * NGX_OK or NGX_ERROR after an [emerg].
 */
ngx_int_t ngx_mlsec_keys_prepare(ngx_conf_t *cf, const ngx_array_t *uris);


/* ngx_mlsec_auth_keys.c */

/*
 * Makes the zone of a URI, and what a worker has about it.  NGX_OK or
 * NGX_ERROR.
 */
ngx_int_t ngx_mlsec_keys_zone(ngx_conf_t *cf, ngx_mlsec_keys_uri_t *u);

/* When a worker begins: looks after the URIs from now on. */
void ngx_mlsec_keys_begin(ngx_cycle_t *cycle);

/* When a worker ends: breaks off its fetches, for others to make them. */
void ngx_mlsec_keys_end(ngx_cycle_t *cycle);

/*
 * The keys of a URI, as new as any worker has fetched them.  Good until the
 * worker goes back to its events.
 *
 * NULL: none have ever been fetched, or they are too old.
 */
const mlsec_jwk_set_t *ngx_mlsec_keys_current(const ngx_mlsec_keys_uri_t *u);

/*
 * How long ago the set of a URI was fetched: 1 with *msec, 0 if it never was.
 */
ngx_uint_t ngx_mlsec_keys_age(const ngx_mlsec_keys_uri_t *u, uint64_t *msec);

/*
 * Takes keys over that have been parsed from the current text.
 */
void ngx_mlsec_keys_take(const ngx_mlsec_keys_uri_t *u,
    mlsec_jwk_set_t *keys, uint64_t stamp, uint64_t generation);


/* ngx_mlsec_auth_fetch.c */

/*
 * Fetches if it is time and nobody does.  missed: 1 if a request waits for a
 * key.
 */
void ngx_mlsec_keys_fetch(const ngx_mlsec_keys_uri_t *u, ngx_uint_t missed);

/* Breaks a fetch of this worker off, if there is one. */
void ngx_mlsec_keys_cancel(const ngx_mlsec_keys_uri_t *u);


/* ngx_mlsec_auth_wait.c */

/*
 * When the keys that there are cannot verify a token: whether newer ones may
 * come, for which the request is suspended.
 *
 * ctx: ctx->wait is set or was set before.  token: kept for the next time.
 *
 * NGX_AGAIN: the handler of the phase returns that too and is called again.
 * NGX_DECLINED: these are the keys.  503: there are none, ctx->retry_after is
 * set.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_mlsec_auth_wait(ngx_http_request_t *r,
    const ngx_mlsec_auth_loc_conf_t *lcf, ngx_mlsec_auth_ctx_t *ctx,
    const ngx_str_t *token);

/* Something has been fetched, or has failed: has waiting requests look. */
void ngx_mlsec_auth_wake(void);


/* ngx_mlsec_auth_metrics.c */

/* Has the metrics of fetches told.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_mlsec_auth_metrics(ngx_conf_t *cf);


#endif /* _NGX_MLSEC_AUTH_KEYS_H_INCLUDED_ */
