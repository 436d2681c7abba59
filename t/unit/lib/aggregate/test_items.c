/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../gen.h"
#include <jansson.h>
#include <lib/aggregate/mlsec_items.h>


#define ITEMS_MISSING  "-"


/* The items of a document, joined; "-" stands for a missing one. */

static void
items_join(mlsec_str_t text, mlsec_str_t path, gen_t *out)
{
    size_t         n;
    mlsec_str_t    value;
    mlsec_items_t  items;

    out->len = 0;
    mlsec_items_init(&items, text, path);

    for (n = 0; mlsec_items_next(&items, &value) == MLSEC_OK; n++) {

        if (n != 0) {
            gen_text(out, " ");
        }

        if (value.len == 0) {
            gen_text(out, ITEMS_MISSING);

        } else {
            gen_put(out, value.data, value.len);
        }
    }

    /* over is over */

    if (mlsec_items_next(&items, &value) != MLSEC_DECLINED) {
        gen_text(out, " not over");
    }
}


static void
test_walk(void)
{
    size_t  i;
    gen_t   out;

    static const struct {
        const char  *path;
        const char  *text;
        const char  *items;
    } cases[] = {

        /* the end of the path */

        { "", "[1,\"a\",null,true]", "1 \"a\" null true" },
        { "", " [ 1 , 2 ] ", "1 2" },
        { "", "[]", "" },
        { "", "7", "7" },
        { "", "\"x\"", "\"x\"" },
        { "", "null", "" },
        { "", "{\"a\":1}", "{\"a\":1}" },
        { "", "", "" },
        { "ids", "{\"ids\":[3,1,2]}", "3 1 2" },
        { "ids", "{\"ids\":5}", "5" },
        { "ids", "{\"ids\":null}", "" },
        { "ids", "{\"ids\":[]}", "" },
        { "ids", "{\"ids\":{}}", "{}" },
        { "a.ids", "{\"a\":{\"ids\":[1]},\"ids\":[2]}", "1" },
        { "ids", "{\"ids\":[[1,2],[3]]}", "[1,2] [3]" },

        /* nothing there */

        { "ids", "{}", "" },
        { "ids", "null", "" },
        { "ids", "1", "" },
        { "a.ids", "{\"a\":null}", "" },
        { "a.ids", "{\"a\":\"ids\"}", "" },

        /* arrays on the way */

        { "jobs.id", "{\"jobs\":[{\"id\":1},{\"id\":\"b\"}]}", "1 \"b\"" },
        { "id", "[{\"id\":1},{\"id\":2}]", "1 2" },
        { "a.b.c", "{\"a\":[{\"b\":[{\"c\":1},{\"c\":2}]},{\"b\":{\"c\":3}}]}",
          "1 2 3" },
        { "id", "[[{\"id\":1}],[],[{\"id\":2},{\"id\":3}]]", "1 2 3" },
        { "runs.ids", "{\"runs\":[{\"ids\":[1,2]},{\"ids\":[]},{\"ids\":[3]}]}",
          "1 2 3" },
        { "jobs.id", "{\"jobs\":[]}", "" },

        /* places are kept in an array, and only there */

        { "id", "[{\"id\":1},{},{\"id\":null},4,null,{\"id\":5}]",
          "1 - null - - 5" },
        { "a.b", "[{\"a\":{\"b\":1}},{\"a\":{}},{\"a\":null},{}]",
          "1 - - -" },

        /* keys */

        { "a", "{\"a\":[1],\"a\":[2]}", "2" },
        { "a", "[{\"\\u0061\":1}]", "1" },
        { "\xc3\xa9", "{\"\\u00e9\":[1]}", "1" },

        /* bytes are kept */

        { "", "[9007199254740993,1.10,1e400,\"\\u0041\",[1, 2]]",
          "9007199254740993 1.10 1e400 \"\\u0041\" [1, 2]" }
    };

    memset(&out, 0, sizeof(gen_t));

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        items_join(tap_str(cases[i].text), tap_str(cases[i].path), &out);
        tap_is_str((mlsec_str_t) { out.data, out.len },
                   tap_str(cases[i].items), cases[i].text);
    }

    free(out.data);
}


static void
test_scalar(void)
{
    size_t       i;
    mlsec_mem_t  mem;
    mlsec_str_t  text;
    tap_arena_t  arena;

    static const struct {
        const char  *value;
        int          rc;
        const char  *text;
        size_t       pieces;
    } cases[] = {
        { "\"abc\"", MLSEC_OK, "abc", 0 },
        { "\"\"", MLSEC_OK, "", 0 },
        { " \"a b/c\" ", MLSEC_OK, "a b/c", 0 },
        { "\"a\\/b\\\"\\u00e9\"", MLSEC_OK, "a/b\"\xc3\xa9", 1 },
        { "\"\\ud83d\\ude00\"", MLSEC_OK, "\xf0\x9f\x98\x80", 1 },
        { "9007199254740993", MLSEC_OK, "9007199254740993", 0 },
        { "-1.50e3", MLSEC_OK, "-1.50e3", 0 },
        { "true", MLSEC_OK, "true", 0 },
        { "false", MLSEC_OK, "false", 0 },
        { "null", MLSEC_DECLINED, NULL, 0 },
        { "", MLSEC_DECLINED, NULL, 0 },
        { "  ", MLSEC_DECLINED, NULL, 0 },
        { "{}", MLSEC_BADTYPE, NULL, 0 },
        { "[1]", MLSEC_BADTYPE, NULL, 0 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        mem = tap_mem(&arena);
        text = tap_str("untouched");

        tap_is(mlsec_items_scalar(&mem, tap_str(cases[i].value), &text),
               cases[i].rc, cases[i].value);
        tap_is_str(text, tap_str(cases[i].text ? cases[i].text : "untouched"),
                   "text");
        tap_is((long long) arena.n, (long long) cases[i].pieces,
               "allocations");

        arena.fail_after = 0;

        if (cases[i].pieces != 0) {
            tap_is(mlsec_items_scalar(&mem, tap_str(cases[i].value), &text),
                   MLSEC_NOMEM, "no memory");
        }

        tap_free(&arena);
    }

    mem = tap_mem(&arena);
    tap_is(mlsec_items_scalar(&mem, tap_str("\"a\\u0000b\""), &text),
           MLSEC_OK, "a NUL");
    tap_is_str(text, tap_lit("a\0b"), "is kept");
    tap_free(&arena);
}


/* As deep as an accepted document can be, and one level more. */

static void
test_deep(void)
{
    size_t  i, n;
    gen_t   g, out;

    memset(&g, 0, sizeof(gen_t));
    memset(&out, 0, sizeof(gen_t));

    for (n = MLSEC_ITEMS_DEPTH; n <= MLSEC_ITEMS_DEPTH + 1; n++) {
        g.len = 0;

        for (i = 0; i < n; i++) {
            gen_text(&g, "[");
        }

        gen_text(&g, "{\"a\":1}");

        for (i = 0; i < n; i++) {
            gen_text(&g, "]");
        }

        items_join((mlsec_str_t) { g.data, g.len }, tap_str("a"), &out);
        tap_is_str((mlsec_str_t) { out.data, out.len },
                   tap_str(n == MLSEC_ITEMS_DEPTH ? "1" : ""),
                   "deep arrays");
    }

    free(g.data);
    free(out.data);
}


/* The same rule, said with Jansson: where a place is kept is "array". */

static void
model_walk(json_t *value, const char *path, int array, json_t *items)
{
    char         name[64];
    size_t       i, len;
    json_t      *v;
    const char  *rest;

    if (json_is_array(value)) {

        json_array_foreach(value, i, v) {

            if (*path == '\0') {
                json_array_append(items, v);

            } else {
                model_walk(v, path, 1, items);
            }
        }

        return;
    }

    if (*path == '\0') {

        if (array || !json_is_null(value)) {
            json_array_append(items, value);
        }

        return;
    }

    len = strcspn(path, ".");
    rest = path[len] == '.' ? path + len + 1 : path + len;
    snprintf(name, sizeof(name), "%.*s", (int) len, path);

    v = json_object_get(value, name);

    if (v != NULL) {
        model_walk(v, rest, array, items);

    } else if (array) {
        json_array_append_new(items, json_null());
    }
}


static int
random_agrees(const gen_t *g, const char *path)
{
    int            pass;
    size_t         i;
    json_t        *in, *expected, *got, *want;
    mlsec_str_t    value;
    mlsec_items_t  items;
    json_error_t   error;

    in = json_loadb((const char *) g->data, g->len, JSON_DECODE_ANY, &error);

    if (in == NULL) {
        tap_diag("Jansson: %s", error.text);
        return 0;
    }

    expected = json_array();
    model_walk(in, path, 0, expected);

    mlsec_items_init(&items, (mlsec_str_t) { g->data, g->len },
                     tap_str(path));
    pass = 1;

    for (i = 0; mlsec_items_next(&items, &value) == MLSEC_OK; i++) {
        want = json_array_get(expected, i);

        got = value.len == 0 ? json_null()
                             : json_loadb((const char *) value.data, value.len,
                                          JSON_DECODE_ANY, &error);

        pass &= want != NULL && got != NULL && json_equal(got, want);
        json_decref(got);
    }

    pass &= i == json_array_size(expected);

    json_decref(in);
    json_decref(expected);

    return pass;
}


static void
test_random(void)
{
    int     wrong;
    char    path[64];
    gen_t   g;
    size_t  i, n, steps;

    static const char *const  names[] = { "a", "b", "c", "d", "\xc3\xa9" };

    memset(&g, 0, sizeof(gen_t));
    wrong = 0;

    for (i = 0; i < 20000 && !wrong; i++) {
        path[0] = '\0';
        n = tap_random(4);

        for (steps = n; steps > 0; steps--) {
            strcat(path, gen_pick(names));
            strcat(path, steps > 1 ? "." : "");
        }

        g.len = 0;
        gen_value(&g, 4, 0);

        if (!random_agrees(&g, path)) {
            tap_diag("%s in %.*s", path, (int) g.len, (const char *) g.data);
            wrong++;
        }
    }

    tap_ok(!wrong, "as Jansson has it");
    free(g.data);
}


int
main(void)
{
    tap_seed();

    test_walk();
    test_scalar();
    test_deep();
    test_random();

    return tap_done();
}
