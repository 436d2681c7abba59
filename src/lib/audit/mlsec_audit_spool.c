/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#include <lib/audit/mlsec_audit_spool.h>
#include <string.h>


void
mlsec_audit_spool_init(mlsec_audit_spool_t *s, unsigned char *memory,
    size_t size)
{
    s->start = memory;
    s->end = memory + size;
    s->first = memory;
    s->last = memory;
    s->lines = 0;
    s->torn = 0;
}


unsigned char *
mlsec_audit_spool_room(mlsec_audit_spool_t *s, size_t size)
{
    size_t  used;

    if ((size_t) (s->end - s->last) < size && s->first != s->start) {
        used = (size_t) (s->last - s->first);
        memmove(s->start, s->first, used);
        s->first = s->start;
        s->last = s->start + used;
    }

    return (size_t) (s->end - s->last) < size ? NULL : s->last;
}


void
mlsec_audit_spool_add(mlsec_audit_spool_t *s, size_t len)
{
    s->last += len;
    s->lines++;
}


mlsec_str_t
mlsec_audit_spool_next(const mlsec_audit_spool_t *s, size_t max)
{
    mlsec_str_t           text;
    const unsigned char  *p, *end;

    text.data = s->first;
    text.len = (size_t) (s->last - s->first);

    if (text.len <= max) {
        return text;
    }

    end = s->first + max;
    p = s->first;

    do {
        text.len = (size_t) (p - s->first);
        p = memchr(p, '\n', (size_t) (s->last - p));
        p++;

    } while (p <= end);

    if (text.len == 0) {
        text.len = (size_t) (p - s->first);
    }

    return text;
}


mlsec_str_t
mlsec_audit_spool_written(mlsec_audit_spool_t *s, size_t n)
{
    mlsec_str_t     line;
    unsigned char  *p, *end;

    line.data = NULL;
    line.len = 0;
    end = s->first + n;

    /* lines are short, and few of them at once */

    while (s->first < end) {
        p = memchr(s->first, '\n', (size_t) (end - s->first));

        if (p == NULL) {
            break;
        }

        line.data = s->first;
        line.len = (size_t) (p - s->first);
        s->first = p + 1;
        s->lines--;
    }

    if (n != 0) {
        s->torn = (s->first != end);
    }

    if (s->first == s->last) {
        s->first = s->start;
        s->last = s->start;
    }

    return line;
}
