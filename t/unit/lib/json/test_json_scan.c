/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Each document of the tables is scanned whole, byte by byte, cut in two at
 * every place, and as an element behind strings and white space of many
 * lengths, so that it meets every edge of blocks and windows.
 */


#include "../gen.h"
#include <lib/json/mlsec_json.h>


typedef struct {
    const char           *name;
    mlsec_str_t           text;
    int                   rc;
    size_t                offset;      /* if rc is an error */
} scan_case_t;


#define GOOD(name, text)  { name, tap_lit_init(text), MLSEC_OK, 0 }
#define BAD(name, text, rc, offset)                                           \
    { name, tap_lit_init(text), rc, offset }
#define tap_lit_init(text)                                                    \
    { (const unsigned char *) (text), sizeof(text) - 1 }


static const scan_case_t  cases[] = {

    /* structure */

    GOOD("empty object", "{}"),
    GOOD("empty array", "[]"),
    GOOD("space in empty", " \t\r\n{ \n } \t"),
    GOOD("space in empty array", "[ \r ]"),
    GOOD("nested", "[[],{},[[{\"a\":[{}]}]]]"),
    GOOD("members", "{\"a\":1,\"b\":[2,3],\"c\":{\"d\":null}}"),
    GOOD("space everywhere",
         " { \"a\" : 1 , \"b\" : [ 2 , 3 ] , \"c\" : { } } "),
    GOOD("duplicate keys", "{\"a\":1,\"a\":2}"),
    GOOD("empty key", "{\"\":0}"),
    GOOD("top null", "null"),
    GOOD("top true", "true"),
    GOOD("top false", " false "),
    GOOD("top string", "\"\""),
    GOOD("top number", "42"),
    GOOD("top number, space", " -0.1e-1\n"),

    BAD("nothing", "", MLSEC_EMPTY, 0),
    BAD("space", " \n\t\r ", MLSEC_EMPTY, 5),

    BAD("trailing comma", "[1,]", MLSEC_JSON_UNEXPECTED, 3),
    BAD("leading comma", "[,1]", MLSEC_JSON_UNEXPECTED, 1),
    BAD("double comma", "[1,,2]", MLSEC_JSON_UNEXPECTED, 3),
    BAD("only comma", "[,]", MLSEC_JSON_UNEXPECTED, 1),
    BAD("missing comma", "[1 2]", MLSEC_JSON_UNEXPECTED, 3),
    BAD("strings side by side", "[\"a\"\"b\"]", MLSEC_JSON_UNEXPECTED, 4),
    BAD("string and number", "[\"a\"1]", MLSEC_JSON_UNEXPECTED, 4),
    BAD("number and string", "[1\"a\"]", MLSEC_JSON_UNEXPECTED, 2),
    BAD("colon in array", "[1:2]", MLSEC_JSON_UNEXPECTED, 2),
    BAD("wrong close of array", "[1}", MLSEC_JSON_UNEXPECTED, 2),
    BAD("wrong close of object", "{\"a\":1]", MLSEC_JSON_UNEXPECTED, 6),
    BAD("wrong close of empty", "{]", MLSEC_JSON_UNEXPECTED, 1),
    BAD("wrong close of empty array", "[}", MLSEC_JSON_UNEXPECTED, 1),
    BAD("wrong close, nested", "{\"a\":[1}]", MLSEC_JSON_UNEXPECTED, 7),
    BAD("only close", "]", MLSEC_JSON_UNEXPECTED, 0),
    BAD("only colon", ":", MLSEC_JSON_UNEXPECTED, 0),
    BAD("object comma at end", "{\"a\":1,}", MLSEC_JSON_UNEXPECTED, 7),
    BAD("object leading comma", "{,\"a\":1}", MLSEC_JSON_UNEXPECTED, 1),
    BAD("object double comma", "{\"a\":1,,\"b\":2}",
        MLSEC_JSON_UNEXPECTED, 7),
    BAD("no colon", "{\"a\" 1}", MLSEC_JSON_UNEXPECTED, 5),
    BAD("no value", "{\"a\":}", MLSEC_JSON_UNEXPECTED, 5),
    BAD("no value, no colon", "{\"a\"}", MLSEC_JSON_UNEXPECTED, 4),
    BAD("double colon", "{\"a\"::1}", MLSEC_JSON_UNEXPECTED, 5),
    BAD("key is number", "{1:2}", MLSEC_JSON_UNEXPECTED, 1),
    BAD("key is null", "{null:2}", MLSEC_JSON_UNEXPECTED, 1),
    BAD("key is array", "{[]:2}", MLSEC_JSON_UNEXPECTED, 1),
    BAD("bare key", "{a:2}", MLSEC_JSON_UNEXPECTED, 1),
    BAD("single quotes", "{'a':2}", MLSEC_JSON_UNEXPECTED, 1),
    BAD("missing comma in object", "{\"a\":1 \"b\":2}",
        MLSEC_JSON_UNEXPECTED, 7),
    BAD("comment", "[1/*x*/]", MLSEC_JSON_UNEXPECTED, 2),
    BAD("line comment", "[//\n1]", MLSEC_JSON_UNEXPECTED, 1),
    BAD("hash comment", "# x\n[]", MLSEC_JSON_UNEXPECTED, 0),
    BAD("byte order mark", "\xef\xbb\xbf[]", MLSEC_JSON_UNEXPECTED, 0),
    BAD("no-break space", "[\xc2\xa0]", MLSEC_JSON_UNEXPECTED, 1),
    BAD("form feed", "[\f]", MLSEC_JSON_UNEXPECTED, 1),
    BAD("vertical tab", "[1\v]", MLSEC_JSON_UNEXPECTED, 2),
    BAD("zero byte", "[\0]", MLSEC_JSON_UNEXPECTED, 1),
    BAD("zero byte after", "[]\0", MLSEC_JSON_SECOND, 2),
    BAD("delete", "[\x7f]", MLSEC_JSON_UNEXPECTED, 1),
    BAD("backslash outside", "[\\n]", MLSEC_JSON_UNEXPECTED, 1),
    BAD("escaped quote outside", "[\\\"a\"]", MLSEC_JSON_UNEXPECTED, 1),
    BAD("UTF-16", "[\0\"\0", MLSEC_JSON_UNEXPECTED, 1),

    BAD("open object", "{", MLSEC_JSON_TRUNCATED, 1),
    BAD("open array", "[1,", MLSEC_JSON_TRUNCATED, 3),
    BAD("open array, value", "[1", MLSEC_JSON_TRUNCATED, 2),
    BAD("open key", "{\"a", MLSEC_JSON_TRUNCATED, 3),
    BAD("after key", "{\"a\"", MLSEC_JSON_TRUNCATED, 4),
    BAD("after colon", "{\"a\":", MLSEC_JSON_TRUNCATED, 5),
    BAD("after value", "{\"a\":1 ", MLSEC_JSON_TRUNCATED, 7),
    BAD("open string", "\"abc", MLSEC_JSON_TRUNCATED, 4),
    BAD("open escape", "\"abc\\", MLSEC_JSON_TRUNCATED, 5),
    BAD("open unicode escape", "\"\\u12", MLSEC_JSON_TRUNCATED, 5),
    BAD("open pair", "\"\\ud83d", MLSEC_JSON_TRUNCATED, 7),
    BAD("open sequence", "\"\xe2\x82", MLSEC_JSON_TRUNCATED, 3),
    BAD("only quote", "\"", MLSEC_JSON_TRUNCATED, 1),

    BAD("two documents", "{}{}", MLSEC_JSON_SECOND, 2),
    BAD("two documents, space", "1 2", MLSEC_JSON_SECOND, 2),
    BAD("two lines", "{}\n{}\n", MLSEC_JSON_SECOND, 3),
    BAD("comma after", "[],", MLSEC_JSON_SECOND, 2),
    BAD("close after", "[]]", MLSEC_JSON_SECOND, 2),
    BAD("letter after number", "1x", MLSEC_JSON_SECOND, 1),
    BAD("string after literal", "true\"\"", MLSEC_JSON_SECOND, 4),

    /* literals */

    GOOD("literals", "[true,false,null]"),
    BAD("capital", "[True]", MLSEC_JSON_UNEXPECTED, 1),
    BAD("short", "[tru]", MLSEC_JSON_LITERAL, 4),
    BAD("long", "[truee]", MLSEC_JSON_UNEXPECTED, 5),
    BAD("misspelt", "[falsy]", MLSEC_JSON_LITERAL, 5),
    BAD("nul", "[nul]", MLSEC_JSON_LITERAL, 4),
    BAD("nan", "[nan]", MLSEC_JSON_LITERAL, 2),
    BAD("NaN", "[NaN]", MLSEC_JSON_UNEXPECTED, 1),
    BAD("Infinity", "[Infinity]", MLSEC_JSON_UNEXPECTED, 1),
    BAD("-Infinity", "[-Infinity]", MLSEC_JSON_NUMBER, 2),
    BAD("undefined", "[undefined]", MLSEC_JSON_UNEXPECTED, 1),
    BAD("glued literals", "[truefalse]", MLSEC_JSON_UNEXPECTED, 5),
    BAD("cut literal", "tru", MLSEC_JSON_TRUNCATED, 3),
    BAD("cut null", "n", MLSEC_JSON_TRUNCATED, 1),
    BAD("literal and byte", "[null\xff]", MLSEC_JSON_UNEXPECTED, 5),

    /* numbers */

    GOOD("numbers", "[0,-0,1,-1,10,1234567890123456789012345678901234567890]"),
    GOOD("fractions", "[0.0,-0.5,1.10,123.456,0.00000000000000000000000001]"),
    GOOD("exponents", "[0e0,0E0,1e1,1E+1,1e-1,1.5e10,-1.5E-10,1e0001,0e+00]"),
    GOOD("huge exponent", "[1e400,-1e-9999]"),
    BAD("leading zero", "[01]", MLSEC_JSON_NUMBER, 2),
    BAD("leading zeros", "[00]", MLSEC_JSON_NUMBER, 2),
    BAD("minus leading zero", "[-01]", MLSEC_JSON_NUMBER, 3),
    BAD("leading zero, fraction", "[00.5]", MLSEC_JSON_NUMBER, 2),
    BAD("plus", "[+1]", MLSEC_JSON_UNEXPECTED, 1),
    BAD("minus", "[-]", MLSEC_JSON_NUMBER, 2),
    BAD("two minus", "[--1]", MLSEC_JSON_NUMBER, 2),
    BAD("minus space", "[- 1]", MLSEC_JSON_NUMBER, 2),
    BAD("minus letter", "[-a]", MLSEC_JSON_NUMBER, 2),
    BAD("no integer", "[.5]", MLSEC_JSON_UNEXPECTED, 1),
    BAD("minus no integer", "[-.5]", MLSEC_JSON_NUMBER, 2),
    BAD("no fraction", "[1.]", MLSEC_JSON_NUMBER, 3),
    BAD("no fraction, exponent", "[1.e5]", MLSEC_JSON_NUMBER, 3),
    BAD("two points", "[1.2.3]", MLSEC_JSON_UNEXPECTED, 4),
    BAD("no exponent", "[1e]", MLSEC_JSON_NUMBER, 3),
    BAD("no exponent, plus", "[1e+]", MLSEC_JSON_NUMBER, 4),
    BAD("exponent sign twice", "[1e+-1]", MLSEC_JSON_NUMBER, 4),
    BAD("exponent twice", "[1e1e1]", MLSEC_JSON_UNEXPECTED, 4),
    BAD("exponent fraction", "[1e1.5]", MLSEC_JSON_UNEXPECTED, 4),
    BAD("hexadecimal", "[0x1F]", MLSEC_JSON_UNEXPECTED, 2),
    BAD("underscore", "[1_000]", MLSEC_JSON_UNEXPECTED, 2),
    BAD("suffix", "[1f]", MLSEC_JSON_UNEXPECTED, 2),
    BAD("minus inside", "[1-2]", MLSEC_JSON_UNEXPECTED, 2),
    BAD("number, backslash", "[1\\]", MLSEC_JSON_UNEXPECTED, 2),
    BAD("cut minus", "-", MLSEC_JSON_TRUNCATED, 1),
    BAD("cut point", "1.", MLSEC_JSON_TRUNCATED, 2),
    BAD("cut exponent", "1e", MLSEC_JSON_TRUNCATED, 2),
    BAD("cut exponent sign", "1e+", MLSEC_JSON_TRUNCATED, 3),
    BAD("fullwidth digit", "[\xef\xbc\x91]", MLSEC_JSON_UNEXPECTED, 1),

    /* strings */

    GOOD("plain", "[\"abc\",\"\",\" \"]"),
    GOOD("escapes", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    GOOD("brackets inside", "[\"{}[]:,\",\"\\\"]\"]"),
    GOOD("backslashes", "[\"\\\\\",\"\\\\\\\\\",\"\\\\\\\"\"]"),
    GOOD("unicode escapes", "\"\\u0041\\u00e9\\u20aC\\uFFFF\\uffff\""),
    GOOD("zero escape", "\"\\u0000\""),
    GOOD("escaped control", "\"\\u001f\""),
    GOOD("pair", "\"\\ud83d\\ude00\""),
    GOOD("first and last pair", "\"\\uD800\\uDC00\\uDBFF\\uDFFF\""),
    GOOD("delete in string", "\"\x7f\""),
    GOOD("escape in key", "{\"\\u0061\":1}"),
    BAD("bad escape", "\"\\x41\"", MLSEC_JSON_ESCAPE, 2),
    BAD("bad escape a", "\"\\a\"", MLSEC_JSON_ESCAPE, 2),
    BAD("bad escape quote", "\"\\'\"", MLSEC_JSON_ESCAPE, 2),
    BAD("bad escape zero", "\"\\0\"", MLSEC_JSON_ESCAPE, 2),
    BAD("bad escape U", "\"\\U0041\"", MLSEC_JSON_ESCAPE, 2),
    BAD("bad escape newline", "\"\\\n\"", MLSEC_JSON_ESCAPE, 2),
    BAD("bad escape byte", "\"\\\xc3\xa9\"", MLSEC_JSON_ESCAPE, 2),
    BAD("bad hex", "\"\\u00g0\"", MLSEC_JSON_ESCAPE, 5),
    BAD("short hex", "\"\\u00\"", MLSEC_JSON_ESCAPE, 5),
    BAD("short hex, then text", "\"\\u004\"x\"", MLSEC_JSON_ESCAPE, 6),
    BAD("hex @", "\"\\u004@\"", MLSEC_JSON_ESCAPE, 6),
    BAD("hex `", "\"\\u004`\"", MLSEC_JSON_ESCAPE, 6),
    BAD("hex :", "\"\\u004:\"", MLSEC_JSON_ESCAPE, 6),
    BAD("hex /", "\"\\u004/\"", MLSEC_JSON_ESCAPE, 6),
    BAD("escape swallows quote", "\"abc\\\"", MLSEC_JSON_TRUNCATED, 6),
    BAD("lone high", "\"\\ud83d\"", MLSEC_JSON_SURROGATE, 7),
    BAD("lone high, text", "\"\\ud83dx\"", MLSEC_JSON_SURROGATE, 7),
    BAD("lone high, escape", "\"\\ud83d\\n\"", MLSEC_JSON_SURROGATE, 8),
    BAD("lone high, bmp", "\"\\ud83d\\u0041\"", MLSEC_JSON_SURROGATE, 12),
    BAD("two high", "\"\\ud83d\\ud83d\"", MLSEC_JSON_SURROGATE, 12),
    BAD("lone low", "\"\\ude00\"", MLSEC_JSON_SURROGATE, 6),
    BAD("low first", "\"\\ude00\\ud83d\"", MLSEC_JSON_SURROGATE, 6),
    BAD("pair, bad hex", "\"\\ud83d\\ude0x\"", MLSEC_JSON_ESCAPE, 12),
    BAD("first low", "\"\\udc00\"", MLSEC_JSON_SURROGATE, 6),
    BAD("last low", "\"\\udfff\"", MLSEC_JSON_SURROGATE, 6),
    GOOD("around surrogates", "\"\\ud7ff\\ue000\""),
    BAD("newline", "\"a\nb\"", MLSEC_JSON_CONTROL, 2),
    BAD("tab", "\"\t\"", MLSEC_JSON_CONTROL, 1),
    BAD("carriage return", "\"\r\"", MLSEC_JSON_CONTROL, 1),
    BAD("zero", "\"a\0b\"", MLSEC_JSON_CONTROL, 2),
    BAD("0x1f", "\"\x1f\"", MLSEC_JSON_CONTROL, 1),
    BAD("control in key", "{\"a\x01\":1}", MLSEC_JSON_CONTROL, 3),

    /* UTF-8: edges of table 3-7 of Unicode */

    GOOD("two bytes", "\"\xc2\x80\xdf\xbf\""),
    GOOD("three bytes", "\"\xe0\xa0\x80\xe1\x80\x80\xec\xbf\xbf\xee\x80\x80"
                        "\xef\xbf\xbf\""),
    GOOD("around surrogates, bytes", "\"\xed\x80\x80\xed\x9f\xbf\""),
    GOOD("four bytes", "\"\xf0\x90\x80\x80\xf1\x80\x80\x80\xf3\xbf\xbf\xbf"
                       "\xf4\x8f\xbf\xbf\""),
    GOOD("mark inside", "\"\xef\xbb\xbf\""),
    BAD("continuation", "\"\x80\"", MLSEC_JSON_UTF8, 1),
    BAD("continuation bf", "\"a\xbf\"", MLSEC_JSON_UTF8, 2),
    BAD("overlong c0", "\"\xc0\xaf\"", MLSEC_JSON_UTF8, 1),
    BAD("overlong c1", "\"\xc1\xbf\"", MLSEC_JSON_UTF8, 1),
    BAD("overlong e0", "\"\xe0\x9f\xbf\"", MLSEC_JSON_UTF8, 2),
    BAD("overlong f0", "\"\xf0\x8f\xbf\xbf\"", MLSEC_JSON_UTF8, 2),
    BAD("surrogate bytes", "\"\xed\xa0\x80\"", MLSEC_JSON_UTF8, 2),
    BAD("last surrogate bytes", "\"\xed\xbf\xbf\"", MLSEC_JSON_UTF8, 2),
    BAD("above 10ffff", "\"\xf4\x90\x80\x80\"", MLSEC_JSON_UTF8, 2),
    BAD("f5", "\"\xf5\x80\x80\x80\"", MLSEC_JSON_UTF8, 1),
    BAD("fe", "\"\xfe\"", MLSEC_JSON_UTF8, 1),
    BAD("ff", "\"\xff\"", MLSEC_JSON_UTF8, 1),
    BAD("cut by quote", "\"\xc3\"", MLSEC_JSON_UTF8, 2),
    BAD("three cut by quote", "\"\xe2\x82\"", MLSEC_JSON_UTF8, 3),
    BAD("four cut by quote", "\"\xf0\x9f\x98\"", MLSEC_JSON_UTF8, 4),
    BAD("two leads", "\"\xc3\xc3\xa9\"", MLSEC_JSON_UTF8, 2),
    BAD("three, third wrong", "\"\xe2\x82\xc0\"", MLSEC_JSON_UTF8, 3),
    BAD("four, third wrong", "\"\xf0\x9f\x28\x80\"", MLSEC_JSON_UTF8, 3),
    BAD("four, fourth wrong", "\"\xf0\x9f\x98\x28\"", MLSEC_JSON_UTF8, 4),
    BAD("latin 1", "\"caf\xe9\"", MLSEC_JSON_UTF8, 5),
    BAD("sequence, escape", "\"\xe2\\n\"", MLSEC_JSON_UTF8, 2),
    BAD("high outside", "[\xc3\xa9]", MLSEC_JSON_UNEXPECTED, 1),
    BAD("high after string", "[\"\"\xc3\xa9]", MLSEC_JSON_UNEXPECTED, 3)
};


#define NCASES  (sizeof(cases) / sizeof(cases[0]))


/* Feeds pieces that end at "cut" (0: none) and then every "step" bytes. */

static int
scan_cut(mlsec_str_t text, size_t cut, size_t step, size_t *offset)
{
    int                rc;
    size_t             i, n;
    unsigned char     *copy;
    mlsec_json_scan_t  s;

    mlsec_json_scan_init(&s, 0);
    rc = MLSEC_OK;

    for (i = 0; i < text.len && rc == MLSEC_OK; i += n) {
        n = i < cut ? cut - i : step;
        n = n < text.len - i ? n : text.len - i;

        if (n == 1) {
            rc = mlsec_json_scan_feed(&s, text.data + i, 1);
            continue;
        }

        /* a copy of its own shows reads outside of it */

        copy = malloc(n);

        if (copy == NULL) {
            abort();
        }

        memcpy(copy, text.data + i, n);
        rc = mlsec_json_scan_feed(&s, copy, n);
        free(copy);
    }

    if (rc == MLSEC_OK) {
        rc = mlsec_json_scan_finish(&s);
    }

    *offset = (size_t) s.offset;

    return rc;
}


static int
scan_same(const scan_case_t *c, int rc, size_t offset)
{
    size_t  expected;

    expected = c->rc == MLSEC_OK ? c->text.len : c->offset;

    if (rc == c->rc && offset == expected) {
        return 1;
    }

    tap_diag("got %s at %zu, expected %s at %zu", mlsec_json_strerror(rc),
             offset, mlsec_json_strerror(c->rc), expected);

    return 0;
}


static void
test_table(void)
{
    int                rc, pass;
    size_t             i, cut, offset;
    const scan_case_t *c;

    for (i = 0; i < NCASES; i++) {
        c = &cases[i];

        rc = scan_cut(c->text, 0, c->text.len + 1, &offset);
        tap_ok(scan_same(c, rc, offset), "%s: whole", c->name);

        rc = scan_cut(c->text, 0, 1, &offset);
        tap_ok(scan_same(c, rc, offset), "%s: byte by byte", c->name);

        pass = 1;

        for (cut = 1; cut < c->text.len && pass; cut++) {
            rc = scan_cut(c->text, cut, c->text.len, &offset);
            pass = scan_same(c, rc, offset);
        }

        tap_ok(pass, "%s: cut in two", c->name);
    }
}


/*
 * The case as the second element of an array, behind a string of n bytes
 * and n spaces.  Byte by byte is the definition; everything else must agree.
 */

static int
scan_embedded(const scan_case_t *c, size_t n, const char *tail)
{
    int          rc, rc1;
    gen_t        g;
    size_t       i, offset, offset1, cut;
    mlsec_str_t  text;

    memset(&g, 0, sizeof(gen_t));

    gen_text(&g, "[\"");

    for (i = 0; i < n; i++) {
        gen_text(&g, i % 61 == 60 ? "\xc3\xa9" : "x");
    }

    gen_text(&g, "\",");

    for (i = 0; i < n % 67; i++) {
        gen_text(&g, i % 50 == 3 ? "\n" : " ");
    }

    gen_put(&g, c->text.data, c->text.len);
    gen_text(&g, tail);

    text.data = g.data;
    text.len = g.len;

    rc = scan_cut(text, 0, text.len, &offset);
    rc1 = scan_cut(text, 0, 1, &offset1);

    if (rc == rc1 && offset == offset1) {
        cut = n + tap_random(text.len - n);
        rc1 = scan_cut(text, cut, text.len, &offset1);
    }

    free(g.data);

    if (rc != rc1 || offset != offset1) {
        tap_diag("%zu: %s at %zu, otherwise %s at %zu", n,
                 mlsec_json_strerror(rc), offset, mlsec_json_strerror(rc1),
                 offset1);
        return 0;
    }

    return (rc == MLSEC_OK) == (c->rc == MLSEC_OK);
}


static void
test_embedded(void)
{
    int     pass;
    size_t  i, n;

    for (i = 0; i < NCASES; i++) {

        /* a number or literal that is cut may be whole in an array */

        if (cases[i].rc == MLSEC_EMPTY || cases[i].rc == MLSEC_JSON_SECOND) {
            continue;
        }

        pass = 1;

        for (n = 0; n < 2052 && pass; n += n == 132 ? 1848 : 1) {
            pass = scan_embedded(&cases[i], n, "]")
                   && scan_embedded(&cases[i], n, ",\"and some more text that"
                                    " fills another block\",[1,2,3,{}]]");
        }

        tap_ok(pass, "%s: embedded", cases[i].name);
    }
}


static void
test_depth(void)
{
    int                rc;
    size_t             i, n, offset;
    mlsec_str_t        text;
    mlsec_json_scan_t  s;
    unsigned char      open[1200];
    char               name[80];

    static const struct {
        unsigned          max_depth;
        size_t            allowed;
    } limits[] = {
        { 0, 64 }, { 1, 1 }, { 2, 2 }, { 63, 63 }, { 64, 64 }, { 65, 65 },
        { 128, 128 }, { 511, 511 }, { 512, 512 }, { 513, 512 },
        { 4000000000, 512 }
    };

    for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {

        n = limits[i].allowed;
        memset(open, '[', n);
        memset(open + n, ']', n);
        text.data = open;
        text.len = 2 * n;

        rc = mlsec_json_scan(text, limits[i].max_depth, NULL, NULL);
        snprintf(name, sizeof(name), "limit %u: %zu levels",
                 limits[i].max_depth, n);
        tap_is(rc, MLSEC_OK, name);

        memset(open, '[', n + 1);
        memset(open + n + 1, ']', n + 1);
        text.len = 2 * n + 2;

        rc = mlsec_json_scan(text, limits[i].max_depth, NULL, &offset);
        snprintf(name, sizeof(name), "limit %u: one more",
                 limits[i].max_depth);
        tap_is(rc, MLSEC_JSON_DEPTH, name);
        tap_is((long long) offset, (long long) n, "at the bracket");
    }

    /* objects and arrays in turn, closed in the wrong order at each level */

    for (n = 1; n < 150; n++) {
        mlsec_json_scan_init(&s, 512);
        rc = MLSEC_OK;

        for (i = 0; i < n; i++) {
            rc |= i % 3 ? mlsec_json_scan_feed(&s,
                              (const unsigned char *) "{\"a\":", 5)
                        : mlsec_json_scan_feed(&s,
                              (const unsigned char *) "[", 1);
        }

        rc |= mlsec_json_scan_feed(&s, (const unsigned char *) "0", 1);

        for (i = n; i-- > 1; /* void */ ) {
            rc |= mlsec_json_scan_feed(&s, (const unsigned char *)
                                       (i % 3 ? "}" : "]"), 1);
        }

        tap_is(rc, MLSEC_OK, "mixed levels");
        tap_is(mlsec_json_scan_feed(&s, (const unsigned char *) "}", 1),
               MLSEC_JSON_UNEXPECTED, "outermost is an array");
    }
}


static void
test_type(void)
{
    size_t             i;
    mlsec_json_type_e  type;

    static const struct {
        const char         *text;
        mlsec_json_type_e   type;
    } types[] = {
        { "", MLSEC_JSON_NONE }, { "  ", MLSEC_JSON_NONE },
        { "null", MLSEC_JSON_NULL }, { " false", MLSEC_JSON_FALSE },
        { "true", MLSEC_JSON_TRUE }, { "-1", MLSEC_JSON_NUMBER_VALUE },
        { "\"a\"", MLSEC_JSON_STRING }, { " [{}]", MLSEC_JSON_ARRAY },
        { "{\"a\":[]}", MLSEC_JSON_OBJECT },
        { "                    {\"a\":[]}", MLSEC_JSON_OBJECT },
        { "                    [\"a\",[]]", MLSEC_JSON_ARRAY },
        { "                    \"abc\"   ", MLSEC_JSON_STRING },
        { "                    1234      ", MLSEC_JSON_NUMBER_VALUE },
        { "                    true      ", MLSEC_JSON_TRUE },
        { "                    false     ", MLSEC_JSON_FALSE },
        { "                    null      ", MLSEC_JSON_NULL }
    };

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        (void) mlsec_json_scan(tap_str(types[i].text), 0, &type, NULL);
        tap_is(type, types[i].type, types[i].text);
    }
}


static void
test_sticky(void)
{
    mlsec_json_scan_t  s;

    mlsec_json_scan_init(&s, 0);
    tap_is(mlsec_json_scan_feed(&s, (const unsigned char *) "[,", 2),
           MLSEC_JSON_UNEXPECTED, "error");
    tap_is(mlsec_json_scan_feed(&s, (const unsigned char *) "1]", 2),
           MLSEC_JSON_UNEXPECTED, "error sticks in feed");
    tap_is(mlsec_json_scan_finish(&s), MLSEC_JSON_UNEXPECTED,
           "error sticks in finish");
    tap_is((long long) s.offset, 1, "offset sticks");
    tap_is(s.error, MLSEC_JSON_UNEXPECTED, "error is in the state");

    mlsec_json_scan_init(&s, 0);
    tap_is(mlsec_json_scan_feed(&s, NULL, 0), MLSEC_OK, "nothing is fine");
    tap_is(mlsec_json_scan_finish(&s), MLSEC_EMPTY, "and empty");
    tap_is(mlsec_json_scan_feed(&s, (const unsigned char *) "[", 1),
           MLSEC_OK, "which does not stick");
    tap_is(mlsec_json_scan_finish(&s), MLSEC_JSON_TRUNCATED, "truncated");
    tap_is(mlsec_json_scan_feed(&s, (const unsigned char *) "]", 1),
           MLSEC_JSON_TRUNCATED, "which does");
}


static void
test_strerror(void)
{
    int  rc, known;

    known = 0;

    for (rc = 5; rc > -40; rc--) {
        known += strcmp(mlsec_json_strerror(rc), "unknown error") != 0;
    }

    tap_is(known, 16, "every code has a phrase");
    tap_ok(strcmp(mlsec_json_strerror(MLSEC_JSON_TRUNCATED), "truncated")
           == 0, "truncated");
    tap_ok(strcmp(mlsec_json_strerror(MLSEC_JSON_SECOND), "second document")
           == 0, "second document");
    tap_ok(strcmp(mlsec_json_strerror(-99), "unknown error") == 0,
           "unknown error");
}


/* Random documents, long enough for several windows, cut anywhere. */

static void
test_random(void)
{
    int          rc, rc1, pass;
    gen_t        g;
    size_t       i, n, offset, offset1;
    mlsec_str_t  text;

    tap_seed();
    memset(&g, 0, sizeof(gen_t));
    pass = 1;

    for (i = 0; i < 3000 && pass; i++) {
        g.len = 0;
        gen_value(&g, 8, '[');

        /* every other one with a byte changed */

        if (i % 2) {
            g.data[tap_random(g.len)] ^= (unsigned char) (1
                                                          << tap_random(8));
        }

        text.data = g.data;
        text.len = g.len;

        rc = scan_cut(text, 0, 1, &offset);
        pass = i % 2 || (rc == MLSEC_OK && offset == text.len);

        for (n = 0; n < 8 && pass; n++) {
            rc1 = scan_cut(text, tap_random(text.len + 1),
                           n ? 1 + tap_random(text.len) : text.len,
                           &offset1);
            pass = rc == rc1 && offset == offset1;

            if (!pass) {
                tap_diag("%s at %zu, byte by byte %s at %zu: %.*s",
                         mlsec_json_strerror(rc1), offset1,
                         mlsec_json_strerror(rc), offset, (int) text.len,
                         (const char *) text.data);
            }
        }
    }

    free(g.data);
    tap_ok(pass, "random documents, cut anywhere");
}


int
main(void)
{
    test_table();
    test_embedded();
    test_depth();
    test_type();
    test_sticky();
    test_strerror();
    test_random();

    return tap_done();
}
