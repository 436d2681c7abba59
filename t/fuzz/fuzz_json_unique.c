/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What is JSON gets the verdict of a search that compares each name with each
 * other one; what is not is read to its end and no further.
 */


#include "fuzz.h"
#include <lib/json/mlsec_json.h>
#include <lib/json/mlsec_json_unique.h>


static int repeats(mlsec_str_t value);
static int repeats_member(mlsec_str_t object, const unsigned char *at,
    mlsec_str_t name);


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    int            rc;
    size_t         offset;
    mlsec_mem_t    mem;
    mlsec_str_t    text;
    fuzz_arena_t   arena;

    static const uint64_t  seed[2] = { 5, 6 };

    arena.n = 0;
    mem.alloc = fuzz_alloc;
    mem.ctx = &arena;

    text.data = data;
    text.len = size;

    rc = mlsec_json_unique(text, &mem, seed, &offset);

    if (rc != MLSEC_NOMEM && size < 2048
        && mlsec_json_scan(text, 0, NULL, NULL) == MLSEC_OK)
    {
        fuzz_assert(rc == (repeats(text) ? MLSEC_DECLINED : MLSEC_OK));
        fuzz_assert(rc == MLSEC_OK
                    || (offset < size && data[offset] == '"'));
    }

    fuzz_free(&arena);

    return 0;
}


static int
repeats(mlsec_str_t value)
{
    size_t              len;
    mlsec_str_t         key, name, inner;
    unsigned char       decoded[2048];
    mlsec_json_iter_t   it;

    if (mlsec_json_elements(&it, value) == MLSEC_OK) {
        while (mlsec_json_next_element(&it, &inner) == MLSEC_OK) {
            if (repeats(inner)) {
                return 1;
            }
        }

        return 0;
    }

    if (mlsec_json_members(&it, value) != MLSEC_OK) {
        return 0;
    }

    while (mlsec_json_next_member(&it, &key, &inner) == MLSEC_OK) {
        len = mlsec_json_decode(decoded, key);
        name.data = decoded;
        name.len = len;

        if (repeats_member(value, key.data, name) || repeats(inner)) {
            return 1;
        }
    }

    return 0;
}


/* Whether another member than the one at "at" has this name. */

static int
repeats_member(mlsec_str_t object, const unsigned char *at, mlsec_str_t name)
{
    mlsec_str_t         key, value;
    mlsec_json_iter_t   it;

    mlsec_json_members(&it, object);

    while (mlsec_json_next_member(&it, &key, &value) == MLSEC_OK) {
        if (key.data != at && mlsec_json_key_is(key, name)) {
            return 1;
        }
    }

    return 0;
}
