/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Formats: @base64 and the like, alone or in strings. */


#include <lib/filter/mlsec_filter_native.h>
#include <lib/filter/mlsec_filter_text.h>
#include <lib/json/mlsec_json_inline.h>


typedef int (*mlsec_ff_pt)(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t *out);

typedef struct {
    const char           *name;
    mlsec_ff_pt           call;
} mlsec_ff_t;


static const char  mlsec_ff_base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static const char  mlsec_ff_base32_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";


static void
mlsec_ff_done(const mlsec_fx_text_t *text, mlsec_fv_t *out)
{
    *out = text->len == 0 ? mlsec_fv_literal("")
                          : mlsec_fv_string(text->data, text->len);
}


/*
 * Replaces bytes: for each of "from" the text of "to" that stands at the
 * same place, separated by zero bytes.
 */

static int
mlsec_ff_replace(mlsec_fx_t *fx, mlsec_fx_text_t *text, mlsec_fv_t s,
    const char *from, const char *const *to)
{
    uint32_t     i, start;
    const char  *p;

    for (i = 0, start = 0; i < s.n; i++) {
        p = s.u.str[i] == '\0' ? NULL : strchr(from, s.u.str[i]);

        if (p == NULL) {
            continue;
        }

        if (mlsec_fx_put(fx, text, s.u.str + start, i - start) != MLSEC_OK
            || mlsec_fx_put(fx, text, to[p - from], strlen(to[p - from]))
               != MLSEC_OK)
        {
            return MLSEC_FX_FATAL;
        }

        start = i + 1;
    }

    return mlsec_fx_put(fx, text, s.u.str + start, s.n - start);
}


static int
mlsec_ff_text(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t *out)
{
    return mlsec_fv_to_string(fx, v, out);
}


static int
mlsec_ff_json(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t *out)
{
    return mlsec_fv_to_json(fx, v, out);
}


static int
mlsec_ff_html(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t *out)
{
    mlsec_fx_text_t  text;

    static const char *const  to[] = {
        "&lt;", "&gt;", "&amp;", "&apos;", "&quot;"
    };

    memset(&text, 0, sizeof(text));

    if (mlsec_fv_to_string(fx, v, &v) != MLSEC_OK
        || mlsec_ff_replace(fx, &text, v, "<>&'\"", to) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    mlsec_ff_done(&text, out);

    return MLSEC_OK;
}


static int
mlsec_ff_uri(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t *out)
{
    uint32_t         i;
    unsigned char    c, code[3];
    mlsec_fx_text_t  text;

    static const char  hex[] = "0123456789ABCDEF";

    memset(&text, 0, sizeof(text));

    if (mlsec_fv_to_string(fx, v, &v) != MLSEC_OK
        || mlsec_fx_room(fx, &text, v.n) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    for (i = 0; i < v.n; i++) {
        c = v.u.str[i];
        code[0] = c;

        if (mlsec_json_is_digit(c) || (unsigned char) ((c | 0x20) - 'a') < 26
            || c == '-' || c == '_' || c == '.' || c == '~')
        {
            if (mlsec_fx_put(fx, &text, code, 1) != MLSEC_OK) {
                return MLSEC_FX_FATAL;
            }

            continue;
        }

        code[0] = '%';
        code[1] = (unsigned char) hex[c >> 4];
        code[2] = (unsigned char) hex[c & 15];

        if (mlsec_fx_put(fx, &text, code, 3) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }
    }

    mlsec_ff_done(&text, out);

    return MLSEC_OK;
}


static int
mlsec_ff_urid(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t *out)
{
    int              high, low;
    uint32_t         i;
    unsigned char    c;
    mlsec_fv_t       s;
    mlsec_fx_text_t  text;

    memset(&text, 0, sizeof(text));

    if (mlsec_fv_to_string(fx, v, &s) != MLSEC_OK
        || mlsec_fx_room(fx, &text, s.n) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    for (i = 0; i < s.n; i++) {
        c = s.u.str[i];

        if (c == '%') {
            high = i + 2 < s.n ? mlsec_json_hex(s.u.str[i + 1]) : -1;
            low = i + 2 < s.n ? mlsec_json_hex(s.u.str[i + 2]) : -1;

            if (high < 0 || low < 0) {
                return mlsec_fx_raise(fx, "%T (%V) is not a valid uri "
                                      "encoding", &s, &s);
            }

            c = (unsigned char) (high << 4 | low);
            i += 2;
        }

        text.data[text.len++] = c;
    }

    return mlsec_ft_repair(fx, text.data, text.len, out);
}


/* csv and tsv: one row; "how": the functions of one field */

static int
mlsec_ff_row(mlsec_fx_t *fx, mlsec_fv_t v, const char *name, int tabs,
    mlsec_fv_t *out)
{
    int              rc, first;
    mlsec_fv_t       key, item;
    mlsec_fv_iter_t  it;
    mlsec_fx_text_t  text;

    static const char *const  quotes[] = { "\"\"" };
    static const char *const  blanks[] = { "\\t", "\\n", "\\r", "\\\\" };

    if (!mlsec_fv_is_array(v)) {
        return mlsec_fx_raise(fx, "%T (%V) cannot be %s-formatted, only an "
                              "array can be", &v, &v, name);
    }

    memset(&text, 0, sizeof(text));
    mlsec_fv_iter(&it, v);

    for (first = 1; mlsec_fv_next(&it, &key, &item); first = 0) {
        rc = first ? MLSEC_OK
                   : mlsec_fx_put(fx, &text, tabs ? "\t" : ",", 1);

        if (rc != MLSEC_OK || item.type == MLSEC_FV_NULL) {
            continue;
        }

        if (mlsec_fv_is_array(item) || mlsec_fv_is_object(item)) {
            return mlsec_fx_raise(fx, "%T (%V) is not valid in a csv row",
                                  &item, &item);
        }

        if (!mlsec_fv_is_string(item)) {
            rc = mlsec_fv_to_json(fx, item, &item);
            rc = rc == MLSEC_OK
                 ? mlsec_fx_put(fx, &text, item.u.str, item.n) : rc;

        } else if (mlsec_fv_decode(fx, &item) != MLSEC_OK) {
            rc = MLSEC_FX_FATAL;

        } else if (tabs) {
            rc = mlsec_ff_replace(fx, &text, item, "\t\n\r\\", blanks);

        } else if (mlsec_fx_put(fx, &text, "\"", 1) != MLSEC_OK
                   || mlsec_ff_replace(fx, &text, item, "\"", quotes)
                      != MLSEC_OK)
        {
            rc = MLSEC_FX_FATAL;

        } else {
            rc = mlsec_fx_put(fx, &text, "\"", 1);
        }

        if (rc != MLSEC_OK) {
            return rc;
        }
    }

    mlsec_ff_done(&text, out);

    return MLSEC_OK;
}


static int
mlsec_ff_csv(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t *out)
{
    return mlsec_ff_row(fx, v, "csv", 0, out);
}


static int
mlsec_ff_tsv(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t *out)
{
    return mlsec_ff_row(fx, v, "tsv", 1, out);
}


static int
mlsec_ff_sh(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t *out)
{
    int              first;
    mlsec_fv_t       key, item;
    mlsec_fv_iter_t  it;
    mlsec_fx_text_t  text;

    static const char *const  quotes[] = { "'\\''" };

    memset(&text, 0, sizeof(text));

    if (!mlsec_fv_is_array(v)) {

        if (mlsec_fv_new_array(fx, 1, &item) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }

        (void) mlsec_fv_append(fx, &item, v);
        v = item;
    }

    mlsec_fv_iter(&it, v);

    for (first = 1; mlsec_fv_next(&it, &key, &item); first = 0) {

        if (!first && mlsec_fx_put(fx, &text, " ", 1) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }

        if (mlsec_fv_is_array(item) || mlsec_fv_is_object(item)) {
            return mlsec_fx_raise(fx, "%T (%V) can not be escaped for shell",
                                  &item, &item);
        }

        if (mlsec_fv_is_string(item)) {

            if (mlsec_fv_decode(fx, &item) != MLSEC_OK
                || mlsec_fx_put(fx, &text, "'", 1) != MLSEC_OK
                || mlsec_ff_replace(fx, &text, item, "'", quotes) != MLSEC_OK
                || mlsec_fx_put(fx, &text, "'", 1) != MLSEC_OK)
            {
                return MLSEC_FX_FATAL;
            }

            continue;
        }

        if (mlsec_fv_to_json(fx, item, &item) != MLSEC_OK
            || mlsec_fx_put(fx, &text, item.u.str, item.n) != MLSEC_OK)
        {
            return MLSEC_FX_FATAL;
        }
    }

    mlsec_ff_done(&text, out);

    return MLSEC_OK;
}


/* width: bits a digit; block: digits that make whole bytes */

static int
mlsec_ff_encode(mlsec_fx_t *fx, mlsec_fv_t v, const char *digits,
    unsigned width, unsigned block, mlsec_fv_t *out)
{
    uint32_t        i, bits, n;
    uint64_t        word;
    unsigned char  *p;

    if (mlsec_fv_to_string(fx, v, &v) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    p = mlsec_fx_alloc(fx, 2 * (size_t) v.n + 16);
    if (p == NULL) {
        return MLSEC_FX_FATAL;
    }

    word = 0;
    bits = 0;
    n = 0;

    for (i = 0; i < v.n; i++) {
        word = word << 8 | v.u.str[i];
        bits += 8;

        while (bits >= width) {
            bits -= width;
            p[n++] = (unsigned char) digits[word >> bits
                                            & ((1u << width) - 1)];
        }
    }

    if (bits != 0) {
        p[n++] = (unsigned char) digits[word << (width - bits)
                                        & ((1u << width) - 1)];
    }

    while (n % block != 0) {
        p[n++] = '=';
    }

    *out = mlsec_fv_string(p, n);

    return MLSEC_OK;
}


static int
mlsec_ff_decode(mlsec_fx_t *fx, mlsec_fv_t v, const char *digits,
    unsigned width, const char *name, mlsec_fv_t *out)
{
    uint32_t        i, bits, n, used;
    uint64_t        word;
    mlsec_fv_t      s;
    const char     *p;
    unsigned char  *data;

    if (mlsec_fv_to_string(fx, v, &s) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    data = mlsec_fx_alloc(fx, (size_t) s.n + 1);
    if (data == NULL) {
        return MLSEC_FX_FATAL;
    }

    word = 0;
    bits = 0;
    n = 0;
    used = 0;

    for (i = 0; i < s.n && s.u.str[i] != '='; i++) {
        p = s.u.str[i] == '\0' ? NULL : strchr(digits, s.u.str[i]);

        if (p == NULL) {
            break;
        }

        word = word << width | (uint64_t) (p - digits);
        bits += width;
        used++;

        if (bits >= 8) {
            bits -= 8;
            data[n++] = (unsigned char) (word >> bits);
        }
    }

    while (i < s.n && s.u.str[i] == '=') {
        i++;
    }

    /* a digit that says nothing is one too many */

    if (i != s.n || (used == 0 && s.n != 0)) {
        return mlsec_fx_raise(fx, "%T (%V) is not valid %s data", &s, &s,
                              name);
    }

    if (bits >= width) {
        return mlsec_fx_raise(fx, "%T (%V) trailing %s byte found", &s, &s,
                              name);
    }

    return mlsec_ft_repair(fx, data, n, out);
}


static int
mlsec_ff_base64(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t *out)
{
    return mlsec_ff_encode(fx, v, mlsec_ff_base64_digits, 6, 4, out);
}


static int
mlsec_ff_base64d(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t *out)
{
    return mlsec_ff_decode(fx, v, mlsec_ff_base64_digits, 6, "base64", out);
}


static int
mlsec_ff_base32(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t *out)
{
    return mlsec_ff_encode(fx, v, mlsec_ff_base32_digits, 5, 8, out);
}


static int
mlsec_ff_base32d(mlsec_fx_t *fx, mlsec_fv_t v, mlsec_fv_t *out)
{
    return mlsec_ff_decode(fx, v, mlsec_ff_base32_digits, 5, "base32", out);
}


static const mlsec_ff_t  mlsec_ff_formats[] = {
    { "@text", mlsec_ff_text },
    { "@json", mlsec_ff_json },
    { "@html", mlsec_ff_html },
    { "@uri", mlsec_ff_uri },
    { "@urid", mlsec_ff_urid },
    { "@csv", mlsec_ff_csv },
    { "@tsv", mlsec_ff_tsv },
    { "@sh", mlsec_ff_sh },
    { "@base64", mlsec_ff_base64 },
    { "@base64d", mlsec_ff_base64d },
    { "@base32", mlsec_ff_base32 },
    { "@base32d", mlsec_ff_base32d }
};


int
mlsec_fn_find_format(mlsec_str_t name)
{
    int  i, n;

    n = (int) (sizeof(mlsec_ff_formats) / sizeof(mlsec_ff_t));

    for (i = 0; i < n; i++) {
        if (strlen(mlsec_ff_formats[i].name) == name.len
            && memcmp(mlsec_ff_formats[i].name, name.data, name.len) == 0)
        {
            return i;
        }
    }

    return -1;
}


int
mlsec_fn_format(mlsec_fx_t *fx, unsigned format, mlsec_fv_t v,
    mlsec_fv_t *out)
{
    int  rc;

    rc = mlsec_ff_formats[format].call(fx, v, out);

    if (rc == MLSEC_OK && mlsec_fx_charge(fx, out->n / 16) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    return rc;
}
