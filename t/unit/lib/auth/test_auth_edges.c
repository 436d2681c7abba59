/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Signatures at the edges of what is one: numbers of 0, of the order and
 * beyond, bytes too few and too many, padding that is nearly right, parameters
 * of another algorithm.  They are those that collections of attacks on
 * verifiers have, made here with keys of our own.
 */


#include "sign.h"
#include <openssl/err.h>
#include <openssl/sha.h>


#define INPUT  "eyJhbGciOiJYIn0.Zm9v"

#define MAX    1024                    /* bytes of a signature */


typedef struct {
    EVP_PKEY         *pkey;
    mlsec_jwk_set_t  *set;
    mlsec_alg_e       alg;
} signer_t;


static signer_t
signer(EVP_PKEY *pkey, mlsec_alg_e alg)
{
    signer_t     s;
    const char  *why;

    s.pkey = pkey;
    s.alg = alg;
    s.set = NULL;

    if (pkey == NULL
        || mlsec_jwk_set_parse(sign_jwk(pkey, "\"use\":\"sig\","), 0, &s.set,
                               &why)
           != MLSEC_OK)
    {
        abort();
    }

    return s;
}


static void
signer_free(signer_t *s)
{
    mlsec_jwk_set_free(s->set);
    EVP_PKEY_free(s->pkey);
}


static int
verify(const signer_t *s, const unsigned char *sig, size_t len)
{
    return mlsec_jwk_verify(s->set, &s->set->key[0], s->alg, tap_lit(INPUT),
                            (mlsec_str_t) { sig, len });
}


/* A good signature, r and s for ECDSA. */

static size_t
sign(const signer_t *s, const char *md, unsigned char *sig)
{
    size_t       len;
    EVP_MD_CTX  *ctx;

    len = MAX;
    ctx = EVP_MD_CTX_new();

    if (EVP_DigestSignInit_ex(ctx, NULL, md, NULL, NULL, s->pkey, NULL) != 1
        || EVP_DigestSign(ctx, sig, &len, (const void *) INPUT,
                          sizeof(INPUT) - 1)
           != 1)
    {
        abort();
    }

    EVP_MD_CTX_free(ctx);

    return EVP_PKEY_is_a(s->pkey, "EC")
           ? sign_raw(sig, len, (EVP_PKEY_get_bits(s->pkey) + 7) / 8) : len;
}


/* numbers for r and s */

enum { R, S, ZERO, ONE, N, N_LESS_1, N_PLUS_1, R_PLUS_N, S_PLUS_N, N_LESS_S,
       P, ALL, HALF };


static const struct {
    const char  *name;
    int          r;
    int          s;
    int          want;
} pairs[] = {
    { "r, s", R, S, 1 },
    { "s, r", S, R, 0 },
    { "r, -s: the other of the two that there are", R, N_LESS_S, 1 },
    { "0, 0", ZERO, ZERO, 0 },
    { "0, s", ZERO, S, 0 },
    { "r, 0", R, ZERO, 0 },
    { "0, 1", ZERO, ONE, 0 },
    { "1, 0", ONE, ZERO, 0 },
    { "1, 1", ONE, ONE, 0 },
    { "n, s", N, S, 0 },
    { "r, n", R, N, 0 },
    { "n, n", N, N, 0 },
    { "0, n", ZERO, N, 0 },
    { "n, 0", N, ZERO, 0 },
    { "n - 1, n - 1", N_LESS_1, N_LESS_1, 0 },
    { "0, n - 1", ZERO, N_LESS_1, 0 },
    { "1, n - 1", ONE, N_LESS_1, 0 },
    { "1, n", ONE, N, 0 },
    { "n - 1, 0", N_LESS_1, ZERO, 0 },
    { "n - 1, 1", N_LESS_1, ONE, 0 },
    { "n - 1, n", N_LESS_1, N, 0 },
    { "n, 1", N, ONE, 0 },
    { "n, n - 1", N, N_LESS_1, 0 },
    { "n + 1, n + 1", N_PLUS_1, N_PLUS_1, 0 },
    { "r + n, s", R_PLUS_N, S, 0 },
    { "r, s + n", R, S_PLUS_N, 0 },
    { "r + n, s + n", R_PLUS_N, S_PLUS_N, 0 },
    { "p, s", P, S, 0 },
    { "r, p", R, P, 0 },
    { "all bits", ALL, ALL, 0 },
    { "r, all bits", R, ALL, 0 },
    { "1, n / 2", ONE, HALF, 0 }
};


/* Writes a number; 0 when it does not fit. */

static int
number(int which, const BIGNUM *r, const BIGNUM *s, const EC_GROUP *group,
    unsigned char *dst, int size)
{
    int            ok;
    BIGNUM        *v, *p;
    const BIGNUM  *n;

    n = EC_GROUP_get0_order(group);
    v = BN_new();
    p = BN_new();
    EC_GROUP_get_curve(group, p, NULL, NULL, NULL);

    switch (which) {
    case R:        BN_copy(v, r); break;
    case S:        BN_copy(v, s); break;
    case ZERO:     BN_zero(v); break;
    case ONE:      BN_one(v); break;
    case N:        BN_copy(v, n); break;
    case N_LESS_1: BN_copy(v, n); BN_sub_word(v, 1); break;
    case N_PLUS_1: BN_copy(v, n); BN_add_word(v, 1); break;
    case R_PLUS_N: BN_add(v, r, n); break;
    case S_PLUS_N: BN_add(v, s, n); break;
    case N_LESS_S: BN_sub(v, n, s); break;
    case P:        BN_copy(v, p); break;
    case HALF:     BN_rshift1(v, n); break;
    default:       BN_one(v); BN_lshift(v, v, 8 * size); BN_sub_word(v, 1);
    }

    ok = BN_bn2binpad(v, dst, size) == size;
    BN_free(v);
    BN_free(p);

    return ok;
}


static void
test_pairs(const signer_t *s, const EC_GROUP *group,
    const unsigned char *good, int size)
{
    size_t         i;
    BIGNUM        *r, *t;
    unsigned char  sig[MAX];

    r = BN_bin2bn(good, size, NULL);
    t = BN_bin2bn(good + size, size, NULL);

    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {

        if (!number(pairs[i].r, r, t, group, sig, size)
            || !number(pairs[i].s, r, t, group, sig + size, size))
        {
            tap_ok(1, "%s: %s does not fit", mlsec_alg_name(s->alg),
                   pairs[i].name);
            continue;
        }

        tap_ok(verify(s, sig, 2 * (size_t) size) == pairs[i].want, "%s: %s",
               mlsec_alg_name(s->alg), pairs[i].name);
    }

    BN_free(r);
    BN_free(t);
}


/* Other lengths, and other ways to write the two numbers. */

static void
test_lengths(const signer_t *s, const unsigned char *good, int size)
{
    size_t          n, len, taken;
    BIGNUM         *r, *t;
    ECDSA_SIG      *pair;
    unsigned char   sig[MAX], *p;

    len = 2 * (size_t) size;
    taken = 0;

    for (n = 0; n < len + 10; n++) {
        memset(sig, 0, sizeof(sig));
        memcpy(sig, good, n < len ? n : len);
        taken += n != len && verify(s, sig, n);
    }

    tap_is((long long) taken, 0, "cut, or with zeros behind");

    memset(sig, 0, sizeof(sig));
    memcpy(sig + 1, good, (size_t) size);
    memcpy(sig + 2 + size, good + size, (size_t) size);
    tap_is(verify(s, sig, len + 2), 0, "a zero before each");

    r = BN_bin2bn(good, size, NULL);
    t = BN_bin2bn(good + size, size, NULL);
    pair = ECDSA_SIG_new();
    ECDSA_SIG_set0(pair, r, t);
    memset(sig, 0, sizeof(sig));
    p = sig;
    n = (size_t) i2d_ECDSA_SIG(pair, &p);
    ECDSA_SIG_free(pair);

    tap_is(verify(s, sig, n), 0, "DER");
    tap_is(verify(s, sig, len), 0, "DER, cut to the length");
}


/* Numbers that begin with a zero byte: one of 128 signatures has one. */

static void
test_zeros(const signer_t *s, const char *md, int size)
{
    int            i, top, r_zero, s_zero, good;
    unsigned char  sig[MAX];

    r_zero = s_zero = good = 0;

    /* the top byte of a P-521 number is 0 or 1: the one behind it counts */

    top = size == 66;

    for (i = 0; i < 100000 && (!r_zero || !s_zero); i++) {
        (void) sign(s, md, sig);

        if (sig[top] == 0 && sig[0] == 0) {
            r_zero++;
            good += verify(s, sig, 2 * (size_t) size);
        }

        if (sig[size + top] == 0 && sig[size] == 0) {
            s_zero++;
            good += verify(s, sig, 2 * (size_t) size);
        }
    }

    tap_is(good, r_zero + s_zero, "numbers that begin with zeros are taken");
}


static void
test_ecdsa(const char *curve, const char *md, mlsec_alg_e alg)
{
    int             size;
    signer_t        s;
    EC_GROUP       *group;
    unsigned char   good[MAX];

    s = signer(EVP_EC_gen(curve), alg);
    group = EC_GROUP_new_by_curve_name(OBJ_sn2nid(curve));
    size = (EVP_PKEY_get_bits(s.pkey) + 7) / 8;

    (void) sign(&s, md, good);

    test_pairs(&s, group, good, size);
    test_lengths(&s, good, size);
    test_zeros(&s, md, size);

    (void) sign(&s, strcmp(md, "SHA256") ? "SHA256" : "SHA512", good);
    tap_is(verify(&s, good, 2 * (size_t) size), 0, "another hash");

    EC_GROUP_free(group);
    signer_free(&s);
}


/*
 * PKCS #1: 00 01, ff, 00, DigestInfo.  What stands for DigestInfo is in
 * hexadecimal, with "H" for the hash; fill: of the first bytes.
 */

#define SHA256_INFO  "3031300d060960864801650304020105000420"

static const struct {
    const char  *name;
    const char  *first;
    int          fill;                 /* bytes of ff; 0: as many as fit */
    const char  *info;
    int          want;
} paddings[] = {
    { "as it should be", "0001", 0, "00" SHA256_INFO "H", 1 },
    { "no NULL", "0001", 0, "00302f300b0609608648016503040201" "0420" "H", 0 },
    { "a long length", "0001", 0,
      "00308131300d060960864801650304020105000420H", 0 },
    { "an indefinite length", "0001", 0,
      "003080300d060960864801650304020105000420H0000", 0 },
    { "a long length of the hash", "0001", 0,
      "003032300d06096086480165030402010500048120H", 0 },
    { "SHA-512's name", "0001", 0,
      "003031300d060960864801650304020305000420H", 0 },
    { "SHA-1's name", "0001", 0, "003029300906052b0e03021a05000420H", 0 },
    { "NULL with a byte", "0001", 0,
      "003032300e06096086480165030402010501000420H", 0 },
    { "something behind", "0001", 0, "00" SHA256_INFO "H00", 0 },
    { "eight bytes of padding, and room behind", "0001", 8,
      "00" SHA256_INFO "H", 0 },
    { "no padding, and room behind", "0001", -1, "00" SHA256_INFO "H", 0 },
    { "no zero", "0001", 0, SHA256_INFO "H", 0 },
    { "two zeros", "0001", 0, "0000" SHA256_INFO "H", 0 },
    { "padding that is not ff", "0001", 0, "fe00" SHA256_INFO "H", 0 },
    { "type 0", "0000", 0, "00" SHA256_INFO "H", 0 },
    { "type 2", "0002", 0, "00" SHA256_INFO "H", 0 },
    { "the hash alone", "0001", 0, "00H", 0 },
    { "an octet string alone", "0001", 0, "000420H", 0 },
    { "no hash", "0001", 0, "00" SHA256_INFO, 0 },
    { "nothing", "0001", 0, "00", 0 }
};


static size_t
unhex(const char *text, unsigned char *dst)
{
    size_t  n;

    n = 0;

    while (*text) {

        if (*text == 'H') {
            SHA256((const void *) INPUT, sizeof(INPUT) - 1, dst + n);
            n += 32;
            text++;
            continue;
        }

        sscanf(text, "%2hhx", &dst[n++]);
        text += 2;
    }

    return n;
}


static size_t
rsa_raw(EVP_PKEY *pkey, const unsigned char *block, size_t len,
    unsigned char *sig)
{
    size_t         n;
    EVP_PKEY_CTX  *ctx;

    n = MAX;
    ctx = EVP_PKEY_CTX_new(pkey, NULL);

    if (EVP_PKEY_sign_init(ctx) != 1
        || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) != 1
        || EVP_PKEY_sign(ctx, sig, &n, block, len) != 1)
    {
        abort();
    }

    EVP_PKEY_CTX_free(ctx);

    return n;
}


static void
test_paddings(const signer_t *s)
{
    size_t         i, n, fill, size;
    unsigned char  block[MAX], info[MAX], sig[MAX];

    size = (size_t) EVP_PKEY_get_size(s->pkey);

    for (i = 0; i < sizeof(paddings) / sizeof(paddings[0]); i++) {
        n = unhex(paddings[i].info, info);
        fill = paddings[i].fill == 0 ? size - 2 - n
               : paddings[i].fill < 0 ? 0 : (size_t) paddings[i].fill;

        memset(block, 0x5a, size);
        (void) unhex(paddings[i].first, block);
        memset(block + 2, 0xff, fill);
        memcpy(block + 2 + fill, info, n);

        n = rsa_raw(s->pkey, block, size, sig);

        tap_ok(verify(s, sig, n) == paddings[i].want, "RS256: %s",
               paddings[i].name);
    }
}


/* A signature as a number: others that are the same modulo n, and edges. */

static void
test_rsa_numbers(const signer_t *s)
{
    size_t         size;
    BIGNUM        *n, *v;
    unsigned char  sig[MAX], other[MAX];

    size = sign(s, "SHA256", sig);
    n = NULL;
    EVP_PKEY_get_bn_param(s->pkey, OSSL_PKEY_PARAM_RSA_N, &n);

    tap_is(verify(s, sig, size), 1, "RSA: a signature");

    v = BN_bin2bn(sig, (int) size, NULL);
    BN_add(v, v, n);
    memset(other, 0, sizeof(other));
    BN_bn2binpad(v, other, (int) size + 1);
    tap_is(verify(s, other, size + 1), 0, "RSA: plus n");

    if (other[0] == 0) {
        tap_is(verify(s, other + 1, size), 0, "RSA: plus n, as long as n");
    }

    BN_bn2binpad(n, other, (int) size);
    tap_is(verify(s, other, size), 0, "RSA: n");
    BN_sub_word(n, 1);
    BN_bn2binpad(n, other, (int) size);
    tap_is(verify(s, other, size), 0, "RSA: n - 1");

    memset(other, 0, sizeof(other));
    tap_is(verify(s, other, size), 0, "RSA: 0");
    other[size - 1] = 1;
    tap_is(verify(s, other, size), 0, "RSA: 1");
    memset(other, 0xff, sizeof(other));
    tap_is(verify(s, other, size), 0, "RSA: all bits");

    memset(other, 0, sizeof(other));
    memcpy(other + 1, sig, size);
    tap_is(verify(s, other, size + 1), 0, "RSA: a zero before it");
    memcpy(other, sig, size);
    other[size] = 0;
    tap_is(verify(s, other, size + 1), 0, "RSA: a zero behind it");
    tap_is(verify(s, sig, size - 1), 0, "RSA: cut");
    tap_is(verify(s, sig, 0), 0, "RSA: nothing");

    BN_free(n);
    BN_free(v);
}


static const struct {
    const char  *name;
    const char  *md;
    const char  *mgf1;
    int          salt;
    int          want;
} pss[] = {
    { "as it should be", "SHA256", "SHA256", 32, 1 },
    { "no salt", "SHA256", "SHA256", 0, 0 },
    { "a short salt", "SHA256", "SHA256", 20, 0 },
    { "a salt of 31 bytes", "SHA256", "SHA256", 31, 0 },
    { "a salt of 33 bytes", "SHA256", "SHA256", 33, 0 },
    { "the longest salt", "SHA256", "SHA256", RSA_PSS_SALTLEN_MAX, 0 },
    { "MGF1 with SHA-1", "SHA256", "SHA1", 32, 0 },
    { "MGF1 with SHA-512", "SHA256", "SHA512", 32, 0 },
    { "SHA-384", "SHA384", "SHA384", 48, 0 },
    { "SHA-384 with a salt of 32", "SHA384", "SHA384", 32, 0 },
    { "SHA-1", "SHA1", "SHA1", 20, 0 }
};


static void
test_pss(signer_t *s)
{
    size_t         i, len;
    EVP_MD_CTX    *ctx;
    EVP_PKEY_CTX  *pctx;
    unsigned char  sig[MAX];

    for (i = 0; i < sizeof(pss) / sizeof(pss[0]); i++) {
        len = sizeof(sig);
        ctx = EVP_MD_CTX_new();

        if (EVP_DigestSignInit_ex(ctx, &pctx, pss[i].md, NULL, NULL, s->pkey,
                                  NULL)
            != 1
            || EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) != 1
            || EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, pss[i].salt) != 1
            || EVP_PKEY_CTX_set_rsa_mgf1_md_name(pctx, pss[i].mgf1, NULL) != 1
            || EVP_DigestSign(ctx, sig, &len, (const void *) INPUT,
                              sizeof(INPUT) - 1)
               != 1)
        {
            abort();
        }

        s->alg = MLSEC_ALG_PS256;
        tap_ok(verify(s, sig, len) == pss[i].want, "PS256: %s", pss[i].name);
        s->alg = MLSEC_ALG_RS256;
        tap_ok(!verify(s, sig, len), "RS256: a PSS signature");

        EVP_MD_CTX_free(ctx);
    }

    (void) sign(s, "SHA256", sig);
    s->alg = MLSEC_ALG_PS256;
    tap_ok(!verify(s, sig, 256), "PS256: a PKCS #1 signature");
    s->alg = MLSEC_ALG_RS512;
    tap_ok(!verify(s, sig, 256), "RS512: one of RS256");
    s->alg = MLSEC_ALG_RS256;
}


/* RFC 8032, 5.1.7: S is below the order of the group, and R as it stands. */

static void
test_eddsa(void)
{
    int            taken;
    size_t         i;
    unsigned       carry;
    signer_t       s;
    unsigned char  sig[MAX], other[MAX];

    static const unsigned char  order[32] = {
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
        0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0x10
    };

    s = signer(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), MLSEC_ALG_EDDSA);
    (void) sign(&s, NULL, sig);
    tap_is(verify(&s, sig, 64), 1, "EdDSA: a signature");

    memcpy(other, sig, 64);

    for (i = 0, carry = 0; i < 32; i++) {
        carry += (unsigned) other[32 + i] + order[i];
        other[32 + i] = (unsigned char) carry;
        carry >>= 8;
    }

    tap_is(verify(&s, other, 64), 0, "EdDSA: S plus the order");

    memcpy(other + 32, order, 32);
    tap_is(verify(&s, other, 64), 0, "EdDSA: S is the order");
    memset(other + 32, 0, 32);
    tap_is(verify(&s, other, 64), 0, "EdDSA: S of 0");
    memset(other + 32, 0xff, 32);
    tap_is(verify(&s, other, 64), 0, "EdDSA: S of all bits");

    memset(other, 0, 64);
    tap_is(verify(&s, other, 64), 0, "EdDSA: zeros");
    other[0] = 1;
    tap_is(verify(&s, other, 64), 0, "EdDSA: R is the neutral point");

    taken = 0;

    for (i = 0; i < 512; i++) {
        memcpy(other, sig, 64);
        other[i / 8] ^= (unsigned char) (1 << i % 8);
        taken += verify(&s, other, 64);
    }

    tap_is(taken, 0, "EdDSA: each bit counts");

    for (i = 0, taken = 0; i < 70; i++) {
        taken += i != 64 && verify(&s, sig, i);
    }

    tap_is(taken, 0, "EdDSA: other lengths");
    signer_free(&s);
}


static void
test_hmac(void)
{
    int              alg, taken;
    size_t           i;
    unsigned         len;
    const char      *why;
    mlsec_jwk_set_t *set;
    unsigned char    mac[MAX];

    static const char  *md[] = { "SHA256", "SHA384", "SHA512" };

    if (mlsec_jwk_set_parse(tap_lit("{\"kty\":\"oct\",\"k\":\""
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
            "AAAAAAAAAAAAAAAAAAAAAA\"}"), MLSEC_JWK_SECRETS, &set, &why)
        != MLSEC_OK)
    {
        abort();
    }

    for (alg = 0; alg < 3; alg++) {
        memset(mac, 0, sizeof(mac));
        HMAC(EVP_get_digestbyname(md[alg]), "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
             "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
             "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 64, (const void *) INPUT,
             sizeof(INPUT) - 1, mac, &len);

        for (i = 0, taken = 0; i < 80; i++) {
            taken += mlsec_jwk_verify(set, &set->key[0],
                                      (mlsec_alg_e) (MLSEC_ALG_HS256 + alg),
                                      tap_lit(INPUT),
                                      (mlsec_str_t) { mac, i });
        }

        tap_ok(taken == 1, "HMAC, %s: all of it, and nothing else", md[alg]);
    }

    mlsec_jwk_set_free(set);
}


/* Keys that no issuer should have. */

static const struct {
    const char  *name;
    const char  *text;
    const char  *why;
} keys[] = {
    { "a modulus out of powers of 65537",
      "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\""
      "64W6meHBEEtznd2SjrIeW0koyL6SOi2uI9Nnc5Eq1e_G2JikhXvp2g8oO0Vs6CApqueQ"
      "0VuV05dGxv5nOtH1aui3F3Z-yXxG6GJAn-KdyBDnjkEmV-aBQrWc-_Dyjm0F5iXpY70U"
      "tJQfS-kcSUGwPshpW3nSTYciON2fpScANW6HnHhntI5Sjy25-i3baZJ18_uiVOMr2slL"
      "lAMWsIXmflRP2fWSH9hUCCOq1km7tS3fCZpjJ3vV5jwFkTNTtIrDS7Y0PAl-QqEbyoCX"
      "GbmMh9sOVJyYoAQiLEYIMhVzaZqAvk2YHSK3c6NoALaklP9kankYxBVVVZY8QFO7APKK"
      "tQ\"}", "its RSA key can be factored (CVE-2017-15361)" },
    { "x of P-256 is p",
      "{\"kty\":\"EC\",\"crv\":\"P-256\","
      "\"x\":\"_____wAAAAEAAAAAAAAAAAAAAAD_______________8\","
      "\"y\":\"ZkhyfF8yXMTT8f5k2dtrcM6jTRKvySH-IIP7qzqR8W4\"}",
      "it is not a point of the curve" },
    { "the point at infinity",
      "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"\",\"y\":\"\"}",
      "\"x\" or \"y\" is not of the length of the curve" },
    { "ECDSA with a curve of 224 bits",
      "{\"kty\":\"EC\",\"crv\":\"P-224\",\"x\":\"AA\",\"y\":\"AA\"}",
      "\"crv\" is none of P-256, P-384, P-521" },
    { "an EC key that says RSA",
      "{\"kty\":\"RSA\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
      "\"n\" or \"e\" is missing, too long or not base64url" },
    { "ES521, which there is not",
      "{\"kty\":\"EC\",\"alg\":\"ES521\",\"crv\":\"P-256\","
      "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
      "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
      "\"alg\" is unknown or not for a key of this type" },
    { "a secret of a byte less than its hash",
      "{\"kty\":\"oct\",\"alg\":\"HS256\","
      "\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
      "the secret is shorter than the hash" }
};


static void
test_keys(void)
{
    int              i, found;
    size_t           k;
    signer_t         s;
    const char      *why;
    mlsec_jwk_set_t *set;

    for (k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
        why = "it was taken";
        set = NULL;
        (void) mlsec_jwk_set_parse(tap_str(keys[k].text), MLSEC_JWK_SECRETS,
                                   &set, &why);

        if (!tap_ok(strcmp(why, keys[k].why) == 0, "%s", keys[k].name)) {
            tap_diag("%s", why);
        }

        mlsec_jwk_set_free(set);
    }

    /* and that the first of them is told from others */

    for (i = 0, found = 0; i < 5; i++) {
        s = signer(EVP_RSA_gen(2048), MLSEC_ALG_RS256);
        found += s.set->n != 1;
        signer_free(&s);
    }

    tap_is(found, 0, "RSA keys as others make them");
}


int
main(void)
{
    signer_t  s;

    test_ecdsa("prime256v1", "SHA256", MLSEC_ALG_ES256);
    test_ecdsa("secp384r1", "SHA384", MLSEC_ALG_ES384);
    test_ecdsa("secp521r1", "SHA512", MLSEC_ALG_ES512);

    s = signer(EVP_RSA_gen(2048), MLSEC_ALG_RS256);
    test_paddings(&s);
    test_rsa_numbers(&s);
    test_pss(&s);
    signer_free(&s);

    test_eddsa();
    test_hmac();
    test_keys();

    tap_is((long long) ERR_peek_error(), 0, "no error is left behind");

    return tap_done();
}
