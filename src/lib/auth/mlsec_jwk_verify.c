/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/auth/mlsec_jwk.h>

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/hmac.h>


#define MLSEC_ECDSA_MAX  66            /* bytes of r and of s for P-521 */
#define MLSEC_DER_MAX    (2 * (MLSEC_ECDSA_MAX + 4) + 4)


static int mlsec_jwk_verify_eddsa(const mlsec_jwk_set_t *set,
    const mlsec_jwk_t *key, mlsec_str_t input, mlsec_str_t signature);
static int mlsec_jwk_verify_hmac(const mlsec_jwk_set_t *set,
    const mlsec_jwk_t *key, mlsec_alg_e alg, mlsec_str_t input,
    mlsec_str_t signature);
static size_t mlsec_ecdsa_der(unsigned char *dst, mlsec_str_t signature);
static unsigned char *mlsec_ecdsa_integer(unsigned char *p,
    const unsigned char *number, size_t len);


static const char  *mlsec_alg_names[MLSEC_ALGS] = {
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
    "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512"
};


int
mlsec_alg_find(mlsec_str_t name)
{
    int  alg;

    for (alg = 0; alg < MLSEC_ALGS; alg++) {
        if (name.len == 5 && memcmp(name.data, mlsec_alg_names[alg], 5) == 0) {
            return alg;
        }
    }

    return -1;
}


const char *
mlsec_alg_name(mlsec_alg_e alg)
{
    return mlsec_alg_names[alg];
}


int
mlsec_jwk_verify(const mlsec_jwk_set_t *set, const mlsec_jwk_t *key,
    mlsec_alg_e alg, mlsec_str_t input, mlsec_str_t signature)
{
    int            ok;
    size_t         size;
    unsigned       len;
    unsigned char  digest[EVP_MAX_MD_SIZE], der[MLSEC_DER_MAX];

    if (alg == MLSEC_ALG_EDDSA) {
        return mlsec_jwk_verify_eddsa(set, key, input, signature);
    }

    if (alg >= MLSEC_ALG_HS256) {
        return mlsec_jwk_verify_hmac(set, key, alg, input, signature);
    }

    if (alg >= MLSEC_ALG_ES256) {
        size = ((size_t) EVP_PKEY_get_bits(key->pkey) + 7) / 8;

        if (signature.len != 2 * size) {
            return 0;
        }

        signature.len = mlsec_ecdsa_der(der, signature);
        signature.data = der;

        if (signature.len == 0) {
            return 0;
        }

    } else if (signature.len != (size_t) EVP_PKEY_get_size(key->pkey)) {
        return 0;
    }

    if (EVP_DigestInit_ex2(set->scratch, set->md[alg % 3], NULL) != 1
        || EVP_DigestUpdate(set->scratch, input.data, input.len) != 1
        || EVP_DigestFinal_ex(set->scratch, digest, &len) != 1)
    {
        return 0;
    }

    /*
     * The context is the key's and this worker's: it was set up when the key
     * was read, and EVP_PKEY_verify() may be called on it again and again.
     */

    ok = EVP_PKEY_verify(key->ctx[alg], signature.data, signature.len,
                         digest, len)
         == 1;

    if (!ok) {
        ERR_clear_error();
    }

    return ok;
}


static int
mlsec_jwk_verify_eddsa(const mlsec_jwk_set_t *set, const mlsec_jwk_t *key,
    mlsec_str_t input, mlsec_str_t signature)
{
    int  ok;

    if (signature.len != 64 || EVP_MD_CTX_reset(set->scratch) != 1) {
        return 0;
    }

    ok = EVP_DigestVerifyInit_ex(set->scratch, NULL, NULL, NULL, NULL,
                                 key->pkey, NULL)
         == 1
         && EVP_DigestVerify(set->scratch, signature.data, signature.len,
                             input.data, input.len)
            == 1;

    if (!ok) {
        ERR_clear_error();
    }

    (void) EVP_MD_CTX_reset(set->scratch);

    return ok;
}


static int
mlsec_jwk_verify_hmac(const mlsec_jwk_set_t *set, const mlsec_jwk_t *key,
    mlsec_alg_e alg, mlsec_str_t input, mlsec_str_t signature)
{
    unsigned       len;
    unsigned char  mac[EVP_MAX_MD_SIZE];

    if (HMAC(set->md[alg - MLSEC_ALG_HS256], key->secret,
             (int) key->secret_len, input.data, input.len, mac, &len)
        == NULL)
    {
        return 0;
    }

    return signature.len == len
           && CRYPTO_memcmp(mac, signature.data, len) == 0;
}


/*
 * r and s, each as long as the order of the group, to the DER that OpenSSL
 * reads.  Zero, which earlier verifiers took for a signature of anything, is
 * refused here; numbers not below the order are by OpenSSL.
 *
 * The length, 0 when r or s is zero.
 */

static size_t
mlsec_ecdsa_der(unsigned char *dst, mlsec_str_t signature)
{
    size_t          half, len;
    unsigned char   body[MLSEC_DER_MAX], *p;

    half = signature.len / 2;

    p = mlsec_ecdsa_integer(body, signature.data, half);

    if (p != NULL) {
        p = mlsec_ecdsa_integer(p, signature.data + half, half);
    }

    if (p == NULL) {
        return 0;
    }

    len = (size_t) (p - body);
    p = dst;
    *p++ = 0x30;

    if (len > 127) {
        *p++ = 0x81;
    }

    *p++ = (unsigned char) len;
    memcpy(p, body, len);

    return (size_t) (p - dst) + len;
}


static unsigned char *
mlsec_ecdsa_integer(unsigned char *p, const unsigned char *number, size_t len)
{
    unsigned  sign;

    while (len != 0 && *number == 0) {
        number++;
        len--;
    }

    if (len == 0) {
        return NULL;
    }

    sign = *number >> 7;               /* DER's integers have a sign */

    *p++ = 0x02;
    *p++ = (unsigned char) (len + sign);

    if (sign) {
        *p++ = 0;
    }

    memcpy(p, number, len);

    return p + len;
}
