/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What is taken for a URL has a host or a path within bounds.  The same bytes
 * as parts of a key: different parts never make the same key.
 */


#include "fuzz.h"
#include <lib/redis/mlsec_redis.h>
#include <lib/redis/mlsec_redis_url.h>


/* The inverse of mlsec_redis_key_part(). */

static size_t
fuzz_decode(const unsigned char *key, size_t len, unsigned char *part)
{
    size_t    i, n;
    unsigned  byte;

    n = 0;

    for (i = 0; i < len; i++) {
        fuzz_assert(key[i] != ':' && key[i] != '{' && key[i] != '}'
                    && key[i] > ' ' && key[i] < 0x7f);

        if (key[i] != '%') {
            part[n++] = key[i];
            continue;
        }

        fuzz_assert(len - i >= 3);
        fuzz_assert(sscanf((const char *) key + i + 1, "%2X", &byte) == 1);
        part[n++] = (unsigned char) byte;
        i += 2;
    }

    return n;
}


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    size_t              len;
    const char         *what;
    mlsec_mem_t         mem;
    mlsec_str_t         text;
    fuzz_arena_t        arena = { .n = 0 };
    unsigned char      *key, *part;
    mlsec_redis_url_t   url;

    mem.alloc = fuzz_alloc;
    mem.ctx = &arena;

    text.data = data;
    text.len = size;

    what = NULL;

    if (mlsec_redis_url(text, &mem, &url, &what) == MLSEC_OK) {
        fuzz_assert(url.host.len > 0 && url.db <= MLSEC_REDIS_DB_MAX);
        fuzz_assert(url.port <= 65535);
        fuzz_assert(url.user.len + url.password.len < size);

        if (url.port == 0) {
            fuzz_assert(url.host.data[0] == '/'
                        && url.host.len <= MLSEC_REDIS_PATH_MAX);

        } else {
            fuzz_assert(memchr(url.host.data, '/', url.host.len) == NULL);
        }

    } else {
        fuzz_assert(what != NULL);
    }

    fuzz_free(&arena);

    key = malloc(3 * size + 1);
    part = malloc(size + 1);
    fuzz_assert(key != NULL && part != NULL);

    len = (size_t) (mlsec_redis_key_part(key, text) - key);
    key[len] = '\0';

    fuzz_assert(len <= 3 * size);
    fuzz_assert(fuzz_decode(key, len, part) == size);
    fuzz_assert(size == 0 || memcmp(part, data, size) == 0);

    free(key);
    free(part);

    return 0;
}
