/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include <lib/mlsec_text.h>
#include <lib/json/mlsec_json_inline.h>


#define MLSEC_TEXT_REPLACEMENT  "\xef\xbf\xbd"


static size_t mlsec_text_ill_formed(const unsigned char *p,
    const unsigned char *end);
static unsigned char mlsec_text_short_escape(unsigned char c);


size_t
mlsec_text_escaped_len(mlsec_str_t text)
{
    size_t                len, n;
    const unsigned char  *p, *end, *run;

    if (text.len == 0) {
        return 0;
    }

    p = text.data;
    end = p + text.len;
    len = 0;

    for ( ;; ) {
        run = p;
        p = mlsec_json_string_plain(p, end);
        len += (size_t) (p - run);

        if (p == end) {
            return len;
        }

        if (*p < 0x80) {
            len += mlsec_text_short_escape(*p) != 0 ? 2 : 6;
            p++;
            continue;
        }

        n = mlsec_json_utf8(p, end);

        if (n != 0) {
            len += n;
            p += n;

        } else {
            len += sizeof(MLSEC_TEXT_REPLACEMENT) - 1;
            p += mlsec_text_ill_formed(p, end);
        }
    }
}


unsigned char *
mlsec_text_escape(unsigned char *dst, mlsec_str_t text)
{
    size_t                n;
    unsigned char         c;
    const unsigned char  *p, *end, *run;

    static const char  hex[] = "0123456789abcdef";

    if (text.len == 0) {
        return dst;
    }

    p = text.data;
    end = p + text.len;

    for ( ;; ) {
        run = p;
        p = mlsec_json_string_plain(p, end);
        n = (size_t) (p - run);
        memcpy(dst, run, n);
        dst += n;

        if (p == end) {
            return dst;
        }

        if (*p < 0x80) {
            c = mlsec_text_short_escape(*p);
            *dst++ = '\\';

            if (c != 0) {
                *dst++ = c;

            } else {
                memcpy(dst, "u00", 3);
                dst[3] = (unsigned char) hex[*p >> 4];
                dst[4] = (unsigned char) hex[*p & 15];
                dst += 5;
            }

            p++;
            continue;
        }

        n = mlsec_json_utf8(p, end);

        if (n != 0) {
            memcpy(dst, p, n);
            dst += n;
            p += n;

        } else {
            n = sizeof(MLSEC_TEXT_REPLACEMENT) - 1;
            memcpy(dst, MLSEC_TEXT_REPLACEMENT, n);
            dst += n;
            p += mlsec_text_ill_formed(p, end);
        }
    }
}


unsigned char *
mlsec_text_u64(unsigned char *dst, uint64_t value)
{
    size_t          n;
    unsigned char   digits[MLSEC_TEXT_U64_LEN], *p;

    p = digits + MLSEC_TEXT_U64_LEN;

    do {
        *--p = (unsigned char) ('0' + value % 10);
        value /= 10;
    } while (value != 0);

    n = (size_t) (digits + MLSEC_TEXT_U64_LEN - p);
    memcpy(dst, p, n);

    return dst + n;
}


unsigned char *
mlsec_text_i64(unsigned char *dst, int64_t value)
{
    if (value < 0) {
        *dst++ = '-';

        /* unsigned, since the smallest value has no counterpart */

        return mlsec_text_u64(dst, ~(uint64_t) value + 1);
    }

    return mlsec_text_u64(dst, (uint64_t) value);
}


/*
 * p: the start of an ill-formed sequence.
 * Returns the length, 1 to 3, of its maximal subpart: the bytes that some
 * well-formed sequence begins with, or else the one byte.
 */

static size_t
mlsec_text_ill_formed(const unsigned char *p, const unsigned char *end)
{
    size_t         n, max;
    unsigned char  c, low, high;

    c = *p;

    if (c < 0xc2 || c > 0xf4) {
        return 1;
    }

    max = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;

    low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;

    for (n = 1; n <= max; n++) {

        if (p + n == end || p[n] < low || p[n] > high) {
            break;
        }

        low = 0x80;
        high = 0xbf;
    }

    return n;
}


/* Returns the letter of a two-character escape, or 0. */

static unsigned char
mlsec_text_short_escape(unsigned char c)
{
    switch (c) {

    case '"':
    case '\\':
        return c;

    case '\b':
        return 'b';

    case '\t':
        return 't';

    case '\n':
        return 'n';

    case '\f':
        return 'f';

    case '\r':
        return 'r';

    default:
        return 0;
    }
}
