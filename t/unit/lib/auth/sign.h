/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Tokens for tests, made by OpenSSL alone: any header and any payload, signed
 * as they stand.
 */


#ifndef _SIGN_H_INCLUDED_
#define _SIGN_H_INCLUDED_


#include "../tap.h"
#include <lib/auth/mlsec_base64url.h>
#include <lib/auth/mlsec_jwk.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>


typedef struct {
    char    text[70000];
    size_t  len;
} token_t;


static inline void
token_put(token_t *t, const void *bytes, size_t len)
{
    t->len += mlsec_base64url_encode((unsigned char *) t->text + t->len,
                              (mlsec_str_t) { (const void *) bytes, len });
    t->text[t->len] = '\0';
}


static inline mlsec_str_t
token_str(const token_t *t)
{
    return (mlsec_str_t) { (const unsigned char *) t->text, t->len };
}


/* header.payload, without signature */

static inline void
token_start(token_t *t, mlsec_str_t header, mlsec_str_t payload)
{
    t->len = 0;
    token_put(t, header.data, header.len);
    t->text[t->len++] = '.';
    token_put(t, payload.data, payload.len);
}


/* DER to r and s */

static inline size_t
sign_raw(unsigned char *sig, size_t len, int size)
{
    ECDSA_SIG            *pair;
    const unsigned char  *p;

    p = sig;
    pair = d2i_ECDSA_SIG(NULL, &p, (long) len);
    BN_bn2binpad(ECDSA_SIG_get0_r(pair), sig, size);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), sig + size, size);
    ECDSA_SIG_free(pair);

    return 2 * (size_t) size;
}


static inline void
token_sign(token_t *t, EVP_PKEY *pkey, const char *md, int pss)
{
    size_t          len;
    EVP_MD_CTX     *ctx;
    EVP_PKEY_CTX   *pctx;
    unsigned char   sig[2048];

    ctx = EVP_MD_CTX_new();
    len = sizeof(sig);

    EVP_DigestSignInit_ex(ctx, &pctx, md, NULL, NULL, pkey, NULL);

    if (pss) {
        EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING);
        EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST);
    }

    if (EVP_DigestSign(ctx, sig, &len, (const void *) t->text, t->len) != 1) {
        abort();
    }

    if (EVP_PKEY_is_a(pkey, "EC")) {
        len = sign_raw(sig, len, (EVP_PKEY_get_bits(pkey) + 7) / 8);
    }

    t->text[t->len++] = '.';
    token_put(t, sig, len);
    EVP_MD_CTX_free(ctx);
}


static inline void
token_hmac(token_t *t, const char *md, const void *key, size_t key_len)
{
    unsigned       len;
    unsigned char  mac[64];

    HMAC(EVP_get_digestbyname(md), key, (int) key_len,
         (const void *) t->text, t->len, mac, &len);

    t->text[t->len++] = '.';
    token_put(t, mac, len);
}


/* Texts that are made below live as long as the next 15. */

static inline token_t *
sign_text(void)
{
    static token_t   pool[16];
    static unsigned  n;

    return &pool[n++ % 16];
}


/* The public half in PEM. */

static inline mlsec_str_t
sign_pem(EVP_PKEY *pkey)
{
    BIO      *bio;
    char     *p;
    long      len;
    token_t  *t;

    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(bio, pkey);
    len = BIO_get_mem_data(bio, &p);
    t = sign_text();
    t->len = (size_t) len;
    memcpy(t->text, p, t->len);
    t->text[t->len] = '\0';
    BIO_free(bio);

    return token_str(t);
}


/* The public half as a JWK with further members ("\"kid\":\"1\","). */

static inline mlsec_str_t
sign_jwk(EVP_PKEY *pkey, const char *more)
{
    size_t          i, len;
    BIGNUM         *bn;
    token_t        *t;
    const char     *curve;
    unsigned char   raw[1100];

    t = sign_text();

    const struct { const char *type, *name, *param; } parts[] = {
        { "RSA", "n", OSSL_PKEY_PARAM_RSA_N },
        { "RSA", "e", OSSL_PKEY_PARAM_RSA_E },
        { "EC", "x", OSSL_PKEY_PARAM_EC_PUB_X },
        { "EC", "y", OSSL_PKEY_PARAM_EC_PUB_Y }
    };

    curve = EVP_PKEY_get_bits(pkey) == 256 ? "P-256"
            : EVP_PKEY_get_bits(pkey) == 384 ? "P-384" : "P-521";

    t->len = (size_t) sprintf(t->text, "{%s", more);

    if (EVP_PKEY_is_a(pkey, "ED25519")) {
        len = sizeof(raw);
        EVP_PKEY_get_raw_public_key(pkey, raw, &len);
        t->len += (size_t) sprintf(t->text + t->len, "\"kty\":\"OKP\","
                                   "\"crv\":\"Ed25519\",\"x\":\"");
        token_put(t, raw, len);
        t->len += (size_t) sprintf(t->text + t->len, "\"}");

        return token_str(t);
    }

    t->len += (size_t) sprintf(t->text + t->len, "\"kty\":\"%s\"",
                               EVP_PKEY_is_a(pkey, "EC") ? "EC" : "RSA");

    if (EVP_PKEY_is_a(pkey, "EC")) {
        t->len += (size_t) sprintf(t->text + t->len, ",\"crv\":\"%s\"",
                                   curve);
    }

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {

        if (!EVP_PKEY_is_a(pkey, parts[i].type)) {
            continue;
        }

        bn = NULL;
        EVP_PKEY_get_bn_param(pkey, parts[i].param, &bn);
        len = EVP_PKEY_is_a(pkey, "EC")
              ? ((size_t) EVP_PKEY_get_bits(pkey) + 7) / 8
              : (size_t) BN_num_bytes(bn);
        BN_bn2binpad(bn, raw, (int) len);
        BN_free(bn);

        t->len += (size_t) sprintf(t->text + t->len, ",\"%s\":\"",
                                   parts[i].name);
        token_put(t, raw, len);
        t->len += (size_t) sprintf(t->text + t->len, "\"");
    }

    t->len += (size_t) sprintf(t->text + t->len, "}");

    return token_str(t);
}


#endif /* _SIGN_H_INCLUDED_ */
