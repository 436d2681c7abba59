/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Characters of strings. */


#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE                    /* memmem() */
#endif

#include <lib/filter/mlsec_filter_text.h>
#include <lib/json/mlsec_json_inline.h>


uint32_t
mlsec_ft_count(const unsigned char *p, size_t n)
{
    size_t    i;
    uint32_t  count;

    count = 0;

    for (i = 0; i < n; i++) {
        count += (p[i] & 0xc0) != 0x80;
    }

    return count;
}


uint32_t
mlsec_ft_length(mlsec_fv_t s)
{
    return mlsec_ft_count(s.u.str, s.n);
}


static size_t
mlsec_ft_offset(mlsec_fv_t s, uint32_t n)
{
    size_t  i;

    for (i = 0; i < s.n; i++) {
        if ((s.u.str[i] & 0xc0) != 0x80 && n-- == 0) {
            break;
        }
    }

    return i;
}


mlsec_fv_t
mlsec_ft_slice(mlsec_fv_t s, uint32_t start, uint32_t end)
{
    size_t  from, to;

    from = mlsec_ft_offset(s, start);
    to = mlsec_ft_offset(s, end);

    return mlsec_fv_string(s.u.str + from, to > from ? to - from : 0);
}


uint32_t
mlsec_ft_decode(const unsigned char *p, unsigned *len)
{
    if (p[0] < 0x80) {
        *len = 1;
        return p[0];
    }

    if (p[0] < 0xe0) {
        *len = 2;
        return (p[0] & 0x1fU) << 6 | (p[1] & 0x3fU);
    }

    if (p[0] < 0xf0) {
        *len = 3;
        return (p[0] & 0xfU) << 12 | (p[1] & 0x3fU) << 6 | (p[2] & 0x3fU);
    }

    *len = 4;

    return (p[0] & 7U) << 18 | (p[1] & 0x3fU) << 12 | (p[2] & 0x3fU) << 6
           | (p[3] & 0x3fU);
}


unsigned
mlsec_ft_encode(unsigned char dst[4], uint32_t c)
{
    if (c < 0x80) {
        dst[0] = (unsigned char) c;
        return 1;
    }

    if (c < 0x800) {
        dst[0] = (unsigned char) (0xc0 | c >> 6);
        dst[1] = (unsigned char) (0x80 | (c & 0x3f));
        return 2;
    }

    if (c < 0x10000) {
        dst[0] = (unsigned char) (0xe0 | c >> 12);
        dst[1] = (unsigned char) (0x80 | (c >> 6 & 0x3f));
        dst[2] = (unsigned char) (0x80 | (c & 0x3f));
        return 3;
    }

    dst[0] = (unsigned char) (0xf0 | c >> 18);
    dst[1] = (unsigned char) (0x80 | (c >> 12 & 0x3f));
    dst[2] = (unsigned char) (0x80 | (c >> 6 & 0x3f));
    dst[3] = (unsigned char) (0x80 | (c & 0x3f));

    return 4;
}


size_t
mlsec_ft_find(mlsec_fv_t s, mlsec_fv_t what, size_t from)
{
    const unsigned char  *p;

    if (from > s.n || what.n > s.n - from) {
        return (size_t) s.n + 1;
    }

    if (what.n == 0) {
        return from;
    }

    p = memmem(s.u.str + from, s.n - from, what.u.str, what.n);

    return p == NULL ? (size_t) s.n + 1 : (size_t) (p - s.u.str);
}


int
mlsec_ft_repair(mlsec_fx_t *fx, const unsigned char *p, size_t len,
    mlsec_fv_t *out)
{
    size_t                n;
    mlsec_fx_text_t       text;
    const unsigned char  *end;

    memset(&text, 0, sizeof(text));
    end = p + len;

    while (p != end) {
        n = mlsec_json_utf8(p, end);

        if (n != 0) {
            if (mlsec_fx_put(fx, &text, p, n) != MLSEC_OK) {
                return MLSEC_FX_FATAL;
            }

            p += n;
            continue;
        }

        if (mlsec_fx_put(fx, &text, "\357\277\275", 3) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }

        /* the longest beginning of a sequence goes as a whole */

        n = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : 1;
        p++;

        while (--n != 0 && p != end && (*p & 0xc0) == 0x80) {
            p++;
        }
    }

    *out = text.len == 0 ? mlsec_fv_literal("")
                         : mlsec_fv_string(text.data, text.len);

    return MLSEC_OK;
}
