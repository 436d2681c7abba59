/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Examples of RFC 7515, 7520 and 8037, which any verifier must take. */


#include "../tap.h"
#include <lib/auth/mlsec_jwt.h>


#define PAYLOAD_7515  "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0" \
    "dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

#define PAYLOAD_7520  "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29p" \
    "bmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlv"   \
    "dSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUg"   \
    "eW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4"

#define RSA_7520  "{\"kty\":\"RSA\","                                        \
    "\"kid\":\"bilbo.baggins@hobbiton.example\","                           \
    "\"use\":\"sig\",\"n\":\"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4" \
    "rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYO"  \
    "YL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd"  \
    "1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-t"  \
    "VTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQ"  \
    "kqgc5gHdrNP5zw\",\"e\":\"AQAB\"}"

#define KID_7520  "IsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9."


static const struct {
    const char  *name;
    const char  *key;
    const char  *token;
    int          is_jwt;
} vectors[] = {
    { "RFC 7515, A.1: HS256",
      "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1"
      "qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}",
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." PAYLOAD_7515
      ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", 1 },

    { "RFC 7515, A.2: RS256",
      "{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9"
      "k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMs"
      "D1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexM"
      "dbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9k"
      "G4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW"
      "9gb54h4FRWyuXpoQ\",\"e\":\"AQAB\"}",
      "eyJhbGciOiJSUzI1NiJ9." PAYLOAD_7515
      ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHI"
      "m4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB-"
      "-f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383L"
      "cOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEU"
      "ipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw", 1 },

    { "RFC 7515, A.3: ES256",
      "{\"kty\":\"EC\",\"crv\":\"P-256\","
      "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
      "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
      "eyJhbGciOiJFUzI1NiJ9." PAYLOAD_7515
      ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQx"
      "fKTUJqPP3-Kg6NU1Q", 1 },

    { "RFC 7520, 4.1: RS256", RSA_7520, "eyJhbGciOiJSUzI1Ni" KID_7520
      PAYLOAD_7520
      ".MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1"
      "O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-X"
      "tL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt"
      "8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI"
      "-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg", 0 },

    { "RFC 7520, 4.2: PS384", RSA_7520, "eyJhbGciOiJQUzM4NC" KID_7520
      PAYLOAD_7520
      ".cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPi"
      "d6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiR"
      "eQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3l"
      "m8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64"
      "QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw", 0 },

    { "RFC 7520, 4.3: ES512",
      "{\"kty\":\"EC\",\"kid\":\"bilbo.baggins@hobbiton.example\","
      "\"use\":\"sig\",\"crv\":\"P-521\",\"x\":\"AHKZLLOsCOzz5cY97ewNUajB957y"
      "-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt\",\"y\":\""
      "AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJ"
      "mbnX9cwlGfP-HqHZR1\"}", "eyJhbGciOiJFUzUxMi" KID_7520 PAYLOAD_7520
      ".AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7"
      "KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQen"
      "s_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2", 0 },

    { "RFC 7520, 4.4: HS256",
      "{\"kty\":\"oct\",\"kid\":\"018c0ae5-4d9b-471b-bfd6-eef314bc7037\","
      "\"use\":\"sig\",\"alg\":\"HS256\","
      "\"k\":\"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg\"}",
      "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNG"
      "JjNzAzNyJ9." PAYLOAD_7520
      ".s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0", 0 },

    { "RFC 8037, A.4: EdDSA",
      "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
      "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
      "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
      ".hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt"
      "9g7sVvpAr_MuM0KAg", 0 }
};


static mlsec_reason_e
check(const mlsec_jwk_set_t *set, mlsec_str_t token, int is_jwt)
{
    size_t              which;
    mlsec_jws_t         jws;
    mlsec_jwt_t         jwt;
    mlsec_mem_t         mem;
    tap_arena_t         arena;
    mlsec_reason_e      reason;
    mlsec_jwt_policy_t  policy;

    memset(&policy, 0, sizeof(policy));
    policy.algs = (1u << MLSEC_ALGS) - 1;
    mem = tap_mem(&arena);

    reason = mlsec_jws_open(&jws, token, is_jwt ? 0 : MLSEC_JWS_ANY_TYPE,
                            &mem);

    if (reason == MLSEC_REASON_OK) {
        reason = mlsec_jws_verify(&jws, &set, 1, policy.algs, &which);

        if (reason == MLSEC_REASON_OK && is_jwt) {
            reason = mlsec_jwt_read(&jwt, &jws, &mem);

            if (reason == MLSEC_REASON_OK) {
                reason = mlsec_jwt_check(&jwt, &policy, 1300819379,
                                         tap_lit(""));
                mlsec_jwt_close(&jwt);
            }
        }

        mlsec_jws_close(&jws);
    }

    tap_free(&arena);

    return reason;
}


/* A bit of the signature, then one of what is signed. */

static void
test_changed(const mlsec_jwk_set_t *set, size_t v)
{
    int             ok;
    size_t          i, last;
    mlsec_str_t     token;
    unsigned char  *copy;

    token = tap_str(vectors[v].token);
    copy = malloc(token.len);
    memcpy(copy, token.data, token.len);
    last = (size_t) (strrchr(vectors[v].token, '.') - vectors[v].token);
    token.data = copy;
    ok = 1;

    /* every character, by another one */

    for (i = 0; i < token.len; i++) {
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        ok &= check(set, token, vectors[v].is_jwt) != MLSEC_REASON_OK;
        copy[i] = (unsigned char) vectors[v].token[i];
    }

    tap_ok(ok, "%s: any character changed", vectors[v].name);

    token.len = last + 1;
    tap_is(check(set, token, vectors[v].is_jwt), MLSEC_REASON_SIGNATURE,
           "no signature");

    free(copy);
}


int
main(void)
{
    size_t            v;
    const char       *why;
    mlsec_jwk_set_t  *set;

    for (v = 0; v < sizeof(vectors) / sizeof(vectors[0]); v++) {

        if (!tap_ok(mlsec_jwk_set_parse(tap_str(vectors[v].key),
                                        MLSEC_JWK_SECRETS, &set, &why)
                    == MLSEC_OK, "%s: key", vectors[v].name))
        {
            tap_diag("%s", why);
            continue;
        }

        tap_is(check(set, tap_str(vectors[v].token), vectors[v].is_jwt),
               MLSEC_REASON_OK, vectors[v].name);
        test_changed(set, v);
        mlsec_jwk_set_free(set);
    }

    return tap_done();
}
