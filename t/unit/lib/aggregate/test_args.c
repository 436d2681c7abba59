/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/aggregate/mlsec_args.h>
#include <lib/json/mlsec_json.h>


typedef struct {
    const char           *name;
    const char           *query;
    const char           *json;
} args_case_t;


static const args_case_t  cases[] = {
    { "empty", "", "{}" },
    { "one", "a=1", "{\"a\":\"1\"}" },
    { "order of first occurrence", "b=1&a=2&b=3",
      "{\"b\":[\"1\",\"3\"],\"a\":\"2\"}" },
    { "three of a name", "a=1&a=2&a=3", "{\"a\":[\"1\",\"2\",\"3\"]}" },
    { "no equals sign", "a&b=", "{\"a\":\"\",\"b\":\"\"}" },
    { "no name", "=x&=y", "{\"\":[\"x\",\"y\"]}" },
    { "empty pieces", "&&a=1&&", "{\"a\":\"1\"}" },
    { "second equals sign", "a=b=c", "{\"a\":\"b=c\"}" },
    { "plus and percent", "a+b=%41+%2b%2B", "{\"a b\":\"A ++\"}" },
    { "names are compared as they are written",
      "a%ff=1&a\xfe=2&a%ef%bf%bd=3&%c3%a9=4",
      "{\"a\xef\xbf\xbd\":[\"1\",\"2\",\"3\"],\"\xc3\xa9\":\"4\"}" },
    { "names are compared decoded", "%61=1&a=2", "{\"a\":[\"1\",\"2\"]}" },
    { "an ampersand inside", "a=1%262&b=%3d", "{\"a\":\"1&2\",\"b\":\"=\"}" },
    { "percent that is none", "a=%&b=%4&c=%zz&d=%4g",
      "{\"a\":\"%\",\"b\":\"%4\",\"c\":\"%zz\",\"d\":\"%4g\"}" },
    { "percent twice", "a=%2541", "{\"a\":\"%41\"}" },
    { "escapes of JSON", "a=%22%5c%0a%00",
      "{\"a\":\"\\\"\\\\\\n\\u0000\"}" },
    { "UTF-8", "a=%c3%a9\xc3\xa9", "{\"a\":\"\xc3\xa9\xc3\xa9\"}" },
    { "not UTF-8", "a=%ff&b=%c3",
      "{\"a\":\"\xef\xbf\xbd\",\"b\":\"\xef\xbf\xbd\"}" },
    { "a semicolon does not separate", "a=1;b=2", "{\"a\":\"1;b=2\"}" }
};


static int
args_json(tap_arena_t *arena, size_t allocations, const char *query,
    mlsec_str_t *json)
{
    mlsec_mem_t  mem;

    static const uint64_t  seed[2] = { 1, 2 };

    mem = tap_mem(arena);
    arena->fail_after = allocations;

    return mlsec_args_json(tap_str(query), &mem, seed, json);
}


static void
test_cases(void)
{
    size_t       i;
    mlsec_str_t  json;
    tap_arena_t  arena;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tap_is(args_json(&arena, ~(size_t) 0, cases[i].query, &json),
               MLSEC_OK, "rc");
        tap_is_str(json, tap_str(cases[i].json), cases[i].name);
        tap_free(&arena);
    }
}


/* So many names that the table is full of neighbours; each keeps its own. */

static void
test_many(void)
{
    int                 i;
    char               *query, *p, want[40];
    size_t              members;
    mlsec_str_t         json, key, value;
    tap_arena_t         arena;
    mlsec_json_iter_t   it;

    query = malloc(100000);
    p = query;

    for (i = 0; i < 6000; i++) {
        p += sprintf(p, "n%d=%d&", i % 3000, i);
    }

    tap_is(args_json(&arena, ~(size_t) 0, query, &json), MLSEC_OK,
           "6000 arguments");
    tap_is(mlsec_json_scan(json, 0, NULL, NULL), MLSEC_OK, "JSON");

    members = 0;
    i = 1;
    mlsec_json_members(&it, json);

    while (mlsec_json_next_member(&it, &key, &value) == MLSEC_OK) {
        sprintf(want, "[\"%d\",\"%d\"]", (int) members,
                (int) members + 3000);
        i &= value.len == strlen(want)
             && memcmp(value.data, want, value.len) == 0;
        members++;
    }

    tap_is((long long) members, 3000, "3000 names");
    tap_is(i, 1, "two values each, in order");
    tap_free(&arena);
    free(query);
}


static void
test_memory(void)
{
    size_t       n;
    mlsec_str_t  json;
    tap_arena_t  arena;

    for (n = 0; n < 4; n++) {
        tap_is(args_json(&arena, n, "a=1&b=2", &json), MLSEC_NOMEM,
               "no memory");
        tap_free(&arena);
    }
}


typedef struct {
    const char           *query;
    int                   count;       /* -1: refused */
} check_case_t;


static const check_case_t  checks[] = {
    { "", 0 }, { "&&", 0 }, { "a", 1 }, { "a=1", 1 }, { "=", 1 },
    { "a=1&b=2&a=3", 3 }, { "&a=1&&b&", 2 }, { "a=%26&b", 2 },
    { "a=%", -1 }, { "a=%4", -1 }, { "a=%zz", -1 }, { "%4g=1", -1 },
    { "a=%41", 1 }, { "a=%00", -1 }, { "%00", -1 },
    { "a=%c3%a9\xc3\xa9\xc3%a9", 1 }, { "a=%c3", -1 }, { "a=\xc3", -1 },
    { "a=%c3&b=%a9", -1 }, { "a=%a9", -1 }, { "a=%c0%af", -1 },
    { "a=%c1%bf", -1 }, { "a=%c2%80", 1 }, { "a=%df%bf", 1 },
    { "a=%e0%9f%bf", -1 }, { "a=%e0%a0%80", 1 }, { "a=%e2%82%ac", 1 },
    { "a=%e2%82", -1 }, { "a=%e2%28%ac", -1 }, { "a=%ed%9f%bf", 1 },
    { "a=%ed%a0%80", -1 }, { "a=%ef%bf%bf", 1 }, { "a=%f0%8f%bf%bf", -1 },
    { "a=%f0%90%80%80", 1 }, { "a=%f4%8f%bf%bf", 1 },
    { "a=%f4%90%80%80", -1 }, { "a=%f5%80%80%80", -1 }, { "a=%ff", -1 }
};


static void
test_check(void)
{
    int     rc;
    size_t  i, n;

    for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        n = 99;
        rc = mlsec_args_check(tap_str(checks[i].query), &n);

        tap_is(rc == MLSEC_OK ? (int) n : rc == MLSEC_INVALID ? -1 : -2,
               checks[i].count, checks[i].query);
    }
}


int
main(void)
{
    test_check();
    test_cases();
    test_many();
    test_memory();

    return tap_done();
}
