/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Which keys are taken, what for, and why others are not. */


#include "sign.h"


#define A32  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define X256  "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
#define Y256  "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
#define EC256  "\"kty\":\"EC\",\"crv\":\"P-256\"," X256 Y256
#define ED  "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
#define OCT32  "\"kty\":\"oct\",\"k\":\"" A32 "\""


#define bit(name)  mlsec_alg_bit(MLSEC_ALG_ ## name)


/* One JWK each; "why" of what is refused. */

static const struct {
    const char  *jwk;
    unsigned     algs;
    const char  *why;
} cases[] = {
    { "{" EC256 "}", bit(ES256), NULL },
    { "{" EC256 ",\"use\":\"sig\"}", bit(ES256), NULL },
    { "{" EC256 ",\"alg\":\"ES256\"}", bit(ES256), NULL },
    { "{" EC256 ",\"key_ops\":[\"sign\",\"verify\"]}", bit(ES256), NULL },
    { "{" EC256 ",\"x5c\":[1,2],\"d\":\"AA\",\"foo\":{}}", bit(ES256), NULL },
    { "{\"keys\":[{" EC256 "}]}", bit(ES256), NULL },
    { " \r\n\t{" EC256 "}\n", bit(ES256), NULL },

    { "{" EC256 ",\"use\":\"enc\"}", 0, "\"use\" is not \"sig\"" },
    { "{" EC256 ",\"use\":[\"sig\"]}", 0, "\"use\" is not \"sig\"" },
    { "{" EC256 ",\"key_ops\":[\"sign\"]}", 0,
      "\"key_ops\" does not have \"verify\"" },
    { "{" EC256 ",\"key_ops\":\"verify\"}", 0,
      "\"key_ops\" does not have \"verify\"" },
    { "{" EC256 ",\"alg\":\"RS256\"}", 0,
      "\"alg\" is unknown or not for a key of this type" },
    { "{" EC256 ",\"alg\":\"ES384\"}", 0,
      "\"alg\" is unknown or not for a key of this type" },
    { "{" EC256 ",\"alg\":\"none\"}", 0,
      "\"alg\" is unknown or not for a key of this type" },
    { "{" EC256 ",\"alg\":7}", 0,
      "\"alg\" is unknown or not for a key of this type" },
    { "{" EC256 ",\"kid\":7}", 0, "\"kid\" is not a string" },
    { "{" EC256 ",\"kid\":\"\"}", 0, "\"kid\" is not of 1 to 256 bytes" },

    { "{\"kty\":\"EC\",\"crv\":\"secp256k1\"," X256 Y256 "}", 0,
      "\"crv\" is none of P-256, P-384, P-521" },
    { "{\"kty\":\"EC\",\"crv\":\"P-384\"," X256 Y256 "}", 0,
      "\"x\" or \"y\" is not of the length of the curve" },
    { "{\"kty\":\"EC\",\"crv\":\"P-256\"," X256 "\"y\":\"" A32 "\"}", 0,
      "it is not a point of the curve" },
    { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" A32 "\",\"y\":\"" A32 "\"}",
      0, "it is not a point of the curve" },
    { "{\"kty\":\"EC\",\"crv\":\"P-256\"," X256 "\"y\":\"AMfxRM0bvZt-hyzf7bnu"
      "ufSzaV1uqQskrYpGIyiFiOWt\"}", 0,
      "\"x\" or \"y\" is not of the length of the curve" },
    { "{\"kty\":\"EC\",\"crv\":\"P-256\"," X256 "\"y\":\"x_FEzRu9m36HLN_tue65"
      "9LNpXW6pCyStikYjKIWI5a0=\"}", 0,
      "\"x\" or \"y\" is not of the length of the curve" },

    { "{" ED "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
      bit(EDDSA), NULL },
    { "{" ED "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ\"}", 0,
      "\"x\" is not 32 bytes of base64url" },
    { "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" A32 "\"}", 0,
      "\"crv\" is not Ed25519" },

    /* small order: 0, 1 and with the sign bit, order 8, p - 1, p, p + 1 */
    { "{" ED "\"" A32 "\"}", 0, "it is a point of small order" },
    { "{" ED "\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}", 0,
      "it is a point of small order" },
    { "{" ED "\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA\"}", 0,
      "it is a point of small order" },
    { "{" ED "\"JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU\"}", 0,
      "it is a point of small order" },
    { "{" ED "\"xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o\"}", 0,
      "it is a point of small order" },
    { "{" ED "\"7P_______________________________________38\"}", 0,
      "it is a point of small order" },
    { "{" ED "\"7f_______________________________________38\"}", 0,
      "it is a point of small order" },
    { "{" ED "\"7v_______________________________________38\"}", 0,
      "it is a point of small order" },

    { "{\"kty\":\"RSA\",\"n\":\"DKE\",\"e\":\"AQ\"}", 0,
      "RSA of less than 2048 or more than 8192 bits" },
    { "{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"}", 0,
      "\"n\" or \"e\" is missing, too long or not base64url" },
    { "{\"kty\":\"RSA\",\"e\":\"AQAB\"}", 0,
      "\"n\" or \"e\" is missing, too long or not base64url" },
    { "{\"kty\":\"RSA\",\"n\":17,\"e\":\"AQAB\"}", 0,
      "\"n\" or \"e\" is missing, too long or not base64url" },

    { "{" OCT32 "}", bit(HS256), NULL },
    { "{" OCT32 ",\"alg\":\"HS256\"}", bit(HS256), NULL },
    { "{" OCT32 ",\"alg\":\"HS512\"}", 0,
      "the secret is shorter than the hash" },
    { "{" OCT32 ",\"alg\":\"RS256\"}", 0,
      "\"alg\" is unknown or not for a key of this type" },
    { "{\"kty\":\"oct\",\"k\":\"AAAA\"}", 0,
      "the secret is shorter than the hash" },
    { "{\"kty\":\"oct\",\"k\":\"\"}", 0, "\"k\" is missing or too long" },
    { "{\"kty\":\"oct\",\"k\":\"" A32 "=\"}", 0, "\"k\" is not base64url" },
    { "{\"kty\":\"oct\"}", 0, "\"k\" is missing or too long" },

    { "{\"kty\":\"ec\"}", 0, "\"kty\" is none of RSA, EC, OKP, oct" },
    { "{}", 0, "\"kty\" is none of RSA, EC, OKP, oct" },
    { "{\"keys\":[]}", 0, "it has no keys" },
    { "{\"keys\":[7]}", 0, "it is not an object" },
    { "{\"keys\":{}}", 0, "\"keys\" is not an array" },
    { "{\"keys\":[],\"keys\":[]}", 0, "it is not a JSON object" },
    { "{" EC256 "} x", 0, "it is not a JSON object" },
    { "{" EC256, 0, "it is not a JSON object" },
    { "[{" EC256 "}]", 0, "it is neither JSON nor PEM" },
    { "", 0, "it is neither JSON nor PEM" },
    { "\n", 0, "it is neither JSON nor PEM" },
    { "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", 0,
      "its PEM is no public key and no certificate" },
    { "-----BEGIN PUBLIC KEY-----\nAAAA\n", 0, "it is neither JSON nor PEM" }
};


static mlsec_jwk_set_t *
parse(mlsec_str_t text, unsigned flags, const char **why)
{
    mlsec_jwk_set_t  *set;

    set = NULL;
    *why = NULL;

    if (mlsec_jwk_set_parse(text, flags, &set, why) != MLSEC_OK) {
        return NULL;
    }

    return set;
}


static void
test_cases(void)
{
    size_t            i;
    const char       *why;
    mlsec_jwk_set_t  *set;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set = parse(tap_str(cases[i].jwk), MLSEC_JWK_SECRETS, &why);

        if (cases[i].why != NULL) {
            tap_ok(set == NULL && strcmp(why, cases[i].why) == 0,
                   "%d: %s", (int) i, cases[i].why);

            if (set == NULL && strcmp(why, cases[i].why) != 0) {
                tap_diag("%s", why);
            }

        } else {
            tap_ok(set != NULL && set->n == 1
                   && set->key[0].algs == cases[i].algs, "%d: taken", (int) i);
        }

        mlsec_jwk_set_free(set);
    }

    set = parse(tap_lit("{" OCT32 "}"), 0, &why);
    tap_ok(set == NULL && strcmp(why, "it is a secret") == 0,
           "no secrets over a network");
    mlsec_jwk_set_free(set);
}


static void
test_rsa(void)
{
    size_t            i;
    char              text[2000];
    const char       *why;
    EVP_PKEY         *pkey;
    mlsec_str_t       jwk, pem;
    mlsec_jwk_set_t  *set;
    const char       *e[] = { "AQ", "AA", "Ag", "AQAA", "AQAAAAE" };

    pkey = EVP_RSA_gen(2048);
    jwk = sign_jwk(pkey, "");
    pem = sign_pem(pkey);

    set = parse(jwk, 0, &why);
    tap_ok(set != NULL && set->key[0].algs == 0x3f, "RSA: RS and PS");
    mlsec_jwk_set_free(set);

    set = parse(pem, 0, &why);
    tap_ok(set != NULL && set->key[0].algs == 0x3f && !set->kids,
           "the same as PEM");
    mlsec_jwk_set_free(set);

    for (i = 0; i < sizeof(e) / sizeof(e[0]); i++) {
        snprintf(text, sizeof(text), "%.*s\"%s\"}",
                 (int) (strstr((const char *) jwk.data, "\"e\":")
                        - (const char *) jwk.data) + 4,
                 (const char *) jwk.data, e[i]);
        set = parse(tap_str(text), 0, &why);
        tap_ok(set == NULL, "e is %s: %s", e[i], set ? "taken" : why);
        mlsec_jwk_set_free(set);
    }

    /* 2^2048 - 1: long enough, odd, and the product of small numbers */

    memset(text, 0, sizeof(text));
    i = (size_t) sprintf(text, "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"");
    memset(text + i, '_', 341);
    strcat(text, "w\"}");
    set = parse(tap_str(text), 0, &why);
    tap_ok(set == NULL && strcmp(why, "it is not a sound RSA key") == 0,
           "small factors");
    mlsec_jwk_set_free(set);

    EVP_PKEY_free(pkey);
    pkey = EVP_RSA_gen(1024);
    set = parse(sign_jwk(pkey, ""), 0, &why);
    tap_ok(set == NULL, "1024 bits: %s", set ? "taken" : why);
    mlsec_jwk_set_free(set);
    set = parse(sign_pem(pkey), 0, &why);
    tap_ok(set == NULL, "1024 bits in PEM: %s", set ? "taken" : why);
    mlsec_jwk_set_free(set);
    EVP_PKEY_free(pkey);
}


static void
test_pem(void)
{
    BIO              *bio;
    long              len;
    char             *p, text[4000];
    const char       *why;
    EVP_PKEY         *pkey, *other;
    mlsec_str_t       one, two;
    mlsec_jwk_set_t  *set;

    pkey = EVP_EC_gen("P-256");
    other = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    one = sign_pem(pkey);
    two = sign_pem(other);

    snprintf(text, sizeof(text), "the first\n%s\nand\n%s", (char *) one.data,
             (char *) two.data);
    set = parse(tap_str(text), 0, &why);
    tap_ok(set != NULL && set->n == 2 && set->key[0].algs == bit(ES256)
           && set->key[1].algs == bit(EDDSA), "two keys in one PEM");
    mlsec_jwk_set_free(set);

    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL);
    len = BIO_get_mem_data(bio, &p);
    set = parse((mlsec_str_t) { (void *) p, (size_t) len }, 0, &why);
    tap_ok(set == NULL
           && strcmp(why, "it is a private key, expected the public one")
              == 0, "private key in PEM");
    mlsec_jwk_set_free(set);
    BIO_free(bio);
    EVP_PKEY_free(pkey);
    EVP_PKEY_free(other);

    pkey = EVP_EC_gen("secp256k1");
    set = parse(sign_pem(pkey), 0, &why);
    tap_ok(set == NULL, "secp256k1: %s", set ? "taken" : why);
    mlsec_jwk_set_free(set);
    EVP_PKEY_free(pkey);
}


/* Bad keys among good ones; too many; too large. */

static void
test_set(void)
{
    char             *text, *p;
    size_t            i;
    const char       *why;
    mlsec_str_t       str;
    mlsec_jwk_set_t  *set;

    set = parse(tap_lit("{\"keys\":[{\"kty\":\"new\"},{" EC256
                        ",\"kid\":\"a\"},{" EC256 ",\"use\":\"enc\"},{"
                        OCT32 "},{" EC256 ",\"d\":\"AA\"}]}"), 0, &why);
    tap_ok(set != NULL && set->n == 2 && set->skipped == 3 && set->kids
           && set->exposed, "three are skipped, two are left");
    mlsec_jwk_set_free(set);

    text = malloc(300000);
    p = text + sprintf(text, "{\"keys\":[");

    for (i = 0; i < 65; i++) {
        p += sprintf(p, "%s{" EC256 "}", i ? "," : "");
    }

    sprintf(p, "]}");
    set = parse(tap_str(text), 0, &why);
    tap_ok(set == NULL && strcmp(why, "it has more than 64 keys") == 0,
           "65 keys");
    mlsec_jwk_set_free(set);

    memset(text, ' ', 300000);
    memcpy(text, "{" EC256 "}", sizeof("{" EC256 "}") - 1);
    str.data = (unsigned char *) text;
    str.len = MLSEC_JWK_MAX_SIZE;
    set = parse(str, 0, &why);
    tap_ok(set != NULL, "256k");
    mlsec_jwk_set_free(set);

    str.len++;
    set = parse(str, 0, &why);
    tap_ok(set == NULL && strcmp(why, "it is larger than 256k") == 0,
           "one byte more");
    mlsec_jwk_set_free(set);
    free(text);
}


/*
 * Some number of so many bits that has no small factors, which is all that
 * anybody can tell of an RSA key.
 */

static void
modulus(int bits, token_t *t)
{
    size_t          i;
    BIGNUM         *n;
    unsigned char   raw[1024];

    n = BN_new();

    do {
        BN_rand(n, bits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD);

        for (i = 3; i < 800 && BN_mod_word(n, i) != 0; i += 2) { /* void */ }
    } while (i < 800);

    t->len = 0;
    token_put(t, raw, (size_t) BN_bn2bin(n, raw));
    BN_free(n);
}


/* Whoever answers for an issuer does not stop the workers with large keys. */

static void
test_effort(void)
{
    char             *text, *p;
    size_t            i, k;
    token_t           n;
    const char       *why;
    mlsec_jwk_set_t  *set;

    static const struct { int bits; size_t keys; size_t taken; } rows[] = {
        { 2048, 64, 64 }, { 8192, 40, 2 }
    };

    text = malloc(300000);

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        modulus(rows[i].bits, &n);
        p = text + sprintf(text, "{\"keys\":[");

        for (k = 0; k < rows[i].keys; k++) {
            p += sprintf(p, "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"%s\"},",
                         n.text);
        }

        sprintf(p, "{" EC256 "}]}");

        if (rows[i].keys == 64) {      /* with which it is full */
            sprintf(p - 1, "]}");
        }

        set = parse(tap_str(text), 0, &why);
        tap_ok(set != NULL && set->n == rows[i].taken + (rows[i].keys != 64)
               && (set->skipped == 0
                   || strcmp(set->why, "there are too many large RSA keys "
                             "before it")
                      == 0), "%d keys of %d bits: %d are taken",
               (int) rows[i].keys, rows[i].bits, (int) rows[i].taken);

        mlsec_jwk_set_free(set);
    }

    free(text);
}


int
main(void)
{
    test_cases();
    test_rsa();
    test_pem();
    test_set();
    test_effort();

    return tap_done();
}
