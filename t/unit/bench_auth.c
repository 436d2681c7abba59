/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What a token costs, next to the bare signature check of OpenSSL with a key
 * that is prepared, and next to libjwt, which reads the key each time.
 * Microseconds of CPU, the best of forty rounds.
 *
 *   gcc -O2 -D_GNU_SOURCE -Isrc -It/unit t/unit/bench_auth.c \
 *       $(find src/lib -name '*.c') -lhiredis -ljwt -ljansson -lcrypto \
 *       -lpcre2-8 -lm
 *
 * bench/auth does that.
 */


#include "lib/auth/sign.h"
#include <jwt.h>
#include <lib/auth/mlsec_jwt.h>


#define ROUNDS  40
#define TIMES   500


static token_t           token;
static mlsec_jwk_set_t  *set;
static mlsec_str_t       pem;
static unsigned char     memory[65536];
static size_t            used;

static EVP_MD_CTX       *ctx;
static mlsec_str_t       input;
static unsigned char     sig[512];
static size_t            siglen;


static void *
get(void *ctx, size_t size)
{
    void  *p;

    (void) ctx;
    p = memory + used;
    used += (size + 15) & ~(size_t) 15;

    return p;
}


/* EVP_DigestVerify() and nothing else: its arguments are ready. */

static void
bare_start(void)
{
    size_t                len;
    mlsec_str_t           text;
    const unsigned char  *dot;
    ECDSA_SIG            *pair;
    unsigned char         raw[512], *p;

    dot = memrchr(token.text, '.', token.len);
    text.data = dot + 1;
    text.len = (size_t) ((unsigned char *) token.text + token.len - dot - 1);
    mlsec_base64url_decode(raw, &len, text);

    input.data = (const unsigned char *) token.text;
    input.len = (size_t) (dot - (unsigned char *) token.text);
    memcpy(sig, raw, len);
    siglen = len;

    if (len == 64) {
        pair = ECDSA_SIG_new();
        ECDSA_SIG_set0(pair, BN_bin2bn(raw, 32, NULL),
                       BN_bin2bn(raw + 32, 32, NULL));
        p = sig;
        siglen = (size_t) i2d_ECDSA_SIG(pair, &p);
        ECDSA_SIG_free(pair);
    }
}


static void
bare(void)
{
    if (EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, set->key[0].pkey)
        != 1
        || EVP_DigestVerify(ctx, sig, siglen, input.data, input.len) != 1)
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
once(void (*run)(void), int times)
{
    int              n;
    struct timespec  a, b;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);

    for (n = 0; n < times; n++) {
        run();
    }

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);

    return ((double) (b.tv_sec - a.tv_sec) * 1e6
            + (double) (b.tv_nsec - a.tv_nsec) / 1e3) / times;
}


/* In turns, so that a machine that gets slower does so for all of them. */

static void
best(double *least)
{
    int     i, n;
    double  time;

    static const struct {
        void  (*run)(void);
        int     times;
    } all[] = {
        { bare, TIMES }, { whole, TIMES }, { libjwt, TIMES / 20 },
        { cached, TIMES }
    };

    for (i = 0; i < ROUNDS; i++) {
        for (n = 0; n < 4; n++) {
            time = once(all[n].run, all[n].times);
            least[n] = i == 0 || time < least[n] ? time : least[n];
        }
    }
}


int
main(void)
{
    int          i;
    double       us[4];
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

        ctx = EVP_MD_CTX_new();
        bare_start();
        best(us);
        EVP_MD_CTX_free(ctx);
        printf("%s: bare %.2f us, token %.2f us (%.2fx), libjwt %.1f us "
               "(%.1fx), known token %.2f us\n", i ? "ES256" : "RS256", us[0],
               us[1], us[1] / us[0], us[2], us[2] / us[1], us[3]);

        mlsec_jwk_set_free(set);
        EVP_PKEY_free(pkey);
    }

    return 0;
}
