/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Tokens that are signed well and are wrong in another way, and vice versa. */


#include "sign.h"
#include <lib/auth/mlsec_jwt.h>


#define NOW  1700000000
#define GOOD  "{\"iss\":\"https://a\",\"aud\":\"api\",\"exp\":1700000600," \
              "\"sub\":\"u\"}"
#define HDR  "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k1\"}"


static EVP_PKEY            *ec, *rsa, *ed, *p384, *other;
static mlsec_jwk_set_t     *keys;      /* ec k1, rsa r1, ps p1 (PS256), ed e1 */
static const mlsec_str_t    issuers[] = { { (const void *) "https://a", 9 } };
static const mlsec_str_t    audiences[] = { { (const void *) "api", 3 } };
static mlsec_jwt_policy_t   policy;


static mlsec_reason_e
check_with(mlsec_str_t token, const mlsec_jwk_set_t *set, int64_t now,
    const char *proof)
{
    size_t          which;
    mlsec_jws_t     jws;
    mlsec_jwt_t     jwt;
    mlsec_mem_t     mem;
    tap_arena_t     arena;
    mlsec_reason_e  reason;

    mem = tap_mem(&arena);
    reason = mlsec_jws_open(&jws, token, 0, &mem);

    if (reason == MLSEC_REASON_OK) {
        reason = mlsec_jws_verify(&jws, &set, 1, policy.algs, &which);

        if (reason == MLSEC_REASON_OK) {
            reason = mlsec_jwt_read(&jwt, &jws, &mem);
        }

        if (reason == MLSEC_REASON_OK) {
            reason = mlsec_jwt_check(&jwt, &policy, now, tap_str(proof));
            mlsec_jwt_close(&jwt);
        }

        mlsec_jws_close(&jws);
    }

    tap_free(&arena);

    return reason;
}


static void
is_reason(mlsec_reason_e got, mlsec_reason_e want, const char *name)
{
    if (!tap_ok(got == want, "%.120s: %s", name, mlsec_reason_name(want))) {
        tap_diag("got %s", mlsec_reason_name(got));
    }
}


/* J2, J4, J5, J6, J7, J8: headers, each signed by the key k1 with ES256 */

static const struct {
    const char      *header;
    mlsec_reason_e   reason;
} headers[] = {
    { HDR, MLSEC_REASON_OK },
    { "{\"alg\":\"ES256\",\"kid\":\"k1\"}", MLSEC_REASON_OK },
    { "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"jwt\"}", MLSEC_REASON_OK },
    { "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"at+jwt\"}",
      MLSEC_REASON_OK },
    { "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"application/AT+JWT\"}",
      MLSEC_REASON_OK },
    { "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"dpop+jwt\"}",
      MLSEC_REASON_TYP },
    { "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":\"application/\"}",
      MLSEC_REASON_TYP },
    { "{\"alg\":\"ES256\",\"kid\":\"k1\",\"typ\":1}", MLSEC_REASON_TYP },
    { "{\"alg\":\"none\",\"kid\":\"k1\"}", MLSEC_REASON_ALG_NONE },
    { "{\"alg\":\"None\",\"kid\":\"k1\"}", MLSEC_REASON_ALG_NONE },
    { "{\"alg\":\"nOnE\",\"kid\":\"k1\"}", MLSEC_REASON_ALG_NONE },
    { "{\"alg\":\"\",\"kid\":\"k1\"}", MLSEC_REASON_ALG_UNKNOWN },
    { "{\"alg\":\"es256\",\"kid\":\"k1\"}", MLSEC_REASON_ALG_UNKNOWN },
    { "{\"alg\":\"ES256 \",\"kid\":\"k1\"}", MLSEC_REASON_ALG_UNKNOWN },
    { "{\"alg\":\"ES256K\",\"kid\":\"k1\"}", MLSEC_REASON_ALG_UNKNOWN },
    { "{\"alg\":\"RS1\",\"kid\":\"k1\"}", MLSEC_REASON_ALG_UNKNOWN },
    { "{\"alg\":\"ES384\",\"kid\":\"k1\"}", MLSEC_REASON_KEY_ALG },
    { "{\"alg\":\"RS256\",\"kid\":\"k1\"}", MLSEC_REASON_KEY_ALG },
    { "{\"alg\":\"ES256\",\"kid\":\"r1\"}", MLSEC_REASON_KEY_ALG },
    { "{\"kid\":\"k1\"}", MLSEC_REASON_ALG_MISSING },
    { "{\"alg\":1,\"kid\":\"k1\"}", MLSEC_REASON_ALG_MISSING },
    { "{\"alg\":[\"ES256\"],\"kid\":\"k1\"}", MLSEC_REASON_ALG_MISSING },
    { "{\"alg\":null,\"kid\":\"k1\"}", MLSEC_REASON_ALG_MISSING },
    { "{\"alg\":\"ES256\",\"alg\":\"ES256\",\"kid\":\"k1\"}",
      MLSEC_REASON_HEADER_JSON },
    { "{\"alg\":\"none\",\"alg\":\"ES256\",\"kid\":\"k1\"}",
      MLSEC_REASON_HEADER_JSON },
    { "{\"alg\":\"ES256\",\"kid\":\"../../dev/null\"}",
      MLSEC_REASON_KID_UNKNOWN },
    { "{\"alg\":\"ES256\",\"kid\":\"' OR 1\"}", MLSEC_REASON_KID_UNKNOWN },
    { "{\"alg\":\"ES256\",\"kid\":\"k\"}", MLSEC_REASON_KID_UNKNOWN },
    { "{\"alg\":\"ES256\",\"kid\":\"k11\"}", MLSEC_REASON_KID_UNKNOWN },
    { "{\"alg\":\"ES256\",\"kid\":\"\"}", MLSEC_REASON_KID },
    { "{\"alg\":\"ES256\",\"kid\":1}", MLSEC_REASON_KID },
    { "{\"alg\":\"ES256\",\"kid\":null}", MLSEC_REASON_KID },
    { "{\"alg\":\"ES256\",\"kid\":\"k1\\r\\n\"}", MLSEC_REASON_KID },
    { "{\"alg\":\"ES256\",\"kid\":\"k1\\u0000\"}", MLSEC_REASON_HEADER_JSON },
    { "{\"alg\":\"ES256\",\"kid\":\"\xc3\xa9\"}", MLSEC_REASON_KID },
    { "{\"alg\":\"ES256\"}", MLSEC_REASON_OK },
    { "{\"alg\":\"ES256\",\"kid\":\"k1\",\"crit\":[]}", MLSEC_REASON_CRIT },
    { "{\"alg\":\"ES256\",\"kid\":\"k1\",\"crit\":[\"x\"],\"x\":1}",
      MLSEC_REASON_CRIT },
    { "{\"alg\":\"ES256\",\"kid\":\"k1\",\"crit\":[\"b64\"],\"b64\":true}",
      MLSEC_REASON_CRIT },
    { "{\"alg\":\"ES256\",\"kid\":\"k1\",\"crit\":null}", MLSEC_REASON_CRIT },
    { "{\"alg\":\"ES256\",\"kid\":\"k1\",\"b64\":false}", MLSEC_REASON_B64 },
    { "{\"alg\":\"ES256\",\"kid\":\"k1\",\"b64\":\"true\"}",
      MLSEC_REASON_B64 },
    { "{\"alg\":\"ES256\",\"kid\":\"k1\",\"b64\":true}", MLSEC_REASON_OK },
    { "{\"alg\":\"ES256\",\"kid\":\"k1\",\"jku\":\"http://127.0.0.1:1/\","
      "\"x5u\":\"http://127.0.0.1:1/\",\"jwk\":{},\"x5c\":[]}",
      MLSEC_REASON_OK },
    { "[\"ES256\"]", MLSEC_REASON_HEADER_JSON },
    { "\"ES256\"", MLSEC_REASON_HEADER_JSON },
    { "{\"alg\":\"ES256\"} {}", MLSEC_REASON_HEADER_JSON },
    { "{\"alg\":\"ES256\",\"a\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}",
      MLSEC_REASON_HEADER_JSON }
};


/* J8, J11 - J14: payloads, each under a good header and signature */

static const struct {
    const char      *payload;
    mlsec_reason_e   reason;
} payloads[] = {
#define C(rest)  "{\"iss\":\"https://a\",\"aud\":\"api\"" rest "}"
#define E  ",\"exp\":1700000600"
    { C(E), MLSEC_REASON_OK },
    { C(""), MLSEC_REASON_EXP_MISSING },
    { C(",\"exp\":\"1700000600\""), MLSEC_REASON_TIME },
    { C(",\"exp\":1700000600.5"), MLSEC_REASON_OK },
    { C(",\"exp\":1.7000006e9"), MLSEC_REASON_OK },
    { C(",\"exp\":-1"), MLSEC_REASON_TIME },
    { C(",\"exp\":0"), MLSEC_REASON_EXP },
    { C(",\"exp\":1e30"), MLSEC_REASON_TIME },
    { C(",\"exp\":1e400"), MLSEC_REASON_PAYLOAD_JSON },
    { C(",\"exp\":9223372036854775807"), MLSEC_REASON_TIME },
    { C(",\"exp\":9223372036854775808"), MLSEC_REASON_PAYLOAD_JSON },
    { C(",\"exp\":9007199254740991"), MLSEC_REASON_OK },
    { C(",\"exp\":9007199254740993"), MLSEC_REASON_TIME },
    { C(",\"exp\":null"), MLSEC_REASON_TIME },
    { C(",\"exp\":true"), MLSEC_REASON_TIME },
    { C(",\"exp\":[]"), MLSEC_REASON_TIME },
    { C(",\"exp\":NaN"), MLSEC_REASON_PAYLOAD_JSON },
    { C(",\"exp\":1699999971"), MLSEC_REASON_OK },
    { C(",\"exp\":1699999970"), MLSEC_REASON_EXP },
    { C(E ",\"exp\":1"), MLSEC_REASON_PAYLOAD_JSON },
    { C(E ",\"nbf\":1700000030"), MLSEC_REASON_OK },
    { C(E ",\"nbf\":1700000031"), MLSEC_REASON_NBF },
    { C(E ",\"nbf\":\"0\""), MLSEC_REASON_TIME },
    { C(E ",\"iat\":1700000030"), MLSEC_REASON_OK },
    { C(E ",\"iat\":1700000031"), MLSEC_REASON_IAT },
    { C(E ",\"iat\":{}"), MLSEC_REASON_TIME },
    { C(E ",\"sub\":7"), MLSEC_REASON_SUB },
    { C(E ",\"sub\":null"), MLSEC_REASON_SUB },
    { C(E ",\"jti\":7"), MLSEC_REASON_JTI },
    { C(E ",\"cnf\":{\"x5t#S256\":\"proof\"}"), MLSEC_REASON_CNF },
    { C(E ",\"cnf\":null"), MLSEC_REASON_CNF },
    { C(E ",\"cnf\":{}"), MLSEC_REASON_CNF },
    { C(E ",\"x\":\"\\u0000\""), MLSEC_REASON_PAYLOAD_JSON },
    { C(E ",\"x\":\"\\ud800\""), MLSEC_REASON_PAYLOAD_JSON },
    { C(E ",\"x\":\"\xff\""), MLSEC_REASON_PAYLOAD_JSON },
    { C(E ",\"x\":\"\xc0\xaf\""), MLSEC_REASON_PAYLOAD_JSON },
    { C(E) C(E), MLSEC_REASON_PAYLOAD_JSON },
    { "\xef\xbb\xbf" C(E), MLSEC_REASON_PAYLOAD_JSON },
    { "[1,2]", MLSEC_REASON_PAYLOAD_JSON },
    { "\"x\"", MLSEC_REASON_PAYLOAD_JSON },
    { "7", MLSEC_REASON_PAYLOAD_JSON },
    { "", MLSEC_REASON_PAYLOAD_JSON },
    { "{}", MLSEC_REASON_EXP_MISSING },
#define I(iss, aud)  "{\"exp\":1700000600," iss "\"aud\":" aud "}"
#define A  "\"iss\":\"https://a\","
    { I("", "\"api\""), MLSEC_REASON_ISS },
    { I("\"iss\":\"https://b\",", "\"api\""), MLSEC_REASON_ISS },
    { I("\"iss\":\"https://a.evil\",", "\"api\""), MLSEC_REASON_ISS },
    { I("\"iss\":\"https://\",", "\"api\""), MLSEC_REASON_ISS },
    { I("\"iss\":\"https://a/\",", "\"api\""), MLSEC_REASON_ISS },
    { I("\"iss\":\"HTTPS://a\",", "\"api\""), MLSEC_REASON_ISS },
    { I("\"iss\":[\"https://a\"],", "\"api\""), MLSEC_REASON_ISS },
    { I(A, "\"api\""), MLSEC_REASON_OK },
    { I(A, "[\"x\",\"api\"]"), MLSEC_REASON_OK },
    { I(A, "[\"x\"]"), MLSEC_REASON_AUD },
    { I(A, "[]"), MLSEC_REASON_AUD },
    { I(A, "7"), MLSEC_REASON_AUD },
    { I(A, "[\"api\",7]"), MLSEC_REASON_AUD },
    { I(A, "{\"api\":1}"), MLSEC_REASON_AUD },
    { I(A, "\"ap\""), MLSEC_REASON_AUD },
    { I(A, "\"api2\""), MLSEC_REASON_AUD },
    { I(A, "\"x api\""), MLSEC_REASON_AUD },
    { I(A, "\"\""), MLSEC_REASON_AUD },
    { "{\"exp\":1700000600,\"iss\":\"https://a\"}", MLSEC_REASON_AUD }
};


static void
test_headers(void)
{
    size_t          i;
    static token_t  t;

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        token_start(&t, tap_str(headers[i].header), tap_str(GOOD));
        token_sign(&t, ec, "SHA256", 0);
        is_reason(check_with(token_str(&t), keys, NOW, ""),
                  headers[i].reason, headers[i].header);
    }
}


static void
test_payloads(void)
{
    size_t          i;
    static token_t  t;

    for (i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
        token_start(&t, tap_str(HDR), tap_str(payloads[i].payload));
        token_sign(&t, ec, "SHA256", 0);
        is_reason(check_with(token_str(&t), keys, NOW, ""),
                  payloads[i].reason, payloads[i].payload);
    }

    token_start(&t, tap_str(HDR), tap_lit(GOOD "\0{}"));
    token_sign(&t, ec, "SHA256", 0);
    is_reason(check_with(token_str(&t), keys, NOW, ""),
              MLSEC_REASON_PAYLOAD_JSON, "zero byte behind the payload");

    token_start(&t, tap_str(HDR),
                tap_str(C(E ",\"cnf\":{\"x5t#S256\":\"proof\"}")));
    token_sign(&t, ec, "SHA256", 0);
    is_reason(check_with(token_str(&t), keys, NOW, "proof"), MLSEC_REASON_OK,
              "cnf with its proof");
    is_reason(check_with(token_str(&t), keys, NOW, "proof2"),
              MLSEC_REASON_CNF, "cnf with another proof");
}


/* J3, J4, J10: which signatures fit which keys */

static void
test_algorithms(void)
{
    size_t          i;
    static token_t  t;

    const struct {
        const char *header, *md; EVP_PKEY *key; int pss; mlsec_reason_e reason;
    } rows[] = {
        { "{\"alg\":\"RS256\",\"kid\":\"r1\"}", "SHA256", rsa, 0, 0 },
        { "{\"alg\":\"RS384\",\"kid\":\"r1\"}", "SHA384", rsa, 0, 0 },
        { "{\"alg\":\"RS512\",\"kid\":\"r1\"}", "SHA512", rsa, 0, 0 },
        { "{\"alg\":\"PS256\",\"kid\":\"r1\"}", "SHA256", rsa, 1, 0 },
        { "{\"alg\":\"PS384\",\"kid\":\"r1\"}", "SHA384", rsa, 1, 0 },
        { "{\"alg\":\"PS512\",\"kid\":\"r1\"}", "SHA512", rsa, 1, 0 },
        { "{\"alg\":\"ES384\",\"kid\":\"k3\"}", "SHA384", p384, 0, 0 },
        { "{\"alg\":\"EdDSA\",\"kid\":\"e1\"}", NULL, ed, 0, 0 },
        { "{\"alg\":\"RS256\",\"kid\":\"r1\"}", "SHA384", rsa, 0,
          MLSEC_REASON_SIGNATURE },
        { "{\"alg\":\"RS256\",\"kid\":\"r1\"}", "SHA256", rsa, 1,
          MLSEC_REASON_SIGNATURE },
        { "{\"alg\":\"PS256\",\"kid\":\"r1\"}", "SHA256", rsa, 0,
          MLSEC_REASON_SIGNATURE },
        { "{\"alg\":\"RS256\",\"kid\":\"p1\"}", "SHA256", rsa, 0,
          MLSEC_REASON_KEY_ALG },
        { "{\"alg\":\"PS256\",\"kid\":\"p1\"}", "SHA256", rsa, 1, 0 },
        { "{\"alg\":\"ES256\",\"kid\":\"k1\"}", "SHA256", other, 0,
          MLSEC_REASON_SIGNATURE },
        { "{\"alg\":\"ES256\",\"kid\":\"k1\"}", "SHA384", p384, 0,
          MLSEC_REASON_SIGNATURE },
        { "{\"alg\":\"ES256\",\"kid\":\"k3\"}", "SHA256", p384, 0,
          MLSEC_REASON_KEY_ALG },
        { "{\"alg\":\"EdDSA\",\"kid\":\"k1\"}", "SHA256", ec, 0,
          MLSEC_REASON_KEY_ALG },
        { "{\"alg\":\"PS256\"}", "SHA256", rsa, 1, MLSEC_REASON_KID_MISSING },
        { "{\"alg\":\"EdDSA\"}", NULL, ed, 0, 0 },
        { "{\"alg\":\"ES512\"}", "SHA256", ec, 0, MLSEC_REASON_KEY_ALG }
    };

    policy.algs = (1u << MLSEC_ALGS) - 1;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        token_start(&t, tap_str(rows[i].header), tap_str(GOOD));
        token_sign(&t, rows[i].key, rows[i].md, rows[i].pss);
        is_reason(check_with(token_str(&t), keys, NOW, ""), rows[i].reason,
                  rows[i].header);
    }

    policy.algs = MLSEC_ALG_DEFAULT;

    token_start(&t, tap_lit("{\"alg\":\"RS384\",\"kid\":\"r1\"}"),
                tap_str(GOOD));
    token_sign(&t, rsa, "SHA384", 0);
    is_reason(check_with(token_str(&t), keys, NOW, ""),
              MLSEC_REASON_ALG_REFUSED, "RS384, which is not configured");
}


/* J3: what is public as the secret of an HMAC */

static void
test_confusion(void)
{
    size_t            i;
    const char       *why;
    mlsec_str_t       secrets[4];
    static token_t    t;
    mlsec_jwk_set_t  *pem;
    unsigned char    *der;

    secrets[0] = sign_pem(rsa);
    secrets[1] = sign_jwk(rsa, "");
    secrets[2] = tap_lit("");
    der = NULL;
    secrets[3].len = (size_t) i2d_PUBKEY(rsa, &der);
    secrets[3].data = der;

    mlsec_jwk_set_parse(secrets[0], MLSEC_JWK_SECRETS, &pem, &why);
    policy.algs = (1u << MLSEC_ALGS) - 1;

    for (i = 0; i < 4; i++) {
        token_start(&t, tap_lit("{\"alg\":\"HS256\"}"), tap_str(GOOD));
        token_hmac(&t, "SHA256", secrets[i].data, secrets[i].len);
        is_reason(check_with(token_str(&t), pem, NOW, ""),
                  MLSEC_REASON_KEY_ALG, "HS256 with what is public");

        token_start(&t, tap_lit("{\"alg\":\"HS256\",\"kid\":\"r1\"}"),
                    tap_str(GOOD));
        token_hmac(&t, "SHA256", secrets[i].data, secrets[i].len);
        is_reason(check_with(token_str(&t), keys, NOW, ""),
                  MLSEC_REASON_KEY_ALG, "the same with a kid");
    }

    policy.algs = MLSEC_ALG_DEFAULT;
    mlsec_jwk_set_free(pem);
    OPENSSL_free(der);
}


static void
set_signature(token_t *t, const void *bytes, size_t len)
{
    t->len = (size_t) (strrchr(t->text, '.') - t->text) + 1;
    token_put(t, bytes, len);
}


/* J9, J10: the form of a token, and signatures that are special numbers */

static void
test_forms(void)
{
    size_t          i, len, n;
    static token_t  t, v;
    unsigned char   sig[512], order[32];
    const char     *tails[] = { "=", "==", "\n", " ", "A", ".", ".e30", "!" };

    static const char  n256[] = "\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff"
        "\xff\xff\xff\xff\xff\xff\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca"
        "\xc2\xfc\x63\x25\x51";

    token_start(&t, tap_str(HDR), tap_str(GOOD));
    token_sign(&t, ec, "SHA256", 0);
    is_reason(check_with(token_str(&t), keys, NOW, ""), MLSEC_REASON_OK,
              "as it is");

    for (i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        v = t;
        v.len += (size_t) sprintf(v.text + v.len, "%s", tails[i]);
        tap_ok(check_with(token_str(&v), keys, NOW, "") != MLSEC_REASON_OK,
               "followed by 0x%02x", tails[i][0]);
    }

    /* the last character has four bits that do not count: 15 variants */

    for (i = 0, n = 0; i < 64; i++) {
        v = t;
        v.text[v.len - 1] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv"
                            "wxyz0123456789-_"[i];
        n += check_with(token_str(&v), keys, NOW, "") == MLSEC_REASON_OK;
    }

    tap_is((long long) n, 1, "spellings of one signature");

    mlsec_base64url_decode(sig, &len, (mlsec_str_t)
                           { (void *) (strrchr(t.text, '.') + 1),
                             strlen(strrchr(t.text, '.') + 1) });

    for (i = 0, n = 0; i < 8 * len; i++) {
        sig[i / 8] ^= (unsigned char) (1 << i % 8);
        v = t;
        set_signature(&v, sig, len);
        n += check_with(token_str(&v), keys, NOW, "") == MLSEC_REASON_OK;
        sig[i / 8] ^= (unsigned char) (1 << i % 8);
    }

    tap_is((long long) n, 0, "one bit of the signature");

    memcpy(order, n256, 32);

    for (i = 0; i < 9; i++) {
        v = t;
        memset(sig, 0, sizeof(sig));
        len = 64;

        switch (i) {
        case 0: break;                                   /* 0, 0 */
        case 1: memcpy(sig, order, 32); sig[63] = 1; break;
        case 2: sig[31] = 1; memcpy(sig + 32, order, 32); break;
        case 3: sig[31] = 1; break;                      /* 1, 0 */
        case 4: sig[63] = 1; break;                      /* 0, 1 */
        case 5: memset(sig, 0xff, 64); break;
        case 6: len = 63; sig[0] = 1; break;
        case 7: len = 65; sig[0] = 1; break;
        case 8: len = 0; break;
        }

        set_signature(&v, sig, len);
        is_reason(check_with(token_str(&v), keys, NOW, ""),
                  MLSEC_REASON_SIGNATURE, "r and s that are none");
    }

    token_start(&v, tap_lit("{\"alg\":\"RS256\",\"kid\":\"r1\"}"),
                tap_str(GOOD));
    strcat(v.text, ".");

    for (i = 0; i < 4; i++) {
        memset(sig, i == 1 ? 0xff : i == 2 ? 1 : 0, sizeof(sig));
        set_signature(&v, sig, i == 3 ? 257 : 256);
        is_reason(check_with(token_str(&v), keys, NOW, ""),
                  MLSEC_REASON_SIGNATURE, "RSA signature that is none");
    }
}


static void
test_segments(void)
{
    size_t          i;
    static token_t  t;
    const char     *texts[] = { "", ".", "..", "...", "a", "a.b", "a.b.c.d",
                                "a.b.c.d.e", ".b.c", "a" };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        is_reason(check_with(tap_str(texts[i]), keys, NOW, ""),
                  MLSEC_REASON_SEGMENTS, texts[i]);
    }

    is_reason(check_with(tap_lit("a.b.c"), keys, NOW, ""),
              MLSEC_REASON_BASE64, "one character");

    memset(t.text, 'A', 20000);
    t.len = MLSEC_JWT_MAX_SIZE + 1;
    is_reason(check_with(token_str(&t), keys, NOW, ""),
              MLSEC_REASON_TOO_LARGE, "16k and a byte");
}


/* J15: depth and number of values */

static void
test_bounds(void)
{
    int             i, n;
    char           *p;
    static char     payload[60000];
    static token_t  t;

    for (n = 15; n <= 17; n++) {
        p = payload + sprintf(payload, "{\"iss\":\"https://a\",\"aud\":\"api\""
                              E ",\"a\":");
        memset(p, '[', (size_t) n);
        memset(p + n, ']', (size_t) n);
        strcpy(p + 2 * n, "}");

        token_start(&t, tap_str(HDR), tap_str(payload));
        token_sign(&t, ec, "SHA256", 0);
        is_reason(check_with(token_str(&t), keys, NOW, ""),
                  n > 15 ? MLSEC_REASON_PAYLOAD_JSON : MLSEC_REASON_OK,
                  "depth");
    }

    p = payload + sprintf(payload, "{\"a\":[");

    for (i = 0; i < MLSEC_CLAIMS_VALUES; i++) {
        p += sprintf(p, "1,");
    }

    sprintf(p, "1]}");
    token_start(&t, tap_str(HDR), tap_str(payload));
    token_sign(&t, ec, "SHA256", 0);
    is_reason(check_with(token_str(&t), keys, NOW, ""),
              MLSEC_REASON_PAYLOAD_JSON, "many values");
}


static void
test_policy(void)
{
    static token_t  t;

    token_start(&t, tap_str(HDR), tap_str(
        "{\"iss\":\"x\",\"aud\":7,\"iat\":1699999000}"));
    token_sign(&t, ec, "SHA256", 0);

    policy.nissuers = 0;
    policy.naudiences = 0;
    policy.no_exp = 1;
    is_reason(check_with(token_str(&t), keys, NOW, ""), MLSEC_REASON_AUD,
              "any audience, but one");

    token_start(&t, tap_str(HDR), tap_str("{\"iat\":1699999000}"));
    token_sign(&t, ec, "SHA256", 0);
    is_reason(check_with(token_str(&t), keys, NOW, ""), MLSEC_REASON_OK,
              "any issuer, any audience, no exp");

    policy.max_age = 1001;
    is_reason(check_with(token_str(&t), keys, NOW + 30, ""), MLSEC_REASON_OK,
              "just young enough");
    is_reason(check_with(token_str(&t), keys, NOW + 31, ""),
              MLSEC_REASON_MAX_AGE, "too old");

    token_start(&t, tap_str(HDR), tap_str("{}"));
    token_sign(&t, ec, "SHA256", 0);
    is_reason(check_with(token_str(&t), keys, NOW, ""), MLSEC_REASON_MAX_AGE,
              "of unknown age");
    is_reason(check_with(token_str(&t), NULL, NOW, ""), MLSEC_REASON_NO_KEYS,
              "no keys yet");
}


static void
test_paths(void)
{
    size_t               i;
    json_t              *root;
    mlsec_mem_t          mem;
    tap_arena_t          arena;
    const json_t        *value;
    mlsec_claims_path_t  path;

    static const struct { const char *text; int rc; int found; } rows[] = {
        { "a", MLSEC_OK, 1 }, { "a.b", MLSEC_OK, 2 },
        { "/a/b", MLSEC_OK, 2 }, { "a.c.1", MLSEC_OK, 3 },
        { "a.c.2", MLSEC_OK, 0 }, { "a.c.x", MLSEC_OK, 0 },
        { "a.c.", MLSEC_INVALID, 0 }, { "/u:~1~1x.y~0/z", MLSEC_OK, 4 },
        { "", MLSEC_INVALID, 0 }, { ".", MLSEC_INVALID, 0 },
        { "a..b", MLSEC_INVALID, 0 }, { "/a~2", MLSEC_INVALID, 0 },
        { "/a~", MLSEC_INVALID, 0 }, { "/", MLSEC_OK, 5 },
        { "a.b.c.d.e.f.g.h", MLSEC_OK, 0 },
        { "a.b.c.d.e.f.g.h.i", MLSEC_INVALID, 0 }
    };

    root = mlsec_claims_parse(tap_lit("{\"a\":{\"b\":2,\"c\":[0,3]},"
                                      "\"u://x.y~\":{\"z\":4},\"\":5}"), 16);

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        mem = tap_mem(&arena);

        if (tap_is(mlsec_claims_path(&mem, tap_str(rows[i].text), &path),
                   rows[i].rc, rows[i].text)
            && rows[i].rc == MLSEC_OK)
        {
            value = mlsec_claims_find(root, &path);
            tap_is(value == NULL ? 0 : json_is_object(value) ? 1
                   : json_integer_value(value), rows[i].found, "its value");
        }

        tap_free(&arena);
    }

    json_decref(root);
}


/* What somebody wrote is compared with what a token says. */

static void
test_compare(void)
{
    int      rc, order;
    size_t   i;
    json_t  *value;

    enum { LESS = -1, SAME, MORE, NONE };

    static const struct { const char *claim, *text; int want; } rows[] = {
        { "5", "5", SAME }, { "5", "4", MORE }, { "5", "6", LESS },
        { "5", "5.0", SAME }, { "5", "5e0", SAME }, { "5", "5.5", LESS },
        { "5.5", "5.5", SAME }, { "5.5", "5", MORE }, { "-5", "-5", SAME },
        { "0", "-0", SAME }, { "5", "50e-1", SAME },

        /* neighbours that are one double */
        { "9007199254740993", "9007199254740993", SAME },
        { "9007199254740993", "9007199254740992", MORE },
        { "9007199254740992", "9007199254740993", LESS },
        { "9223372036854775807", "9223372036854775806", MORE },
        { "9223372036854775807", "99999999999999999999", LESS },
        { "-9223372036854775807", "-99999999999999999999", MORE },
        { "5", "1e999", LESS },

        /* what strtod() takes, and JSON does not */
        { "5", "nan", NONE }, { "5", "NaN", NONE }, { "5", "-nan", NONE },
        { "5", "inf", NONE }, { "5", "-inf", NONE },
        { "5", "infinity", NONE }, { "5", "0x5", NONE }, { "5", "+5", NONE },
        { "5", "05", NONE }, { "5", " 5", NONE }, { "5", "5 ", NONE },
        { "5", "5.", NONE }, { "5", ".5", NONE }, { "5", "5e", NONE },
        { "5", "5\n", NONE }, { "5", "-", NONE }, { "5", "", NONE },
        { "5", "5,6", NONE }, { "5", "five", NONE },
        { "5", "0.00000000000000000000000000000000005", NONE },

        { "\"5\"", "5", NONE }, { "true", "1", NONE }, { "null", "0", NONE },
        { "[5]", "5", NONE }, { "{}", "0", NONE }
    };

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        value = json_loads(rows[i].claim, JSON_DECODE_ANY, NULL);
        order = 7;
        rc = mlsec_claims_compare(value, tap_str(rows[i].text), &order);
        order = rc == MLSEC_OK ? (order > 0) - (order < 0) : NONE;
        tap_ok(order == rows[i].want, "%s and \"%s\"", rows[i].claim,
               rows[i].text);
        json_decref(value);
    }
}


int
main(void)
{
    char         text[8000];
    const char  *why;

    ec = EVP_EC_gen("P-256");
    other = EVP_EC_gen("P-256");
    p384 = EVP_EC_gen("P-384");
    rsa = EVP_RSA_gen(2048);
    ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

    snprintf(text, sizeof(text), "{\"keys\":[%s,%s,%s,%s,%s]}",
             (char *) sign_jwk(ec, "\"kid\":\"k1\",").data,
             (char *) sign_jwk(p384, "\"kid\":\"k3\",").data,
             (char *) sign_jwk(rsa, "\"kid\":\"r1\",").data,
             (char *) sign_jwk(rsa, "\"kid\":\"p1\",\"alg\":\"PS256\",").data,
             (char *) sign_jwk(ed, "\"kid\":\"e1\",").data);

    if (!tap_ok(mlsec_jwk_set_parse(tap_str(text), 0, &keys, &why) == MLSEC_OK
                && keys->n == 5, "keys"))
    {
        return tap_done();
    }

    policy.algs = MLSEC_ALG_DEFAULT;
    policy.issuers = issuers;
    policy.nissuers = 1;
    policy.audiences = audiences;
    policy.naudiences = 1;
    policy.leeway = 30;

    policy.algs |= mlsec_alg_bit(MLSEC_ALG_ES384);
    test_headers();
    policy.algs = MLSEC_ALG_DEFAULT;
    test_payloads();
    test_algorithms();
    test_confusion();
    test_forms();
    test_segments();
    test_bounds();
    test_policy();
    test_paths();
    test_compare();

    return tap_done();
}
