/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Any token, with keys of all types: no signature that is found by chance.
 * The payload is read without one too, as if somebody had signed it.
 */


#include "fuzz.h"
#include <lib/auth/mlsec_jwt.h>


static const char  keys[] =
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"k\","
    "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},"
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";

static const char  secret[] = "{\"kty\":\"oct\",\"kid\":\"s\","
    "\"k\":\"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg\"}";


static mlsec_jwk_set_t *
read_set(const char *text)
{
    const char       *why;
    mlsec_str_t       str;
    mlsec_jwk_set_t  *set;

    str.data = (const unsigned char *) text;
    str.len = strlen(text);

    fuzz_assert(mlsec_jwk_set_parse(str, MLSEC_JWK_SECRETS, &set, &why)
                == MLSEC_OK && set->skipped == 0);

    return set;
}


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    size_t              which;
    mlsec_jws_t         jws;
    mlsec_jwt_t         jwt;
    mlsec_mem_t         mem;
    mlsec_str_t         token;
    fuzz_arena_t        arena;
    mlsec_reason_e      reason;
    mlsec_jwt_policy_t  policy;

    static const mlsec_jwk_set_t  *sets[2];

    if (sets[0] == NULL) {
        sets[0] = read_set(keys);
        sets[1] = read_set(secret);
    }

    memset(&policy, 0, sizeof(policy));
    token.data = data;
    token.len = size;
    arena.n = 0;
    mem.alloc = fuzz_alloc;
    mem.ctx = &arena;

    reason = mlsec_jws_open(&jws, token, 0, &mem);

    if (reason == MLSEC_REASON_OK) {
        reason = mlsec_jws_verify(&jws, sets, 2, (1u << MLSEC_ALGS) - 1,
                                  &which);

        /* the seeds have two that are good */

        fuzz_assert(reason != MLSEC_REASON_OK
                    || which == (jws.alg >= MLSEC_ALG_HS256));

        if (mlsec_jwt_read(&jwt, &jws, &mem) == MLSEC_REASON_OK) {
            reason = mlsec_jwt_check(&jwt, &policy, 1700000000, token);
            fuzz_assert(reason != MLSEC_REASON_OK || jwt.has_exp);
            fuzz_assert(jwt.sub.len <= MLSEC_JWT_MAX_SUB);
            mlsec_jwt_close(&jwt);
        }

        mlsec_jws_close(&jws);
    }

    fuzz_free(&arena);

    return 0;
}
