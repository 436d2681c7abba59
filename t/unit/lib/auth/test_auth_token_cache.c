/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/auth/mlsec_token_cache.h>


static uint64_t        memory[512 * 1024 / 8];
static unsigned char   payload[MLSEC_TOKEN_CACHE_PAYLOAD];


static void
digest_of(unsigned n, unsigned char *digest)
{
    unsigned  i;

    for (i = 0; i < 32; i++) {
        digest[i] = (unsigned char) (n * 2654435761u >> i % 24)
                    ^ (unsigned char) (n >> 8 * (i % 4));
    }
}


static void
test_one(mlsec_token_cache_t *c)
{
    size_t          len;
    unsigned char   a[32], b[32], big[MLSEC_TOKEN_CACHE_PAYLOAD + 1];

    memset(big, 'x', sizeof(big));
    digest_of(1, a);
    digest_of(2, b);

    tap_is(mlsec_token_cache_get(c, a, 7, 10, payload, &len), MLSEC_DECLINED,
           "empty");
    mlsec_token_cache_put(c, a, 7, 20, tap_lit("{\"a\":1}"));
    tap_is(mlsec_token_cache_get(c, a, 7, 10, payload, &len), MLSEC_OK,
           "known");
    tap_is_str((mlsec_str_t) { payload, len }, tap_lit("{\"a\":1}"),
               "its payload");
    tap_is(mlsec_token_cache_get(c, b, 7, 10, payload, &len), MLSEC_DECLINED,
           "another token");
    tap_is(mlsec_token_cache_get(c, a, 8, 10, payload, &len), MLSEC_DECLINED,
           "other keys");
    tap_is(mlsec_token_cache_get(c, a, 7, 19, payload, &len), MLSEC_OK,
           "not yet over");
    tap_is(mlsec_token_cache_get(c, a, 7, 20, payload, &len), MLSEC_DECLINED,
           "over");

    mlsec_token_cache_put(c, a, 8, 20, tap_lit("{}"));
    tap_is(mlsec_token_cache_get(c, a, 8, 10, payload, &len), MLSEC_OK,
           "newer keys");
    tap_is(mlsec_token_cache_get(c, a, 7, 10, payload, &len), MLSEC_DECLINED,
           "not the older ones any more");

    mlsec_token_cache_put(c, b, 7, 20, (mlsec_str_t) { NULL, 0 });
    tap_is(mlsec_token_cache_get(c, b, 7, 10, payload, &len), MLSEC_INVALID,
           "a bad one");
    tap_is(mlsec_token_cache_get(c, b, 8, 10, payload, &len), MLSEC_DECLINED,
           "bad with those keys only");

    digest_of(3, a);
    mlsec_token_cache_put(c, a, 7, 20, (mlsec_str_t) { big, sizeof(big) });
    tap_is(mlsec_token_cache_get(c, a, 7, 10, payload, &len), MLSEC_DECLINED,
           "too long is not kept");
    mlsec_token_cache_put(c, a, 7, 20, (mlsec_str_t) { big,
                                                       sizeof(big) - 1 });
    tap_is(mlsec_token_cache_get(c, a, 7, 10, payload, &len), MLSEC_OK,
           "as long as may be");
    tap_is((long long) len, MLSEC_TOKEN_CACHE_PAYLOAD, "its length");
}


/* A flood of bad ones, then of good ones. */

static void
test_flood(mlsec_token_cache_t *c)
{
    size_t          len;
    unsigned        i, kept;
    unsigned char   digest[32], mine[32];

    digest_of(1000000, mine);
    mlsec_token_cache_put(c, mine, 7, 20, tap_lit("{\"mine\":1}"));

    for (i = 100; i < 50000; i++) {
        digest_of(i, digest);
        mlsec_token_cache_put(c, digest, 7, 20, (mlsec_str_t) { NULL, 0 });
    }

    tap_is(mlsec_token_cache_get(c, mine, 7, 10, payload, &len), MLSEC_OK,
           "bad ones push out no good one");

    for (i = 100; i < 50000; i++) {
        digest_of(i, digest);
        mlsec_token_cache_put(c, digest, 7, 20, tap_lit("{}"));

        if (i % 2 == 0
            && mlsec_token_cache_get(c, mine, 7, 10, payload, &len)
               != MLSEC_OK)
        {
            break;
        }
    }

    tap_is(i, 50000, "one that is used stays");

    for (i = 100, kept = 0; i < 50000; i++) {
        digest_of(i, digest);
        kept += mlsec_token_cache_get(c, digest, 7, 10, payload, &len)
                == MLSEC_OK;
    }

    tap_ok(kept > 300 && kept < 520, "%u of 512k / 1k are kept", kept);
}


int
main(void)
{
    mlsec_token_cache_t  *c;

    tap_ok(mlsec_token_cache_new(memory, MLSEC_TOKEN_CACHE_MIN - 1) == NULL,
           "too small");
    tap_ok(!mlsec_token_cache_check((void *) memory), "not a cache");

    c = mlsec_token_cache_new(memory, sizeof(memory));
    tap_ok(c != NULL && mlsec_token_cache_check(c), "a cache");

    test_one(c);
    test_flood(c);

    return tap_done();
}
