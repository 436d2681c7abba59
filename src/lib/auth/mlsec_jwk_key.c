/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/auth/mlsec_jwk.h>
#include <lib/auth/mlsec_base64url.h>
#include <lib/auth/mlsec_claims.h>

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>


#define MLSEC_ED25519_LEN  32          /* bytes */


typedef struct {
    const char   *crv;
    const char   *group;
    size_t        size;                /* bytes of a coordinate */
    mlsec_alg_e   alg;
} mlsec_curve_t;


static EVP_PKEY *mlsec_jwk_rsa(const json_t *jwk, const char **why);
static EVP_PKEY *mlsec_jwk_ec(const json_t *jwk, const char **why);
static EVP_PKEY *mlsec_jwk_okp(const json_t *jwk, const char **why);
static EVP_PKEY *mlsec_jwk_fromdata(const char *type, OSSL_PARAM_BLD *build);
static int mlsec_jwk_bytes(const json_t *jwk, const char *name,
    unsigned char *dst, size_t size, size_t *len);
static int mlsec_jwk_rsa_ok(EVP_PKEY *pkey, const char **why);
static int mlsec_jwk_roca(EVP_PKEY *pkey);
static unsigned mlsec_jwk_ec_algs(EVP_PKEY *pkey, const char **why);
static int mlsec_jwk_small_order(const unsigned char *point);
static int mlsec_jwk_beyond_prime(const unsigned char *point);
static int mlsec_jwk_context(const mlsec_jwk_set_t *set, mlsec_jwk_t *key,
    unsigned alg);


static const mlsec_curve_t  mlsec_curves[] = {
    { "P-256", "prime256v1", 32, MLSEC_ALG_ES256 },
    { "P-384", "secp384r1", 48, MLSEC_ALG_ES384 },
    { "P-521", "secp521r1", 66, MLSEC_ALG_ES512 }
};


#define MLSEC_CURVES  (sizeof(mlsec_curves) / sizeof(mlsec_curves[0]))


EVP_PKEY *
mlsec_jwk_public(const struct json_t *jwk, const char **why)
{
    mlsec_str_t  kty;

    if (mlsec_claims_string(jwk, "kty", &kty) == MLSEC_OK) {

        if (kty.len == 3 && memcmp(kty.data, "RSA", 3) == 0) {
            return mlsec_jwk_rsa(jwk, why);
        }

        if (kty.len == 2 && memcmp(kty.data, "EC", 2) == 0) {
            return mlsec_jwk_ec(jwk, why);
        }

        if (kty.len == 3 && memcmp(kty.data, "OKP", 3) == 0) {
            return mlsec_jwk_okp(jwk, why);
        }
    }

    *why = "\"kty\" is none of RSA, EC, OKP, oct";

    return NULL;
}


static EVP_PKEY *
mlsec_jwk_rsa(const json_t *jwk, const char **why)
{
    size_t           n_len, e_len;
    BIGNUM          *n, *e;
    EVP_PKEY        *pkey;
    unsigned char    n_buf[MLSEC_RSA_MAX_BITS / 8 + 3], e_buf[16];
    OSSL_PARAM_BLD  *build;

    if (!mlsec_jwk_bytes(jwk, "n", n_buf, sizeof(n_buf), &n_len)
        || !mlsec_jwk_bytes(jwk, "e", e_buf, sizeof(e_buf), &e_len))
    {
        *why = "\"n\" or \"e\" is missing, too long or not base64url";
        return NULL;
    }

    pkey = NULL;
    n = BN_bin2bn(n_buf, (int) n_len, NULL);
    e = BN_bin2bn(e_buf, (int) e_len, NULL);
    build = OSSL_PARAM_BLD_new();

    if (n != NULL && e != NULL && build != NULL
        && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n)
        && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e))
    {
        pkey = mlsec_jwk_fromdata("RSA", build);
    }

    if (pkey == NULL) {
        *why = "it is not an RSA key";
    }

    OSSL_PARAM_BLD_free(build);
    BN_free(n);
    BN_free(e);

    return pkey;
}


static EVP_PKEY *
mlsec_jwk_ec(const json_t *jwk, const char **why)
{
    size_t                i, x_len, y_len;
    EVP_PKEY             *pkey;
    mlsec_str_t           crv;
    unsigned char         point[1 + 2 * 68];
    OSSL_PARAM_BLD       *build;
    const mlsec_curve_t  *curve;

    curve = NULL;

    if (mlsec_claims_string(jwk, "crv", &crv) == MLSEC_OK) {
        for (i = 0; i < MLSEC_CURVES; i++) {
            if (crv.len == strlen(mlsec_curves[i].crv)
                && memcmp(crv.data, mlsec_curves[i].crv, crv.len) == 0)
            {
                curve = &mlsec_curves[i];
            }
        }
    }

    if (curve == NULL) {
        *why = "\"crv\" is none of P-256, P-384, P-521";
        return NULL;
    }

    /* RFC 7518, 6.2.1.2: leading zeros of a coordinate are not left out */

    point[0] = POINT_CONVERSION_UNCOMPRESSED;

    if (!mlsec_jwk_bytes(jwk, "x", &point[1], 68, &x_len)
        || x_len != curve->size
        || !mlsec_jwk_bytes(jwk, "y", &point[1 + x_len], 68, &y_len)
        || y_len != curve->size)
    {
        *why = "\"x\" or \"y\" is not of the length of the curve";
        return NULL;
    }

    pkey = NULL;
    build = OSSL_PARAM_BLD_new();

    if (build != NULL
        && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME,
                                           curve->group, 0)
        && OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY,
                                            point, 1 + 2 * curve->size))
    {
        pkey = mlsec_jwk_fromdata("EC", build);
    }

    if (pkey == NULL) {
        *why = "it is not a point of the curve";
    }

    OSSL_PARAM_BLD_free(build);

    return pkey;
}


static EVP_PKEY *
mlsec_jwk_okp(const json_t *jwk, const char **why)
{
    size_t          len;
    EVP_PKEY       *pkey;
    mlsec_str_t     crv;
    unsigned char   x[MLSEC_ED25519_LEN + 3];

    if (mlsec_claims_string(jwk, "crv", &crv) != MLSEC_OK
        || crv.len != 7 || memcmp(crv.data, "Ed25519", 7) != 0)
    {
        *why = "\"crv\" is not Ed25519";
        return NULL;
    }

    if (!mlsec_jwk_bytes(jwk, "x", x, sizeof(x), &len)
        || len != MLSEC_ED25519_LEN)
    {
        *why = "\"x\" is not 32 bytes of base64url";
        return NULL;
    }

    pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, x, len);

    if (pkey == NULL) {
        *why = "it is not an Ed25519 key";
    }

    return pkey;
}


static EVP_PKEY *
mlsec_jwk_fromdata(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY      *pkey;
    OSSL_PARAM    *params;
    EVP_PKEY_CTX  *ctx;

    pkey = NULL;
    params = OSSL_PARAM_BLD_to_param(build);
    ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);

    if (params != NULL && ctx != NULL
        && EVP_PKEY_fromdata_init(ctx) == 1
        && EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
    {
        pkey = NULL;
    }

    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);

    return pkey;
}


/* A member of base64url, of 1 to size - 2 bytes when decoded. */

static int
mlsec_jwk_bytes(const json_t *jwk, const char *name, unsigned char *dst,
    size_t size, size_t *len)
{
    mlsec_str_t  text;

    return mlsec_claims_string(jwk, name, &text) == MLSEC_OK
           && text.len != 0
           && mlsec_base64url_decoded(text.len) <= size
           && mlsec_base64url_decode(dst, len, text) == MLSEC_OK;
}


unsigned
mlsec_jwk_algs(EVP_PKEY *pkey, const char **why)
{
    size_t         len;
    unsigned char  point[MLSEC_ED25519_LEN];

    if (EVP_PKEY_is_a(pkey, "RSA")) {
        return mlsec_jwk_rsa_ok(pkey, why)
               ? mlsec_alg_bit(MLSEC_ALG_RS256) | mlsec_alg_bit(MLSEC_ALG_RS384)
                 | mlsec_alg_bit(MLSEC_ALG_RS512)
                 | mlsec_alg_bit(MLSEC_ALG_PS256)
                 | mlsec_alg_bit(MLSEC_ALG_PS384)
                 | mlsec_alg_bit(MLSEC_ALG_PS512)
               : 0;
    }

    if (EVP_PKEY_is_a(pkey, "EC")) {
        return mlsec_jwk_ec_algs(pkey, why);
    }

    if (EVP_PKEY_is_a(pkey, "ED25519")) {
        len = sizeof(point);

        if (EVP_PKEY_get_raw_public_key(pkey, point, &len) != 1
            || mlsec_jwk_small_order(point))
        {
            *why = "it is a point of small order";
            return 0;
        }

        if (mlsec_jwk_beyond_prime(point)) {
            *why = "its \"x\" is not spelled as RFC 8032 has it";
            return 0;
        }

        return mlsec_alg_bit(MLSEC_ALG_EDDSA);
    }

    *why = "it is neither RSA nor EC nor Ed25519";

    return 0;
}


/*
 * OpenSSL takes any two numbers for an RSA key: 3233 and 1 are one.  The check
 * of the public half finds small factors and primes.
 */

static int
mlsec_jwk_rsa_ok(EVP_PKEY *pkey, const char **why)
{
    int            bits, ok;
    BIGNUM        *e;
    EVP_PKEY_CTX  *ctx;

    bits = EVP_PKEY_get_bits(pkey);

    if (bits < MLSEC_RSA_MIN_BITS || bits > MLSEC_RSA_MAX_BITS) {
        *why = "RSA of less than 2048 or more than 8192 bits";
        return 0;
    }

    e = NULL;
    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);

    ok = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1
         && BN_is_odd(e) && !BN_is_one(e) && BN_num_bits(e) <= 32
         && ctx != NULL && EVP_PKEY_public_check(ctx) == 1;

    EVP_PKEY_CTX_free(ctx);
    BN_free(e);

    if (!ok) {
        *why = "it is not a sound RSA key";
        return 0;
    }

    if (mlsec_jwk_roca(pkey)) {
        *why = "its RSA key can be factored (CVE-2017-15361)";
        return 0;
    }

    return 1;
}


/*
 * Chips of one maker made primes out of powers of 65537 modulo a product of
 * small primes, and products of such primes are powers of it too: modulo each
 * of the small ones.  All other keys are so for all of these with a chance of
 * less than 2^-27.
 */

static int
mlsec_jwk_roca(EVP_PKEY *pkey)
{
    size_t         i;
    BIGNUM        *n;
    unsigned long  rest, power;

    static const unsigned char  primes[] = {
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67,
        71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139,
        149, 151, 157, 163, 167
    };

    n = NULL;

    if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) != 1) {
        return 0;
    }

    for (i = 0; i < sizeof(primes); i++) {
        rest = (unsigned long) BN_mod_word(n, primes[i]);
        power = 1;

        do {
            if (power == rest) {
                break;
            }

            power = power * 65537 % primes[i];
        } while (power != 1);

        if (power != rest) {
            break;
        }
    }

    BN_free(n);

    return i == sizeof(primes);
}


static unsigned
mlsec_jwk_ec_algs(EVP_PKEY *pkey, const char **why)
{
    char           group[32];
    size_t         i;
    unsigned       algs;
    EVP_PKEY_CTX  *ctx;

    algs = 0;

    if (EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME,
                                       group, sizeof(group), NULL)
        == 1)
    {
        for (i = 0; i < MLSEC_CURVES; i++) {
            if (strcmp(group, mlsec_curves[i].group) == 0) {
                algs = mlsec_alg_bit(mlsec_curves[i].alg);
            }
        }
    }

    if (algs == 0) {
        *why = "the curve is none of P-256, P-384, P-521";
        return 0;
    }

    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);

    if (ctx == NULL || EVP_PKEY_public_check(ctx) != 1) {
        *why = "it is not a point of the curve";
        algs = 0;
    }

    EVP_PKEY_CTX_free(ctx);

    return algs;
}


/*
 * With a public key of small order one signature fits nearly any message, and
 * OpenSSL does not look (RFC 8032 leaves it open).  These are the y of the
 * eight such points with all their spellings, sign bit cleared: 0, 1, the two
 * of order 8, p - 1, p, p + 1.
 */

static int
mlsec_jwk_small_order(const unsigned char *point)
{
    size_t         i;
    unsigned char  y[MLSEC_ED25519_LEN];

    static const unsigned char  small[][MLSEC_ED25519_LEN] = {
        { 0 },
        { 1 },
        { 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
          0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
          0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05 },
        { 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
          0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
          0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a },
        { 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
        { 0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
        { 0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
          0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f }
    };

    memcpy(y, point, sizeof(y));
    y[sizeof(y) - 1] &= 0x7f;

    for (i = 0; i < sizeof(small) / sizeof(small[0]); i++) {
        if (memcmp(y, small[i], sizeof(y)) == 0) {
            return 1;
        }
    }

    return 0;
}


/*
 * RFC 8032, 5.1.3: y of p = 2^255 - 19 and more is no point, where OpenSSL
 * takes it for y - p, so that one key has two spellings.
 */

static int
mlsec_jwk_beyond_prime(const unsigned char *point)
{
    size_t  i;

    for (i = 1; i < MLSEC_ED25519_LEN - 1; i++) {
        if (point[i] != 0xff) {
            return 0;
        }
    }

    return point[0] >= 0xed && (point[i] & 0x7f) == 0x7f;
}


int
mlsec_jwk_prepare(const mlsec_jwk_set_t *set, mlsec_jwk_t *key,
    const char **why)
{
    unsigned  alg;

    for (alg = 0; alg < MLSEC_ALGS; alg++) {

        if ((key->algs & mlsec_alg_bit(alg)) && key->pkey != NULL
            && alg != MLSEC_ALG_EDDSA && !mlsec_jwk_context(set, key, alg))
        {
            *why = "OpenSSL does not take it";
            return MLSEC_INVALID;
        }

        /* RFC 7518, 3.2: 32, 48, 64 bytes at least */

        if (alg >= MLSEC_ALG_HS256
            && key->secret_len < 32 + 16 * (alg - MLSEC_ALG_HS256))
        {
            key->algs &= ~mlsec_alg_bit(alg);
        }
    }

    if (key->algs == 0) {
        *why = "the secret is shorter than the hash";
        return MLSEC_INVALID;
    }

    return MLSEC_OK;
}


static int
mlsec_jwk_context(const mlsec_jwk_set_t *set, mlsec_jwk_t *key, unsigned alg)
{
    EVP_MD        *md;
    EVP_PKEY_CTX  *ctx;

    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
    key->ctx[alg] = ctx;
    md = set->md[alg % 3];

    if (ctx == NULL || EVP_PKEY_verify_init(ctx) != 1) {
        return 0;
    }

    if (alg >= MLSEC_ALG_ES256) {
        return EVP_PKEY_CTX_set_signature_md(ctx, md) == 1;
    }

    if (alg < MLSEC_ALG_PS256) {
        return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1
               && EVP_PKEY_CTX_set_signature_md(ctx, md) == 1;
    }

    /* RFC 7518, 3.5: MGF1 with the same hash, a salt as long as it */

    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1
           && EVP_PKEY_CTX_set_signature_md(ctx, md) == 1
           && EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md) == 1
           && EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST)
              == 1;
}
