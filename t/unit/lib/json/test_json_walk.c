/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "../gen.h"
#include <lib/json/mlsec_json.h>


static void
test_trim_and_type(void)
{
    size_t  i;

    static const struct {
        const char         *text;
        const char         *trimmed;
        mlsec_json_type_e   type;
    } cases[] = {
        { "", "", MLSEC_JSON_NONE },
        { " \t\r\n", "", MLSEC_JSON_NONE },
        { "1", "1", MLSEC_JSON_NUMBER_VALUE },
        { " -1 ", "-1", MLSEC_JSON_NUMBER_VALUE },
        { "\n{ }\r", "{ }", MLSEC_JSON_OBJECT },
        { "\t[ 1 ]", "[ 1 ]", MLSEC_JSON_ARRAY },
        { "\"a \" ", "\"a \"", MLSEC_JSON_STRING },
        { "true", "true", MLSEC_JSON_TRUE },
        { "false ", "false", MLSEC_JSON_FALSE },
        { "                                        null", "null",
          MLSEC_JSON_NULL }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        tap_is_str(mlsec_json_trim(tap_str(cases[i].text)),
                   tap_str(cases[i].trimmed), "trim");
        tap_is(mlsec_json_type(tap_str(cases[i].text)), cases[i].type,
               "type");
    }
}


static void
test_skip(void)
{
    size_t                i, n, len;
    gen_t                 g;
    const unsigned char  *end;

    static const char *const  values[] = {
        "1", "-1.5e+10", "true", "null", "\"\"", "\"abc\"", "\"\\\"\"",
        "\"\\\\\"", "\"]}\"", "[]", "{}", "[[[]]]", "[1,[2,{\"a\":[3]}],4]",
        "{\"]\":\"}\",\"[\":\"{\"}", "[\"\\\"]\",\"\\\\\",\"\\\\\\\"\"]",
        "{\"a\":{\"b\":{\"c\":[[[1,2],3],4]}},\"d\":\"\\\\\"}"
    };

    memset(&g, 0, sizeof(gen_t));

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {

        for (n = 0; n < 200; n++) {

            /* behind n spaces, in an array that a long tail follows */

            g.len = 0;
            gen_text(&g, "[\"");

            for (len = 0; len < n; len++) {
                gen_text(&g, len == 7 ? "\\\"" : len == 20 ? "\\\\" : "]");
            }

            gen_text(&g, "\", ");
            gen_text(&g, values[i]);
            gen_text(&g, "]");
            len = g.len;
            gen_text(&g, ",\"tail\",[[[[{}]]]],\"\\\"\"]]]");

            end = mlsec_json_skip(g.data, g.data + g.len);

            if (end != g.data + len) {
                break;
            }

            end = mlsec_json_skip(g.data, g.data + len);

            if (end != g.data + len) {
                break;
            }
        }

        tap_is((long long) n, 200, values[i]);
    }

    free(g.data);
}


static void
test_members(void)
{
    size_t             i;
    mlsec_str_t        key, value;
    mlsec_json_iter_t  it;

    static const char *const  expected[][2] = {
        { "a", "1" }, { "", "[ 1, 2 ]" }, { "\\u0062", "{\"x\":\"}\"}" },
        { "a", "\"two\"" }, { "\\\"", "null" }
    };

    tap_is(mlsec_json_members(&it,
               tap_str(" { \"a\" : 1 , \"\":[ 1, 2 ],\n\"\\u0062\":"
                       "{\"x\":\"}\"} ,\"a\": \"two\" ,\"\\\"\":null } ")),
           MLSEC_OK, "an object");

    for (i = 0; i < 5; i++) {
        tap_is(mlsec_json_next_member(&it, &key, &value), MLSEC_OK,
               "a member");
        tap_is_str(key, tap_str(expected[i][0]), "its key");
        tap_is_str(value, tap_str(expected[i][1]), "its value");
        tap_ok(key.data[-1] == '"' && key.data[key.len] == '"', "quotes");
    }

    tap_is(mlsec_json_next_member(&it, &key, &value), MLSEC_DECLINED, "end");
    tap_is(mlsec_json_next_member(&it, &key, &value), MLSEC_DECLINED,
           "and again");

    tap_is(mlsec_json_members(&it, tap_str("{ }")), MLSEC_OK, "empty");
    tap_is(mlsec_json_next_member(&it, &key, &value), MLSEC_DECLINED, "end");

    tap_is(mlsec_json_members(&it, tap_str("[]")), MLSEC_BADTYPE, "array");
    tap_is(mlsec_json_members(&it, tap_str("\"{\"")), MLSEC_BADTYPE,
           "string");
    tap_is(mlsec_json_members(&it, tap_str("")), MLSEC_BADTYPE, "nothing");
}


static void
test_elements(void)
{
    size_t             i;
    mlsec_str_t        value;
    mlsec_json_iter_t  it;

    static const char *const  expected[] = {
        "1", "\",\"", "[ [ ] ]", "{\"a\":[1,2]}", "true"
    };

    tap_is(mlsec_json_elements(&it,
               tap_str(" [1, \",\" ,[ [ ] ],{\"a\":[1,2]} , true ] ")),
           MLSEC_OK, "an array");

    for (i = 0; i < 5; i++) {
        tap_is(mlsec_json_next_element(&it, &value), MLSEC_OK, "an element");
        tap_is_str(value, tap_str(expected[i]), "its text");
    }

    tap_is(mlsec_json_next_element(&it, &value), MLSEC_DECLINED, "end");

    tap_is(mlsec_json_elements(&it, tap_str("[ ]")), MLSEC_OK, "empty");
    tap_is(mlsec_json_next_element(&it, &value), MLSEC_DECLINED, "end");
    tap_is(mlsec_json_elements(&it, tap_str("{}")), MLSEC_BADTYPE, "object");
}


static void
test_find(void)
{
    int          rc;
    size_t       i;
    mlsec_str_t  value;

    static const struct {
        const char  *object;
        const char  *name;
        int          rc;
        const char  *value;
    } cases[] = {
        { "{\"a\":1,\"b\":2}", "b", MLSEC_OK, "2" },
        { "{\"a\":1,\"b\":2}", "c", MLSEC_DECLINED, "" },
        { "{\"a\":1,\"a\":2}", "a", MLSEC_OK, "2" },
        { "{\"a\":1,\"\\u0061\":2}", "a", MLSEC_OK, "2" },
        { "{\"\\u0061\":1,\"a\":2,\"ab\":3}", "a", MLSEC_OK, "2" },
        { "{\"\":1}", "", MLSEC_OK, "1" },
        { "{}", "", MLSEC_DECLINED, "" },
        { "{\"a\":{\"b\":1}}", "b", MLSEC_DECLINED, "" },
        { "[\"a\"]", "a", MLSEC_BADTYPE, "" },
        { "null", "a", MLSEC_BADTYPE, "" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        value = tap_str("");
        rc = mlsec_json_find(tap_str(cases[i].object),
                             tap_str(cases[i].name), &value);
        tap_is(rc, cases[i].rc, cases[i].object);
        tap_is_str(value, tap_str(cases[i].value), "value");
    }
}


static void
test_decode(void)
{
    size_t         i;
    mlsec_str_t    got, decoded;
    unsigned char  buf[128];

    static const struct {
        const char  *raw;
        const char  *decoded;
    } cases[] = {
        { "", "" }, { "abc", "abc" }, { "\\n", "\n" },
        { "\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t" },
        { "x\\u0041y", "xAy" }, { "\\u00e9", "\xc3\xa9" },
        { "\\u007f\\u0080\\u07ff\\u0800", "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80" },
        { "\\uFFFF", "\xef\xbf\xbf" },
        { "\\ud83d\\ude00", "\xf0\x9f\x98\x80" },
        { "\\uD800\\uDC00", "\xf0\x90\x80\x80" },
        { "\\uDBFF\\uDFFF", "\xf4\x8f\xbf\xbf" },
        { "caf\xc3\xa9\\u0021", "caf\xc3\xa9!" },
        { "\\\\u0041", "\\u0041" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        decoded = tap_str(cases[i].decoded);

        got.data = buf;
        got.len = mlsec_json_decode(buf, tap_str(cases[i].raw));
        tap_is_str(got, decoded, cases[i].raw);

        tap_is(mlsec_json_key_is(tap_str(cases[i].raw), decoded), 1,
               "the key is it");
        tap_is(mlsec_json_key_is(tap_str(cases[i].raw), tap_str("abd")), 0,
               "and not another");

        memcpy(buf, decoded.data, decoded.len);
        buf[decoded.len] = 'x';
        decoded.data = buf;
        decoded.len++;
        tap_is(mlsec_json_key_is(tap_str(cases[i].raw), decoded), 0,
               "nor a longer one");

        if (decoded.len > 1) {
            decoded.len -= 2;
            tap_is(mlsec_json_key_is(tap_str(cases[i].raw), decoded), 0,
                   "nor a shorter one");
        }

        /* in place */

        memcpy(buf, cases[i].raw, strlen(cases[i].raw));
        got.data = buf;
        got.len = strlen(cases[i].raw);
        got.len = mlsec_json_decode(buf, got);
        tap_is_str(got, tap_str(cases[i].decoded), "in place");
    }

    got.data = buf;
    got.len = mlsec_json_decode(buf, tap_str("a\\u0000b"));
    tap_is_str(got, tap_lit("a\0b"), "zero");
    tap_is(mlsec_json_key_is(tap_str("a\\u0000b"), tap_lit("a\0b")), 1,
           "zero in a key");
    tap_is(mlsec_json_key_is(tap_str("a\\\\b"), tap_str("a\\\\b")), 0,
           "equal bytes with an escape are not an equal name");
    tap_is(mlsec_json_key_is(tap_str("\\\\"), tap_str("\\")), 1,
           "a backslash");
}


static void
test_string(void)
{
    mlsec_str_t  raw;

    tap_is(mlsec_json_string(tap_str(" \"a\\n\" "), &raw), MLSEC_OK, "string");
    tap_is_str(raw, tap_str("a\\n"), "its inside");
    tap_is(mlsec_json_string(tap_str("\"\""), &raw), MLSEC_OK, "empty");
    tap_is((long long) raw.len, 0, "its inside");
    tap_is(mlsec_json_string(tap_str("1"), &raw), MLSEC_BADTYPE, "number");
    tap_is(mlsec_json_string(tap_str("[\"\"]"), &raw), MLSEC_BADTYPE, "array");
    tap_is(mlsec_json_string(tap_str(""), &raw), MLSEC_BADTYPE, "nothing");
}


/* Walks the whole value and writes it again without white space. */

static void
walk_copy(gen_t *g, mlsec_str_t value)
{
    int                first;
    mlsec_str_t        key, v;
    mlsec_json_iter_t  it;

    first = 1;

    switch (mlsec_json_type(value)) {

    case MLSEC_JSON_OBJECT:
        mlsec_json_members(&it, value);

        while (mlsec_json_next_member(&it, &key, &v) == MLSEC_OK) {
            gen_text(g, first ? "{\"" : ",\"");
            gen_put(g, key.data, key.len);
            gen_text(g, "\":");
            walk_copy(g, v);
            first = 0;
        }

        gen_text(g, first ? "{}" : "}");
        break;

    case MLSEC_JSON_ARRAY:
        mlsec_json_elements(&it, value);

        while (mlsec_json_next_element(&it, &v) == MLSEC_OK) {
            gen_text(g, first ? "[" : ",");
            walk_copy(g, v);
            first = 0;
        }

        gen_text(g, first ? "[]" : "]");
        break;

    default:
        value = mlsec_json_trim(value);
        gen_put(g, value.data, value.len);
    }
}


/* The same, by looking at each byte. */

static void
strip_copy(gen_t *g, mlsec_str_t text)
{
    size_t  i;
    int     in_string;

    in_string = 0;

    for (i = 0; i < text.len; i++) {

        if (in_string || strchr(" \t\r\n", text.data[i]) == NULL) {
            gen_put(g, &text.data[i], 1);
        }

        if (in_string && text.data[i] == '\\') {
            gen_put(g, &text.data[++i], 1);

        } else if (text.data[i] == '"') {
            in_string = !in_string;
        }
    }
}


static void
test_random(void)
{
    int    i, pass;
    gen_t  g, a, b;

    tap_seed();
    memset(&g, 0, sizeof(gen_t));
    memset(&a, 0, sizeof(gen_t));
    memset(&b, 0, sizeof(gen_t));

    pass = 1;

    for (i = 0; i < 3000 && pass; i++) {
        g.len = a.len = b.len = 0;
        gen_value(&g, 8, 0);

        walk_copy(&a, (mlsec_str_t) { g.data, g.len });
        strip_copy(&b, (mlsec_str_t) { g.data, g.len });

        pass = a.len == b.len && memcmp(a.data, b.data, a.len) == 0;

        if (!pass) {
            tap_diag("%.*s", (int) g.len, (const char *) g.data);
            tap_diag("%.*s", (int) a.len, (const char *) a.data);
        }
    }

    free(g.data);
    free(a.data);
    free(b.data);

    tap_ok(pass, "random documents, walked and written again");
}


int
main(void)
{
    test_trim_and_type();
    test_skip();
    test_members();
    test_elements();
    test_find();
    test_decode();
    test_string();
    test_random();

    return tap_done();
}
