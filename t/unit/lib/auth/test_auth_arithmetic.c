/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Signatures and keys that are chosen so that the arithmetic of a verifier
 * comes to its special cases: points that are added to themselves, to their
 * opposite or to nothing, numbers that are 1 or -1, paddings that differ from
 * the right one in one byte, points that have two spellings.
 */


#include "sign.h"
#include <openssl/err.h>
#include <openssl/sha.h>


#define INPUT  "eyJhbGciOiJYIn0.Zm9v"

#define MAX    1024                    /* bytes of a signature */


/* ---- ECDSA ---- */

/*
 * With z the hash, d the private key and R = k G: r is x of R, and
 * s = (z + r d) / k.  Verifying is u1 G + u2 Q with u1 = z / s, u2 = r / s.
 */

typedef struct {
    const char      *jwk_curve;
    mlsec_alg_e      alg;
    int              size;             /* bytes of a number */
    EC_GROUP        *group;
    const BIGNUM    *n;
    BN_CTX          *bn;
    BIGNUM          *z;
} curve_t;


static BIGNUM *
word(const curve_t *c, long w)
{
    BIGNUM  *v;

    v = BN_new();
    BN_set_word(v, (BN_ULONG) (w < 0 ? -w : w));

    if (w < 0) {
        BN_sub(v, c->n, v);
    }

    return v;
}


static BIGNUM *
some(const curve_t *c)
{
    BIGNUM  *v;

    v = BN_new();

    do {
        BN_rand_range(v, c->n);
    } while (BN_is_zero(v));

    return v;
}


static BIGNUM *
mul(const curve_t *c, const BIGNUM *a, const BIGNUM *b)
{
    BIGNUM  *v;

    v = BN_new();
    BN_mod_mul(v, a, b, c->n, c->bn);

    return v;
}


static BIGNUM *
div_by(const curve_t *c, const BIGNUM *a, const BIGNUM *b)
{
    BIGNUM  *v, *inverse;

    inverse = BN_mod_inverse(NULL, b, c->n, c->bn);
    v = mul(c, a, inverse);
    BN_free(inverse);

    return v;
}


static BIGNUM *
minus(const curve_t *c, const BIGNUM *a)
{
    BIGNUM  *v;

    v = BN_new();
    BN_sub(v, c->n, a);
    BN_nnmod(v, v, c->n, c->bn);

    return v;
}


/* r of R = k G */

static BIGNUM *
r_of(const curve_t *c, const BIGNUM *k)
{
    BIGNUM    *x;
    EC_POINT  *point;

    x = BN_new();
    point = EC_POINT_new(c->group);
    EC_POINT_mul(c->group, point, k, NULL, NULL, c->bn);
    EC_POINT_get_affine_coordinates(c->group, point, x, NULL, c->bn);
    BN_nnmod(x, x, c->n, c->bn);
    EC_POINT_free(point);

    return x;
}


/* Whether r and s are taken for a signature by d; -1: the key is not. */

static int
taken(const curve_t *c, const BIGNUM *d, const BIGNUM *r, const BIGNUM *s)
{
    int               ok;
    char              text[1000];
    BIGNUM           *x, *y;
    token_t           a = { .len = 0 }, b = { .len = 0 };
    EC_POINT         *point;
    const char       *why;
    mlsec_jwk_set_t  *set;
    unsigned char     raw[140];

    x = BN_new();
    y = BN_new();
    point = EC_POINT_new(c->group);
    EC_POINT_mul(c->group, point, d, NULL, NULL, c->bn);
    EC_POINT_get_affine_coordinates(c->group, point, x, y, c->bn);
    BN_bn2binpad(x, raw, c->size);
    BN_bn2binpad(y, raw + c->size, c->size);
    token_put(&a, raw, (size_t) c->size);
    token_put(&b, raw + c->size, (size_t) c->size);
    EC_POINT_free(point);
    BN_free(x);
    BN_free(y);

    snprintf(text, sizeof(text), "{\"kty\":\"EC\",\"crv\":\"%s\","
             "\"x\":\"%.99s\",\"y\":\"%.99s\"}", c->jwk_curve, a.text, b.text);

    if (mlsec_jwk_set_parse(tap_str(text), 0, &set, &why) != MLSEC_OK) {
        return -1;
    }

    BN_bn2binpad(r, raw, c->size);
    BN_bn2binpad(s, raw + c->size, c->size);
    ok = mlsec_jwk_verify(set, &set->key[0], c->alg, tap_lit(INPUT),
                          (mlsec_str_t) { raw, 2 * (size_t) c->size });
    mlsec_jwk_set_free(set);

    return ok;
}


/* With k and s as they are the key follows: d = (s k - z) / r. */

static int
with_k_and_s(const curve_t *c, const BIGNUM *k, const BIGNUM *s, int off)
{
    int      ok;
    BIGNUM  *r, *d, *sk, *rest;

    r = r_of(c, k);
    sk = mul(c, s, k);
    rest = BN_new();
    BN_mod_sub(rest, sk, c->z, c->n, c->bn);
    d = div_by(c, rest, r);

    if (off) {
        BN_mod_add(r, r, BN_value_one(), c->n, c->bn);
    }

    ok = taken(c, d, r, s);

    BN_free(r);
    BN_free(d);
    BN_free(sk);
    BN_free(rest);

    return ok;
}


/* k and s as numbers; 0: any; z, r: as they are, -z, -r: negated */

static const struct {
    const char  *name;
    long         k;
    const char  *s;
} chosen[] = {
    { "k of 1: R is G", 1, "any" },
    { "k of -1: R is -G", -1, "any" },
    { "k of 2: R is G and G", 2, "any" },
    { "s of 1", 0, "1" },
    { "s of 2", 0, "2" },
    { "s of -1", 0, "-1" },
    { "s of -2", 0, "-2" },
    { "u1 of 1", 0, "z" },
    { "u1 of -1", 0, "-z" },
    { "u2 of 1", 0, "r" },
    { "u2 of -1", 0, "-r" },
    { "k and s of 1", 1, "1" },
    { "k of 1, u1 of -1", 1, "-z" },
    { "k of -1, u2 of 1", -1, "r" }
};


static void
test_chosen(const curve_t *c)
{
    size_t       i;
    BIGNUM      *k, *r, *s;
    const char  *what;

    for (i = 0; i < sizeof(chosen) / sizeof(chosen[0]); i++) {
        k = chosen[i].k ? word(c, chosen[i].k) : some(c);
        r = r_of(c, k);
        what = chosen[i].s;

        s = strcmp(what, "any") == 0 ? some(c)
            : strcmp(what, "z") == 0 ? BN_dup(c->z)
            : strcmp(what, "-z") == 0 ? minus(c, c->z)
            : strcmp(what, "r") == 0 ? BN_dup(r)
            : strcmp(what, "-r") == 0 ? minus(c, r) : word(c, atol(what));

        tap_is(with_k_and_s(c, k, s, 0), 1, chosen[i].name);
        tap_is(with_k_and_s(c, k, s, 1), 0, "and another r is none");

        BN_free(k);
        BN_free(r);
        BN_free(s);
    }
}


/* Private keys that nobody should have, and signatures as they make them. */

static void
test_keys(const curve_t *c)
{
    size_t       i;
    BIGNUM      *d, *k, *r, *s, *sum, *rd;
    static const long  words[] = { 1, -1, 2, -2, 3 };

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        d = word(c, words[i]);
        k = some(c);
        r = r_of(c, k);
        rd = mul(c, r, d);
        sum = BN_new();
        BN_mod_add(sum, rd, c->z, c->n, c->bn);
        s = div_by(c, sum, k);

        tap_ok(taken(c, d, r, s) == 1, "%s: Q is %ld G",
               mlsec_alg_name(c->alg), words[i]);
        BN_add_word(s, 1);
        BN_nnmod(s, s, c->n, c->bn);
        tap_is(taken(c, d, r, s), 0, "and another s is none");

        BN_free(d);
        BN_free(k);
        BN_free(r);
        BN_free(rd);
        BN_free(sum);
        BN_free(s);
    }
}


static void
test_sums(const curve_t *c)
{
    BIGNUM  *d, *k, *r, *s, *t, *zero;

    /* u1 G and u2 Q are one point: R = 2 t G, s = z / t, d = z / r */

    t = some(c);
    k = BN_new();
    BN_mod_add(k, t, t, c->n, c->bn);
    r = r_of(c, k);
    s = div_by(c, c->z, t);
    d = div_by(c, c->z, r);
    tap_is(taken(c, d, r, s), 1, "u1 G is u2 Q: it is doubled");
    BN_free(d);
    BN_free(s);

    /* opposite points: d = -z / r, and nothing is left, whatever s is */

    d = div_by(c, c->z, r);
    BN_sub(d, c->n, d);
    s = some(c);
    tap_is(taken(c, d, r, s), 0, "u1 G is -u2 Q: infinity is no signature");

    /* ... which has no x, and one that is taken for 0 is no r */

    zero = BN_new();
    BN_zero(zero);
    tap_is(taken(c, d, zero, s), 0, "infinity, and r of 0");
    tap_is(taken(c, d, c->n, s), 0, "infinity, and r of n");

    BN_free(d);
    BN_free(k);
    BN_free(r);
    BN_free(s);
    BN_free(t);
    BN_free(zero);
}


static void
test_ecdsa(const char *name, const char *jwk_curve, mlsec_alg_e alg,
    const char *md)
{
    curve_t        c;
    unsigned       len;
    unsigned char  digest[64];

    c.jwk_curve = jwk_curve;
    c.alg = alg;
    c.group = EC_GROUP_new_by_curve_name(OBJ_sn2nid(name));
    c.size = (EC_GROUP_get_degree(c.group) + 7) / 8;
    c.n = EC_GROUP_get0_order(c.group);
    c.bn = BN_CTX_new();

    /* a hash is never longer than the order of its curve here */

    EVP_Digest(INPUT, sizeof(INPUT) - 1, digest, &len,
               EVP_get_digestbyname(md), NULL);
    c.z = BN_bin2bn(digest, (int) len, NULL);
    BN_nnmod(c.z, c.z, c.n, c.bn);

    test_chosen(&c);
    test_keys(&c);
    test_sums(&c);

    BN_free(c.z);
    BN_CTX_free(c.bn);
    EC_GROUP_free(c.group);
}


/* ---- RSA ---- */

typedef struct {
    EVP_PKEY         *pkey;
    mlsec_jwk_set_t  *set;
    mlsec_alg_e       alg;
    const char       *md;
    size_t            size;            /* bytes of the key */
} rsa_t;


static rsa_t
rsa_new(int bits, mlsec_alg_e alg, const char *md)
{
    rsa_t        s;
    const char  *why;

    s.pkey = EVP_RSA_gen((unsigned) bits);
    s.alg = alg;
    s.md = md;
    s.size = (size_t) EVP_PKEY_get_size(s.pkey);

    if (mlsec_jwk_set_parse(sign_jwk(s.pkey, ""), 0, &s.set, &why)
        != MLSEC_OK)
    {
        abort();
    }

    return s;
}


/* The block is signed as it stands; whether that is taken. */

static int
block_taken(const rsa_t *s, const unsigned char *block)
{
    size_t         n;
    EVP_PKEY_CTX  *ctx;
    unsigned char  sig[MAX];

    n = sizeof(sig);
    ctx = EVP_PKEY_CTX_new(s->pkey, NULL);

    if (EVP_PKEY_sign_init(ctx) != 1
        || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) != 1
        || EVP_PKEY_sign(ctx, sig, &n, block, s->size) != 1)
    {
        abort();
    }

    EVP_PKEY_CTX_free(ctx);

    return mlsec_jwk_verify(s->set, &s->set->key[0], s->alg, tap_lit(INPUT),
                            (mlsec_str_t) { sig, n });
}


/* The block of a signature by the book. */

static void
block_of(const rsa_t *s, unsigned char *block)
{
    size_t         len, n;
    EVP_MD_CTX    *ctx;
    EVP_PKEY_CTX  *pctx;
    unsigned char  sig[MAX];

    len = sizeof(sig);
    ctx = EVP_MD_CTX_new();

    if (EVP_DigestSignInit_ex(ctx, NULL, s->md, NULL, NULL, s->pkey, NULL) != 1
        || EVP_DigestSign(ctx, sig, &len, (const void *) INPUT,
                          sizeof(INPUT) - 1)
           != 1)
    {
        abort();
    }

    EVP_MD_CTX_free(ctx);

    n = MAX;
    pctx = EVP_PKEY_CTX_new(s->pkey, NULL);
    EVP_PKEY_encrypt_init(pctx);
    EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_NO_PADDING);

    if (EVP_PKEY_encrypt(pctx, block, &n, sig, len) != 1 || n != s->size) {
        abort();
    }

    EVP_PKEY_CTX_free(pctx);
}


/* 00 01, ff as far as it goes, 00, and what stands for DigestInfo */

static void
padded(const rsa_t *s, const unsigned char *info, size_t n,
    unsigned char *block)
{
    memset(block, 0xff, s->size);
    block[0] = 0;
    block[1] = 1;
    block[s->size - n - 1] = 0;
    memcpy(block + s->size - n, info, n);
}


/*
 * Whatever can be done to the DER of DigestInfo in one place: a bit, a byte
 * more of those that DER is made of, a byte less; and a bit of the padding.
 * There is one block that is right.
 */

static void
test_info(const rsa_t *s)
{
    int            bad;
    size_t         i, k, n, start;
    unsigned char  right[MAX], block[MAX], *info, other[MAX];

    static const unsigned char  more[] = { 0x00, 0x81, 0x05, 0x30, 0xa0,
                                           0xff };

    block_of(s, right);
    tap_ok(block_taken(s, right), "%s, %u bytes: as it should be",
           mlsec_alg_name(s->alg), (unsigned) s->size);

    for (start = 2; right[start] == 0xff; start++) { /* void */ }

    info = right + start + 1;
    n = s->size - start - 1;

    /* of the hash itself, 19 bytes on, one of each byte */

    for (i = 0, bad = 0; i < n; i++) {
        for (k = 0; k < (i < 19 ? 8 : 1); k++) {
            memcpy(block, right, s->size);
            block[start + 1 + i] ^= (unsigned char) (1 << (i < 19 ? k : i % 8));
            bad += block_taken(s, block);
        }
    }

    tap_is(bad, 0, "the bits of DigestInfo count");

    for (i = 0, bad = 0; i <= n; i++) {
        for (k = 0; k < sizeof(more); k++) {
            memcpy(other, info, i);
            other[i] = more[k];
            memcpy(other + i + 1, info + i, n - i);
            padded(s, other, n + 1, block);
            bad += block_taken(s, block);

            /* and with the length of all of it, which comes second */

            other[1]++;
            padded(s, other, n + 1, block);
            bad += i > 1 && block_taken(s, block);
        }
    }

    tap_is(bad, 0, "a byte more, anywhere");

    for (i = 0, bad = 0; i < n; i++) {
        memcpy(other, info, i);
        memcpy(other + i, info + i + 1, n - i - 1);
        padded(s, other, n - 1, block);
        bad += block_taken(s, block);
        other[1]--;
        padded(s, other, n - 1, block);
        bad += i > 1 && block_taken(s, block);
    }

    tap_is(bad, 0, "a byte less, anywhere");

    for (i = 1, bad = 0; i <= start; i += i < 10 || i + 4 > start ? 1 : 3) {
        memcpy(block, right, s->size);
        block[i] ^= (unsigned char) (1 << i % 8);
        bad += block_taken(s, block);
    }

    tap_is(bad, 0, "bits of what is in front of it");
}


/* Where DigestInfo has a length: after each of these bytes of its beginning. */

static void
test_long_lengths(const rsa_t *s)
{
    int            bad;
    size_t         i, k, n, zeros, start;
    unsigned char  right[MAX], block[MAX], *info, other[MAX];

    static const unsigned char  at[] = { 1, 3, 5, 16, 18 };

    block_of(s, right);

    for (start = 2; right[start] == 0xff; start++) { /* void */ }

    info = right + start + 1;
    n = s->size - start - 1;
    bad = 0;

    for (i = 0; i < sizeof(at); i++) {

        /* 81 LL, 82 00 LL ... 88 00 00 00 00 00 00 00 LL */

        for (zeros = 0; zeros < 8; zeros++) {
            k = at[i];
            memcpy(other, info, k);
            other[k] = (unsigned char) (0x81 + zeros);
            memset(other + k + 1, 0, zeros);
            memcpy(other + k + 1 + zeros, info + k, n - k);
            padded(s, other, n + 1 + zeros, block);
            bad += block_taken(s, block);

            if (k > 1) {
                other[1] = (unsigned char) (other[1] + 1 + zeros);
                other[3] = (unsigned char) (other[3] + (k == 5 || k == 16
                                                       ? 1 + zeros : 0));
                padded(s, other, n + 1 + zeros, block);
                bad += block_taken(s, block);
            }
        }
    }

    tap_ok(bad == 0, "%s: a length that is spelled longer",
           mlsec_alg_name(s->alg));
}


/* PSS of the longer hashes: the salt is as long as the hash, and no other. */

static void
test_salts(int bits)
{
    int            salt, good, bad;
    size_t         i, len;
    rsa_t          s;
    EVP_MD_CTX    *ctx;
    EVP_PKEY_CTX  *pctx;
    unsigned char  sig[MAX];

    static const struct {
        const char   *md;
        mlsec_alg_e   alg;
        int           len;
    } algs[] = {
        { "SHA256", MLSEC_ALG_PS256, 32 },
        { "SHA384", MLSEC_ALG_PS384, 48 },
        { "SHA512", MLSEC_ALG_PS512, 64 }
    };

    s = rsa_new(bits, MLSEC_ALG_PS256, "SHA256");

    for (i = 0; i < 3; i++) {
        good = bad = 0;

        for (salt = 0; salt <= 80; salt += salt % 16 == 1 ? 13 : 1) {
            len = sizeof(sig);
            ctx = EVP_MD_CTX_new();

            if (EVP_DigestSignInit_ex(ctx, &pctx, algs[i].md, NULL, NULL,
                                      s.pkey, NULL) != 1
                || EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING)
                   != 1
                || EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, salt) != 1
                || EVP_DigestSign(ctx, sig, &len, (const void *) INPUT,
                                  sizeof(INPUT) - 1)
                   != 1)
            {
                abort();
            }

            EVP_MD_CTX_free(ctx);

            if (mlsec_jwk_verify(s.set, &s.set->key[0], algs[i].alg,
                                 tap_lit(INPUT), (mlsec_str_t) { sig, len }))
            {
                good += salt == algs[i].len;
                bad += salt != algs[i].len;
            }
        }

        tap_ok(good == 1 && bad == 0, "%s, %d bits: one length of a salt",
               mlsec_alg_name(algs[i].alg), bits);
    }

    mlsec_jwk_set_free(s.set);
    EVP_PKEY_free(s.pkey);
}


static void
test_rsa(int bits, mlsec_alg_e alg, const char *md)
{
    rsa_t  s;

    s = rsa_new(bits, alg, md);

    if (alg == MLSEC_ALG_RS256) {
        test_info(&s);
    }

    test_long_lengths(&s);
    mlsec_jwk_set_free(s.set);
    EVP_PKEY_free(s.pkey);
}


/* ---- EdDSA ---- */

#define L  "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed"


/* Little-endian bytes and back, modulo the order. */

static BIGNUM *
scalar(const unsigned char *bytes, int len, const BIGNUM *order, BN_CTX *bn)
{
    BIGNUM  *v;

    v = BN_lebin2bn(bytes, len, NULL);
    BN_nnmod(v, v, order, bn);

    return v;
}


/*
 * A signature with R as the caller has it: of the neutral point, whose r is 0,
 * so that S = h a.  By its one spelling this is a signature, if a strange one;
 * by others, which a verifier that decodes R would take for the same, none.
 */

static void
test_neutral(void)
{
    size_t            i, len;
    BIGNUM           *order, *h, *a, *v;
    BN_CTX           *bn;
    EVP_PKEY         *pkey;
    EVP_MD_CTX       *md;
    const char       *why;
    mlsec_jwk_set_t  *set;
    unsigned char     seed[32], wide[64], key[32], sig[64], hash[64];

    static const struct {
        const char     *name;
        unsigned char   first;
        unsigned char   rest;
        unsigned char   last;
        int             want;
    } points[] = {
        { "R is 1, the neutral point", 1, 0, 0, 1 },
        { "R is 1, with the sign of a zero", 1, 0, 0x80, 0 },
        { "R is p + 1", 0xee, 0xff, 0x7f, 0 },
        { "R is p + 1, with a sign", 0xee, 0xff, 0xff, 0 },
        { "R is -1", 0xec, 0xff, 0x7f, 0 },
        { "R is 0", 0, 0, 0, 0 },
        { "R is p", 0xed, 0xff, 0x7f, 0 },
        { "R is no point: 2", 2, 0, 0, 0 }
    };

    memset(seed, 0x42, sizeof(seed));
    pkey = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, seed, 32);
    len = sizeof(key);
    EVP_PKEY_get_raw_public_key(pkey, key, &len);

    if (mlsec_jwk_set_parse(sign_jwk(pkey, ""), 0, &set, &why) != MLSEC_OK) {
        abort();
    }

    bn = BN_CTX_new();
    order = NULL;
    BN_hex2bn(&order, L);

    SHA512(seed, sizeof(seed), wide);
    wide[0] &= 248;
    wide[31] = (unsigned char) ((wide[31] & 127) | 64);
    a = scalar(wide, 32, order, bn);

    for (i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        memset(sig, points[i].rest, 32);
        sig[0] = points[i].first;
        sig[31] = points[i].last;

        md = EVP_MD_CTX_new();
        EVP_DigestInit_ex(md, EVP_sha512(), NULL);
        EVP_DigestUpdate(md, sig, 32);
        EVP_DigestUpdate(md, key, 32);
        EVP_DigestUpdate(md, INPUT, sizeof(INPUT) - 1);
        EVP_DigestFinal_ex(md, hash, NULL);
        EVP_MD_CTX_free(md);

        h = scalar(hash, 64, order, bn);
        v = BN_new();
        BN_mod_mul(v, h, a, order, bn);
        BN_bn2lebinpad(v, sig + 32, 32);

        tap_is(mlsec_jwk_verify(set, &set->key[0], MLSEC_ALG_EDDSA,
                                tap_lit(INPUT), (mlsec_str_t) { sig, 64 }),
               points[i].want, points[i].name);

        /* S is below the order: the next one up is the same number */

        BN_add(v, v, order);

        if (BN_num_bits(v) <= 256) {
            BN_bn2lebinpad(v, sig + 32, 32);
            tap_is(mlsec_jwk_verify(set, &set->key[0], MLSEC_ALG_EDDSA,
                                    tap_lit(INPUT), (mlsec_str_t) { sig, 64 }),
                   0, "and S plus the order is none");
        }

        BN_free(h);
        BN_free(v);
    }

    BN_free(a);
    BN_free(order);
    BN_CTX_free(bn);
    mlsec_jwk_set_free(set);
    EVP_PKEY_free(pkey);
}


/*
 * Public keys: y from p on is a second spelling (RFC 8032, 5.1.3), of y less p;
 * and those of small order that test_auth_jwk.c does not have.
 */

static void
test_points(void)
{
    int               i, sign;
    char              text[200];
    token_t           t;
    const char       *why;
    mlsec_jwk_set_t  *set;
    unsigned char     key[32];

    for (i = 0xec; i <= 0xff; i++) {
        for (sign = 0; sign < 2; sign++) {
            memset(key, 0xff, sizeof(key));
            key[0] = (unsigned char) i;
            key[31] = sign ? 0xff : 0x7f;

            t.len = 0;
            token_put(&t, key, sizeof(key));
            snprintf(text, sizeof(text), "{\"kty\":\"OKP\",\"crv\":"
                     "\"Ed25519\",\"x\":\"%.60s\"}", t.text);
            why = "it was taken";
            set = NULL;
            (void) mlsec_jwk_set_parse(tap_str(text), 0, &set, &why);
            mlsec_jwk_set_free(set);

            if (!tap_ok(strcmp(why, i <= 0xee ? "it is a point of small order"
                               : "its \"x\" is not spelled as RFC 8032 has it")
                        == 0, "Ed25519: y is p %+d%s", i - 0xed,
                        sign ? ", with a sign" : ""))
            {
                tap_diag("%s", why);
            }
        }
    }
}


int
main(void)
{
    test_ecdsa("prime256v1", "P-256", MLSEC_ALG_ES256, "SHA256");
    test_ecdsa("secp384r1", "P-384", MLSEC_ALG_ES384, "SHA384");
    test_ecdsa("secp521r1", "P-521", MLSEC_ALG_ES512, "SHA512");

    test_rsa(2048, MLSEC_ALG_RS256, "SHA256");
    test_rsa(2056, MLSEC_ALG_RS512, "SHA512");
    test_salts(2048);
    test_salts(2055);

    test_neutral();
    test_points();

    tap_is((long long) ERR_peek_error(), 0, "no error is left behind");

    return tap_done();
}
