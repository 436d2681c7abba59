/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include "gen.h"
#include <lib/json/mlsec_json.h>
#include <lib/mlsec_text.h>


#define FFFD  "\xef\xbf\xbd"


typedef struct {
    const char           *name;
    mlsec_str_t           text;
    const char           *escaped;
} text_case_t;

#define CASE(name, text, escaped)                                             \
    { name, { (const unsigned char *) (text), sizeof(text) - 1 }, escaped }


static const text_case_t  cases[] = {
    CASE("empty", "", ""),
    CASE("plain", "abc /'", "abc /'"),
    CASE("quote and backslash", "\"\\", "\\\"\\\\"),
    CASE("short escapes", "\b\t\n\f\r", "\\b\\t\\n\\f\\r"),
    CASE("zero", "a\0b", "a\\u0000b"),
    CASE("controls", "\x01\x0b\x1f", "\\u0001\\u000b\\u001f"),
    CASE("delete", "\x7f", "\x7f"),
    CASE("sequences", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
         "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
    CASE("continuation", "a\x80z", "a" FFFD "z"),
    CASE("two continuations", "\x80\xbf", FFFD FFFD),
    CASE("overlong", "\xc0\xaf", FFFD FFFD),
    CASE("overlong three", "\xe0\x80\xaf", FFFD FFFD FFFD),
    CASE("surrogate", "\xed\xa0\x80", FFFD FFFD FFFD),
    CASE("too large", "\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD),
    CASE("ff", "\xff\xfe", FFFD FFFD),
    CASE("cut two", "\xc3", FFFD),
    CASE("cut three", "\xe2\x82", FFFD),
    CASE("cut four", "\xf0\x9f\x98", FFFD),
    CASE("cut four early", "\xf0\x9f", FFFD),
    CASE("cut four, low second", "\xf0\x90\x80" "A", FFFD "A"),
    CASE("cut four, high second", "\xf4\x8f\xbf", FFFD),
    CASE("cut by text", "\xe2\x82" "A", FFFD "A"),
    CASE("cut by quote", "\xf0\x9f\x98\"", FFFD "\\\""),
    CASE("lead, sequence", "\xc3\xc3\xa9", FFFD "\xc3\xa9"),
    CASE("Unicode 15, table 3-8",
         "\xc0\xaf\xe0\x80\xbf\xf0\x81\x82" "A",
         FFFD FFFD FFFD FFFD FFFD FFFD FFFD FFFD "A"),
    CASE("Unicode 15, table 3-11",
         "\xe1\x80\xe2\xf0\x91\x92\xf1\xbf" "A",
         FFFD FFFD FFFD FFFD "A"),
    CASE("long, then escape",
         "a long run of ordinary text, more than one block of sixteen\n",
         "a long run of ordinary text, more than one block of sixteen\\n")
};


static void
test_escape(void)
{
    size_t          i, len;
    mlsec_str_t     got;
    unsigned char  *buf;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        len = mlsec_text_escaped_len(cases[i].text);
        tap_is((long long) len, (long long) strlen(cases[i].escaped),
               "length");

        buf = malloc(len + 1);
        got.data = buf;
        got.len = (size_t) (mlsec_text_escape(buf, cases[i].text) - buf);
        tap_is_str(got, tap_str(cases[i].escaped), cases[i].name);
        free(buf);
    }
}


/* Any bytes: valid JSON comes out, of the length told; text survives. */

static void
test_random(void)
{
    int             i, pass;
    size_t          n, len, decoded;
    mlsec_str_t     text, out;
    unsigned char   bytes[300], *buf, back[2000];

    tap_seed();
    pass = 1;

    for (i = 0; i < 20000 && pass; i++) {
        text.data = bytes;
        text.len = tap_random(sizeof(bytes));

        for (n = 0; n < text.len; n++) {
            bytes[n] = (unsigned char) (i % 2 ? tap_random(128)
                                              : tap_random(256));
        }

        len = mlsec_text_escaped_len(text);
        buf = malloc(len + 2);
        buf[0] = '"';

        if (mlsec_text_escape(buf + 1, text) != buf + 1 + len) {
            pass = 0;
        }

        buf[len + 1] = '"';
        out.data = buf;
        out.len = len + 2;

        if (mlsec_json_scan(out, 0, NULL, NULL) != MLSEC_OK) {
            pass = 0;
        }

        if (i % 2) {
            decoded = mlsec_json_decode(back,
                          (mlsec_str_t) { buf + 1, len });
            pass &= decoded == text.len
                    && memcmp(back, bytes, decoded) == 0;
        }

        free(buf);
    }

    tap_ok(pass, "random bytes");
}


static void
test_integers(void)
{
    size_t         i;
    mlsec_str_t    got;
    unsigned char  buf[32];
    char           expected[32];

    static const uint64_t  values[] = {
        0, 1, 9, 10, 99, 100, 12345, 4294967295, 4294967296,
        9223372036854775807, 9223372036854775808u, 18446744073709551615u
    };

    for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        got.data = buf;

        got.len = (size_t) (mlsec_text_u64(buf, values[i]) - buf);
        snprintf(expected, sizeof(expected), "%llu",
                 (unsigned long long) values[i]);
        tap_is_str(got, tap_str(expected), "unsigned");

        got.len = (size_t) (mlsec_text_i64(buf, (int64_t) values[i]) - buf);
        snprintf(expected, sizeof(expected), "%lld", (long long) values[i]);
        tap_is_str(got, tap_str(expected), "signed");

        got.len = (size_t) (mlsec_text_i64(buf, (int64_t) (0 - values[i]))
                            - buf);
        snprintf(expected, sizeof(expected), "%lld",
                 (long long) (0 - values[i]));
        tap_is_str(got, tap_str(expected), "negative");
    }
}


int
main(void)
{
    test_escape();
    test_random();
    test_integers();

    return tap_done();
}
