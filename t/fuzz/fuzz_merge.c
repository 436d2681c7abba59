/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The first byte chooses mode and policy, each line is a body; an empty one
 * is a failed part, "-" an omitted one.  The result of accepted bodies is
 * accepted, of the size told, and of the right type; its members are those
 * of the bodies.
 */


#include "fuzz.h"
#include <lib/json/mlsec_json.h>
#include <lib/aggregate/mlsec_merge.h>


#define FUZZ_PARTS  8


static const mlsec_str_t  errors_json = {
    (const unsigned char *) "[{}]", 4
};


static size_t
fuzz_parts(mlsec_merge_part_t *parts, mlsec_merge_mode_e mode,
    const unsigned char *data, size_t size)
{
    size_t       n;
    mlsec_str_t  body;

    for (n = 0; n < FUZZ_PARTS && size != 0; /* void */ ) {
        body = fuzz_line(&data, &size);

        parts[n].name.data = (const unsigned char *) "abcdefgh" + n;
        parts[n].name.len = 1;
        parts[n].body = body;
        parts[n].state = MLSEC_PART_BODY;

        if (body.len == 0) {
            parts[n].state = MLSEC_PART_FAILED;

        } else if (body.len == 1 && body.data[0] == '-') {
            parts[n].state = MLSEC_PART_OMITTED;

        } else if (mlsec_json_scan(body, 32, NULL, NULL) != MLSEC_OK
                   || mlsec_merge_check(mode, body) != MLSEC_OK)
        {
            continue;
        }

        n++;
    }

    return n;
}


/* Each member of each body is found in the result, and the other way. */

static void
fuzz_flat(const mlsec_merge_t *m, mlsec_str_t result)
{
    size_t             i;
    mlsec_str_t        key, name, value;
    unsigned char     *decoded;
    mlsec_json_iter_t  it;

    for (i = 0; i < m->nparts; i++) {

        if (m->parts[i].state != MLSEC_PART_BODY) {
            continue;
        }

        fuzz_assert(mlsec_json_members(&it, m->parts[i].body) == MLSEC_OK);

        while (mlsec_json_next_member(&it, &key, &value) == MLSEC_OK) {
            decoded = malloc(key.len + 1);
            fuzz_assert(decoded != NULL);
            name.data = decoded;
            name.len = mlsec_json_decode(decoded, key);

            fuzz_assert(mlsec_json_find(result, name, &value) == MLSEC_OK);
            free(decoded);
        }
    }

    for (i = 0; i < m->nconflicts; i++) {
        fuzz_assert(m->conflicts[i].part < m->nparts);
        fuzz_assert(m->conflicts[i].part > 0);
    }
}


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    size_t              n;
    mlsec_mem_t         mem;
    mlsec_str_t         result;
    fuzz_text_t         out;
    fuzz_arena_t        arena;
    mlsec_merge_t       m;
    mlsec_merge_conf_t  conf;
    mlsec_merge_part_t  parts[FUZZ_PARTS];

    if (size == 0) {
        return 0;
    }

    arena.n = 0;
    mem.alloc = fuzz_alloc;
    mem.ctx = &arena;
    memset(&out, 0, sizeof(fuzz_text_t));

    conf.mode = (mlsec_merge_mode_e) (data[0] & 3);
    conf.on_conflict = (mlsec_merge_conflict_e) ((data[0] >> 2) % 3);
    conf.seed[0] = 1;
    conf.seed[1] = 2;

    n = fuzz_parts(parts, conf.mode, data + 1, size - 1);

    if (mlsec_merge_plan(&m, &mem, &conf, parts, n) == MLSEC_OK) {
        fuzz_assert(mlsec_merge_emit(&m, errors_json, fuzz_put, &out) == 0);
        fuzz_assert(mlsec_merge_size(&m, errors_json) == out.len);

        result.data = out.data;
        result.len = out.len;

        fuzz_assert(mlsec_json_scan(result, 33, NULL, NULL) == MLSEC_OK);
        fuzz_assert(mlsec_json_type(result)
                    == (conf.mode <= MLSEC_MERGE_FLAT ? MLSEC_JSON_OBJECT
                                                      : MLSEC_JSON_ARRAY));

        if (conf.mode == MLSEC_MERGE_FLAT) {
            fuzz_flat(&m, result);
        }

    } else {

        /* only ever for want of memory */

        fuzz_assert(arena.n
                    == sizeof(arena.pieces) / sizeof(arena.pieces[0]));
    }

    fuzz_free(&arena);
    free(out.data);

    return 0;
}
