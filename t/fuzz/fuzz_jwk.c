/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Any key file: what is taken keeps the promises of the header. */


#include "fuzz.h"
#include <lib/auth/mlsec_jwk.h>


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    size_t             i;
    const char        *why;
    mlsec_str_t        text, signature;
    const mlsec_jwk_t *key;
    mlsec_jwk_set_t   *set;
    unsigned           alg;
    unsigned char      zeros[512];

    text.data = data;
    text.len = size;
    why = NULL;

    if (mlsec_jwk_set_parse(text, size & 1, &set, &why) != MLSEC_OK) {
        fuzz_assert(why != NULL);
        return 0;
    }

    fuzz_assert(set->n >= 1 && set->n <= MLSEC_JWK_MAX_KEYS);
    memset(zeros, 0, sizeof(zeros));

    for (i = 0; i < set->n; i++) {
        key = &set->key[i];

        fuzz_assert(key->algs != 0 && key->algs < 1u << MLSEC_ALGS);
        fuzz_assert((key->pkey == NULL) != (key->secret == NULL));
        fuzz_assert(key->secret == NULL || (size & 1));
        fuzz_assert(!(key->algs & MLSEC_ALG_HMAC) || key->pkey == NULL);

        for (alg = 0; alg < MLSEC_ALGS; alg++) {
            if (key->algs & mlsec_alg_bit(alg)) {
                signature.data = zeros;
                signature.len = key->pkey != NULL
                                ? (size_t) EVP_PKEY_get_size(key->pkey) : 32;
                signature.len = signature.len > 512 ? 512 : signature.len;
                fuzz_assert(!mlsec_jwk_verify(set, key, alg, text,
                                              signature));
            }
        }
    }

    mlsec_jwk_set_free(set);

    return 0;
}
