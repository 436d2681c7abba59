/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Any file of API keys, of revocations, any network.  No key whose secret
 * nobody knows is found right.
 */


#include "fuzz.h"
#include <lib/auth/mlsec_api_key.h>


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    int                     rc;
    size_t                  i;
    unsigned                line;
    const char             *why;
    mlsec_mem_t             mem;
    mlsec_str_t             text;
    fuzz_arena_t            arena;
    mlsec_cidr_t            cidr;
    mlsec_reason_e          reason;
    mlsec_revoked_t         revoked;
    mlsec_api_keys_t        keys;
    const mlsec_api_key_t  *key;

    static const unsigned char  local[] = { 127, 0, 0, 1 };

    arena.n = 0;
    mem.alloc = fuzz_alloc;
    mem.ctx = &arena;
    text.data = data;
    text.len = size;

    if (mlsec_cidr_parse(text, &cidr) == MLSEC_OK) {
        fuzz_assert(cidr.len == 4 || cidr.len == 16);
        fuzz_assert(cidr.bits <= 8 * cidr.len);
        fuzz_assert(mlsec_cidr_has(&cidr, (mlsec_str_t) { cidr.address,
                                                          cidr.len }));
    }

    rc = mlsec_api_keys_parse(text, &mem, &keys, &line, &why);

    if (rc == MLSEC_OK) {
        for (i = 0; i < keys.n; i++) {
            fuzz_assert(keys.key[i].id.len >= 1 && keys.key[i].id.len <= 64);
            fuzz_assert(keys.key[i].nsecrets >= 1);
            fuzz_assert(i == 0 || memcmp(&keys.key[i - 1].id,
                                         &keys.key[i].id,
                                         sizeof(mlsec_str_t)) != 0);
        }

        reason = mlsec_api_key_check(&keys, text, 1,
                                     (mlsec_str_t) { local, 4 }, &key);
        fuzz_assert(reason != MLSEC_REASON_OK && key == NULL);

    } else {
        fuzz_assert(why != NULL);
    }

    fuzz_free(&arena);
    arena.n = 0;

    if (mlsec_revoked_parse(text, &mem, &revoked, &line, &why) == MLSEC_OK) {
        (void) mlsec_revoked_has(&revoked, text, text, 5);
    }

    fuzz_free(&arena);

    return 0;
}
