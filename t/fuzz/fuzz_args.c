/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Whatever the query, the result is a JSON object without a name twice, and
 * no longer than promised; in that of a checked one nothing was made up.
 */


#include "fuzz.h"
#include <lib/aggregate/mlsec_args.h>
#include <lib/json/mlsec_json.h>


int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    size_t             i, args, count;
    mlsec_mem_t        mem;
    mlsec_str_t        query, json, key, value, found;
    fuzz_arena_t       arena;
    mlsec_json_iter_t  it;

    static const uint64_t  seed[2] = { 3, 4 };

    arena.n = 0;
    mem.alloc = fuzz_alloc;
    mem.ctx = &arena;

    query.data = data;
    query.len = size;

    if (mlsec_args_json(query, &mem, seed, &json) == MLSEC_OK) {
        args = 1;

        for (i = 0; i < size; i++) {
            args += data[i] == '&';
        }

        fuzz_assert(json.len <= 2 + 6 * size + 7 * args);
        fuzz_assert(mlsec_json_scan(json, 0, NULL, NULL) == MLSEC_OK);
        fuzz_assert(mlsec_json_members(&it, json) == MLSEC_OK);

        if (mlsec_args_check(query, &count) == MLSEC_OK) {
            fuzz_assert(count <= args);
            fuzz_assert(memmem(data, size, "\xef\xbf\xbd", 3) != NULL
                        || memmem(data, size, "%", 1) != NULL
                        || memmem(json.data, json.len, "\xef\xbf\xbd", 3)
                           == NULL);
        }

        while (mlsec_json_next_member(&it, &key, &value) == MLSEC_OK
               && size < 512)
        {
            if (memchr(key.data, '\\', key.len) == NULL) {
                fuzz_assert(mlsec_json_find(json, key, &found) == MLSEC_OK);
                fuzz_assert(found.data == value.data);
            }
        }
    }

    fuzz_free(&arena);

    return 0;
}
