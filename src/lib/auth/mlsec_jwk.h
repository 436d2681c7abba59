/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Signature algorithms (RFC 7518, 3; RFC 8037) and keys that verify (RFC 7517,
 * 7518, 6; PEM).
 *
 * A key says by itself what it may be used for: its type, its curve and its
 * own "alg" come to a set of algorithms, fixed when it is read.  A token names
 * one algorithm, which counts only if the configuration allows it and the key
 * has it in its set.  So the public half of an RSA key can never become the
 * secret of an HMAC, whatever a token says.
 *
 * Keys are prepared once: each has an EVP_PKEY_CTX for each of its algorithms
 * that is initialised for verifying, and that nothing but the signature is
 * given to later.
 */


#ifndef _MLSEC_JWK_H_INCLUDED_
#define _MLSEC_JWK_H_INCLUDED_


#include <lib/mlsec_types.h>
#include <openssl/evp.h>


#define MLSEC_JWK_MAX_SIZE    (256 * 1024)   /* bytes of a key file */
#define MLSEC_JWK_MAX_KEYS    64
#define MLSEC_JWK_MAX_KID     256            /* bytes */
#define MLSEC_JWK_MAX_SECRET  1024           /* bytes */

#define MLSEC_RSA_MIN_BITS    2048
#define MLSEC_RSA_MAX_BITS    8192
#define MLSEC_RSA_MAX_EFFORT  1024           /* of a set, in cubed kilobits */


typedef enum {
    MLSEC_ALG_RS256 = 0,
    MLSEC_ALG_RS384,
    MLSEC_ALG_RS512,
    MLSEC_ALG_PS256,
    MLSEC_ALG_PS384,
    MLSEC_ALG_PS512,
    MLSEC_ALG_ES256,
    MLSEC_ALG_ES384,
    MLSEC_ALG_ES512,
    MLSEC_ALG_EDDSA,
    MLSEC_ALG_HS256,
    MLSEC_ALG_HS384,
    MLSEC_ALG_HS512,

    MLSEC_ALGS                         /* how many there are */
} mlsec_alg_e;


#define mlsec_alg_bit(alg)    (1u << (alg))

/* RS256, PS256, ES256, EdDSA */

#define MLSEC_ALG_DEFAULT                                                     \
    (mlsec_alg_bit(MLSEC_ALG_RS256) | mlsec_alg_bit(MLSEC_ALG_PS256)          \
     | mlsec_alg_bit(MLSEC_ALG_ES256) | mlsec_alg_bit(MLSEC_ALG_EDDSA))

#define MLSEC_ALG_HMAC                                                        \
    (mlsec_alg_bit(MLSEC_ALG_HS256) | mlsec_alg_bit(MLSEC_ALG_HS384)          \
     | mlsec_alg_bit(MLSEC_ALG_HS512))


typedef struct {
    unsigned              algs;        /* mlsec_alg_bit()s, never 0 */
    unsigned char        *kid;         /* NULL: it has none */
    size_t                kid_len;     /* bytes */
    EVP_PKEY             *pkey;        /* NULL for a secret */
    EVP_PKEY_CTX         *ctx[MLSEC_ALGS];
    unsigned char        *secret;
    size_t                secret_len;  /* bytes */
} mlsec_jwk_t;


typedef struct {
    size_t                n;           /* keys that can be used, 1 at least */
    size_t                skipped;     /* others in the file */
    unsigned              effort;      /* of looking into its RSA keys */
    const char           *why;         /* of the last one skipped, or NULL */
    unsigned              kids:1;      /* some key has a "kid" */
    unsigned              exposed:1;   /* private halves of keys were there,
                                          and were not looked at */
    EVP_MD               *md[3];       /* SHA-256, 384, 512 */
    EVP_MD_CTX           *scratch;
    mlsec_jwk_t           key[MLSEC_JWK_MAX_KEYS];
} mlsec_jwk_set_t;


/* for mlsec_jwk_set_parse(): take keys of type "oct" */

#define MLSEC_JWK_SECRETS  1


/*
 * Returns the algorithm with this very name ("RS256"), or -1.
 */
int mlsec_alg_find(mlsec_str_t name);

/*
 * Returns the name of an algorithm.
 */
const char *mlsec_alg_name(mlsec_alg_e alg);

/*
 * Reads keys: a JWK set, one JWK, or PEM (public keys and certificates, one or
 * more).
 *
 * flags: MLSEC_JWK_SECRETS or 0; without it secrets are skipped, as is right
 * for keys that come over a network.
 * why: a constant phrase for a person, when it fails.
 *
 * Keys for something else (use, key_ops, an alg or a type that is unknown) or
 * too weak are skipped and counted: one bad key does not take the good ones
 * with it.  RSA: 2048 to 8192 bits, an odd exponent of 3 to 2^32, not of
 * the primes of CVE-2017-15361; as many as can be looked into in half a second
 * or so (64 of 2048 bits, 16 of 4096, 2 of 8192): a worker that reads a set
 * does nothing else meanwhile.  EC: P-256, P-384, P-521, a point of the
 * curve.  OKP: Ed25519, not of small order, y below the prime.  oct: at least
 * as long as the hash (RFC 7518, 3.2), and not in a set that has public keys,
 * too.  Public keys may share a kid, secrets for one algorithm may not, even
 * if one of them is left out.
 *
 * Returns MLSEC_OK with *set, to be given back with mlsec_jwk_set_free();
 * MLSEC_INVALID: not a key file within bounds, a private key in PEM, or no key
 * left that can be used; MLSEC_NOMEM.
 */
int mlsec_jwk_set_parse(mlsec_str_t text, unsigned flags,
    mlsec_jwk_set_t **set, const char **why);

/* Frees keys; secrets are wiped.  set: may be NULL. */
void mlsec_jwk_set_free(mlsec_jwk_set_t *set);

/*
 * Verifies one signature.
 * set, key: the key and the set that it is of; alg: one that the key has.
 * input: what was signed; signature: the bytes, for ECDSA r and s (RFC 7518,
 * 3.4).
 * Returns 1 if it fits, else 0.
 */
int mlsec_jwk_verify(const mlsec_jwk_set_t *set, const mlsec_jwk_t *key,
    mlsec_alg_e alg, mlsec_str_t input, mlsec_str_t signature);


/* mlsec_jwk_key.c: one key, for mlsec_jwk_set_parse() */

/*
 * Gives a key what it needs for the algorithms that it has; takes those from
 * it that it is too short for.
 * Returns MLSEC_OK, or MLSEC_INVALID with *why.
 */
int mlsec_jwk_prepare(const mlsec_jwk_set_t *set, mlsec_jwk_t *key,
    const char **why);

struct json_t;

/*
 * Makes an EVP_PKEY of the members of a JWK.
 * Returns NULL with *why for a type that is unknown, or numbers that are no
 * key of it.  The caller frees what it gets.
 */
EVP_PKEY *mlsec_jwk_public(const struct json_t *jwk, const char **why);

/*
 * Returns the algorithms that an EVP_PKEY is for by its type and curve, after
 * the checks that are above; 0 with *why.
 */
unsigned mlsec_jwk_algs(EVP_PKEY *pkey, const char **why);


#endif /* _MLSEC_JWK_H_INCLUDED_ */
