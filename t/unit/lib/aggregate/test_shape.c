/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../gen.h"
#include <jansson.h>
#include <lib/json/mlsec_json.h>
#include <lib/aggregate/mlsec_shape.h>


typedef int (*shape_pt)(const mlsec_paths_t *paths, const mlsec_mem_t *mem,
    mlsec_str_t text, mlsec_str_t *out);


typedef struct {
    const char           *paths;
    const char           *text;
    const char           *expected;    /* NULL: MLSEC_BADTYPE */
} shape_case_t;


static const shape_case_t  pick_cases[] = {
    { "a", "{\"a\":1,\"b\":2}", "{\"a\":1}" },
    { "b,a", "{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":1,\"b\":2}" },
    { "c", "{\"a\":1}", "{}" },
    { "a", "{}", "{}" },
    { "a", " { \"a\" : [ 1, 2 ] , \"b\" : 3 } ", "{\"a\":[ 1, 2 ]}" },
    { "a.b", "{\"a\":{\"b\":1,\"c\":2},\"b\":3}", "{\"a\":{\"b\":1}}" },
    { "a.b,a.d", "{\"a\":{\"b\":1,\"c\":2,\"d\":3}}",
      "{\"a\":{\"b\":1,\"d\":3}}" },
    { "a.x", "{\"a\":{\"b\":1}}", "{\"a\":{}}" },
    { "a.b", "{\"a\":1,\"c\":2}", "{}" },
    { "a.b", "{\"a\":null}", "{}" },
    { "a,a.b", "{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"b\":1,\"c\":2}}" },
    { "a.b,a", "{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"b\":1,\"c\":2}}" },
    { "a,a", "{\"a\":1,\"b\":2}", "{\"a\":1}" },
    { "a.b.c", "{\"a\":{\"b\":{\"c\":1,\"d\":2},\"c\":3}}",
      "{\"a\":{\"b\":{\"c\":1}}}" },
    { "a.b", "{\"a\":[{\"b\":1,\"c\":2},{\"c\":3},{\"b\":4}]}",
      "{\"a\":[{\"b\":1},{},{\"b\":4}]}" },
    { "a.b", "{\"a\":[1,\"b\",{\"b\":2},null,[{\"b\":3,\"c\":4},5]]}",
      "{\"a\":[{\"b\":2},[{\"b\":3}]]}" },
    { "a.b", "{\"a\":[1,2,3]}", "{\"a\":[]}" },
    { "a.b", "{\"a\":[]}", "{\"a\":[]}" },
    { "a", "[{\"a\":1,\"b\":2},{\"a\":3}]", "[{\"a\":1},{\"a\":3}]" },
    { "a", "[]", "[]" },
    { "a", "[[[{\"b\":1,\"a\":2}]]]", "[[[{\"a\":2}]]]" },
    { "a", "{\"a\":1.10,\"b\":1}", "{\"a\":1.10}" },
    { "a", "{\"a\":12345678901234567890}", "{\"a\":12345678901234567890}" },
    { "a", "{\"\\u0061\":1,\"b\":2}", "{\"\\u0061\":1}" },
    { "a", "{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3}" },
    { "a", "{\"a\":1,\"\\u0061\":3}", "{\"\\u0061\":3}" },
    { "a.b", "{\"a\":{\"b\":1},\"a\":2}", "{}" },
    { "a.b,c", "{\"a\":{\"b\":1},\"c\":0,\"a\":2}", "{\"c\":0}" },
    { "a,c", "{\"a\":1,\"c\":0,\"a\":2,\"c\":3,\"a\":4}",
      "{\"c\":3,\"a\":4}" },
    { "a.b,c", "{\"c\":[1, 2],\"a\":{\"b\":1,\"b\":2},\"a\":{\"b\":3}}",
      "{\"c\":[1, 2],\"a\":{\"b\":3}}" },
    { "a.b", "[{\"a\":{\"b\":1,\"b\":\"x y\"}},{\"a\":[{\"b\":2,\"b\":3}]}]",
      "[{\"a\":{\"b\":\"x y\"}},{\"a\":[{\"b\":3}]}]" },
    { "a.b,c", "{\"c\":1,\"a\":{\"b\":1},\"a\":2}", "{\"c\":1}" },
    { "a.b", "{\"a\":2,\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}" },
    { "a", "{\"a\":\"}\\\",{\"}", "{\"a\":\"}\\\",{\"}" },
    { "a", "1", NULL },
    { "a", "null", NULL },
    { "a", "\"a\"", NULL }
};


static const shape_case_t  drop_cases[] = {
    { "a", "{\"a\":1,\"b\":2}", "{\"b\":2}" },
    { "b", "{\"a\":1,\"b\":2}", "{\"a\":1}" },
    { "a,b", "{\"a\":1,\"b\":2}", "{}" },
    { "c", "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2}" },
    { "c", " { \"a\" : [ 1, 2 ] , \"b\" : 3 } ",
      "{\"a\":[ 1, 2 ],\"b\":3}" },
    { "a.b", "{\"a\":{\"b\":1,\"c\":2},\"b\":3}",
      "{\"a\":{\"c\":2},\"b\":3}" },
    { "a.b", "{\"a\":{\"b\":1}}", "{\"a\":{}}" },
    { "a.b", "{\"a\":1,\"c\":2}", "{\"a\":1,\"c\":2}" },
    { "a,a.b", "{\"a\":{\"b\":1},\"c\":2}", "{\"c\":2}" },
    { "a.b,a", "{\"a\":{\"b\":1},\"c\":2}", "{\"c\":2}" },
    { "a.b", "{\"a\":[1,{\"b\":2,\"c\":3},[{\"b\":4}],null]}",
      "{\"a\":[1,{\"c\":3},[{}],null]}" },
    { "a", "[{\"a\":1,\"b\":2},3,{\"a\":4}]", "[{\"b\":2},3,{}]" },
    { "a", "{\"a\":1,\"b\":2,\"\\u0061\":3}", "{\"b\":2}" },
    { "a.b", "{\"a\":{\"b\":1},\"a\":2}", "{\"a\":{},\"a\":2}" },
    { "a", "{\"b\":1e400,\"c\":-0.0}", "{\"b\":1e400,\"c\":-0.0}" },
    { "a", "[]", "[]" },
    { "a", "{}", "{}" },
    { "a", "true", NULL },

    /* not JSON: more commas would be written than there was room for */

    { "x", "{\"a\":1\"b\":2}", NULL },
    { "x", "[1\"a\"{}[]]", NULL },
    { "x", "{\"a\":[{\"b\":3}\"a\"a.", NULL }
};


static mlsec_paths_t *
shape_paths(const mlsec_mem_t *mem, const char *list)
{
    size_t          error;
    mlsec_paths_t  *paths;

    if (mlsec_paths_compile(mem, tap_str(list), &paths, &error) != MLSEC_OK) {
        printf("Bail out! \"%s\" at %zu\n", list, error);
        exit(1);
    }

    return paths;
}


static void
test_cases(shape_pt apply, const shape_case_t *cases, size_t n)
{
    int             rc;
    size_t          i, before;
    mlsec_mem_t     mem;
    mlsec_str_t     out;
    tap_arena_t     arena;
    mlsec_paths_t  *paths;

    for (i = 0; i < n; i++) {
        mem = tap_mem(&arena);
        paths = shape_paths(&mem, cases[i].paths);

        before = arena.n;
        out = tap_str("untouched");
        rc = apply(paths, &mem, tap_str(cases[i].text), &out);

        if (cases[i].expected == NULL) {
            tap_is(rc, MLSEC_BADTYPE, cases[i].text);
            tap_is_str(out, tap_str("untouched"), "no output");

        } else {
            tap_is(rc, MLSEC_OK, cases[i].text);
            tap_is_str(out, tap_str(cases[i].expected), cases[i].paths);
            tap_ok(out.len <= strlen(cases[i].text), "not longer");
            tap_is((long long) (arena.n - before), 1, "one allocation");
        }

        arena.fail_after = 0;

        if (cases[i].expected != NULL) {
            tap_is(apply(paths, &mem, tap_str(cases[i].text), &out),
                   MLSEC_NOMEM, "no memory");
        }

        tap_free(&arena);
    }
}


static void
test_compile(void)
{
    int             rc;
    size_t          i, error;
    mlsec_mem_t     mem;
    tap_arena_t     arena;
    mlsec_paths_t  *paths;

    static const struct {
        const char  *list;
        int          rc;
        size_t       error;
        int          target_rc;
        size_t       target_error;
    } cases[] = {
        { "a", MLSEC_OK, 0, MLSEC_OK, 0 },
        { "a.b.c", MLSEC_OK, 0, MLSEC_OK, 0 },
        { "a,b", MLSEC_OK, 0, MLSEC_INVALID, 1 },
        { "a.b,c.d,a.b", MLSEC_OK, 0, MLSEC_INVALID, 3 },
        { "", MLSEC_INVALID, 0, MLSEC_INVALID, 0 },
        { ",", MLSEC_INVALID, 0, MLSEC_INVALID, 0 },
        { "a,", MLSEC_INVALID, 2, MLSEC_INVALID, 1 },
        { ",a", MLSEC_INVALID, 0, MLSEC_INVALID, 0 },
        { "a,,b", MLSEC_INVALID, 2, MLSEC_INVALID, 1 },
        { ".a", MLSEC_INVALID, 0, MLSEC_INVALID, 0 },
        { "a.", MLSEC_INVALID, 2, MLSEC_INVALID, 2 },
        { "a..b", MLSEC_INVALID, 2, MLSEC_INVALID, 2 },
        { "a,b.,c", MLSEC_INVALID, 4, MLSEC_INVALID, 1 },
        { "a,a.b.,c", MLSEC_INVALID, 6, MLSEC_INVALID, 1 },
        { "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p", MLSEC_OK, 0, MLSEC_OK, 0 },
        { "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q", MLSEC_INVALID, 32,
          MLSEC_INVALID, 32 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mem = tap_mem(&arena);

        error = 0;
        rc = mlsec_paths_compile(&mem, tap_str(cases[i].list), &paths,
                                 &error);
        tap_is(rc, cases[i].rc, cases[i].list);
        tap_is((long long) error, (long long) cases[i].error, "where");

        error = 0;
        rc = mlsec_shape_check_target(tap_str(cases[i].list), &error);
        tap_is(rc, cases[i].target_rc, "as a target");
        tap_is((long long) error, (long long) cases[i].target_error,
               "where");

        tap_free(&arena);
    }

    for (i = 0; i < 5; i++) {
        mem = tap_mem(&arena);
        arena.fail_after = i;
        rc = mlsec_paths_compile(&mem, tap_str("a,b.c"), &paths, &error);
        tap_is(rc, i < 4 ? MLSEC_NOMEM : MLSEC_OK, "no memory");
        tap_free(&arena);
    }
}


static void
test_target(void)
{
    int          rc;
    size_t       i;
    mlsec_str_t  value;

    static const struct {
        const char  *path;
        const char  *text;
        const char  *value;            /* NULL: MLSEC_DECLINED */
    } cases[] = {
        { "a", "{\"a\":1}", "1" },
        { "a.b", " {\"a\" : { \"b\" : [ 1 ] , \"c\":2} } ", "[ 1 ]" },
        { "a.b", "{\"a\":{\"c\":1},\"b\":2}", NULL },
        { "a.b", "{\"a\":[{\"b\":1}]}", NULL },
        { "a.b", "{\"a\":1}", NULL },
        { "a.b", "{\"a\":{\"b\":1},\"a\":{\"b\":2}}", "2" },
        { "a.b", "{\"a\":{\"b\":1},\"a\":{}}", NULL },
        { "a", "{\"\\u0061\":null}", "null" },
        { "a", "[]", NULL },
        { "a", "\"a\"", NULL },
        { "a.b.c.d", "{\"a\":{\"b\":{\"c\":{\"d\":\"x\"}}}}", "\"x\"" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        rc = mlsec_shape_target(tap_str(cases[i].text),
                                tap_str(cases[i].path), &value);

        if (cases[i].value == NULL) {
            tap_is(rc, MLSEC_DECLINED, cases[i].text);

        } else {
            tap_is(rc, MLSEC_OK, cases[i].text);
            tap_is_str(value, tap_str(cases[i].value), cases[i].path);
        }
    }
}


/* Arrays on the way, as deep as accepted text can be. */

static void
test_deep(void)
{
    size_t          i, n;
    gen_t           g;
    mlsec_mem_t     mem;
    mlsec_str_t     out;
    tap_arena_t     arena;

    memset(&g, 0, sizeof(gen_t));

    for (n = MLSEC_JSON_MAX_DEPTH - 1; n <= MLSEC_JSON_MAX_DEPTH; n++) {
        g.len = 0;

        for (i = 0; i < n; i++) {
            gen_text(&g, "[");
        }

        gen_text(&g, "{\"a\":1}");

        for (i = 0; i < n; i++) {
            gen_text(&g, "]");
        }

        mem = tap_mem(&arena);
        tap_is(mlsec_paths_drop(shape_paths(&mem, "a"), &mem,
                                (mlsec_str_t) { g.data, g.len }, &out),
               n < MLSEC_JSON_MAX_DEPTH ? MLSEC_OK : MLSEC_BADTYPE,
               "deep arrays");

        if (n < MLSEC_JSON_MAX_DEPTH) {
            tap_is((long long) out.len, (long long) (2 * n + 2), "length");
        }

        tap_free(&arena);
    }

    free(g.data);
}


/* What pick and drop mean, said with Jansson. */


/* Whether a path that starts with "prefix" and "key" ends there, goes on. */

static void
model_match(const char *list, const char *prefix, const char *key, int *leaf,
    int *inner)
{
    char         name[512];
    size_t       len;
    const char  *p;

    snprintf(name, sizeof(name), "%s%s", prefix, key);
    len = strlen(name);

    *leaf = 0;
    *inner = 0;

    for (p = list; p != NULL; p = strchr(p, ',') ? strchr(p, ',') + 1
                                                 : NULL)
    {
        if (strncmp(p, name, len) != 0 || strpbrk(key, ".,") != NULL) {
            continue;
        }

        *leaf |= p[len] == ',' || p[len] == '\0';
        *inner |= p[len] == '.';
    }
}


static json_t *
model_apply(const char *list, const char *prefix, json_t *value, int pick)
{
    int          leaf, inner;
    char         deeper[512];
    size_t       i;
    json_t      *result, *v;
    const char  *key;

    if (json_is_array(value)) {
        result = json_array();

        json_array_foreach(value, i, v) {

            if (json_is_array(v) || json_is_object(v)) {
                json_array_append_new(result,
                                      model_apply(list, prefix, v, pick));

            } else if (!pick) {
                json_array_append(result, v);
            }
        }

        return result;
    }

    result = json_object();

    json_object_foreach(value, key, v) {
        model_match(list, prefix, key, &leaf, &inner);

        if (leaf) {
            if (pick) {
                json_object_set(result, key, v);
            }

        } else if (inner && (json_is_array(v) || json_is_object(v))) {
            snprintf(deeper, sizeof(deeper), "%s%s.", prefix, key);
            json_object_set_new(result, key,
                                model_apply(list, deeper, v, pick));

        } else if (!pick) {
            json_object_set(result, key, v);
        }
    }

    return result;
}


static void
random_list(char *list)
{
    size_t  paths, steps;

    static const char *const  names[] = { "a", "b", "c", "d", "x", "\xc3\xa9" };

    list[0] = '\0';

    for (paths = 1 + tap_random(4); paths > 0; paths--) {

        for (steps = 1 + tap_random(3); steps > 0; steps--) {
            strcat(list, gen_pick(names));
            strcat(list, steps > 1 ? "." : paths > 1 ? "," : "");
        }
    }
}


static int
random_agrees(const gen_t *g, const char *list, int pick)
{
    int           pass;
    json_t       *in, *expected, *got;
    mlsec_mem_t   mem;
    mlsec_str_t   text, out;
    tap_arena_t   arena;
    json_error_t  error;

    mem = tap_mem(&arena);
    text = (mlsec_str_t) { g->data, g->len };

    in = json_loadb((const char *) g->data, g->len, JSON_DECODE_ANY, &error);

    if (in == NULL) {
        tap_diag("Jansson: %s", error.text);
        return 0;
    }

    expected = model_apply(list, "", in, pick);

    pass = (pick ? mlsec_paths_pick : mlsec_paths_drop)
               (shape_paths(&mem, list), &mem, text, &out) == MLSEC_OK
           && out.len <= g->len
           && mlsec_json_scan(out, 0, NULL, NULL) == MLSEC_OK;

    got = pass ? json_loadb((const char *) out.data, out.len, 0, NULL) : NULL;

    if (got == NULL || !json_equal(got, expected)) {
        pass = 0;
        tap_diag("%s=%s: \"%.*s\"", pick ? "pick" : "drop", list,
                 (int) g->len, (const char *) g->data);
    }

    json_decref(got);
    json_decref(expected);
    json_decref(in);
    tap_free(&arena);

    return pass;
}


static void
test_random(void)
{
    int    i, pass;
    char   list[256];
    gen_t  g;

    tap_seed();
    memset(&g, 0, sizeof(gen_t));
    pass = 1;

    for (i = 0; i < 10000 && pass; i++) {
        g.len = 0;
        gen_value(&g, 5, tap_random(4) ? '{' : '[');
        random_list(list);

        pass = random_agrees(&g, list, i % 2);
    }

    free(g.data);
    tap_ok(pass, "random documents, as Jansson would do it");
}


int
main(void)
{
    test_compile();
    test_target();
    test_cases(mlsec_paths_pick, pick_cases,
               sizeof(pick_cases) / sizeof(pick_cases[0]));
    test_cases(mlsec_paths_drop, drop_cases,
               sizeof(drop_cases) / sizeof(drop_cases[0]));
    test_deep();
    test_random();

    return tap_done();
}
