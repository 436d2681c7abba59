/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Tokens: JWS in compact form (RFC 7515, 7.1) and the claims of a JWT in it
 * (RFC 7519, with the advice of RFC 8725).
 *
 *   mlsec_jws_open()     cuts, decodes and checks the header
 *   mlsec_jws_verify()   chooses keys, verifies
 *   mlsec_jwt_read()     only now decodes and parses the payload
 *   mlsec_jwt_check()    times, issuer, audience
 *
 * Nothing of a payload is looked at before its signature has been verified.
 */


#ifndef _MLSEC_JWT_H_INCLUDED_
#define _MLSEC_JWT_H_INCLUDED_


#include <lib/auth/mlsec_claims.h>
#include <lib/auth/mlsec_jwk.h>
#include <lib/auth/mlsec_reason.h>
#include <lib/mlsec_types.h>


#define MLSEC_JWT_MAX_SIZE   (16 * 1024)     /* bytes of a token */
#define MLSEC_JWT_MAX_SUB    256             /* bytes */
#define MLSEC_JWT_MAX_TRIES  4               /* keys with one kid */


/* for mlsec_jws_open(): "typ" is not looked at, the payload may be anything */

#define MLSEC_JWS_ANY_TYPE  1


typedef struct {
    mlsec_str_t     input;             /* header and payload, as signed */
    mlsec_str_t     payload;           /* base64url */
    mlsec_str_t     signature;         /* bytes */
    mlsec_alg_e     alg;
    mlsec_str_t     kid;               /* len 0: it has none */
    json_t         *header;
} mlsec_jws_t;


typedef struct {
    mlsec_str_t     text;              /* the payload, JSON */
    json_t         *claims;
    double          exp;               /* seconds since 1970; see below */
    double          nbf;
    double          iat;
    mlsec_str_t     sub;               /* len 0: it has none */
    mlsec_str_t     jti;               /* len 0: it has none */
    unsigned        has_exp:1;
    unsigned        has_nbf:1;
    unsigned        has_iat:1;
} mlsec_jwt_t;


typedef struct {
    unsigned              algs;        /* mlsec_alg_bit()s */
    const mlsec_str_t    *issuers;     /* one of these; none: any */
    size_t                nissuers;
    const mlsec_str_t    *audiences;   /* one of these; none: any */
    size_t                naudiences;
    int64_t               leeway;      /* seconds, 0 or more */
    int64_t               max_age;     /* seconds since "iat"; 0: any */
    unsigned              no_exp:1;    /* "exp" may be missing */
} mlsec_jwt_policy_t;


/*
 * Cuts a token in three, decodes and checks its header.
 *
 * flags: MLSEC_JWS_ANY_TYPE or 0.
 * mem: for decoded bytes.  token: must live as long as *jws is used.
 *
 * Returns MLSEC_REASON_OK, and *jws, whose header is to be given back with
 * mlsec_jws_close(); or why the token is refused, with nothing to give back.
 *
 * Refused: what is larger than MLSEC_JWT_MAX_SIZE, not three segments, not
 * canonical base64url, a header that is no JSON object; "alg" missing, "none"
 * in any case, or unknown; any "crit", since no extension is understood here
 * (RFC 7515, 4.1.11); "b64" other than true; a "kid" that is not 1 to 256
 * printable ASCII bytes; "typ" other than JWT or at+jwt.  Members that point
 * at keys (jku, jwk, x5u, x5c) are never followed.
 */
mlsec_reason_e mlsec_jws_open(mlsec_jws_t *jws, mlsec_str_t token,
    unsigned flags, const mlsec_mem_t *mem);

/* Gives back what mlsec_jws_open() has made.  jws: opened. */
void mlsec_jws_close(mlsec_jws_t *jws);

/*
 * Verifies the signature with the keys of several sets.
 *
 * sets: n of them, NULL where a set is not there yet.
 * algs: those that the configuration allows.
 * which: index of the set whose key fits.
 *
 * With a "kid" only keys that have it are tried, at most MLSEC_JWT_MAX_TRIES;
 * keys of a set in which none has a "kid" count for any.  Without one there
 * must be exactly one key for the algorithm in all sets together.
 *
 * Returns MLSEC_REASON_OK or why not; of the two MLSEC_REASON_KID_UNKNOWN and
 * MLSEC_REASON_NO_KEYS say that newer keys might help.
 */
mlsec_reason_e mlsec_jws_verify(const mlsec_jws_t *jws,
    const mlsec_jwk_set_t *const *sets, size_t n, unsigned algs,
    size_t *which);

/*
 * Decodes and parses the payload, and reads the claims that have a meaning
 * here.
 *
 * jws: verified.  mem: for the decoded payload.
 *
 * Returns MLSEC_REASON_OK, and *jwt, whose claims are to be given back with
 * mlsec_jwt_close(); or why not, with nothing to give back: no JSON object
 * within bounds, a time that is not a number of 0 to 2^53, "sub" longer than
 * MLSEC_JWT_MAX_SUB, "sub" or "jti" that is not a string.
 */
mlsec_reason_e mlsec_jwt_read(mlsec_jwt_t *jwt, const mlsec_jws_t *jws,
    const mlsec_mem_t *mem);

/*
 * The same for a payload that has been verified before.
 */
mlsec_reason_e mlsec_jwt_read_text(mlsec_jwt_t *jwt, mlsec_str_t text);

/*
 * Checks the claims: exp, nbf, iat, max_age against "now" (seconds since
 * 1970), iss, aud.  A token is good while now < exp + leeway, from
 * nbf - leeway on; iat may be leeway ahead.
 *
 * proof: SHA-256 of the client's certificate in base64url, or empty.  A token
 * with "cnf" is bound to a key (RFC 7800): without the proof of RFC 8705, 3.1
 * it is refused, not taken as one that anybody may bear.
 *
 * Returns MLSEC_REASON_OK or why not.
 */
mlsec_reason_e mlsec_jwt_check(const mlsec_jwt_t *jwt,
    const mlsec_jwt_policy_t *policy, int64_t now, mlsec_str_t proof);

/*
 * The part of the check that can change with time alone.
 */
mlsec_hot mlsec_reason_e mlsec_jwt_check_time(const mlsec_jwt_t *jwt,
    const mlsec_jwt_policy_t *policy, int64_t now);

/* Gives back what mlsec_jwt_read() has made.  jwt: read. */
mlsec_hot void mlsec_jwt_close(mlsec_jwt_t *jwt);


#endif /* _MLSEC_JWT_H_INCLUDED_ */
