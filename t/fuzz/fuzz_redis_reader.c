/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Whatever a server says: replies are within their bound, each has a
 * meaning, and where the pieces of it were cut makes no difference.
 *
 * The first byte is the size of a piece.
 */


#include "fuzz.h"
#include <lib/redis/mlsec_redis_reader.h>


#define MAX  2048


typedef struct {
    mlsec_redis_error_e  end;
    uint64_t             hash;
    size_t               n;
} fuzz_found_t;


static size_t
fuzz_walk(const mlsec_redis_reply_t *reply, uint64_t *hash, unsigned depth)
{
    size_t  i, size;

    fuzz_assert(depth < 16);
    fuzz_assert(mlsec_redis_classify(reply) < MLSEC_REDIS_ERRORS);

    size = sizeof(mlsec_redis_reply_t) + reply->str.len;
    *hash = (*hash ^ (uint64_t) reply->type) * 0x100000001b3ull;
    *hash = (*hash ^ (uint64_t) reply->integer) * 0x100000001b3ull;

    for (i = 0; i < reply->str.len; i++) {
        *hash = (*hash ^ reply->str.data[i]) * 0x100000001b3ull;
    }

    for (i = 0; i < reply->n; i++) {
        size += fuzz_walk(&reply->element[i], hash, depth + 1);
    }

    return size;
}


static fuzz_found_t
fuzz_read(const unsigned char *data, size_t size, size_t piece)
{
    size_t                 i, n;
    mlsec_mem_t            mem;
    fuzz_found_t           found = { MLSEC_REDIS_OK, 0, 0 };
    fuzz_arena_t           arena = { .n = 0 };
    mlsec_redis_reply_t   *reply;
    mlsec_redis_reader_t   reader;

    mem.alloc = fuzz_alloc;
    mem.ctx = &arena;

    fuzz_assert(mlsec_redis_reader_init(&reader, &mem, MAX) == MLSEC_OK);

    for (i = 0; i < size && found.end == MLSEC_REDIS_OK; i += n) {
        n = size - i < piece ? size - i : piece;
        found.end = mlsec_redis_reader_feed(&reader, data + i, n);

        while (found.end == MLSEC_REDIS_OK) {
            found.end = mlsec_redis_reader_next(&reader, &reply);

            if (found.end != MLSEC_REDIS_OK || reply == NULL) {
                break;
            }

            fuzz_assert(fuzz_walk(reply, &found.hash, 0) <= MAX);
            fuzz_free(&arena);
            found.n++;
        }
    }

    mlsec_redis_reader_free(&reader);
    fuzz_free(&arena);

    return found;
}


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    fuzz_found_t  one, other;

    if (size < 2) {
        return 0;
    }

    one = fuzz_read(data + 1, size - 1, 1 + data[0]);
    other = fuzz_read(data + 1, size - 1, 1);

    /* what waits for its end may be too large, or not, by what has come */

    if (one.end != MLSEC_REDIS_TOO_LARGE && other.end != MLSEC_REDIS_TOO_LARGE)
    {
        fuzz_assert(one.end == other.end);
        fuzz_assert(one.n == other.n && one.hash == other.hash);
    }

    return 0;
}
