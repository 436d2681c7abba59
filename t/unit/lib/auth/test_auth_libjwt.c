/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Thousands of mutated tokens, shown to libjwt too.  What we take and libjwt
 * refuses would be a fault of ours, except for algorithms that it does not
 * know; what libjwt takes and we refuse must be for one of the reasons that
 * libjwt is known not to look at.
 */


#include "sign.h"
#include <jwt.h>
#include <lib/auth/mlsec_jwt.h>


#define ROUNDS  3000
#define NOW     1700000000


static const char  *claims[] = {
    "{\"exp\":1700000600,\"sub\":\"u\"}",
    "{\"exp\":1700000600,\"sub\":\"u\",\"sub\":\"v\"}",
    "{\"exp\":1,\"sub\":\"u\"}",
    "{\"exp\":\"1700000600\"}",
    "{\"sub\":\"u\"}",
    "[1,2]",
    "{\"exp\":1700000600,\"a\":{\"b\":[1,2,{\"c\":null}]}}",
    "{\"exp\":1700000600} ",
    "{\"exp\":1700000600,\"x\":\"\\u0000\"}",
    "{\"exp\":1700000600,\"cnf\":{}}"
};

static const char  *header_members[] = {
    "\"typ\":\"JWT\"", "\"typ\":\"at+jwt\"", "\"kid\":\"k\"",
    "\"crit\":[\"x\"]", "\"b64\":false", "\"alg\":\"RS256\"",
    "\"typ\":\"jwt\""
};

/* the disagreements that are meant: libjwt does not look at these */

static const mlsec_reason_e  expected[] = {
    MLSEC_REASON_SEGMENTS,             /* a dot at the end, or in there */
    MLSEC_REASON_BASE64,               /* takes many spellings */
    MLSEC_REASON_HEADER_JSON,          /* a name twice, the last one wins */
    MLSEC_REASON_PAYLOAD_JSON,         /* the same; [1,2]; a zero byte ends */
    MLSEC_REASON_EXP, MLSEC_REASON_EXP_MISSING, MLSEC_REASON_TIME,
    MLSEC_REASON_CRIT, MLSEC_REASON_B64, MLSEC_REASON_CNF,
    MLSEC_REASON_ALG_UNKNOWN,          /* "rs256" */
    MLSEC_REASON_ALG_NONE,             /* never with a key, see below */
    MLSEC_REASON_KEY_ALG,              /* HS256 with the PEM as secret */
    MLSEC_REASON_KID                   /* not printable */
};


static mlsec_reason_e
ours(mlsec_str_t token, const mlsec_jwk_set_t *set)
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
    reason = mlsec_jws_open(&jws, token, 0, &mem);

    if (reason == MLSEC_REASON_OK) {
        reason = mlsec_jws_verify(&jws, &set, 1, policy.algs, &which);

        if (reason == MLSEC_REASON_OK) {
            reason = mlsec_jwt_read(&jwt, &jws, &mem);
        }

        if (reason == MLSEC_REASON_OK) {
            reason = mlsec_jwt_check(&jwt, &policy, NOW, tap_lit(""));
            mlsec_jwt_close(&jwt);
        }

        mlsec_jws_close(&jws);
    }

    tap_free(&arena);

    return reason;
}


static int
theirs(const char *token, mlsec_str_t pem)
{
    int     rc;
    jwt_t  *jwt;

    jwt = NULL;
    rc = jwt_decode(&jwt, token, pem.data, (int) pem.len + 1);
    jwt_free(jwt);

    return rc == 0;
}


/* Returns whether the header says at+jwt. */

static int
make(token_t *t, EVP_PKEY *pkey, mlsec_str_t pem)
{
    int   n, hmac;
    char  header[300], *p;

    static const char  *algs[2][2] = {
        { "rs256", "RS256" }, { "es256", "ES256" }
    };

    hmac = tap_random(8) == 0;
    p = header + sprintf(header, "{\"alg\":\"%s\"",
                         hmac ? "HS256"
                         : algs[EVP_PKEY_is_a(pkey, "EC")]
                               [tap_random(10) != 0]);

    for (n = (int) tap_random(3); n > 0; n--) {
        p += sprintf(p, ",%s", header_members[tap_random(7)]);
    }

    strcpy(p, "}");
    token_start(t, tap_str(header), tap_str(claims[tap_random(3) ? 0
                                                   : tap_random(10)]));

    if (hmac) {
        token_hmac(t, "SHA256", pem.data, pem.len + 1);

    } else {
        token_sign(t, pkey, "SHA256", 0);
    }

    return strstr(header, "at+jwt") != NULL;
}


static void
mutate(token_t *t)
{
    size_t  at;

    static const char  chars[] = "AZaz09-_+/=. \n!";

    at = (size_t) tap_random(t->len);

    switch (tap_random(5)) {

    case 0:
        t->text[at] = chars[tap_random(sizeof(chars) - 1)];
        break;

    case 1:
        memmove(t->text + at, t->text + at + 1, t->len - at);
        t->len--;
        break;

    case 2:
        memmove(t->text + at + 1, t->text + at, t->len - at + 1);
        t->text[at] = chars[tap_random(sizeof(chars) - 1)];
        t->len++;
        break;

    case 3:
        t->text[t->len++] = chars[tap_random(sizeof(chars) - 1)];
        t->text[t->len] = '\0';
        break;

    case 4:
        t->len = at;
        t->text[t->len] = '\0';
        break;
    }
}


static int
is_expected(mlsec_reason_e reason)
{
    size_t  i;

    for (i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        if (expected[i] == reason) {
            return 1;
        }
    }

    return 0;
}


int
main(void)
{
    int               i, k, theirs_ok, both, only_theirs, only_ours, strange;
    int               at_jwt;
    int               by[MLSEC_REASONS] = { 0 };
    token_t           t;
    token_t           copy[2];
    EVP_PKEY         *pkey[2];
    const char       *why;
    mlsec_str_t       pem[2];
    mlsec_reason_e    reason;
    mlsec_jwk_set_t  *set[2];

    tap_seed();
    pkey[0] = EVP_RSA_gen(2048);
    pkey[1] = EVP_EC_gen("P-256");
    both = only_theirs = only_ours = strange = 0;

    for (k = 0; k < 2; k++) {
        pem[k] = sign_pem(pkey[k]);
        memcpy(copy[k].text, pem[k].data, pem[k].len + 1);
        copy[k].len = pem[k].len;
        pem[k] = token_str(&copy[k]);

        if (mlsec_jwk_set_parse(pem[k], 0, &set[k], &why) != MLSEC_OK) {
            return 1;
        }
    }

    for (i = 0; i < ROUNDS; i++) {
        k = (int) tap_random(2);
        at_jwt = make(&t, pkey[k], pem[k]);

        if (tap_random(4)) {
            mutate(&t);
        }

        reason = ours(token_str(&t), set[k]);
        theirs_ok = theirs(t.text, pem[k]);

        both += reason == MLSEC_REASON_OK && theirs_ok;

        /* "typ" other than JWT is refused by libjwt, RFC 9068 has at+jwt */

        only_ours += reason == MLSEC_REASON_OK && !theirs_ok && !at_jwt;

        if (reason != MLSEC_REASON_OK && theirs_ok) {
            only_theirs++;
            by[reason]++;

            if (!is_expected(reason)) {
                strange++;
                tap_diag("%s: %s", mlsec_reason_name(reason), t.text);
            }
        }
    }

    for (i = 0; i < MLSEC_REASONS; i++) {
        if (by[i]) {
            tap_diag("%d taken by libjwt alone: %s", by[i],
                     mlsec_reason_text((mlsec_reason_e) i));
        }
    }

    tap_ok(both > ROUNDS / 20, "%d taken by both", both);
    tap_ok(only_theirs > ROUNDS / 20, "%d by libjwt alone", only_theirs);
    tap_is(strange, 0, "all of them for a reason that is known");
    tap_is(only_ours, 0, "none by us alone, but for \"at+jwt\"");

    for (k = 0; k < 2; k++) {
        mlsec_jwk_set_free(set[k]);
        EVP_PKEY_free(pkey[k]);
    }

    return tap_done();
}
