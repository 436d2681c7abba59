/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The first line is a path, the rest a document.  Items of an accepted
 * document are slices of it, in its order, each one a document; as text they
 * are not longer.
 */


#include "fuzz.h"
#include <lib/aggregate/mlsec_items.h>
#include <lib/aggregate/mlsec_shape.h>


static void
fuzz_scalar(const mlsec_mem_t *mem, mlsec_str_t value, int accepted)
{
    int          rc;
    mlsec_str_t  text;

    rc = mlsec_items_scalar(mem, value, &text);

    if (rc == MLSEC_OK) {
        fuzz_assert(text.len <= value.len);
    }

    if (!accepted || rc == MLSEC_NOMEM) {
        return;
    }

    switch (mlsec_json_type(value)) {

    case MLSEC_JSON_NONE:
    case MLSEC_JSON_NULL:
        fuzz_assert(rc == MLSEC_DECLINED);
        break;

    case MLSEC_JSON_OBJECT:
    case MLSEC_JSON_ARRAY:
        fuzz_assert(rc == MLSEC_BADTYPE);
        break;

    default:
        fuzz_assert(rc == MLSEC_OK);
    }
}


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    int                   accepted;
    size_t                error, n;
    mlsec_mem_t           mem;
    mlsec_str_t           path, text, value;
    fuzz_arena_t          arena;
    mlsec_items_t         items;
    const unsigned char  *last;

    arena.n = 0;
    mem.alloc = fuzz_alloc;
    mem.ctx = &arena;

    path = fuzz_line(&data, &size);
    text.data = data;
    text.len = size;

    if (path.len != 0 && mlsec_shape_check_target(path, &error) != MLSEC_OK) {
        return 0;
    }

    accepted = mlsec_json_scan(text, 0, NULL, NULL) == MLSEC_OK;
    last = text.data;

    mlsec_items_init(&items, text, path);

    for (n = 0; mlsec_items_next(&items, &value) == MLSEC_OK; n++) {
        fuzz_assert(n <= text.len);

        if (value.len != 0) {
            fuzz_assert(value.data >= last);
            fuzz_assert(value.data + value.len <= text.data + text.len);
            last = value.data + value.len;
        }

        if (accepted && value.len != 0) {
            fuzz_assert(mlsec_json_scan(value, 0, NULL, NULL) == MLSEC_OK);
        }

        fuzz_scalar(&mem, value, accepted);
    }

    fuzz_assert(mlsec_items_next(&items, &value) == MLSEC_DECLINED);
    fuzz_free(&arena);

    return 0;
}
