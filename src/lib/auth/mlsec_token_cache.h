/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Tokens whose signature has been verified, in memory that workers share.
 *
 * What is kept is only this: the signature over that token, by its SHA-256,
 * fits with those keys and algorithms, which a number stands for; and the
 * payload.  Times, issuer, audience and revocations are looked at again with
 * every request, so an entry never makes a token good that is not.
 *
 * Tokens with a bad signature have a small table of their own: who sends many
 * of them pushes out none of the good ones.
 *
 * Both are sets of four; the one that was used least recently goes.  The
 * caller has the lock.
 */


#ifndef _MLSEC_TOKEN_CACHE_H_INCLUDED_
#define _MLSEC_TOKEN_CACHE_H_INCLUDED_


#include <lib/mlsec_types.h>


#define MLSEC_TOKEN_CACHE_PAYLOAD  960     /* bytes; longer is not kept */
#define MLSEC_TOKEN_CACHE_MIN      32768   /* bytes of memory */


typedef struct mlsec_token_cache_s  mlsec_token_cache_t;


/*
 * Makes an empty cache of memory: size bytes, MLSEC_TOKEN_CACHE_MIN at least,
 * aligned for any object.
 * Returns the cache, which is the memory, or NULL when it is too small.
 */
mlsec_token_cache_t *mlsec_token_cache_new(void *memory, size_t size);

/*
 * Whether memory has been made a cache by this version of the code, 1 or 0.
 */
int mlsec_token_cache_check(const mlsec_token_cache_t *cache);

/*
 * Looks a token up.
 *
 * digest: SHA-256 of its text.  stamp: of keys and algorithms.  now: seconds
 * of any clock that does not go back.
 * payload: MLSEC_TOKEN_CACHE_PAYLOAD bytes that are written to; len: how many.
 *
 * Returns MLSEC_OK: its signature is good.  MLSEC_INVALID: it is bad.
 * MLSEC_DECLINED: unknown.
 */
int mlsec_token_cache_get(mlsec_token_cache_t *cache,
    const unsigned char digest[32], uint64_t stamp, int64_t now,
    unsigned char *payload, size_t *len);

/*
 * Notes a token, until a time.  payload: data is NULL when the signature is
 * bad; one that is too long is not noted.
 */
void mlsec_token_cache_put(mlsec_token_cache_t *cache,
    const unsigned char digest[32], uint64_t stamp, int64_t until,
    mlsec_str_t payload);


#endif /* _MLSEC_TOKEN_CACHE_H_INCLUDED_ */
