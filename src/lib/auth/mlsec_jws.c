/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/auth/mlsec_jwt.h>
#include <lib/auth/mlsec_base64url.h>

#include <string.h>
#include <strings.h>


static int mlsec_jws_split(mlsec_jws_t *jws, mlsec_str_t token,
    mlsec_str_t *header, mlsec_str_t *signature);
static mlsec_reason_e mlsec_jws_header(mlsec_jws_t *jws, unsigned flags);
static mlsec_reason_e mlsec_jws_alg(mlsec_jws_t *jws);
static mlsec_reason_e mlsec_jws_kid(mlsec_jws_t *jws);
static int mlsec_jws_typ(const json_t *header);
static int mlsec_jws_word(mlsec_str_t text, const char *word);
static int mlsec_jws_named(const mlsec_jwk_set_t *set,
    const mlsec_jwk_t *key, mlsec_str_t kid);
static mlsec_reason_e mlsec_jws_verify_kid(const mlsec_jws_t *jws,
    const mlsec_jwk_set_t *const *sets, size_t n, size_t *which);
static mlsec_reason_e mlsec_jws_verify_only(const mlsec_jws_t *jws,
    const mlsec_jwk_set_t *const *sets, size_t n, size_t *which);


mlsec_reason_e
mlsec_jws_open(mlsec_jws_t *jws, mlsec_str_t token, unsigned flags,
    const mlsec_mem_t *mem)
{
    size_t           len;
    mlsec_str_t      header, signature, text;
    mlsec_reason_e   reason;
    unsigned char   *p;

    if (token.len > MLSEC_JWT_MAX_SIZE) {
        return MLSEC_REASON_TOO_LARGE;
    }

    if (!mlsec_jws_split(jws, token, &header, &signature)) {
        return MLSEC_REASON_SEGMENTS;
    }

    p = mem->alloc(mem->ctx, mlsec_base64url_decoded(header.len)
                             + mlsec_base64url_decoded(signature.len));
    if (p == NULL) {
        return MLSEC_REASON_NOMEM;
    }

    if (mlsec_base64url_decode(p, &len, header) != MLSEC_OK) {
        return MLSEC_REASON_BASE64;
    }

    text.data = p;
    text.len = len;
    p += len;

    if (mlsec_base64url_decode(p, &len, signature) != MLSEC_OK) {
        return MLSEC_REASON_BASE64;
    }

    jws->signature.data = p;
    jws->signature.len = len;

    jws->header = mlsec_claims_parse(text, MLSEC_CLAIMS_DEPTH);

    if (jws->header == NULL) {
        return MLSEC_REASON_HEADER_JSON;
    }

    reason = mlsec_jws_header(jws, flags);

    if (reason != MLSEC_REASON_OK) {
        mlsec_jws_close(jws);
    }

    return reason;
}


void
mlsec_jws_close(mlsec_jws_t *jws)
{
    json_decref(jws->header);
    jws->header = NULL;
}


static int
mlsec_jws_split(mlsec_jws_t *jws, mlsec_str_t token, mlsec_str_t *header,
    mlsec_str_t *signature)
{
    const unsigned char  *first, *second, *end;

    if (token.len == 0) {
        return 0;
    }

    end = token.data + token.len;
    first = memchr(token.data, '.', token.len);

    if (first == NULL || first == token.data) {
        return 0;
    }

    second = memchr(first + 1, '.', (size_t) (end - first - 1));

    if (second == NULL
        || memchr(second + 1, '.', (size_t) (end - second - 1)) != NULL)
    {
        return 0;
    }

    header->data = token.data;
    header->len = (size_t) (first - token.data);

    jws->payload.data = first + 1;
    jws->payload.len = (size_t) (second - first - 1);

    jws->input.data = token.data;
    jws->input.len = (size_t) (second - token.data);

    signature->data = second + 1;
    signature->len = (size_t) (end - second - 1);

    return 1;
}


static mlsec_reason_e
mlsec_jws_header(mlsec_jws_t *jws, unsigned flags)
{
    const json_t    *b64;
    mlsec_reason_e   reason;

    if (json_object_get(jws->header, "crit") != NULL) {
        return MLSEC_REASON_CRIT;
    }

    b64 = json_object_get(jws->header, "b64");

    if (b64 != NULL && !json_is_true(b64)) {
        return MLSEC_REASON_B64;
    }

    reason = mlsec_jws_alg(jws);

    if (reason != MLSEC_REASON_OK) {
        return reason;
    }

    if (!(flags & MLSEC_JWS_ANY_TYPE) && !mlsec_jws_typ(jws->header)) {
        return MLSEC_REASON_TYP;
    }

    return mlsec_jws_kid(jws);
}


static mlsec_reason_e
mlsec_jws_alg(mlsec_jws_t *jws)
{
    int          alg;
    mlsec_str_t  name;

    if (mlsec_claims_string(jws->header, "alg", &name) != MLSEC_OK) {
        return MLSEC_REASON_ALG_MISSING;
    }

    alg = mlsec_alg_find(name);

    if (alg < 0) {
        return mlsec_jws_word(name, "none") ? MLSEC_REASON_ALG_NONE
                                            : MLSEC_REASON_ALG_UNKNOWN;
    }

    jws->alg = (mlsec_alg_e) alg;

    return MLSEC_REASON_OK;
}


static mlsec_reason_e
mlsec_jws_kid(mlsec_jws_t *jws)
{
    size_t  i;

    jws->kid.len = 0;

    switch (mlsec_claims_string(jws->header, "kid", &jws->kid)) {

    case MLSEC_DECLINED:
        return MLSEC_REASON_OK;

    case MLSEC_OK:
        break;

    default:
        return MLSEC_REASON_KID;
    }

    if (jws->kid.len == 0 || jws->kid.len > MLSEC_JWK_MAX_KID) {
        return MLSEC_REASON_KID;
    }

    for (i = 0; i < jws->kid.len; i++) {
        if (jws->kid.data[i] < 0x20 || jws->kid.data[i] > 0x7e) {
            return MLSEC_REASON_KID;
        }
    }

    return MLSEC_REASON_OK;
}


/* RFC 7515, 4.1.9: "application/" may be left out; case does not matter. */

static int
mlsec_jws_typ(const json_t *header)
{
    mlsec_str_t  typ;

    switch (mlsec_claims_string(header, "typ", &typ)) {

    case MLSEC_DECLINED:
        return 1;

    case MLSEC_OK:
        break;

    default:
        return 0;
    }

    if (typ.len > 12
        && strncasecmp((const char *) typ.data, "application/", 12) == 0)
    {
        typ.data += 12;
        typ.len -= 12;
    }

    return mlsec_jws_word(typ, "JWT") || mlsec_jws_word(typ, "at+jwt");
}


static int
mlsec_jws_word(mlsec_str_t text, const char *word)
{
    return text.len == strlen(word)
           && strncasecmp((const char *) text.data, word, text.len) == 0;
}


mlsec_reason_e
mlsec_jws_verify(const mlsec_jws_t *jws, const mlsec_jwk_set_t *const *sets,
    size_t n, unsigned algs, size_t *which)
{
    if (!(algs & mlsec_alg_bit(jws->alg))) {
        return MLSEC_REASON_ALG_REFUSED;
    }

    return jws->kid.len ? mlsec_jws_verify_kid(jws, sets, n, which)
                        : mlsec_jws_verify_only(jws, sets, n, which);
}


static mlsec_reason_e
mlsec_jws_verify_kid(const mlsec_jws_t *jws,
    const mlsec_jwk_set_t *const *sets, size_t n, size_t *which)
{
    size_t              i, k, tries;
    mlsec_reason_e      reason;
    const mlsec_jwk_t  *key;

    tries = 0;
    reason = MLSEC_REASON_NO_KEYS;

    for (i = 0; i < n; i++) {

        if (sets[i] != NULL && reason == MLSEC_REASON_NO_KEYS) {
            reason = MLSEC_REASON_KID_UNKNOWN;
        }

        for (k = 0; sets[i] != NULL && k < sets[i]->n; k++) {
            key = &sets[i]->key[k];

            if (!mlsec_jws_named(sets[i], key, jws->kid)) {
                continue;
            }

            if (!(key->algs & mlsec_alg_bit(jws->alg))) {

                if (reason == MLSEC_REASON_KID_UNKNOWN) {
                    reason = MLSEC_REASON_KEY_ALG;
                }

                continue;
            }

            if (mlsec_jwk_verify(sets[i], key, jws->alg, jws->input,
                                 jws->signature))
            {
                *which = i;
                return MLSEC_REASON_OK;
            }

            reason = MLSEC_REASON_SIGNATURE;

            if (++tries == MLSEC_JWT_MAX_TRIES) {
                return reason;
            }
        }
    }

    return reason;
}


static int
mlsec_jws_named(const mlsec_jwk_set_t *set, const mlsec_jwk_t *key,
    mlsec_str_t kid)
{
    return !set->kids
           || (key->kid_len == kid.len
               && memcmp(key->kid, kid.data, kid.len) == 0);
}


static mlsec_reason_e
mlsec_jws_verify_only(const mlsec_jws_t *jws,
    const mlsec_jwk_set_t *const *sets, size_t n, size_t *which)
{
    size_t              i, k, fit, keys;
    const mlsec_jwk_t  *key;

    fit = 0;
    keys = 0;
    key = NULL;

    for (i = 0; i < n; i++) {
        for (k = 0; sets[i] != NULL && k < sets[i]->n; k++) {
            keys++;

            if (sets[i]->key[k].algs & mlsec_alg_bit(jws->alg)) {
                key = &sets[i]->key[k];
                *which = i;
                fit++;
            }
        }
    }

    if (fit != 1) {
        return keys == 0 ? MLSEC_REASON_NO_KEYS
               : fit == 0 ? MLSEC_REASON_KEY_ALG : MLSEC_REASON_KID_MISSING;
    }

    return mlsec_jwk_verify(sets[*which], key, jws->alg, jws->input,
                            jws->signature)
           ? MLSEC_REASON_OK : MLSEC_REASON_SIGNATURE;
}
