/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../tap.h"
#include <lib/json/mlsec_json.h>
#include <lib/redact/mlsec_redact.h>


typedef struct {
    const char           *paths;       /* with blanks between them */
    unsigned              masks;
    const char           *text;
    const char           *left;
} redact_case_t;


static const redact_case_t  cases[] = {
    { "a", 0, "{\"a\":1,\"b\":2}", "{\"b\":2}" },
    { ".a", 0, "{\"a\":1,\"b\":2}", "{\"b\":2}" },
    { "b", 0, "{ \"a\" : 1 , \"b\" : [ 2 ] , \"c\" : [ 3 ] }",
      "{\"a\":1,\"c\":[ 3 ]}" },
    { "a b c", 0, "{\"a\":1,\"b\":2,\"c\":3}", "{}" },
    { "b c", 0, "{\"a\":1,\"b\":2,\"c\":3,\"d\":4}", "{\"a\":1,\"d\":4}" },
    { "x", 0, "{\"a\":1.50,\"b\":{\"x\":1}}", "{\"a\":1.50,\"b\":{\"x\":1}}" },
    { "a.b", 0, "{\"a\":{\"b\":1,\"c\":2},\"b\":3}",
      "{\"a\":{\"c\":2},\"b\":3}" },
    { "a.b", 0, "{\"a\":[{\"b\":1},[{\"b\":2,\"c\":3}],4]}",
      "{\"a\":[{},[{\"c\":3}],4]}" },
    { "a.b", 0, "[{\"a\":{\"b\":1}},{\"a\":2}]", "[{\"a\":{}},{\"a\":2}]" },
    { "a.b a", 0, "{\"a\":{\"b\":1}}", "{}" },
    { "a.b a.c", 0, "{\"a\":{\"b\":1,\"c\":2,\"d\":3}}",
      "{\"a\":{\"d\":3}}" },
    { "*.a", 0, "{\"x\":{\"a\":1,\"b\":2},\"a\":3}",
      "{\"x\":{\"b\":2},\"a\":3}" },
    { "*", 0, "{\"x\":{\"a\":1},\"a\":3}", "{}" },
    { "*", 0, "[1,{\"a\":3}]", "[1,{}]" },
    { "a.*", 0, "{\"a\":{\"b\":1,\"c\":2},\"b\":3}",
      "{\"a\":{},\"b\":3}" },
    { "*.*.a", 0, "{\"x\":{\"y\":{\"a\":1,\"b\":1}}}",
      "{\"x\":{\"y\":{\"b\":1}}}" },
    { "**.a", 0, "{\"a\":1,\"b\":[{\"a\":{\"a\":1}},{\"c\":{\"a\":2}}]}",
      "{\"b\":[{},{\"c\":{}}]}" },
    { "**.a b.c", 0, "{\"b\":{\"a\":1,\"c\":2,\"d\":{\"a\":3}}}",
      "{\"b\":{\"d\":{}}}" },
    { "a", 0, "{\"a\":1,\"b\":2,\"a\":3}", "{\"b\":2}" },
    { "ab", 0, "{\"a\\u0062\":1,\"c\":2}", "{\"c\":2}" },
    { "\xc3\xa9", 0, "{\"\\u00e9\":1,\"c\":2}", "{\"c\":2}" },
    { "a", 0, "\"a\"", "\"a\"" }, { "a", 0, " 1e400 ", "1e400" },
    { "a", 0, "[]", "[]" }, { "a", 0, "{}", "{}" },
    { "a", 0, "{\"b\":\"a\\\"}\",\"a\":\"]}\"}", "{\"b\":\"a\\\"}\"}" },
    { "", MLSEC_REDACT_EMAIL, "[\"bob@a.example\",\"x\",1]",
      "[\"b**@a.example\",\"x\",1]" },
    { "", MLSEC_REDACT_EMAIL, "\"bob\\u0040a.example\\n\"",
      "\"b**@a.example\\n\"" },
    { "", MLSEC_REDACT_EMAIL, "\"\\u00e9\\/\"", "\"\\u00e9\\/\"" },
    { "", MLSEC_REDACT_CARD, "{\"4111111111111111\":\"4111111111111111\"}",
      "{\"4111111111111111\":\"************1111\"}" },
    { "", MLSEC_REDACT_PHONE, "\"+49 30 1234567\"", "\"+** ** *****67\"" },
    { "", MLSEC_REDACT_EMAIL|MLSEC_REDACT_CARD|MLSEC_REDACT_PHONE,
      "\"bob@a.example 4111111111111111 +49 30 1234567\"",
      "\"b**@a.example ************1111 +** ** *****67\"" },
    { "p", MLSEC_REDACT_EMAIL, "{\"p\":\"bob@a.example\",\"q\":[\"\"]}",
      "{\"q\":[\"\"]}" },
    { "", 0, "{ \"a\" : 1 }", "{ \"a\" : 1 }" }
};


static int
compile(const mlsec_mem_t *mem, const char *list, unsigned masks,
    mlsec_redact_t **redact, size_t *bad)
{
    size_t        n;
    mlsec_str_t   paths[80];
    const char   *p, *end;

    n = 0;

    for (p = list; *p != '\0'; p = *end ? end + 1 : end) {
        end = strchr(p, ' ');
        end = end ? end : p + strlen(p);
        paths[n].data = (const unsigned char *) p;
        paths[n++].len = (size_t) (end - p);
    }

    return mlsec_redact_compile(mem, paths, n, masks, redact, bad);
}


static void
test_cases(void)
{
    size_t           i, bad;
    mlsec_mem_t      mem;
    mlsec_str_t      left, again;
    tap_arena_t      arena;
    mlsec_redact_t  *redact;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mem = tap_mem(&arena);

        tap_is(mlsec_json_scan(tap_str(cases[i].text), 0, NULL, NULL),
               MLSEC_OK, "JSON");
        tap_is(compile(&mem, cases[i].paths, cases[i].masks, &redact, &bad),
               MLSEC_OK, cases[i].paths);
        tap_is(mlsec_redact_apply(redact, &mem, tap_str(cases[i].text),
                                  &left), MLSEC_OK, "rc");
        tap_is_str(left, tap_str(cases[i].left), cases[i].text);
        tap_is(mlsec_redact_apply(redact, &mem, left, &again), MLSEC_OK,
               "again");
        tap_is_str(again, left, "nothing is left to do");
        tap_free(&arena);
    }
}


static void
test_invalid(void)
{
    size_t           i, bad;
    char             many[200];
    mlsec_mem_t      mem;
    tap_arena_t      arena;
    mlsec_redact_t  *redact;

    static const char *const  lists[] = {
        "a .", "a a..b", "a b.", "a a*", "a **", "a **.", "a **.a.b",
        "a a.**", "a **.*", "a a.**.b", "a b[]", "a ***",
        "a a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q"
    };

    for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        mem = tap_mem(&arena);
        bad = 99;
        tap_is(compile(&mem, lists[i], 0, &redact, &bad), MLSEC_INVALID,
               lists[i]);
        tap_is((long long) bad, 1, "the second");
        tap_free(&arena);
    }

    mem = tap_mem(&arena);
    tap_is(compile(&mem, "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p", 0, &redact, &bad),
           MLSEC_OK, "16 names");

    for (i = 0; i < 65; i++) {
        memcpy(many + 2 * i, "a ", 3);
    }

    tap_is(compile(&mem, many, 0, &redact, &bad), MLSEC_INVALID, "65 paths");
    tap_is((long long) bad, MLSEC_REDACT_MAX_PATHS, "too many");
    many[2 * 64 - 1] = '\0';
    tap_is(compile(&mem, many, 0, &redact, &bad), MLSEC_OK, "64 paths");
    tap_free(&arena);
}


/* The last of 64 paths, in the innermost of as many objects as there may be */

static void
test_deep(void)
{
    char             text[20 * MLSEC_JSON_MAX_DEPTH], *p;
    size_t           i, bad;
    mlsec_mem_t      mem;
    mlsec_str_t      left, paths[64];
    tap_arena_t      arena;
    mlsec_redact_t  *redact;

    mem = tap_mem(&arena);
    p = text;

    for (i = 0; i < MLSEC_JSON_MAX_DEPTH; i++) {
        p += sprintf(p, "{\"b\":");
    }

    p += sprintf(p, "null");

    for (i = 0; i < MLSEC_JSON_MAX_DEPTH; i++) {
        p += sprintf(p, ",\"secret\":1}");
    }

    for (i = 0; i < 64; i++) {
        paths[i] = tap_str(i == 63 ? "b.secret" : "b.b.x");
    }

    tap_is(mlsec_redact_compile(&mem, paths, 64, 0, &redact, &bad), MLSEC_OK,
           "64 paths");
    tap_is(mlsec_redact_apply(redact, &mem, tap_str(text), &left), MLSEC_OK,
           "rc");
    tap_is((long long) (strlen(text) - left.len), 11, "one is left out");

    paths[0] = tap_str("**.secret");

    tap_is(mlsec_redact_compile(&mem, paths, 1, 0, &redact, &bad), MLSEC_OK,
           "any depth");
    tap_is(mlsec_redact_apply(redact, &mem, tap_str(text), &left), MLSEC_OK,
           "rc");
    tap_is((long long) (strlen(text) - left.len), 11 * MLSEC_JSON_MAX_DEPTH,
           "all are left out");
    tap_free(&arena);
}


static void
test_memory(void)
{
    size_t           n, bad;
    mlsec_mem_t      mem;
    mlsec_str_t      left;
    tap_arena_t      arena;
    mlsec_redact_t  *redact;

    for (n = 0; n < 5; n++) {
        mem = tap_mem(&arena);
        arena.fail_after = n;

        tap_is(compile(&mem, "a", MLSEC_REDACT_CARD, &redact, &bad)
                   == MLSEC_NOMEM
               || mlsec_redact_apply(redact, &mem, tap_str("{\"a\":1}"),
                                     &left) == MLSEC_NOMEM,
               1, "no memory");
        tap_free(&arena);
    }
}


int
main(void)
{
    test_cases();
    test_invalid();
    test_deep();
    test_memory();

    return tap_done();
}
