/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/json/mlsec_json.h>
#include <lib/json/mlsec_json_unique.h>


#define UNIQUE  ((size_t) -1)


static const uint64_t  seed[2] = { 11, 12 };


typedef struct {
    const char           *json;
    size_t                offset;      /* of the second name, or UNIQUE */
} unique_case_t;


static const unique_case_t  cases[] = {
    { "null", UNIQUE },
    { "\"a\"", UNIQUE },
    { "{}", UNIQUE },
    { "{\"a\":1}", UNIQUE },
    { "{\"a\":1,\"b\":1}", UNIQUE },
    { "{\"a\":1,\"a\":1}", 7 },
    { "{\"a\" : 1 , \"a\"\n:1}", 11 },
    { "{\"a\":1,\"b\":2,\"c\":3,\"b\":4,\"a\":5}", 19 },
    { "{\"a\":1,\"a\":2,\"a\":3}", 7 },
    { "{\"\":1,\"\":2}", 6 },
    { "{\"a\":{\"a\":{\"a\":1}}}", UNIQUE },
    { "{\"a\":{\"b\":1,\"b\":2}}", 12 },
    { "{\"a\":{\"b\":1},\"b\":{\"b\":1},\"a\":2}", 25 },
    { "{\"a\":{\"b\":1},\"c\":2,\"b\":3}", UNIQUE },
    { "[{\"a\":1},{\"a\":1},[{\"a\":1}]]", UNIQUE },
    { "[{\"a\":1},{\"a\":1,\"a\":1}]", 16 },
    { "[\"a\",\"a\"]", UNIQUE },
    { "{\"a\":\"a\",\"b\":\"a\"}", UNIQUE },
    { "{\"a\":[\"b\",\"b\",{\"b\":[]}],\"b\":[]}", UNIQUE },
    { "{\"a\":1,\"\\u0061\":2}", 7 },
    { "{\"\\u0061\":1,\"a\":2}", 12 },
    { "{\"\\/\":1,\"/\":2}", 8 },
    { "{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", 18 },
    { "{\"a\\u0000b\":1,\"a\":2}", UNIQUE },
    { "{\"a\\\"\":1,\"a\":2,\"a\\\"\":3}", 15 },
    { "{\"a\":\"\\\"\",\"b\":\":\",\"a\":{}}", 18 },
    { "{\"A\":1,\"a\":2}", UNIQUE },
    { "{\"a\":1,\"a \":2}", UNIQUE },
    { "{\"a:\":1,\"a\":\"a:\"}", UNIQUE }
};


static void
test_cases(void)
{
    int          rc;
    size_t       i, offset;
    mlsec_mem_t  mem;
    mlsec_str_t  text;
    tap_arena_t  arena;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mem = tap_mem(&arena);
        text = tap_str(cases[i].json);
        offset = UNIQUE;

        tap_is(mlsec_json_scan(text, 0, NULL, NULL), MLSEC_OK, "JSON");

        rc = mlsec_json_unique(text, &mem, seed, &offset);

        tap_is(rc, cases[i].offset == UNIQUE ? MLSEC_OK : MLSEC_DECLINED,
               cases[i].json);
        tap_is((long long) offset, (long long) cases[i].offset, "offset");
        tap_free(&arena);
    }
}


/* An object of n names; the last one is that of number "last". */

static void
test_many(int n, int last)
{
    int          i, rc;
    char        *json, *p;
    size_t       offset, at;
    mlsec_mem_t  mem;
    tap_arena_t  arena;

    mem = tap_mem(&arena);
    json = malloc(32 * (size_t) n + 32);
    p = json;
    offset = UNIQUE;

    for (i = 0; i < n; i++) {
        p += sprintf(p, "%c\"n%d\":{\"n0\":%d}", i ? ',' : '{', i, i);
    }

    at = (size_t) (p - json) + 1;
    sprintf(p, ",\"n%d\":0}", last);

    rc = mlsec_json_unique(tap_str(json), &mem, seed, &offset);

    tap_is(rc, last < n ? MLSEC_DECLINED : MLSEC_OK, "many names");
    tap_is((long long) offset, (long long) (last < n ? at : UNIQUE),
           "the one at the end");
    tap_free(&arena);
    free(json);
}


/* As deep as the scanner goes. */

static void
test_deep(void)
{
    size_t       offset;
    char         json[16 * MLSEC_JSON_MAX_DEPTH], *p;
    unsigned     i;
    mlsec_mem_t  mem;
    tap_arena_t  arena;

    mem = tap_mem(&arena);
    p = json;

    for (i = 0; i < MLSEC_JSON_MAX_DEPTH; i++) {
        p += sprintf(p, "{\"a\":");
    }

    p += sprintf(p, "1,\"a\":1");

    for (i = 0; i < MLSEC_JSON_MAX_DEPTH; i++) {
        *p++ = '}';
    }

    *p = '\0';

    tap_is(mlsec_json_scan(tap_str(json), MLSEC_JSON_MAX_DEPTH, NULL, NULL),
           MLSEC_OK, "deepest");
    tap_is(mlsec_json_unique(tap_str(json), &mem, seed, &offset),
           MLSEC_DECLINED, "twice in the innermost object");
    tap_is((long long) offset, 5 * MLSEC_JSON_MAX_DEPTH + 2, "offset");
    tap_free(&arena);
}


static void
test_memory(void)
{
    size_t       n, offset;
    mlsec_mem_t  mem;
    tap_arena_t  arena;

    for (n = 0; n < 3; n++) {
        mem = tap_mem(&arena);
        arena.fail_after = n;

        tap_is(mlsec_json_unique(tap_str("{\"\\u0061\":1,\"\\u0061\":2}"),
                                 &mem, seed, &offset),
               MLSEC_NOMEM, "no memory");
        tap_free(&arena);
    }
}


int
main(void)
{
    test_cases();
    test_many(1, 0);
    test_many(2, 1);
    test_many(1000, 999);
    test_many(1000, 1000);
    test_many(70000, 3);
    test_many(70000, 70000);
    test_deep();
    test_memory();

    return tap_done();
}
