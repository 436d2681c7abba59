/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Replies out of a stream of bytes.  The protocol is hiredis's to read; what
 * it finds is stored by our own functions, so that a reply is memory of the
 * caller's, is bounded, and looks the same whatever the version of hiredis.
 */


#ifndef _MLSEC_REDIS_READER_H_INCLUDED_
#define _MLSEC_REDIS_READER_H_INCLUDED_


#include <lib/redis/mlsec_redis.h>


typedef struct {
    void               *hiredis;     /* redisReader */
    mlsec_mem_t         mem;
    size_t              max;         /* bytes, of a reply */
    size_t              left;        /* of the one that is read */
    unsigned            large:1;     /* it is larger */
    unsigned            foreign:1;   /* it has a type that RESP2 has not */
    unsigned            starved:1;   /* mem had no more */
} mlsec_redis_reader_t;


/*
 * Makes a reader.  mem: for replies; what has come out of it may be given back
 * after mlsec_redis_reader_next() has returned a reply, and before it is called
 * again.  max: bytes of a reply, its texts and its nodes together.
 *
 * MLSEC_OK, or MLSEC_NOMEM.  hiredis allocates by malloc(): the reader has to
 * be freed.
 */
int mlsec_redis_reader_init(mlsec_redis_reader_t *r, const mlsec_mem_t *mem,
    size_t max);

/* Harmless if the reader was never made. */
void mlsec_redis_reader_free(mlsec_redis_reader_t *r);

/*
 * Gives it bytes, in pieces of any size; they are copied.
 *
 * MLSEC_REDIS_OK or MLSEC_REDIS_NOMEM.
 */
mlsec_redis_error_e mlsec_redis_reader_feed(mlsec_redis_reader_t *r,
    const unsigned char *data, size_t len);

/*
 * The next reply.
 *
 * MLSEC_REDIS_OK with *reply in mem; or with NULL when bytes are missing: mem
 * may then hold the part of a reply that goes on with the next bytes.
 * MLSEC_REDIS_PROTOCOL, _TOO_LARGE, _NOMEM: nothing good comes any more, the
 * connection is to be closed.
 */
mlsec_redis_error_e mlsec_redis_reader_next(mlsec_redis_reader_t *r,
    mlsec_redis_reply_t **reply);

/*
 * A copy of a reply in memory of its own.  NULL without memory.
 */
mlsec_redis_reply_t *mlsec_redis_reply_copy(const mlsec_redis_reply_t *reply,
    const mlsec_mem_t *mem);


#endif /* _MLSEC_REDIS_READER_H_INCLUDED_ */
