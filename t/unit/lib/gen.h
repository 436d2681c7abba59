/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Random JSON text, valid by construction, with everything that the grammar
 * has: white space, escapes, all lengths of UTF-8, odd numbers, duplicate
 * keys.  Numbers stay within what a double and a 64-bit integer hold, so
 * that other parsers can be asked for a second opinion.
 */


#ifndef _GEN_H_INCLUDED_
#define _GEN_H_INCLUDED_


#include "tap.h"


typedef struct {
    unsigned char        *data;
    size_t                len;
    size_t                room;
} gen_t;


static inline void
gen_put(gen_t *g, const void *data, size_t len)
{
    if (g->room - g->len < len) {
        g->room = 2 * g->room + len + 64;
        g->data = realloc(g->data, g->room);

        if (g->data == NULL) {
            abort();
        }
    }

    if (len != 0) {
        memcpy(g->data + g->len, data, len);
        g->len += len;
    }
}


static inline void
gen_text(gen_t *g, const char *text)
{
    gen_put(g, text, strlen(text));
}


#define gen_pick(table)  table[tap_random(sizeof(table) / sizeof(table[0]))]


static inline void
gen_space(gen_t *g)
{
    static const char *const  spaces[] = {
        "", "", "", "", "", "", " ", " ", "\n  ", "\t", "\r\n",
        "                                                               "
    };

    gen_text(g, gen_pick(spaces));
}


static inline void
gen_string(gen_t *g, size_t max)
{
    size_t  n;

    static const char *const  pieces[] = {
        "a", "b", "id", "name", "0", " ", "{", "}", "[", "]", ":", ",",
        "\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t",
        "\\u0041", "\\u00e9", "\\u20AC", "\\ud83d\\ude00", "\\uD800\\uDFFF",
        "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\x9f\xbf",
        "\xf4\x8f\xbf\xbf", "\x7f", "a longer run of ordinary text, "
    };

    gen_text(g, "\"");

    for (n = tap_random(max + 1); n > 0; n--) {
        gen_text(g, gen_pick(pieces));
    }

    gen_text(g, "\"");
}


/* Few names, spelled in several ways, so that they meet. */

static inline void
gen_key(gen_t *g)
{
    static const char *const  keys[] = {
        "\"a\"", "\"b\"", "\"c\"", "\"d\"", "\"\\u0061\"", "\"\\u0062\"",
        "\"x\"", "\"y\"", "\"errors\"", "\"\"", "\"a.b\"",
        "\"\xc3\xa9\"", "\"\\u00E9\"", "\"long name of a member\""
    };

    if (tap_random(8) == 0) {
        gen_string(g, 3);

    } else {
        gen_text(g, gen_pick(keys));
    }
}


static inline void
gen_scalar(gen_t *g)
{
    static const char *const  scalars[] = {
        "true", "false", "null", "0", "-0", "1", "-1", "10", "1234567890",
        "9223372036854775807", "-9223372036854775808", "0.5", "-0.0",
        "1.10", "3.141592653589793238462643", "1e5", "1E+5", "2.5e-7",
        "0e0", "1e300", "12345678901234567.25"
    };

    if (tap_random(3) == 0) {
        gen_string(g, 12);

    } else {
        gen_text(g, gen_pick(scalars));
    }
}


/* depth: levels still allowed below; kind: 0 any, '{' or '[' */

static inline void
gen_value(gen_t *g, unsigned depth, int kind)
{
    size_t  n;

    gen_space(g);

    if (kind == 0) {
        kind = depth == 0 ? 0 : (int) tap_random(4);
        kind = kind == 0 ? 0 : kind == 1 ? '[' : '{';
    }

    if (kind == 0) {
        gen_scalar(g);
        gen_space(g);
        return;
    }

    gen_text(g, kind == '{' ? "{" : "[");

    for (n = tap_random(6); n > 0; n--) {

        if (kind == '{') {
            gen_space(g);
            gen_key(g);
            gen_space(g);
            gen_text(g, ":");
        }

        gen_value(g, depth > 0 ? depth - 1 : 0, 0);

        if (n > 1) {
            gen_text(g, ",");
        }
    }

    gen_space(g);
    gen_text(g, kind == '{' ? "}" : "]");
    gen_space(g);
}


#endif /* _GEN_H_INCLUDED_ */
