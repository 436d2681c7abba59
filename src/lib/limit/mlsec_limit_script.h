/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What limits say to Redis: the scripts, and the arguments that they take.
 * Commands that Redis 5 and Valkey have.
 */


#ifndef _MLSEC_LIMIT_SCRIPT_H_INCLUDED_
#define _MLSEC_LIMIT_SCRIPT_H_INCLUDED_


#include <lib/mlsec_types.h>


/*
 * One batch: keys with what was used of them, then requests to take more.
 *
 * KEYS: one for each limit and whoever it limits.
 * ARGV: for each key what mlsec_script_terms() writes; for each request what
 * mlsec_script_take() and mlsec_script_part() write.
 *
 * The reply: for each key what is owed (a rate: us until its bucket is full,
 * a quota: units taken), for each request 1 or 0.
 */
extern const char  mlsec_script_batch[];

/*
 * A heartbeat.  KEYS[1]: the set of gateways.  ARGV: this one's name, and ms
 * after which one that is silent is dead.  The reply: how many are alive.
 */
extern const char  mlsec_script_beat[];


/* The arguments of a call, in memory of the caller's. */

typedef struct {
    mlsec_str_t      *args;
    size_t            nargs;
    size_t            max;           /* of args */
    unsigned char    *text;          /* where numbers go */
    unsigned char    *end;
    int               full;          /* 1: something had no room */
} mlsec_script_args_t;


/* How many arguments and bytes of text a key, a request, a part of one take */

#define MLSEC_SCRIPT_KEY_ARGS    5
#define MLSEC_SCRIPT_KEY_TEXT    96
#define MLSEC_SCRIPT_TAKE_ARGS   1
#define MLSEC_SCRIPT_TAKE_TEXT   24
#define MLSEC_SCRIPT_PART_ARGS   3
#define MLSEC_SCRIPT_PART_TEXT   48


typedef struct {
    uint64_t    interval;        /* of a rate: ns of a unit; 0: a quota */
    uint64_t    limit;           /* ns until an empty bucket is full; units */
    uint64_t    ttl;             /* of a quota: s that the key is kept */
    int64_t     used;            /* units to charge, regardless; below 0: to
                                  * give back */
} mlsec_script_terms_t;


/*
 * Begins with the number of keys, the keys have to follow:
 * mlsec_script_text() of each, then mlsec_script_terms() of each.
 */
void mlsec_script_begin(mlsec_script_args_t *a, size_t nkeys);

/* An argument as it is; its bytes are not copied. */
void mlsec_script_text(mlsec_script_args_t *a, mlsec_str_t text);

/* An argument that is a whole number, written where numbers go. */
void mlsec_script_number(mlsec_script_args_t *a, int64_t number);

/* What there is to know of a key. */
void mlsec_script_terms(mlsec_script_args_t *a,
    const mlsec_script_terms_t *terms);

/* A request to take of "parts" keys, of all or of none. */
void mlsec_script_take(mlsec_script_args_t *a, size_t parts);

/*
 * One of them.  key: its number, from 0.  charge: 0: it is only looked
 * whether they would be there.
 */
void mlsec_script_part(mlsec_script_args_t *a, size_t key, uint64_t cost,
    int charge);


#endif /* _MLSEC_LIMIT_SCRIPT_H_INCLUDED_ */
