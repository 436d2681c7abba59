/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The first line is the list of paths, its first byte the masks.  What is left
 * of JSON is JSON, no longer than it was, without a member of a name that is
 * left out at any depth; and without masks nothing is left to do for a second
 * time (the digits that a card is left with may be those of another one).
 */


#include "fuzz.h"
#include <lib/json/mlsec_json.h>
#include <lib/redact/mlsec_redact.h>


#define PATHS  8


static void check_again(const mlsec_redact_t *redact, const mlsec_mem_t *mem,
    mlsec_str_t text);
static void check(const mlsec_redact_t *redact, const mlsec_mem_t *mem,
    mlsec_str_t text, const mlsec_str_t *deep);
static int has_name(mlsec_str_t value, mlsec_str_t name);
static int has_member(mlsec_str_t value, mlsec_str_t name);


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    size_t                n, bad;
    mlsec_mem_t           mem;
    mlsec_str_t           text, deep, paths[PATHS];
    fuzz_arena_t          arena;
    mlsec_redact_t       *redact;
    const unsigned char  *line, *p, *blank;

    line = size > 1 ? memchr(data + 1, '\n', size - 1) : NULL;

    if (line == NULL) {
        return 0;
    }

    arena.n = 0;
    mem.alloc = fuzz_alloc;
    mem.ctx = &arena;
    deep.data = NULL;
    deep.len = 0;
    n = 0;

    for (p = data + 1; p < line && n < PATHS; p = blank + 1) {
        blank = memchr(p, ' ', (size_t) (line - p));
        blank = blank != NULL ? blank : line;
        paths[n].data = p;
        paths[n].len = (size_t) (blank - p);

        if (paths[n].len > 3 && memcmp(p, "**.", 3) == 0) {
            deep.data = p + 3;
            deep.len = paths[n].len - 3;
        }

        n++;
    }

    text.data = line + 1;
    text.len = (size_t) (data + size - text.data);

    if (mlsec_redact_compile(&mem, paths, n, data[0] & 7, &redact, &bad)
        == MLSEC_OK)
    {
        check(redact, &mem, text, deep.data != NULL ? &deep : NULL);

        if ((data[0] & 7) == 0) {
            check_again(redact, &mem, text);
        }
    }

    fuzz_free(&arena);

    return 0;
}


static void
check(const mlsec_redact_t *redact, const mlsec_mem_t *mem, mlsec_str_t text,
    const mlsec_str_t *deep)
{
    mlsec_str_t  left;

    if (mlsec_redact_apply(redact, mem, text, &left) != MLSEC_OK) {
        return;
    }

    fuzz_assert(left.len <= text.len);

    if (mlsec_json_scan(text, MLSEC_JSON_MAX_DEPTH, NULL, NULL) != MLSEC_OK) {
        return;
    }

    fuzz_assert(mlsec_json_scan(left, MLSEC_JSON_MAX_DEPTH, NULL, NULL)
                == MLSEC_OK);
    fuzz_assert(deep == NULL || left.len > 2048 || !has_name(left, *deep));
}


static void
check_again(const mlsec_redact_t *redact, const mlsec_mem_t *mem,
    mlsec_str_t text)
{
    mlsec_str_t  left, again;

    if (mlsec_json_scan(text, MLSEC_JSON_MAX_DEPTH, NULL, NULL) == MLSEC_OK
        && mlsec_redact_apply(redact, mem, text, &left) == MLSEC_OK
        && mlsec_redact_apply(redact, mem, left, &again) == MLSEC_OK)
    {
        fuzz_assert(again.len == left.len
                    && memcmp(again.data, left.data, left.len) == 0);
    }
}


static int
has_name(mlsec_str_t value, mlsec_str_t name)
{
    mlsec_str_t         inner;
    mlsec_json_iter_t   it;

    if (mlsec_json_elements(&it, value) != MLSEC_OK) {
        return has_member(value, name);
    }

    while (mlsec_json_next_element(&it, &inner) == MLSEC_OK) {
        if (has_name(inner, name)) {
            return 1;
        }
    }

    return 0;
}


static int
has_member(mlsec_str_t value, mlsec_str_t name)
{
    mlsec_str_t         key, inner;
    mlsec_json_iter_t   it;

    if (mlsec_json_members(&it, value) != MLSEC_OK) {
        return 0;
    }

    while (mlsec_json_next_member(&it, &key, &inner) == MLSEC_OK) {
        if (mlsec_json_key_is(key, name) || has_name(inner, name)) {
            return 1;
        }
    }

    return 0;
}
