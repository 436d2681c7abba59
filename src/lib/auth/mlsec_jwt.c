/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/auth/mlsec_jwt.h>
#include <lib/auth/mlsec_base64url.h>

#include <math.h>
#include <string.h>


#define MLSEC_JWT_MAX_TIME  9007199254740992.0       /* 2^53 */


static mlsec_reason_e mlsec_jwt_registered(mlsec_jwt_t *jwt);
static mlsec_reason_e mlsec_jwt_time(const json_t *claims, const char *name,
    double *value, int *has);
static int mlsec_jwt_issued_by(const json_t *claims,
    const mlsec_jwt_policy_t *policy);
static int mlsec_jwt_meant_for(const json_t *claims,
    const mlsec_jwt_policy_t *policy);
static int mlsec_jwt_in(mlsec_str_t text, const mlsec_str_t *list, size_t n);
static int mlsec_jwt_proved(const json_t *claims, mlsec_str_t proof);


mlsec_reason_e
mlsec_jwt_read(mlsec_jwt_t *jwt, const mlsec_jws_t *jws,
    const mlsec_mem_t *mem)
{
    size_t          len;
    mlsec_str_t     text;
    unsigned char  *p;

    p = mem->alloc(mem->ctx, mlsec_base64url_decoded(jws->payload.len));
    if (p == NULL) {
        return MLSEC_REASON_NOMEM;
    }

    if (mlsec_base64url_decode(p, &len, jws->payload) != MLSEC_OK) {
        return MLSEC_REASON_BASE64;
    }

    text.data = p;
    text.len = len;

    return mlsec_jwt_read_text(jwt, text);
}


mlsec_reason_e
mlsec_jwt_read_text(mlsec_jwt_t *jwt, mlsec_str_t text)
{
    mlsec_reason_e  reason;

    memset(jwt, 0, sizeof(mlsec_jwt_t));

    jwt->text = text;
    jwt->claims = mlsec_claims_parse(text, MLSEC_CLAIMS_DEPTH);

    if (jwt->claims == NULL) {
        return MLSEC_REASON_PAYLOAD_JSON;
    }

    reason = mlsec_jwt_registered(jwt);

    if (reason != MLSEC_REASON_OK) {
        mlsec_jwt_close(jwt);
    }

    return reason;
}


void
mlsec_jwt_close(mlsec_jwt_t *jwt)
{
    json_decref(jwt->claims);
    jwt->claims = NULL;
}


static mlsec_reason_e
mlsec_jwt_registered(mlsec_jwt_t *jwt)
{
    int  rc, exp, nbf, iat;

    if (mlsec_jwt_time(jwt->claims, "exp", &jwt->exp, &exp)
        || mlsec_jwt_time(jwt->claims, "nbf", &jwt->nbf, &nbf)
        || mlsec_jwt_time(jwt->claims, "iat", &jwt->iat, &iat))
    {
        return MLSEC_REASON_TIME;
    }

    jwt->has_exp = exp != 0;
    jwt->has_nbf = nbf != 0;
    jwt->has_iat = iat != 0;

    rc = mlsec_claims_string(jwt->claims, "sub", &jwt->sub);

    if (rc == MLSEC_BADTYPE || jwt->sub.len > MLSEC_JWT_MAX_SUB) {
        return MLSEC_REASON_SUB;
    }

    rc = mlsec_claims_string(jwt->claims, "jti", &jwt->jti);

    return rc == MLSEC_BADTYPE ? MLSEC_REASON_JTI : MLSEC_REASON_OK;
}


/* RFC 7519, 2, NumericDate: a number, of which a fraction is allowed. */

static mlsec_reason_e
mlsec_jwt_time(const json_t *claims, const char *name, double *value,
    int *has)
{
    const json_t  *member;

    member = json_object_get(claims, name);
    *has = member != NULL;

    if (member == NULL) {
        return MLSEC_REASON_OK;
    }

    if (!json_is_number(member)) {
        return MLSEC_REASON_TIME;
    }

    *value = json_number_value(member);

    return isfinite(*value) && *value >= 0 && *value < MLSEC_JWT_MAX_TIME
           ? MLSEC_REASON_OK : MLSEC_REASON_TIME;
}


mlsec_reason_e
mlsec_jwt_check(const mlsec_jwt_t *jwt, const mlsec_jwt_policy_t *policy,
    int64_t now, mlsec_str_t proof)
{
    mlsec_reason_e  reason;

    reason = mlsec_jwt_check_time(jwt, policy, now);

    if (reason != MLSEC_REASON_OK) {
        return reason;
    }

    if (!mlsec_jwt_issued_by(jwt->claims, policy)) {
        return MLSEC_REASON_ISS;
    }

    if (!mlsec_jwt_meant_for(jwt->claims, policy)) {
        return MLSEC_REASON_AUD;
    }

    if (!mlsec_jwt_proved(jwt->claims, proof)) {
        return MLSEC_REASON_CNF;
    }

    return MLSEC_REASON_OK;
}


mlsec_reason_e
mlsec_jwt_check_time(const mlsec_jwt_t *jwt, const mlsec_jwt_policy_t *policy,
    int64_t now)
{
    double  clock, leeway;

    clock = (double) now;
    leeway = (double) policy->leeway;

    if (!jwt->has_exp && !policy->no_exp) {
        return MLSEC_REASON_EXP_MISSING;
    }

    if (jwt->has_exp && clock >= jwt->exp + leeway) {
        return MLSEC_REASON_EXP;
    }

    if (jwt->has_nbf && jwt->nbf > clock + leeway) {
        return MLSEC_REASON_NBF;
    }

    if (jwt->has_iat && jwt->iat > clock + leeway) {
        return MLSEC_REASON_IAT;
    }

    if (policy->max_age != 0
        && (!jwt->has_iat
            || clock >= jwt->iat + (double) policy->max_age + leeway))
    {
        return MLSEC_REASON_MAX_AGE;
    }

    return MLSEC_REASON_OK;
}


static int
mlsec_jwt_issued_by(const json_t *claims, const mlsec_jwt_policy_t *policy)
{
    int          rc;
    mlsec_str_t  iss;

    rc = mlsec_claims_string(claims, "iss", &iss);

    if (policy->nissuers == 0) {
        return rc != MLSEC_BADTYPE;
    }

    return rc == MLSEC_OK
           && mlsec_jwt_in(iss, policy->issuers, policy->nissuers);
}


/*
 * RFC 7519, 4.1.3: a string or an array of strings, one of which must be
 * ours.
 */

static int
mlsec_jwt_meant_for(const json_t *claims, const mlsec_jwt_policy_t *policy)
{
    int            found;
    size_t         i;
    mlsec_str_t    text;
    const json_t  *aud, *element;

    aud = json_object_get(claims, "aud");
    found = policy->naudiences == 0;

    if (aud == NULL) {
        return found;
    }

    if (!json_is_array(aud) && !json_is_string(aud)) {
        return 0;
    }

    for (i = 0; i < (json_is_array(aud) ? json_array_size(aud) : 1); i++) {
        element = json_is_array(aud) ? json_array_get(aud, i) : aud;

        if (!json_is_string(element)) {
            return 0;
        }

        text.data = (const unsigned char *) json_string_value(element);
        text.len = json_string_length(element);

        found |= mlsec_jwt_in(text, policy->audiences, policy->naudiences);
    }

    return found;
}


static int
mlsec_jwt_in(mlsec_str_t text, const mlsec_str_t *list, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (list[i].len == text.len
            && memcmp(list[i].data, text.data, text.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static int
mlsec_jwt_proved(const json_t *claims, mlsec_str_t proof)
{
    mlsec_str_t    thumbprint;
    const json_t  *cnf;

    cnf = json_object_get(claims, "cnf");

    if (cnf == NULL) {
        return 1;
    }

    /* any other way to be bound is one that was not proved */

    return proof.len != 0
           && json_is_object(cnf) && json_object_size(cnf) == 1
           && mlsec_claims_string(cnf, "x5t#S256", &thumbprint) == MLSEC_OK
           && mlsec_jwt_in(thumbprint, &proof, 1);
}
