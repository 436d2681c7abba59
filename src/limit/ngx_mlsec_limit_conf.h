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
#include <lib/mlsec_limit_table.h>
#include <lib/mlsec_rate.h>
#include <limit/ngx_mlsec_limit.h>


#define NGX_MLSEC_LIMIT_MAX       8        /* limits of a location */
#define NGX_MLSEC_LIMIT_ITEMS     16       /* of a request, with redirects */

#define NGX_MLSEC_LIMIT_HEADERS_OFF     0
#define NGX_MLSEC_LIMIT_HEADERS_DRAFT   1
#define NGX_MLSEC_LIMIT_HEADERS_LEGACY  2
#define NGX_MLSEC_LIMIT_HEADERS_BOTH    3


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
    uint64_t                    max;       /* of mlsec_limit_conn */

    ngx_array_t                *count;     /* statuses; NULL: all requests */
    ngx_str_t                   change;    /* what to change, for people */
    ngx_mlsec_conf_place_t      place;
    unsigned                    constant:1;    /* terms are complete */
    unsigned                    off:1;         /* for every request */
    unsigned                    dry:1;
} ngx_mlsec_limit_t;


typedef struct {
    ngx_array_t                 zones;     /* ngx_mlsec_limit_zone_t * */
    ngx_array_t                 limits;    /* ngx_mlsec_limit_t *, all */
} ngx_mlsec_limit_main_conf_t;


typedef struct {
    ngx_array_t                *limits;    /* ngx_mlsec_limit_t *; NULL: not
                                            * set; empty: "off" */
    ngx_uint_t                  headers;
    ngx_uint_t                  off;       /* 1: "off" was written here */
    unsigned                    by_address:1;    /* has limits that may apply */
    unsigned                    by_key:1;        /* the same */
    ngx_uint_t                  status;    /* 1: mlsec_limit_status */
    ngx_mlsec_conf_place_t      place;
} ngx_mlsec_limit_loc_conf_t;


/* One limit at work on a request. */

typedef struct {
    const ngx_mlsec_limit_t    *limit;
    mlsec_limit_id_t            id;
    mlsec_limit_entry_t        *entry;
    ngx_mlsec_limit_terms_t     terms;
    mlsec_gcra_state_t          state;
    unsigned                    taken:1;
    unsigned                    later:1;   /* at the end, by status */
    unsigned                    refused:1;
} ngx_mlsec_limit_item_t;


/* The headers of an answer. */

typedef struct {
    ngx_table_elt_t            *policy;
    ngx_table_elt_t            *limit;
    ngx_table_elt_t            *legacy[3];
} ngx_mlsec_limit_headers_t;


typedef struct {
    ngx_mlsec_limit_item_t     *items[NGX_MLSEC_LIMIT_ITEMS];
    ngx_uint_t                  nitems;
    const ngx_mlsec_limit_item_t  *strictest;
    ngx_mlsec_limit_headers_t   headers;
    unsigned                    refused:1;
} ngx_mlsec_limit_ctx_t;


/* setter of mlsec_limit */
char *ngx_mlsec_limit_rate_line(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* setter of mlsec_limit_conn */
char *ngx_mlsec_limit_conn_line(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

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

/* Tells the client where it stands; NGX_OK or NGX_ERROR. */
ngx_int_t ngx_mlsec_limit_tell(ngx_http_request_t *r,
    ngx_mlsec_limit_ctx_t *ctx);

/* The envelope of a refusal; the status to return. */
ngx_int_t ngx_mlsec_limit_refuse(ngx_http_request_t *r,
    const ngx_mlsec_limit_item_t *item);

/* Units of an item at once, for people and headers. */
uint64_t ngx_mlsec_limit_quantity(const ngx_mlsec_limit_item_t *item);

/* content handler of mlsec_limit_status */
ngx_int_t ngx_mlsec_limit_status_handler(ngx_http_request_t *r);

/* Nanoseconds of a clock that nobody sets. */
uint64_t ngx_mlsec_limit_now(void);


#endif /* _NGX_MLSEC_LIMIT_CONF_H_INCLUDED_ */
