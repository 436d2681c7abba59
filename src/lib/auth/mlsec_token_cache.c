/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/auth/mlsec_token_cache.h>

#include <string.h>


#define MLSEC_TOKEN_CACHE_MAGIC  0x6d6c736563746b31     /* "mlsectk1" */
#define MLSEC_TOKEN_CACHE_WAYS   4
#define MLSEC_TOKEN_CACHE_BAD    16        /* one byte of so many */


typedef struct {
    unsigned char           digest[32];
    uint64_t                stamp;
    int64_t                 until;         /* seconds; 0: empty */
    uint64_t                used;          /* count of uses of the cache */
} mlsec_token_known_t;


typedef struct {
    mlsec_token_known_t     known;         /* first */
    uint64_t                len;           /* bytes */
    unsigned char           payload[MLSEC_TOKEN_CACHE_PAYLOAD];
} mlsec_token_good_t;


struct mlsec_token_cache_s {
    uint64_t                magic;
    uint64_t                uses;
    uint64_t                ngood;         /* sets */
    uint64_t                nbad;          /* sets */
};


static mlsec_token_known_t *mlsec_token_cache_set(mlsec_token_cache_t *cache,
    const unsigned char *digest, int good, size_t *size);
static mlsec_token_known_t *mlsec_token_cache_find(mlsec_token_cache_t *cache,
    const unsigned char *digest, uint64_t stamp, int64_t now, int good);


mlsec_token_cache_t *
mlsec_token_cache_new(void *memory, size_t size)
{
    size_t                bad;
    mlsec_token_cache_t  *cache;

    if (size < MLSEC_TOKEN_CACHE_MIN) {
        return NULL;
    }

    memset(memory, 0, size);

    cache = memory;
    size -= sizeof(mlsec_token_cache_t);
    bad = size / MLSEC_TOKEN_CACHE_BAD;

    cache->nbad = bad / (MLSEC_TOKEN_CACHE_WAYS
                         * sizeof(mlsec_token_known_t));
    cache->ngood = (size - bad) / (MLSEC_TOKEN_CACHE_WAYS
                                   * sizeof(mlsec_token_good_t));
    cache->magic = MLSEC_TOKEN_CACHE_MAGIC;

    return cache;
}


int
mlsec_token_cache_check(const mlsec_token_cache_t *cache)
{
    return cache->magic == MLSEC_TOKEN_CACHE_MAGIC;
}


/* The digest is as good as random, so any of its bytes choose a set. */

static mlsec_token_known_t *
mlsec_token_cache_set(mlsec_token_cache_t *cache, const unsigned char *digest,
    int good, size_t *size)
{
    uint64_t        n;
    unsigned char  *sets;

    memcpy(&n, digest, sizeof(n));
    sets = (unsigned char *) (cache + 1);
    *size = good ? sizeof(mlsec_token_good_t) : sizeof(mlsec_token_known_t);

    if (good) {
        sets += cache->nbad * MLSEC_TOKEN_CACHE_WAYS
                * sizeof(mlsec_token_known_t);
        n %= cache->ngood;

    } else {
        n %= cache->nbad;
    }

    return (void *) (sets + n * MLSEC_TOKEN_CACHE_WAYS * *size);
}


static mlsec_token_known_t *
mlsec_token_cache_find(mlsec_token_cache_t *cache,
    const unsigned char *digest, uint64_t stamp, int64_t now, int good)
{
    size_t                i, size;
    mlsec_token_known_t  *known;

    known = mlsec_token_cache_set(cache, digest, good, &size);

    for (i = 0; i < MLSEC_TOKEN_CACHE_WAYS; i++) {

        if (known->until > now && known->stamp == stamp
            && memcmp(known->digest, digest, 32) == 0)
        {
            known->used = ++cache->uses;
            return known;
        }

        known = (void *) ((unsigned char *) known + size);
    }

    return NULL;
}


int
mlsec_token_cache_get(mlsec_token_cache_t *cache,
    const unsigned char digest[32], uint64_t stamp, int64_t now,
    unsigned char *payload, size_t *len)
{
    const mlsec_token_good_t  *good;

    good = (void *) mlsec_token_cache_find(cache, digest, stamp, now, 1);

    if (good != NULL) {
        *len = good->len;
        memcpy(payload, good->payload, good->len);
        return MLSEC_OK;
    }

    return mlsec_token_cache_find(cache, digest, stamp, now, 0) != NULL
           ? MLSEC_INVALID : MLSEC_DECLINED;
}


void
mlsec_token_cache_put(mlsec_token_cache_t *cache,
    const unsigned char digest[32], uint64_t stamp, int64_t until,
    mlsec_str_t payload)
{
    int                   good;
    size_t                i, size;
    mlsec_token_good_t   *entry;
    mlsec_token_known_t  *known, *oldest;

    good = payload.data != NULL;

    if (payload.len > MLSEC_TOKEN_CACHE_PAYLOAD) {
        return;
    }

    known = mlsec_token_cache_set(cache, digest, good, &size);
    oldest = known;

    for (i = 0; i < MLSEC_TOKEN_CACHE_WAYS; i++) {

        if (known->used < oldest->used) {
            oldest = known;
        }

        /* the same token under other keys: the newer ones count */

        if (memcmp(known->digest, digest, 32) == 0) {
            oldest = known;
            break;
        }

        known = (void *) ((unsigned char *) known + size);
    }

    memcpy(oldest->digest, digest, 32);
    oldest->stamp = stamp;
    oldest->until = until;
    oldest->used = ++cache->uses;

    if (good) {
        entry = (mlsec_token_good_t *) oldest;
        entry->len = payload.len;
        memcpy(entry->payload, payload.data, payload.len);
    }
}
