/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/edge/mlsec_path.h>
#include <string.h>


/* Where a path is being read, and what of UTF-8 is still to come. */

typedef struct {
    size_t           segment;          /* bytes since the last slash */
    size_t           dots;             /* how many of them are dots */
    unsigned         rest;             /* continuation bytes that must follow */
    unsigned char    low;              /* bounds of the next one of them */
    unsigned char    high;
} mlsec_path_state_t;


static const char  *const mlsec_path_texts[] = {
    "nothing",
    "it does not begin with a slash",
    "an escape without two hexadecimal digits",
    "a control character",
    "a backslash, or an escaped slash",
    "an empty segment",
    "a segment of dots, or an escaped dot",
    "a semicolon",
    "a fragment",
    "something that is escaped twice",
    "an escaped letter or digit",
    "ill-formed UTF-8",
    "it is not what it decodes to"
};


const char *
mlsec_path_text(mlsec_path_e verdict)
{
    return mlsec_path_texts[verdict];
}


static int
mlsec_path_hex(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c = (unsigned char) (c | 0x20);

    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}


/* The byte that "%XY" at p stands for, or -1. */

static int
mlsec_path_byte(const unsigned char *p, const unsigned char *last)
{
    int  high, low;

    if (last - p < 3) {
        return -1;
    }

    high = mlsec_path_hex(p[1]);
    low = mlsec_path_hex(p[2]);

    return high < 0 || low < 0 ? -1 : high * 16 + low;
}


static mlsec_path_e
mlsec_path_escaped(int byte, const unsigned char *p,
    const unsigned char *last)
{
    int  letter;

    if (byte < 0) {
        return MLSEC_PATH_ESCAPE;
    }

    if (byte < 0x20 || byte == 0x7f) {
        return MLSEC_PATH_CONTROL;
    }

    letter = byte | 0x20;

    if ((byte >= '0' && byte <= '9') || (letter >= 'a' && letter <= 'z')) {
        return MLSEC_PATH_NEEDLESS;
    }

    switch (byte) {

    case '/':
    case '\\':
        return MLSEC_PATH_SEPARATOR;

    case '.':
        return MLSEC_PATH_DOTS;

    case ';':
        return MLSEC_PATH_PARAMETER;

    case '%':

        /* "%25" is a percent sign; "%2541" would become an "A" one day */

        return last - p >= 5 && mlsec_path_hex(p[3]) >= 0
               && mlsec_path_hex(p[4]) >= 0
               ? MLSEC_PATH_TWICE : MLSEC_PATH_OK;

    default:
        return MLSEC_PATH_OK;
    }
}


static mlsec_path_e
mlsec_path_bare(unsigned char c, mlsec_path_state_t *s)
{
    if (c <= 0x20 || c == 0x7f) {
        return MLSEC_PATH_CONTROL;
    }

    switch (c) {

    case '\\':
        return MLSEC_PATH_SEPARATOR;

    case ';':
        return MLSEC_PATH_PARAMETER;

    case '#':
        return MLSEC_PATH_FRAGMENT;

    case '.':
        s->dots++;
        return MLSEC_PATH_OK;

    default:
        return MLSEC_PATH_OK;
    }
}


/* Unicode 15, table 3-7, a byte at a time; 0: ill-formed. */

static int
mlsec_path_utf8(unsigned char c, mlsec_path_state_t *s)
{
    if (s->rest) {

        if (c < s->low || c > s->high) {
            return 0;
        }

        s->rest--;
        s->low = 0x80;
        s->high = 0xbf;

        return 1;
    }

    if (c < 0x80) {
        return 1;
    }

    if (c < 0xc2 || c > 0xf4) {
        return 0;
    }

    s->rest = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    s->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    s->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;

    return 1;
}


/* A slash, or the end. */

static mlsec_path_e
mlsec_path_segment(mlsec_path_state_t *s, int end)
{
    mlsec_path_e  verdict;

    verdict = MLSEC_PATH_OK;

    if (s->segment == 0 && !end) {
        verdict = MLSEC_PATH_EMPTY;

    } else if (s->segment && s->segment == s->dots && s->dots <= 2) {
        verdict = MLSEC_PATH_DOTS;
    }

    s->segment = 0;
    s->dots = 0;

    return verdict;
}


mlsec_path_e
mlsec_path_check(mlsec_str_t raw, mlsec_str_t plain)
{
    int                   byte, same;
    size_t                n;
    mlsec_path_e          verdict;
    mlsec_path_state_t    s;
    const unsigned char  *p, *last;

    if (raw.len == 0 || raw.data[0] != '/') {
        return MLSEC_PATH_NO_SLASH;
    }

    memset(&s, 0, sizeof(mlsec_path_state_t));
    last = raw.data + raw.len;
    same = 1;
    n = 0;

    for (p = raw.data; p < last; p++) {

        byte = *p;

        if (byte == '/' && p > raw.data) {
            verdict = mlsec_path_segment(&s, 0);

        } else if (byte == '%') {
            byte = mlsec_path_byte(p, last);
            verdict = mlsec_path_escaped(byte, p, last);
            p += 2;
            s.segment++;

        } else {
            verdict = mlsec_path_bare(*p, &s);
            s.segment += p > raw.data;
        }

        if (verdict != MLSEC_PATH_OK) {
            return verdict;
        }

        if (!mlsec_likely(byte < 0x80 && s.rest == 0)
            && !mlsec_path_utf8((unsigned char) byte, &s))
        {
            return MLSEC_PATH_UTF8;
        }

        /* said last: dots, too, make another path of it */

        same = same && n < plain.len && plain.data[n] == byte;
        n++;
    }

    if (s.rest) {
        return MLSEC_PATH_UTF8;
    }

    verdict = mlsec_path_segment(&s, 1);

    return verdict != MLSEC_PATH_OK ? verdict
           : same && n == plain.len ? MLSEC_PATH_OK : MLSEC_PATH_OTHER;
}
