/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What a token costs, next to the bare signature check of OpenSSL with a key
 * that is prepared, and next to libjwt, which reads the key each time.
 * Microseconds of CPU, the best of five rounds.
 *
 *   gcc -O2 -D_GNU_SOURCE -Isrc t/unit/bench_auth.c \
 *       $(find src/lib/auth -name '*.c') -ljwt -ljansson -lcrypto -lm
 */


#include "lib/auth/sign.h"
#include <jwt.h>
#include <lib/auth/mlsec_jwt.h>


#define ROUNDS  5
#define TIMES   2000


static token_t           token;
static mlsec_jwk_set_t  *set;
static mlsec_str_t       pem;
static unsigned char     memory[65536];
static size_t            used;


static void *
get(void *ctx, size_t size)
{
    void  *p;

    (void) ctx;
    p = memory + used;
    used += (size + 15) & ~(size_t) 15;

    return p;
}


static void
bare(void)
{
    size_t                len;
    unsigned char         sig[512];
    mlsec_str_t           text;
    const unsigned char  *dot;
    mlsec_jwk_t          *key;

    key = &set->key[0];
    dot = memrchr(token.text, '.', token.len);
    text.data = dot + 1;
    text.len = (size_t) ((unsigned char *) token.text + token.len - dot - 1);
    mlsec_base64url_decode(sig, &len, text);

    if (!mlsec_jwk_verify(set, key, (key->algs & 1) ? MLSEC_ALG_RS256
                                                    : MLSEC_ALG_ES256,
                          (mlsec_str_t) { (void *) token.text,
                                          (size_t) (dot - (unsigned char *)
                                                    token.text) },
                          (mlsec_str_t) { sig, len }))
    {
        abort();
    }
}


static void
whole(void)
{
    size_t              which;
    mlsec_jws_t         jws;
    mlsec_jwt_t         jwt;
    mlsec_mem_t         mem;
    mlsec_jwt_policy_t  policy;

    memset(&policy, 0, sizeof(policy));
    mem.alloc = get;
    mem.ctx = NULL;
    used = 0;

    if (mlsec_jws_open(&jws, token_str(&token), 0, &mem) != MLSEC_REASON_OK
        || mlsec_jws_verify(&jws, (const mlsec_jwk_set_t *const *) &set, 1,
                            MLSEC_ALG_DEFAULT, &which)
           != MLSEC_REASON_OK
        || mlsec_jwt_read(&jwt, &jws, &mem) != MLSEC_REASON_OK
        || mlsec_jwt_check(&jwt, &policy, 1700000000,
                           (mlsec_str_t) { NULL, 0 })
           != MLSEC_REASON_OK)
    {
        abort();
    }

    mlsec_jwt_close(&jwt);
    mlsec_jws_close(&jws);
}


static void
cached(void)
{
    unsigned char  digest[32];
    mlsec_jwt_t    jwt;

    EVP_Digest(token.text, token.len, digest, NULL, EVP_sha256(), NULL);
    mlsec_jwt_read_text(&jwt, tap_str("{\"aud\":\"api\",\"exp\":1700000600,"
                                      "\"iss\":\"https://a\",\"roles\":"
                                      "[\"viewer\"],\"sub\":\"ann\"}"));
    mlsec_jwt_close(&jwt);
}


static void
libjwt(void)
{
    jwt_t  *jwt;

    if (jwt_decode(&jwt, token.text, pem.data, (int) pem.len + 1) != 0) {
        abort();
    }

    jwt_free(jwt);
}


static double
best(void (*run)(void))
{
    int              i, n;
    double           time, least;
    struct timespec  a, b;

    least = 1e9;

    for (i = 0; i < ROUNDS; i++) {
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);

        for (n = 0; n < TIMES; n++) {
            run();
        }

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
        time = ((double) (b.tv_sec - a.tv_sec) * 1e6
                + (double) (b.tv_nsec - a.tv_nsec) / 1e3) / TIMES;
        least = time < least ? time : least;
    }

    return least;
}


int
main(void)
{
    int          i;
    double       b, w, l;
    EVP_PKEY    *pkey;
    const char  *why;

    for (i = 0; i < 2; i++) {
        pkey = i ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048);
        pem = sign_pem(pkey);
        mlsec_jwk_set_parse(pem, 0, &set, &why);
        token_start(&token, tap_str(i ? "{\"alg\":\"ES256\"}"
                                      : "{\"alg\":\"RS256\"}"),
                    tap_str("{\"aud\":\"api\",\"exp\":1700000600,\"iss\":"
                            "\"https://a\",\"roles\":[\"viewer\"],"
                            "\"sub\":\"ann\"}"));
        token_sign(&token, pkey, "SHA256", 0);

        b = best(bare);
        w = best(whole);
        l = best(libjwt);
        printf("%s: bare %.1f us, token %.1f us (%.2fx), libjwt %.1f us "
               "(%.1fx), known token %.1f us\n", i ? "ES256" : "RS256", b, w,
               w / b, l, l / w, best(cached));

        mlsec_jwk_set_free(set);
        EVP_PKEY_free(pkey);
    }

    return 0;
}
