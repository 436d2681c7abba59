/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <lib/metrics/mlsec_exposition.h>
#include <lib/json/mlsec_json_inline.h>
#include <string.h>
#include <strings.h>


#define MLSEC_EXPOSITION_REPLACEMENT  "\xef\xbf\xbd"      /* U+FFFD */


/* A media range of an Accept header: "text/plain;version=0.0.4;q=0.5". */

typedef struct {
    mlsec_str_t  type;
    mlsec_str_t  version;
    unsigned     weight;             /* of 1000 */
} mlsec_range_t;


static mlsec_str_t
mlsec_range_trim(const unsigned char *p, const unsigned char *end)
{
    mlsec_str_t  text;

    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }

    while (p < end && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }

    text.data = p;
    text.len = (size_t) (end - p);

    return text;
}


/* The end of what goes up to a separator; quoted strings are one thing. */

static const unsigned char *
mlsec_range_until(const unsigned char *p, const unsigned char *end,
    unsigned char separator)
{
    int  quoted;

    quoted = 0;

    for ( /* void */ ; p < end; p++) {

        if (*p == '"') {
            quoted = !quoted;

        } else if (quoted && *p == '\\' && p + 1 < end) {
            p++;

        } else if (!quoted && *p == separator) {
            break;
        }
    }

    return p;
}


static int
mlsec_range_is(mlsec_str_t text, const char *word)
{
    return text.len == strlen(word)
           && strncasecmp((const char *) text.data, word, text.len) == 0;
}


/* "0.5": of 1000; what is no weight counts as none at all. */

static unsigned
mlsec_range_weight(mlsec_str_t text)
{
    size_t    i;
    unsigned  weight, digit;

    if (text.len == 0 || (text.data[0] != '0' && text.data[0] != '1')
        || (text.len > 1 && text.data[1] != '.'))
    {
        return 0;
    }

    weight = (unsigned) (text.data[0] - '0') * 1000;

    for (i = 2, digit = 100; i < text.len && digit; i++, digit /= 10) {

        if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }

        weight += (unsigned) (text.data[i] - '0') * digit;
    }

    return weight > 1000 ? 1000 : weight;
}


static void
mlsec_range_read(mlsec_range_t *range, const unsigned char *p,
    const unsigned char *end)
{
    mlsec_str_t           name, value;
    const unsigned char  *next, *equals;

    next = mlsec_range_until(p, end, ';');

    range->type = mlsec_range_trim(p, next);
    range->version.data = p;
    range->version.len = 0;
    range->weight = 1000;

    while (next < end) {
        p = next + 1;
        next = mlsec_range_until(p, end, ';');
        equals = mlsec_range_until(p, next, '=');

        if (equals == next) {
            continue;
        }

        name = mlsec_range_trim(p, equals);
        value = mlsec_range_trim(equals + 1, next);

        if (value.len > 1 && value.data[0] == '"'
            && value.data[value.len - 1] == '"')
        {
            value.data++;
            value.len -= 2;
        }

        if (mlsec_range_is(name, "q")) {
            range->weight = mlsec_range_weight(value);

        } else if (mlsec_range_is(name, "version")) {
            range->version = value;
        }
    }
}


mlsec_exposition_e
mlsec_exposition_accept(mlsec_str_t accept)
{
    unsigned              wanted, other;
    mlsec_range_t         range;
    const unsigned char  *p, *end, *next;

    if (accept.len == 0) {
        return MLSEC_EXPOSITION_TEXT;
    }

    wanted = 0;
    other = 0;
    end = accept.data + accept.len;

    for (p = accept.data; p < end; p = next + 1) {
        next = mlsec_range_until(p, end, ',');

        mlsec_range_read(&range, p, next);

        if (mlsec_range_is(range.type, "application/openmetrics-text")) {

            if ((range.version.len == 0
                 || mlsec_range_is(range.version, "1.0.0")
                 || mlsec_range_is(range.version, "0.0.1"))
                && range.weight > wanted)
            {
                wanted = range.weight;
            }

        } else if ((mlsec_range_is(range.type, "text/plain")
                    || mlsec_range_is(range.type, "text/*")
                    || mlsec_range_is(range.type, "*/*"))
                   && range.weight > other)
        {
            other = range.weight;
        }
    }

    return (wanted > 0 && wanted >= other) ? MLSEC_EXPOSITION_OPENMETRICS
                                           : MLSEC_EXPOSITION_TEXT;
}


size_t
mlsec_exposition_escaped_len(mlsec_str_t value)
{
    size_t                len, n;
    const unsigned char  *p, *end;

    len = 0;

    if (value.len == 0) {
        return 0;
    }

    for (p = value.data, end = p + value.len; p < end; p += n) {
        n = 1;

        if (*p == '\\' || *p == '"' || *p == '\n') {
            len += 2;

        } else if (*p < 0x80) {
            len++;

        } else {
            n = mlsec_json_utf8(p, end);
            len += n ? n : sizeof(MLSEC_EXPOSITION_REPLACEMENT) - 1;
            n = n ? n : 1;
        }
    }

    return len;
}


unsigned char *
mlsec_exposition_escape(unsigned char *dst, mlsec_str_t value)
{
    size_t                n;
    const unsigned char  *p, *end;

    if (value.len == 0) {
        return dst;
    }

    for (p = value.data, end = p + value.len; p < end; p += n) {
        n = 1;

        if (*p == '\\' || *p == '"' || *p == '\n') {
            *dst++ = '\\';
            *dst++ = (*p == '\n') ? 'n' : *p;

        } else if (*p < 0x80) {
            *dst++ = *p;

        } else {
            n = mlsec_json_utf8(p, end);

            if (n) {
                memcpy(dst, p, n);
                dst += n;

            } else {
                n = sizeof(MLSEC_EXPOSITION_REPLACEMENT) - 1;
                memcpy(dst, MLSEC_EXPOSITION_REPLACEMENT, n);
                dst += n;
                n = 1;
            }
        }
    }

    return dst;
}
