/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/auth/mlsec_jwk.h>
#include <lib/auth/mlsec_base64url.h>
#include <lib/auth/mlsec_claims.h>

#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>


static mlsec_jwk_set_t *mlsec_jwk_set_new(void);
static int mlsec_jwk_set_json(mlsec_jwk_set_t *set, mlsec_str_t text,
    unsigned flags, const char **why);
static void mlsec_jwk_set_divide(mlsec_jwk_set_t *set);
static int mlsec_jwk_set_ambiguous(const json_t *keys);
static int mlsec_jwk_rivals(const json_t *one, const json_t *two);
static int mlsec_jwk_same(const json_t *one, const json_t *two,
    const char *name);
static int mlsec_jwk_set_pem(mlsec_jwk_set_t *set, mlsec_str_t text,
    const char **why);
static EVP_PKEY *mlsec_jwk_pem_key(const char *name,
    const unsigned char *data, long len, const char **why);
static int mlsec_jwk_add(mlsec_jwk_set_t *set, const json_t *jwk,
    unsigned flags);
static const char *mlsec_jwk_fill(mlsec_jwk_set_t *set, mlsec_jwk_t *key,
    const json_t *jwk, unsigned flags);
static unsigned mlsec_jwk_look(mlsec_jwk_set_t *set, EVP_PKEY *pkey,
    const char **why);
static const char *mlsec_jwk_meant(const json_t *jwk);
static const char *mlsec_jwk_kid(mlsec_jwk_t *key, const json_t *jwk);
static const char *mlsec_jwk_secret(mlsec_jwk_t *key, const json_t *jwk);
static const char *mlsec_jwk_restrict(mlsec_jwk_t *key, const json_t *jwk);
static void mlsec_jwk_free(mlsec_jwk_t *key);


int
mlsec_jwk_set_parse(mlsec_str_t text, unsigned flags, mlsec_jwk_set_t **set,
    const char **why)
{
    int               rc;
    size_t            i;
    mlsec_jwk_set_t  *s;

    if (text.len > MLSEC_JWK_MAX_SIZE) {
        *why = "it is larger than 256k";
        return MLSEC_INVALID;
    }

    s = mlsec_jwk_set_new();
    if (s == NULL) {
        *why = "no memory";
        return MLSEC_NOMEM;
    }

    for (i = 0; i < text.len && strchr(" \t\r\n", text.data[i]); i++) {
        if (text.data[i] == '\0') {
            break;
        }
    }

    rc = i < text.len && text.data[i] == '{'
         ? mlsec_jwk_set_json(s, text, flags, why)
         : mlsec_jwk_set_pem(s, text, why);

    if (rc == MLSEC_OK && s->n == 0) {
        *why = s->why != NULL ? s->why : "it has no keys";
        rc = MLSEC_INVALID;
    }

    /* what OpenSSL has to say about bad keys is not for the next caller */

    ERR_clear_error();

    if (rc != MLSEC_OK) {
        mlsec_jwk_set_free(s);
        return rc;
    }

    *set = s;

    return MLSEC_OK;
}


static mlsec_jwk_set_t *
mlsec_jwk_set_new(void)
{
    mlsec_jwk_set_t  *set;

    set = OPENSSL_zalloc(sizeof(mlsec_jwk_set_t));
    if (set == NULL) {
        return NULL;
    }

    set->md[0] = EVP_MD_fetch(NULL, "SHA256", NULL);
    set->md[1] = EVP_MD_fetch(NULL, "SHA384", NULL);
    set->md[2] = EVP_MD_fetch(NULL, "SHA512", NULL);
    set->scratch = EVP_MD_CTX_new();

    if (set->md[0] == NULL || set->md[1] == NULL || set->md[2] == NULL
        || set->scratch == NULL)
    {
        mlsec_jwk_set_free(set);
        return NULL;
    }

    return set;
}


static int
mlsec_jwk_set_json(mlsec_jwk_set_t *set, mlsec_str_t text, unsigned flags,
    const char **why)
{
    int            rc;
    size_t         i;
    json_t        *root;
    const json_t  *keys;

    root = mlsec_claims_parse(text, MLSEC_CLAIMS_DEPTH);

    if (root == NULL) {
        *why = "it is not a JSON object";
        return MLSEC_INVALID;
    }

    rc = MLSEC_OK;
    keys = json_object_get(root, "keys");

    if (keys == NULL) {
        rc = mlsec_jwk_add(set, root, flags);

    } else if (!json_is_array(keys)) {
        *why = "\"keys\" is not an array";
        rc = MLSEC_INVALID;

    } else if (json_array_size(keys) > MLSEC_JWK_MAX_KEYS) {
        *why = "it has more than 64 keys";
        rc = MLSEC_INVALID;

    } else {
        for (i = 0; i < json_array_size(keys) && rc == MLSEC_OK; i++) {
            rc = mlsec_jwk_add(set, json_array_get(keys, i), flags);
        }
    }

    mlsec_jwk_set_divide(set);

    if (rc == MLSEC_OK && set->n != 0 && set->key[0].secret != NULL
        && mlsec_jwk_set_ambiguous(keys))
    {
        *why = "two secrets have the same \"kid\"";
        rc = MLSEC_INVALID;
    }

    json_decref(root);

    if (rc == MLSEC_NOMEM) {
        *why = "no memory";
    }

    return rc;
}


/*
 * A set with public keys is there to be published, and then its secrets are
 * none: whoever has read one signs whatever they like.  They are left out; a
 * file of their own is where they belong.
 */

static void
mlsec_jwk_set_divide(mlsec_jwk_set_t *set)
{
    size_t  i, n, secrets;

    secrets = 0;

    for (i = 0; i < set->n; i++) {
        secrets += set->key[i].secret != NULL;
    }

    if (secrets == 0 || secrets == set->n) {
        return;
    }

    set->kids = 0;

    for (i = 0, n = 0; i < set->n; i++) {

        if (set->key[i].secret != NULL) {
            mlsec_jwk_free(&set->key[i]);
            continue;
        }

        if (n != i) {
            set->key[n] = set->key[i];
            memset(&set->key[i], 0, sizeof(mlsec_jwk_t));
        }

        set->kids |= set->key[n].kid != NULL;
        n++;
    }

    set->n = n;
    set->skipped += secrets;
    set->why = "it is a secret in a set that has public keys";
}


/*
 * Issuers publish public keys with one kid, by mistake or while they change
 * them: each is tried.  Secrets are written by whoever runs the gateway, and
 * two with one name are a mistake for sure, one that was left out, too: which
 * of both was meant?  keys: of the set, NULL where it is one key.
 */

static int
mlsec_jwk_set_ambiguous(const json_t *keys)
{
    size_t  i, k;

    for (i = 0; i < json_array_size(keys); i++) {
        for (k = i + 1; k < json_array_size(keys); k++) {
            if (mlsec_jwk_rivals(json_array_get(keys, i),
                                 json_array_get(keys, k)))
            {
                return 1;
            }
        }
    }

    return 0;
}


/* Of one kid, and for one algorithm: a secret without "alg" is for any. */

static int
mlsec_jwk_rivals(const json_t *one, const json_t *two)
{
    return mlsec_jwk_meant(one) == NULL && mlsec_jwk_meant(two) == NULL
           && mlsec_jwk_same(one, two, "kid")
           && mlsec_jwk_same(one, two, "kty")
           && strcmp(json_string_value(json_object_get(one, "kty")), "oct")
              == 0
           && (json_object_get(one, "alg") == NULL
               || json_object_get(two, "alg") == NULL
               || mlsec_jwk_same(one, two, "alg"));
}


static int
mlsec_jwk_same(const json_t *one, const json_t *two, const char *name)
{
    one = json_object_get(one, name);
    two = json_object_get(two, name);

    return json_is_string(one) && json_equal(one, two);
}


static int
mlsec_jwk_add(mlsec_jwk_set_t *set, const json_t *jwk, unsigned flags)
{
    const char   *why;
    mlsec_jwk_t  *key;

    key = &set->key[set->n];
    memset(key, 0, sizeof(mlsec_jwk_t));

    why = json_is_object(jwk) ? mlsec_jwk_fill(set, key, jwk, flags)
                              : "it is not an object";

    if (why != NULL) {
        mlsec_jwk_free(key);
        set->skipped++;
        set->why = why;
        return MLSEC_OK;
    }

    set->kids |= key->kid != NULL;
    set->n++;

    return MLSEC_OK;
}


/* NULL: it is a good key; else why not. */

static const char *
mlsec_jwk_fill(mlsec_jwk_set_t *set, mlsec_jwk_t *key, const json_t *jwk,
    unsigned flags)
{
    const char   *why;
    mlsec_str_t   kty;

    if (json_object_get(jwk, "d") != NULL) {
        set->exposed = 1;
    }

    why = mlsec_jwk_meant(jwk);

    if (why == NULL) {
        why = mlsec_jwk_kid(key, jwk);
    }

    if (why != NULL) {
        return why;
    }

    if (mlsec_claims_string(jwk, "kty", &kty) == MLSEC_OK
        && kty.len == 3 && memcmp(kty.data, "oct", 3) == 0)
    {
        why = flags & MLSEC_JWK_SECRETS ? mlsec_jwk_secret(key, jwk)
                                        : "it is a secret";

    } else {
        key->pkey = mlsec_jwk_public(jwk, &why);

        if (key->pkey != NULL) {
            key->algs = mlsec_jwk_look(set, key->pkey, &why);
        }
    }

    if (key->algs == 0) {
        return why;
    }

    why = mlsec_jwk_restrict(key, jwk);

    if (why == NULL) {
        (void) mlsec_jwk_prepare(set, key, &why);
    }

    return why;
}


/*
 * Whether a modulus is a prime takes a power modulo it: some 7 ms with 2048
 * bits, 180 with 8192, and a set may have 64 of them, from whoever answers for
 * the issuer.
 */

static unsigned
mlsec_jwk_look(mlsec_jwk_set_t *set, EVP_PKEY *pkey, const char **why)
{
    unsigned  bits, kilobits;

    bits = (unsigned) EVP_PKEY_get_bits(pkey);

    /* others are refused for their size alone */

    if (EVP_PKEY_is_a(pkey, "RSA")
        && bits >= MLSEC_RSA_MIN_BITS && bits <= MLSEC_RSA_MAX_BITS)
    {
        kilobits = (bits + 1023) / 1024;
        set->effort += kilobits * kilobits * kilobits;

        if (set->effort > MLSEC_RSA_MAX_EFFORT) {
            *why = "there are too many large RSA keys before it";
            return 0;
        }
    }

    return mlsec_jwk_algs(pkey, why);
}


/* RFC 7517, 4.2 and 4.3: what the key is there for. */

static const char *
mlsec_jwk_meant(const json_t *jwk)
{
    mlsec_str_t    use;
    const json_t  *ops;

    switch (mlsec_claims_string(jwk, "use", &use)) {

    case MLSEC_DECLINED:
        break;

    case MLSEC_OK:
        if (use.len == 3 && memcmp(use.data, "sig", 3) == 0) {
            break;
        }

        /* fall through */

    default:
        return "\"use\" is not \"sig\"";
    }

    ops = json_object_get(jwk, "key_ops");

    if (ops == NULL) {
        return NULL;
    }

    use.data = (const unsigned char *) "verify";
    use.len = 6;

    return json_is_array(ops) && mlsec_claims_has(ops, use)
           ? NULL : "\"key_ops\" does not have \"verify\"";
}


static const char *
mlsec_jwk_kid(mlsec_jwk_t *key, const json_t *jwk)
{
    mlsec_str_t  kid;

    switch (mlsec_claims_string(jwk, "kid", &kid)) {

    case MLSEC_DECLINED:
        return NULL;

    case MLSEC_OK:
        break;

    default:
        return "\"kid\" is not a string";
    }

    if (kid.len == 0 || kid.len > MLSEC_JWK_MAX_KID) {
        return "\"kid\" is not of 1 to 256 bytes";
    }

    key->kid = OPENSSL_malloc(kid.len);
    if (key->kid == NULL) {
        return "no memory";
    }

    memcpy(key->kid, kid.data, kid.len);
    key->kid_len = kid.len;

    return NULL;
}


static const char *
mlsec_jwk_secret(mlsec_jwk_t *key, const json_t *jwk)
{
    mlsec_str_t  k;

    if (mlsec_claims_string(jwk, "k", &k) != MLSEC_OK || k.len == 0
        || mlsec_base64url_decoded(k.len) > MLSEC_JWK_MAX_SECRET)
    {
        return "\"k\" is missing or too long";
    }

    key->secret = OPENSSL_malloc(mlsec_base64url_decoded(k.len));
    if (key->secret == NULL) {
        return "no memory";
    }

    if (mlsec_base64url_decode(key->secret, &key->secret_len, k)
        != MLSEC_OK)
    {
        return "\"k\" is not base64url";
    }

    key->algs = MLSEC_ALG_HMAC;

    return NULL;
}


/*
 * RFC 7517, 4.4: a key with "alg" is for that alone.  "ES521" is what some
 * call the algorithm of P-521, after the curve; there is no other for it.
 */

static const char *
mlsec_jwk_restrict(mlsec_jwk_t *key, const json_t *jwk)
{
    int          alg;
    mlsec_str_t  name;

    switch (mlsec_claims_string(jwk, "alg", &name)) {

    case MLSEC_DECLINED:
        return NULL;

    case MLSEC_OK:
        alg = name.len == 5 && memcmp(name.data, "ES521", 5) == 0
              ? (int) MLSEC_ALG_ES512 : mlsec_alg_find(name);

        if (alg >= 0 && (key->algs & mlsec_alg_bit(alg))) {
            key->algs = mlsec_alg_bit(alg);
            return NULL;
        }

        /* fall through */

    default:
        return "\"alg\" is unknown or not for a key of this type";
    }
}


static int
mlsec_jwk_set_pem(mlsec_jwk_set_t *set, mlsec_str_t text, const char **why)
{
    int             rc;
    BIO            *bio;
    long            len;
    char           *name, *header;
    mlsec_jwk_t    *key;
    unsigned char  *data;

    bio = BIO_new_mem_buf(text.data, (int) text.len);
    if (bio == NULL) {
        *why = "no memory";
        return MLSEC_NOMEM;
    }

    rc = MLSEC_OK;

    while (rc == MLSEC_OK
           && PEM_read_bio(bio, &name, &header, &data, &len) == 1)
    {
        if (set->n == MLSEC_JWK_MAX_KEYS) {
            *why = "it has more than 64 keys";
            rc = MLSEC_INVALID;

        } else {
            key = &set->key[set->n];
            key->pkey = mlsec_jwk_pem_key(name, data, len, why);
            key->algs = key->pkey != NULL ? mlsec_jwk_look(set, key->pkey, why)
                                          : 0;

            /* a person has put it there: no key is left out in silence */

            rc = key->algs != 0 ? mlsec_jwk_prepare(set, key, why)
                                : MLSEC_INVALID;

            set->n++;              /* freed with the set, good or not */
        }

        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(data, (size_t) len);
    }

    BIO_free(bio);

    if (rc == MLSEC_OK && set->n == 0) {
        set->why = "it is neither JSON nor PEM";
    }

    return rc;
}


static EVP_PKEY *
mlsec_jwk_pem_key(const char *name, const unsigned char *data, long len,
    const char **why)
{
    X509      *cert;
    EVP_PKEY  *pkey;

    pkey = NULL;

    if (strstr(name, "PRIVATE KEY") != NULL) {
        *why = "it is a private key, expected the public one";
        return NULL;
    }

    if (strcmp(name, "PUBLIC KEY") == 0) {
        pkey = d2i_PUBKEY(NULL, &data, len);

    } else if (strcmp(name, "RSA PUBLIC KEY") == 0) {
        pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &data, len);

    } else if (strcmp(name, "CERTIFICATE") == 0) {
        cert = d2i_X509(NULL, &data, len);
        pkey = cert != NULL ? X509_get_pubkey(cert) : NULL;
        X509_free(cert);
    }

    if (pkey == NULL) {
        *why = "its PEM is no public key and no certificate";
    }

    return pkey;
}


void
mlsec_jwk_set_free(mlsec_jwk_set_t *set)
{
    size_t  i;

    if (set == NULL) {
        return;
    }

    for (i = 0; i < set->n; i++) {
        mlsec_jwk_free(&set->key[i]);
    }

    for (i = 0; i < 3; i++) {
        EVP_MD_free(set->md[i]);
    }

    EVP_MD_CTX_free(set->scratch);
    OPENSSL_free(set);
}


static void
mlsec_jwk_free(mlsec_jwk_t *key)
{
    unsigned  alg;

    for (alg = 0; alg < MLSEC_ALGS; alg++) {
        EVP_PKEY_CTX_free(key->ctx[alg]);
    }

    EVP_PKEY_free(key->pkey);
    OPENSSL_free(key->kid);

    if (key->secret != NULL) {
        OPENSSL_clear_free(key->secret, key->secret_len);
    }

    memset(key, 0, sizeof(mlsec_jwk_t));
}
