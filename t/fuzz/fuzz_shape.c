/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The first line is a list of paths, the rest a document.  What pick and
 * drop make of an accepted document is accepted, not longer, and stays the
 * same when they are applied again.
 */


#include "fuzz.h"
#include <lib/json/mlsec_json.h>
#include <lib/aggregate/mlsec_shape.h>


typedef int (*fuzz_shape_pt)(const mlsec_paths_t *paths,
    const mlsec_mem_t *mem, mlsec_str_t text, mlsec_str_t *out);


static void
fuzz_apply(fuzz_shape_pt apply, const mlsec_paths_t *paths,
    const mlsec_mem_t *mem, mlsec_str_t text, int accepted)
{
    int          rc;
    mlsec_str_t  once, twice;

    rc = apply(paths, mem, text, &once);

    if (!accepted) {
        return;
    }

    if (rc == MLSEC_BADTYPE) {
        fuzz_assert(mlsec_json_type(text) < MLSEC_JSON_ARRAY);
        return;
    }

    fuzz_assert(rc == MLSEC_OK);
    fuzz_assert(once.len <= text.len);
    fuzz_assert(mlsec_json_scan(once, 0, NULL, NULL) == MLSEC_OK);
    fuzz_assert(mlsec_json_type(once) == mlsec_json_type(text));

    fuzz_assert(apply(paths, mem, once, &twice) == MLSEC_OK);

    /* spaces in place of duplicates are gone the second time */

    fuzz_assert(twice.len <= once.len);
    fuzz_assert(memchr(once.data, ' ', once.len) != NULL
                || (twice.len == once.len
                    && memcmp(twice.data, once.data, once.len) == 0));
}


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    int             rc, accepted;
    size_t          error;
    mlsec_mem_t     mem;
    mlsec_str_t     list, text, value;
    fuzz_arena_t    arena;
    mlsec_paths_t  *paths;

    arena.n = 0;
    mem.alloc = fuzz_alloc;
    mem.ctx = &arena;

    list = fuzz_line(&data, &size);
    text.data = data;
    text.len = size;

    accepted = mlsec_json_scan(text, 0, NULL, NULL) == MLSEC_OK;

    if (mlsec_shape_check_target(list, &error) == MLSEC_OK) {
        rc = mlsec_shape_target(text, list, &value);

        if (accepted && rc == MLSEC_OK) {
            fuzz_assert(mlsec_json_scan(value, 0, NULL, NULL) == MLSEC_OK);
        }

    } else {
        fuzz_assert(error <= list.len);
    }

    rc = mlsec_paths_compile(&mem, list, &paths, &error);

    if (rc == MLSEC_INVALID) {
        fuzz_assert(error <= list.len);

    } else if (rc == MLSEC_OK && arena.n < 200) {
        fuzz_apply(mlsec_paths_pick, paths, &mem, text, accepted);
        fuzz_apply(mlsec_paths_drop, paths, &mem, text, accepted);
    }

    fuzz_free(&arena);

    return 0;
}
