/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The classes of Wycheproof's vectors for JSON Web Signature and Key, and
 * those of ECDSA and RSA that test_auth_edges.c does not have, with keys of our
 * own.  A class is named as there.  Where its opinion is not ours, that is
 * said.
 */


#include "sign.h"
#include <lib/auth/mlsec_jwt.h>
#include <openssl/err.h>
#include <openssl/sha.h>


#define ALL_ALGS  ((1u << MLSEC_ALGS) - 1)
#define KID       "\"kid\":\"k\""
#define OCT(k)    "{\"kty\":\"oct\",\"use\":\"sig\",\"alg\":\"HS256\"," KID    \
                  ",\"k\":\"" k "\"}"
#define ZEROS     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


/*
 * Whether a token is good with these keys, whatever its payload says; that it
 * is base64url is looked at when it is read.
 */

static int
good(mlsec_str_t keys, mlsec_str_t token)
{
    int                     ok;
    size_t                  which;
    const char             *why;
    mlsec_jws_t             jws;
    mlsec_mem_t             mem;
    tap_arena_t             arena;
    mlsec_jwk_set_t        *set;
    unsigned char           payload[100];
    const mlsec_jwk_set_t  *sets[1];

    if (mlsec_jwk_set_parse(keys, MLSEC_JWK_SECRETS, &set, &why) != MLSEC_OK)
    {
        return 0;
    }

    ok = 0;
    sets[0] = set;
    mem = tap_mem(&arena);

    if (mlsec_jws_open(&jws, token, MLSEC_JWS_ANY_TYPE, &mem)
        == MLSEC_REASON_OK)
    {
        ok = mlsec_jws_verify(&jws, sets, 1, ALL_ALGS, &which)
             == MLSEC_REASON_OK
             && mlsec_base64url_decode(payload, &which, jws.payload)
                == MLSEC_OK;
        mlsec_jws_close(&jws);
    }

    tap_free(&arena);
    mlsec_jwk_set_free(set);

    return ok;
}


/* A token out of parts as they stand, with the HMAC of the first two. */

static mlsec_str_t
mac(const char *header, const char *payload, const char *more)
{
    token_t  *t;

    t = sign_text();
    t->len = (size_t) sprintf(t->text, "%s.%s", header, payload);
    token_hmac(t, "SHA256", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
               "\0\0\0\0\0\0\0", 32);
    t->len += (size_t) sprintf(t->text + t->len, "%s", more);

    return token_str(t);
}


/*
 * How a token is spelled.  The MAC is always the right one for the bytes that
 * stand there: it is the spelling that is wrong.
 */

#define H  "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsifQ"    /* HS256, kid k */

static const struct {
    const char  *name;
    const char  *header;
    const char  *payload;
    const char  *more;
    int          want;
} spellings[] = {
    { "acceptsValid", H, "Zm9v", "", 1 },
    { "acceptsValid: no payload", H, "", "", 1 },
    { "ValidSpacesInJsonHeader",
      "eyAia2lkIiA6ICJrIiwgImFsZyIgOiAiSFMyNTYiIH0", "Zm9v", "", 1 },
    { "ValidWhiteSpaceInJsonHeader", "eyJraWQiOiJrIiwKCSJhbGciOiJIUzI1NiJ9",
      "Zm9v", "", 1 },
    { "spacesInHeader", H "    ", "Zm9v", "", 0 },
    { "spacesInPayload", H, "    Zm9v", "", 0 },
    { "rejectsSpacesInMac", H, "Zm9v", "    ", 0 },
    { "invalidCharactersInHeader", H "####", "Zm9v", "", 0 },
    { "invalidCharactersInPayload", H, "####Zm9v", "", 0 },
    { "InvalidCharacterInPayload", H, "?Zm9v", "", 0 },
    { "rejectsInvalidCharacterInsertedInMac", H, "Zm9v", "?", 0 },

    /*
     * There: good, though RFC 7515, 2 has no such character; and what is
     * called a padding there has lost it, so that one text is good and bad.
     */
    { "InvalidCharacterInsertedInHeader", "eyJhbGciOiJIUzI1NiIsImtpZCI6Imsif?Q",
      "Zm9v", "", 0 },
    { "InvalidCharacterInsertedInPayload", H, "Zm9v?", "", 0 },

    { "invalidBase64Padding", H "==", "Zm9v", "", 0 },
    { "invalidBase64PaddingInPayload", H, "Zm8=", "", 0 },
    { "padding of the MAC", H, "Zm9v", "=", 0 },
    { "ModifiedUnusedBitsInPayload", H, "AB", "", 0 },
    { "a line end", H, "Zm9v\n", "", 0 },
    { "rejectsExtraEmptyComponent", H, "Zm9v", ".", 0 },
    { "rejectsExtraComponent", H, "Zm9v", ".foo", 0 },
    { "rejectsMissingHeader", "", "Zm9v", "", 0 },
    { "rejectsNoneAlgorithm", "eyJhbGciOiJub25lIiwia2lkIjoiayJ9", "Zm9v", "",
      0 },
    { "rejectsModifiedHeader: another kid",
      "eyJhbGciOiJIUzI1NiIsImtpZCI6IngifQ", "Zm9v", "", 0 }
};


static void
test_spellings(void)
{
    size_t        i, n;
    mlsec_str_t   token;
    const char   *last;

    for (i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        token = mac(spellings[i].header, spellings[i].payload,
                    spellings[i].more);

        tap_is(good(tap_lit(OCT(ZEROS)), token), spellings[i].want,
               spellings[i].name);
    }

    /* rejectsMissing...: every piece of a token that is one */

    token = mac(H, "Zm9v", "");
    last = strrchr((const char *) token.data, '.');

    for (n = 0, i = 0; n < token.len; n++) {
        i += (size_t) good(tap_lit(OCT(ZEROS)),
                           (mlsec_str_t) { token.data, n });
        i += (size_t) good(tap_lit(OCT(ZEROS)),
                           (mlsec_str_t) { token.data + n + 1,
                                           token.len - n - 1 });
    }

    tap_is((long long) i, 0, "rejectsMissing...: cut anywhere");
    tap_ok(last != NULL, "there is a signature");

    tap_is(good(tap_lit(OCT(ZEROS)), tap_lit("{\"payload\":\"Zm9v\","
                "\"protected\":\"" H "\",\"signature\":\"x.y.z\"}")), 0,
           "JsonSerialization");
}


/* JsonWebKey: sets and keys by themselves. */

#define TWO(one, two)  "{\"keys\":[" one "," two "]}"
#define EC256  "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"e\","              \
    "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","                   \
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"

static const struct {
    const char  *name;
    const char  *keys;
    int          want;
} sets[] = {
    { "jws_keyset", TWO(OCT(ZEROS), "{\"kty\":\"oct\",\"kid\":\"k2\",\"k\":\""
      "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}"), 1 },
    { "jws_duplicate_kid", TWO(OCT(ZEROS), OCT("BAAAAAAAAAAAAAAAAAAAAAAAAAAA"
      "AAAAAAAAAAAAAAA")), 0 },
    { "jws_duplicate_kid, where one is no base64url", TWO(OCT(ZEROS),
      OCT("BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB")), 0 },
    { "jws_duplicate_kid, where one is too short", TWO(OCT("BAAA"),
      OCT(ZEROS)), 0 },
    { "jws_duplicate_kid, where one has no \"k\"", TWO("{\"kty\":\"oct\","
      KID "}", OCT(ZEROS)), 0 },
    { "jws_duplicate_kid, to encrypt with", TWO("{\"kty\":\"oct\",\"use\":"
      "\"enc\"," KID ",\"k\":\"" ZEROS "\"}", OCT(ZEROS)), 1 },
    { "jws_duplicate_kid, of others that are left out", "{\"keys\":["
      "{\"kty\":\"EC\"," KID "},{\"kty\":\"EC\"," KID "}," OCT(ZEROS) "]}", 1 },
    { "jws_duplicate_kid, of which one is no string", TWO("{\"kty\":\"oct\","
      "\"kid\":7,\"k\":\"" ZEROS "\"}", OCT(ZEROS)), 1 },
    { "jws_duplicate_kid, for algorithms of their own", TWO(OCT(ZEROS),
      "{\"kty\":\"oct\",\"alg\":\"HS384\"," KID ",\"k\":\"" ZEROS ZEROS
      "AAAAAAAAAAAAAAA\"}"), 1 },

    { "jws_mixedSymmetryKeyset", TWO(OCT(ZEROS), EC256), 0 },
    { "jws_mixedSymmetryKeyset, the other way round", TWO(EC256, OCT(ZEROS)),
      0 },

    { "key_too_short", OCT("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), 0 },
    { "empty_key", OCT(""), 0 },
    { "rejectWrongUse", "{\"kty\":\"oct\",\"use\":\"enc\"," KID ",\"k\":\""
      ZEROS "\"}", 0 },
    { "rejectWrongKeyOps", "{\"kty\":\"oct\",\"key_ops\":[\"encrypt\"]," KID
      ",\"k\":\"" ZEROS "\"}", 0 },
    { "rejectsAesKey", "{\"kty\":\"oct\",\"alg\":\"A256GCM\",\"use\":\"sig\","
      KID ",\"k\":\"" ZEROS "\"}", 0 },
    { "rejectsAesKey: to wrap", "{\"kty\":\"oct\",\"alg\":\"A256KW\"," KID
      ",\"k\":\"" ZEROS "\"}", 0 },
    { "another algorithm than the key's", "{\"kty\":\"oct\",\"alg\":\"HS512\","
      KID ",\"k\":\"" ZEROS ZEROS ZEROS "\"}", 0 },
    { "wrong_kty", "{\"kty\":\"RSA\"," KID ",\"k\":\"" ZEROS "\"}", 0 }
};


static void
test_sets(void)
{
    size_t           i;
    const char      *why;
    mlsec_jwk_set_t *set;

    /* a secret among public keys is none: they are what is left */

    if (mlsec_jwk_set_parse(tap_lit(TWO(OCT(ZEROS), EC256)),
                            MLSEC_JWK_SECRETS, &set, &why)
        != MLSEC_OK)
    {
        abort();
    }

    tap_ok(set->n == 1 && set->skipped == 1 && set->key[0].pkey != NULL
           && set->key[0].kid_len == 1 && set->kids
           && strcmp(set->why, "it is a secret in a set that has public keys")
              == 0, "jws_mixedSymmetryKeyset: the public key is left");
    mlsec_jwk_set_free(set);

    for (i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        tap_is(good(tap_str(sets[i].keys), mac(H, "Zm9v", "")), sets[i].want,
               sets[i].name);
    }
}


/* long_key: a secret may be longer than the hash, and than its block. */

static void
test_long(void)
{
    size_t         n;
    token_t        t;
    char           text[3000];
    unsigned char  key[1024];

    memset(key, 7, sizeof(key));

    for (n = 32; n <= sizeof(key); n += 968) {
        t.len = 0;
        token_put(&t, key, n);
        snprintf(text, sizeof(text),
                 "{\"kty\":\"oct\"," KID ",\"k\":\"%.2000s\"}", t.text);
        t.len = (size_t) sprintf(t.text, H ".Zm9v");
        token_hmac(&t, "SHA256", key, n);
        tap_is(good(tap_str(text), token_str(&t)), 1, "long_key");
    }
}


static mlsec_str_t
signed_by(EVP_PKEY *pkey, const char *header, const char *md, int pss)
{
    token_t  *t;

    t = sign_text();
    token_start(t, tap_str(header), tap_lit("foo"));
    token_sign(t, pkey, md, pss);

    return token_str(t);
}


/*
 * Keys that say one algorithm and are of another: a token for the key's own
 * type, for what the key says, for neither.
 */

static void
test_mismatch(void)
{
    size_t        i;
    EVP_PKEY     *rsa, *p256, *p384, *p521, *ed;

    rsa = EVP_RSA_gen(2048);
    p256 = EVP_EC_gen("P-256");
    p384 = EVP_EC_gen("P-384");
    p521 = EVP_EC_gen("P-521");
    ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

    const struct {
        EVP_PKEY    *pkey;
        const char  *jwk;              /* "alg" of the key */
        const char  *header;
        const char  *md;
        int          pss;
        int          want;
    } rows[] = {
        { rsa, "", "{\"alg\":\"RS256\"}", "SHA256", 0, 1 },
        { rsa, "\"alg\":\"RS256\",", "{\"alg\":\"RS256\"}", "SHA256", 0, 1 },
        { rsa, "\"alg\":\"RS256\",", "{\"alg\":\"RS384\"}", "SHA384", 0, 0 },
        { rsa, "\"alg\":\"RS256\",", "{\"alg\":\"PS256\"}", "SHA256", 1, 0 },
        { rsa, "\"alg\":\"PS256\",", "{\"alg\":\"PS256\"}", "SHA256", 1, 1 },
        { rsa, "\"alg\":\"PS256\",", "{\"alg\":\"RS256\"}", "SHA256", 0, 0 },

        /* rfc7520WithKeyOps, Figure20: good there, and against RFC 7517 */
        { rsa, "\"alg\":\"PS256\",", "{\"alg\":\"PS384\"}", "SHA384", 1, 0 },

        { rsa, "\"alg\":\"RSA1_5\",", "{\"alg\":\"RS256\"}", "SHA256", 0, 0 },
        { rsa, "\"alg\":\"RSA-OAEP\",\"use\":\"sig\",", "{\"alg\":\"RS256\"}",
          "SHA256", 0, 0 },
        { p256, "\"alg\":\"ES256\",", "{\"alg\":\"ES256\"}", "SHA256", 0, 1 },
        { p256, "\"alg\":\"ES521\",", "{\"alg\":\"ES256\"}", "SHA256", 0, 0 },
        { p256, "\"alg\":\"ES224\",", "{\"alg\":\"ES256\"}", "SHA256", 0, 0 },
        { p256, "", "{\"alg\":\"ES384\"}", "SHA384", 0, 0 },
        { p256, "", "{\"alg\":\"ES256K\"}", "SHA256", 0, 0 },
        { p384, "", "{\"alg\":\"ES256\"}", "SHA256", 0, 0 },
        { p384, "", "{\"alg\":\"ES384\"}", "SHA384", 0, 1 },

        /* Figure27: P-521 by another name of its algorithm */
        { p521, "\"alg\":\"ES521\",", "{\"alg\":\"ES512\"}", "SHA512", 0, 1 },
        { p521, "\"alg\":\"ES521\",", "{\"alg\":\"ES521\"}", "SHA512", 0, 0 },
        { p521, "\"alg\":\"ES384\",", "{\"alg\":\"ES512\"}", "SHA512", 0, 0 },
        { ed, "", "{\"alg\":\"EdDSA\"}", NULL, 0, 1 },
        { ed, "\"alg\":\"EdDSA\",", "{\"alg\":\"EdDSA\"}", NULL, 0, 1 },
        { ed, "", "{\"alg\":\"Ed25519\"}", NULL, 0, 0 },
        { ed, "", "{\"alg\":\"ES256\"}", NULL, 0, 0 },
        { ed, "\"alg\":\"ES256\",", "{\"alg\":\"EdDSA\"}", NULL, 0, 0 }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        tap_ok(good(sign_jwk(rows[i].pkey, rows[i].jwk),
                    signed_by(rows[i].pkey, rows[i].header, rows[i].md,
                              rows[i].pss))
               == rows[i].want, "mismatchedAlg: %s key, %s%s",
               EVP_PKEY_get0_type_name(rows[i].pkey), rows[i].jwk,
               rows[i].header);
    }

    /* rejectsAttackerProvidedEmbeddedJwk; SymmetryConfusion */

    {
        char         header[3000];
        EVP_PKEY    *evil;
        mlsec_str_t  jwk, ours;

        evil = EVP_EC_gen("P-256");
        ours = sign_jwk(p256, "\"kid\":\"k\",");
        jwk = sign_jwk(evil, "\"kid\":\"k\",");
        snprintf(header, sizeof(header), "{\"alg\":\"ES256\",\"kid\":\"k\","
                 "\"jwk\":%.*s}", (int) jwk.len, (const char *) jwk.data);

        tap_is(good(ours, signed_by(evil, header, "SHA256", 0)), 0,
               "rejectsAttackerProvidedEmbeddedJwk");
        tap_is(good(ours, signed_by(p256, header, "SHA256", 0)), 1,
               "which is not looked at");
        EVP_PKEY_free(evil);
    }

    EVP_PKEY_free(rsa);
    EVP_PKEY_free(p256);
    EVP_PKEY_free(p384);
    EVP_PKEY_free(p521);
    EVP_PKEY_free(ed);
}


/*
 * SmallRandS, and r of a point whose x is not below the order: signatures that
 * are good, and that a verifier with a bug refuses, or takes for others.
 *
 * A signature is chosen, and the key found that it is of: with R the point of
 * r, Q = r^-1 (s R - z G).
 */

static int
chosen(const char *curve, const char *jwk_curve, mlsec_alg_e alg,
    const BIGNUM *x, unsigned long s_word, int change)
{
    int               ok, size;
    BIGNUM           *r, *s, *z, *inverse, *u, *v, *qx, *qy;
    BN_CTX           *bn;
    token_t          *t;
    EC_GROUP         *group;
    EC_POINT         *point, *key;
    char              header[100], text[1000];
    unsigned char     digest[64], sig[140], coordinates[140];

    group = EC_GROUP_new_by_curve_name(OBJ_sn2nid(curve));
    bn = BN_CTX_new();
    point = EC_POINT_new(group);
    key = EC_POINT_new(group);
    r = BN_new();
    s = BN_new();
    u = BN_new();
    v = BN_new();
    qx = BN_new();
    qy = BN_new();
    ok = -1;

    size = (EC_GROUP_get_degree(group) + 7) / 8;

    if (EC_POINT_set_compressed_coordinates(group, point, x, 0, bn) == 1) {
        t = sign_text();
        sprintf(header, "{\"alg\":\"%s\"}", mlsec_alg_name(alg));
        token_start(t, tap_str(header), tap_lit("foo"));
        EVP_Digest(t->text, t->len, digest, NULL,
                   alg == MLSEC_ALG_ES256 ? EVP_sha256()
                   : alg == MLSEC_ALG_ES384 ? EVP_sha384() : EVP_sha512(),
                   NULL);

        /* the hash is never longer than the order of these curves */

        z = BN_bin2bn(digest, alg == MLSEC_ALG_ES256 ? 32
                              : alg == MLSEC_ALG_ES384 ? 48 : 64, NULL);

        BN_nnmod(r, x, EC_GROUP_get0_order(group), bn);
        BN_set_word(s, s_word);
        inverse = BN_mod_inverse(NULL, r, EC_GROUP_get0_order(group), bn);
        BN_mod_mul(u, inverse, s, EC_GROUP_get0_order(group), bn);
        BN_mod_mul(v, inverse, z, EC_GROUP_get0_order(group), bn);
        BN_sub(v, EC_GROUP_get0_order(group), v);
        BN_nnmod(v, v, EC_GROUP_get0_order(group), bn);
        EC_POINT_mul(group, key, v, point, u, bn);
        EC_POINT_get_affine_coordinates(group, key, qx, qy, bn);

        BN_bn2binpad(r, sig, size);
        BN_bn2binpad(s, sig + size, size);
        sig[2 * size - 1] ^= (unsigned char) change;
        t->text[t->len++] = '.';
        token_put(t, sig, 2 * (size_t) size);

        BN_bn2binpad(qx, coordinates, size);
        BN_bn2binpad(qy, coordinates + size, size);

        {
            token_t  a = { .len = 0 }, b = { .len = 0 };

            token_put(&a, coordinates, (size_t) size);
            token_put(&b, coordinates + size, (size_t) size);
            snprintf(text, sizeof(text), "{\"kty\":\"EC\",\"crv\":\"%s\","
                     "\"x\":\"%.99s\",\"y\":\"%.99s\"}", jwk_curve, a.text,
                     b.text);
        }

        ok = good(tap_str(text), token_str(t));
        BN_free(z);
        BN_free(inverse);
    }

    BN_free(r);
    BN_free(s);
    BN_free(u);
    BN_free(v);
    BN_free(qx);
    BN_free(qy);
    EC_POINT_free(point);
    EC_POINT_free(key);
    EC_GROUP_free(group);
    BN_CTX_free(bn);
    ERR_clear_error();

    return ok;
}


static void
test_chosen(const char *curve, const char *jwk_curve, mlsec_alg_e alg)
{
    int            ok, found;
    BIGNUM        *x;
    EC_GROUP      *group;
    unsigned long  i;

    group = EC_GROUP_new_by_curve_name(OBJ_sn2nid(curve));
    x = BN_new();

    for (i = 1, found = 0; found < 4; i++) {
        BN_set_word(x, i);
        ok = chosen(curve, jwk_curve, alg, x, i + 1, 0);

        if (ok == -1) {
            continue;
        }

        tap_ok(ok == 1, "SmallRandS: %s, r is %lu, s is %lu", curve, i, i + 1);
        tap_is(chosen(curve, jwk_curve, alg, x, i + 1, 0x40), 0,
               "and no other s");
        found++;
    }

    /* x of R between the order and the prime: r is x less the order */

    for (i = 0, found = 0; found < 2; i++) {
        BN_copy(x, EC_GROUP_get0_order(group));
        BN_add_word(x, i + 1);
        ok = chosen(curve, jwk_curve, alg, x, 3, 0);

        if (ok != -1) {
            tap_ok(ok == 1, "r is reduced: %s, x is n + %lu", curve, i + 1);
            found++;
        }
    }

    BN_free(x);
    EC_GROUP_free(group);
}


static size_t
rsa_raw(EVP_PKEY *pkey, int private_half, const unsigned char *in, size_t len,
    unsigned char *out)
{
    size_t         n;
    EVP_PKEY_CTX  *ctx;

    n = 1024;
    ctx = EVP_PKEY_CTX_new(pkey, NULL);

    if (private_half) {
        EVP_PKEY_sign_init(ctx);
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING);
        EVP_PKEY_sign(ctx, out, &n, in, len);

    } else {
        EVP_PKEY_encrypt_init(ctx);
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING);
        EVP_PKEY_encrypt(ctx, out, &n, in, len);
    }

    EVP_PKEY_CTX_free(ctx);

    return n;
}


static EVP_PKEY *
rsa(unsigned bits, unsigned long exponent)
{
    BIGNUM        *e;
    EVP_PKEY      *pkey;
    EVP_PKEY_CTX  *ctx;

    pkey = NULL;
    e = BN_new();
    BN_set_word(e, exponent);
    ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY_keygen_init(ctx);
    EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, (int) bits);
    EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e);
    EVP_PKEY_generate(ctx, &pkey);
    EVP_PKEY_CTX_free(ctx);
    BN_free(e);

    return pkey;
}


/* The block that a PSS signature is of, changed, and signed again. */

static void
test_pss_block(unsigned bits, unsigned long e)
{
    int               taken, k;
    char             *dot;
    size_t            i, n, size;
    token_t           t;
    EVP_PKEY         *pkey;
    const char       *why;
    mlsec_str_t       jwk, input;
    mlsec_jwk_set_t  *set;
    unsigned char     sig[1024], block[1024], other[1024];

    pkey = rsa(bits, e);
    jwk = sign_jwk(pkey, "");
    token_start(&t, tap_lit("{\"alg\":\"PS256\"}"), tap_lit("foo"));
    token_sign(&t, pkey, "SHA256", 1);
    tap_ok(good(jwk, token_str(&t)), "PS256: %u bits, e is %lu", bits, e);

    dot = strrchr(t.text, '.');
    size = (size_t) EVP_PKEY_get_size(pkey);
    (void) mlsec_base64url_decode(sig, &n, tap_str(dot + 1));
    tap_is((long long) n, (long long) size, "as long as the key");
    (void) rsa_raw(pkey, 0, sig, n, block);
    tap_is(block[size - 1], 0xbc, "it ends with bc");

    /* reading an RSA key costs more than all of its signatures */

    if (mlsec_jwk_set_parse(jwk, 0, &set, &why) != MLSEC_OK) {
        abort();
    }

    input.data = (const unsigned char *) t.text;
    input.len = (size_t) (dot - t.text);
    taken = 0;

    for (i = 0; i < size; i++) {
        for (k = 1; k < 256; k <<= 1) {
            memcpy(other, block, size);
            other[i] ^= (unsigned char) k;

            /* what is not below n cannot be signed */

            if (i == 0 || (i == 1 && block[0] == 0)) {
                if (k > 1 || bits % 8 == 1) {
                    continue;
                }
            }

            n = rsa_raw(pkey, 1, other, size, sig);
            taken += mlsec_jwk_verify(set, &set->key[0], MLSEC_ALG_PS256,
                                      input, (mlsec_str_t) { sig, n });
        }

        /* what it begins and ends with, and some of the middle */

        i += i > 40 && i + 40 < size ? 7 : 0;
    }

    tap_is(taken, 0, "no bit of the block can be another one");

    n = rsa_raw(pkey, 1, block, size, sig);
    tap_is(mlsec_jwk_verify(set, &set->key[0], MLSEC_ALG_PS256, input,
                            (mlsec_str_t) { sig, n }), 1, "as it was");
    mlsec_jwk_set_free(set);
    EVP_PKEY_free(pkey);
}


/*
 * Forging with e of 3 and a verifier that does not look behind the hash: the
 * cube root of a block that begins right (Bleichenbacher, 2006).
 */

static void
test_cube(void)
{
    size_t          i, bits;
    BIGNUM         *n, *low, *high, *mid, *cube;
    BN_CTX         *bn;
    token_t         t;
    EVP_PKEY       *pkey;
    mlsec_str_t     jwk;
    unsigned char   block[256], sig[256];

    static const unsigned char  info[] = {
        0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65,
        0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20
    };

    pkey = rsa(2048, 3);
    jwk = sign_jwk(pkey, "");
    tap_is(good(jwk, signed_by(pkey, "{\"alg\":\"RS256\"}", "SHA256", 0)), 1,
           "RS256: e of 3");

    token_start(&t, tap_lit("{\"alg\":\"RS256\"}"), tap_lit("foo"));
    memset(block, 0xff, sizeof(block));
    block[0] = 0;
    block[1] = 1;
    block[10] = 0;
    memcpy(block + 11, info, sizeof(info));
    SHA256((const void *) t.text, t.len, block + 11 + sizeof(info));

    /* the largest number whose cube is not above the block */

    bn = BN_CTX_new();
    n = BN_bin2bn(block, sizeof(block), NULL);
    low = BN_new();
    high = BN_new();
    mid = BN_new();
    cube = BN_new();
    BN_zero(low);
    BN_one(high);
    BN_lshift(high, high, 700);

    for (i = 0; i < 720; i++) {
        BN_add(mid, low, high);
        BN_rshift1(mid, mid);
        BN_sqr(cube, mid, bn);
        BN_mul(cube, cube, mid, bn);
        (void) BN_copy(BN_cmp(cube, n) > 0 ? high : low, mid);
    }

    BN_sqr(cube, low, bn);
    BN_mul(cube, cube, low, bn);
    BN_bn2binpad(cube, sig, sizeof(sig));

    for (bits = 0; bits < sizeof(sig) && sig[bits] == block[bits]; bits++) {
        /* void */
    }

    tap_ok(bits > 11 + sizeof(info) + 32, "the forged block begins right");

    BN_bn2binpad(low, sig, sizeof(sig));
    t.text[t.len++] = '.';
    token_put(&t, sig, sizeof(sig));
    tap_is(good(jwk, token_str(&t)), 0, "RS256: a cube root is no signature");

    BN_free(n);
    BN_free(low);
    BN_free(high);
    BN_free(mid);
    BN_free(cube);
    BN_CTX_free(bn);
    EVP_PKEY_free(pkey);
}


int
main(void)
{
    test_spellings();
    test_sets();
    test_long();
    test_mismatch();
    test_chosen("prime256v1", "P-256", MLSEC_ALG_ES256);
    test_chosen("secp384r1", "P-384", MLSEC_ALG_ES384);
    test_chosen("secp521r1", "P-521", MLSEC_ALG_ES512);
    test_pss_block(2048, 65537);
    test_pss_block(2049, 65537);
    test_cube();

    tap_is((long long) ERR_peek_error(), 0, "no error is left behind");

    return tap_done();
}
