/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Functions on strings. */


#include <lib/filter/mlsec_filter_native.h>
#include <lib/filter/mlsec_filter_tape.h>
#include <lib/filter/mlsec_filter_text.h>
#include <lib/json/mlsec_json.h>
#include <lib/json/mlsec_json_inline.h>
#include <lib/json/mlsec_json_inline.h>
#include <math.h>


static int
mlsec_fn_change_case(mlsec_fx_t *fx, mlsec_fv_t v, const char *name,
    unsigned char first, mlsec_fv_t *out)
{
    uint32_t        i;
    unsigned char  *p;

    if (!mlsec_fv_is_string(v)) {
        return mlsec_fx_raise(fx, "%s input must be a string", name);
    }

    if (mlsec_fv_decode(fx, &v) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    p = mlsec_fx_alloc(fx, (size_t) v.n + 1);
    if (p == NULL) {
        return MLSEC_FX_FATAL;
    }

    for (i = 0; i < v.n; i++) {
        p[i] = v.u.str[i] ^ ((unsigned char) (v.u.str[i] - first) < 26 ? 0x20
                                                                       : 0);
    }

    *out = mlsec_fv_string(p, v.n);

    return MLSEC_OK;
}


int
mlsec_fn_ascii_downcase(mlsec_fx_t *fx, const mlsec_fv_t *args,
    mlsec_fv_t *out)
{
    return mlsec_fn_change_case(fx, args[0], "ascii_downcase", 'A', out);
}


int
mlsec_fn_ascii_upcase(mlsec_fx_t *fx, const mlsec_fv_t *args,
    mlsec_fv_t *out)
{
    return mlsec_fn_change_case(fx, args[0], "ascii_upcase", 'a', out);
}


/* Whether "s" begins (at 0) or ends (at 1) with "part"; both decoded. */

static int
mlsec_fn_affix(mlsec_fv_t s, mlsec_fv_t part, int end)
{
    return part.n <= s.n
           && (part.n == 0
               || memcmp(s.u.str + (end ? s.n - part.n : 0), part.u.str,
                         part.n) == 0);
}


static int
mlsec_fn_has_affix(mlsec_fx_t *fx, const mlsec_fv_t *args, int end,
    mlsec_fv_t *out)
{
    mlsec_fv_t  s, part;

    s = args[0];
    part = args[1];

    if (!mlsec_fv_is_string(s) || !mlsec_fv_is_string(part)) {
        return mlsec_fx_raise(fx, "%s() requires string inputs",
                              end ? "endswith" : "startswith");
    }

    if (mlsec_fv_decode(fx, &s) != MLSEC_OK
        || mlsec_fv_decode(fx, &part) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    *out = mlsec_fv_bool(mlsec_fn_affix(s, part, end));

    return MLSEC_OK;
}


int
mlsec_fn_startswith(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_has_affix(fx, args, 0, out);
}


int
mlsec_fn_endswith(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_has_affix(fx, args, 1, out);
}


/* Removes a string at the ends: 1 left, 2 right, 3 both. */

static int
mlsec_fn_strip(mlsec_fx_t *fx, const mlsec_fv_t *args, int ends,
    mlsec_fv_t *out)
{
    mlsec_fv_t  s, part;

    *out = args[0];
    s = args[0];
    part = args[1];

    if (!mlsec_fv_is_string(s) || !mlsec_fv_is_string(part)) {
        return mlsec_fx_raise(fx, "%s() requires string inputs",
                              ends == 1 ? "startswith"
                              : ends == 2 ? "endswith" : "trimstr");
    }

    if (mlsec_fv_decode(fx, &s) != MLSEC_OK
        || mlsec_fv_decode(fx, &part) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    if ((ends & 1) && mlsec_fn_affix(s, part, 0)) {
        s = mlsec_fv_string(s.u.str + part.n, s.n - part.n);
    }

    if ((ends & 2) && mlsec_fn_affix(s, part, 1)) {
        s = mlsec_fv_string(s.u.str, s.n - part.n);
    }

    *out = s;

    return MLSEC_OK;
}


int
mlsec_fn_ltrimstr(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_strip(fx, args, 1, out);
}


int
mlsec_fn_rtrimstr(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_strip(fx, args, 2, out);
}


int
mlsec_fn_trimstr(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_strip(fx, args, 3, out);
}


/* White space as Unicode has it: jq uses the same list. */

static int
mlsec_fn_is_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0
           || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028
           || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}


static int
mlsec_fn_trim_ends(mlsec_fx_t *fx, mlsec_fv_t s, int ends,
    mlsec_fv_t *out)
{
    unsigned              len;
    const unsigned char  *p, *end, *last;

    if (!mlsec_fv_is_string(s)) {
        return mlsec_fx_raise(fx, "trim input must be a string");
    }

    if (mlsec_fv_decode(fx, &s) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    p = s.u.str;
    end = p + s.n;

    while ((ends & 1) && p != end
           && mlsec_fn_is_space(mlsec_ft_decode(p, &len)))
    {
        p += len;
    }

    while ((ends & 2) && p != end) {

        for (last = end - 1; (*last & 0xc0) == 0x80; last--) { /* void */ }

        if (!mlsec_fn_is_space(mlsec_ft_decode(last, &len))) {
            break;
        }

        end = last;
    }

    *out = mlsec_fv_string(p, (size_t) (end - p));

    return MLSEC_OK;
}


int
mlsec_fn_trim(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_trim_ends(fx, args[0], 3, out);
}


int
mlsec_fn_ltrim(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_trim_ends(fx, args[0], 1, out);
}


int
mlsec_fn_rtrim(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fn_trim_ends(fx, args[0], 2, out);
}


int
mlsec_fn_explode(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    unsigned              len;
    mlsec_fv_t            s;
    const unsigned char  *p, *end;

    s = args[0];

    if (!mlsec_fv_is_string(s)) {
        return mlsec_fx_raise(fx, "%T (%V) cannot be exploded", &s, &s);
    }

    if (mlsec_fv_decode(fx, &s) != MLSEC_OK
        || mlsec_fv_new_array(fx, mlsec_ft_length(s), out) != MLSEC_OK
        || mlsec_fx_charge(fx, s.n / 4) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    end = s.u.str + s.n;

    for (p = s.u.str; p != end; p += len) {
        (void) mlsec_fv_append(fx, out,
                               mlsec_fv_number(mlsec_ft_decode(p, &len)));
    }

    return MLSEC_OK;
}


int
mlsec_fn_implode(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    double            c;
    mlsec_fv_t        key, item;
    unsigned char    *p;
    mlsec_fv_iter_t   it;

    if (!mlsec_fv_is_array(args[0])) {
        return mlsec_fx_raise(fx, "implode input must be an array");
    }

    mlsec_fv_iter(&it, args[0]);

    p = mlsec_fx_alloc(fx, 4 * (size_t) it.left + 1);

    if (p == NULL || mlsec_fx_charge(fx, it.left / 4) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    *out = mlsec_fv_string(p, 0);

    while (mlsec_fv_next(&it, &key, &item)) {

        if (!mlsec_fv_is_number(item) || isnan(mlsec_fv_double(item))) {
            return mlsec_fx_raise(fx, "%T (%V) can't be imploded, unicode "
                                  "codepoint needs to be numeric", &item,
                                  &item);
        }

        c = mlsec_fv_double(item);

        if (c < 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
            c = 0xfffd;
        }

        out->n += mlsec_ft_encode(p + out->n, (uint32_t) c);
    }

    return MLSEC_OK;
}


int
mlsec_fv_split(mlsec_fx_t *fx, mlsec_fv_t s, mlsec_fv_t by, mlsec_fv_t *out)
{
    size_t    at, next;
    unsigned  len;

    if (mlsec_fv_decode(fx, &s) != MLSEC_OK
        || mlsec_fv_decode(fx, &by) != MLSEC_OK
        || mlsec_fv_new_array(fx, 4, out) != MLSEC_OK
        || mlsec_fx_charge(fx, s.n / 8) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    for (at = 0; by.n == 0 && at < s.n; at += len) {
        (void) mlsec_ft_decode(s.u.str + at, &len);

        if (mlsec_fv_append(fx, out, mlsec_fv_string(s.u.str + at, len))
            != MLSEC_OK)
        {
            return MLSEC_FX_FATAL;
        }
    }

    for (at = 0; by.n != 0 && s.n != 0 && at <= s.n; at = next + by.n) {
        next = mlsec_ft_find(s, by, at);
        next = next > s.n ? s.n : next;

        if (mlsec_fv_append(fx, out,
                            mlsec_fv_string(s.u.str + at, next - at))
            != MLSEC_OK)
        {
            return MLSEC_FX_FATAL;
        }

        if (next == s.n) {
            break;
        }
    }

    return MLSEC_OK;
}


int
mlsec_fn_split(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    if (!mlsec_fv_is_string(args[0]) || !mlsec_fv_is_string(args[1])) {
        return mlsec_fx_raise(fx, "split input and separator must be "
                              "strings");
    }

    return mlsec_fv_split(fx, args[0], args[1], out);
}


int
mlsec_fn_join(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    int               rc;
    mlsec_fv_t        v, key, item, so_far;
    mlsec_fv_iter_t   it;

    v = args[0];

    if (!mlsec_fv_is_array(v) && !mlsec_fv_is_object(v)) {

        if (v.type == MLSEC_FV_NULL) {
            return mlsec_fx_raise(fx, "Cannot iterate over null (null)");
        }

        return mlsec_fx_raise(fx, "Cannot iterate over %T (%V)", &v, &v);
    }

    if (mlsec_fv_load(fx, &v) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    so_far = mlsec_fv_null();
    mlsec_fv_iter(&it, v);

    if (mlsec_fx_charge(fx, it.left) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    while (mlsec_fv_next(&it, &key, &item)) {
        rc = MLSEC_OK;

        if (so_far.type == MLSEC_FV_NULL) {
            so_far = mlsec_fv_literal("");

        } else {
            rc = mlsec_fv_math(fx, MLSEC_FV_ADD, so_far, args[1], &so_far);
        }

        if (rc == MLSEC_OK && item.type != MLSEC_FV_NULL) {

            if (item.type <= MLSEC_FV_NUMTEXT) {
                rc = mlsec_fv_to_json(fx, item, &item);
            }

            rc = rc == MLSEC_OK
                 ? mlsec_fv_math(fx, MLSEC_FV_ADD, so_far, item, &so_far)
                 : rc;
        }

        if (rc != MLSEC_OK) {
            return rc;
        }
    }

    *out = so_far.type == MLSEC_FV_NULL ? mlsec_fv_literal("") : so_far;

    return MLSEC_OK;
}


int
mlsec_fn_tostring(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fv_to_string(fx, args[0], out);
}


int
mlsec_fn_tojson(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    return mlsec_fv_to_json(fx, args[0], out);
}


/*
 * Digits before or behind the point may be missing, which JSON does not
 * allow; white space, names and other bases may not stand here.
 */

int
mlsec_fn_tonumber(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    size_t                digits;
    mlsec_fv_t            s;
    const unsigned char  *p, *q, *end;

    s = args[0];

    if (mlsec_fv_is_number(s)) {
        *out = s;
        return MLSEC_OK;
    }

    if (!mlsec_fv_is_string(s)) {
        return mlsec_fx_raise(fx, "%T (%V) cannot be parsed as a number", &s,
                              &s);
    }

    if (mlsec_fv_decode(fx, &s) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    p = s.u.str;
    end = p + s.n;

    if (p != end && (*p == '-' || *p == '+')) {

        if (*p == '+') {
            s.u.str++;
            s.n--;
        }

        p++;
    }

    q = mlsec_json_digits(p, end);
    digits = (size_t) (q - p);

    if (q != end && *q == '.') {
        p = q + 1;
        q = mlsec_json_digits(p, end);
        digits += (size_t) (q - p);
    }

    if (digits != 0 && q != end && (*q | 0x20) == 'e') {
        q++;
        q += q != end && (*q == '+' || *q == '-');
        p = q;
        q = mlsec_json_digits(p, end);
        digits = (size_t) (q - p);
    }

    if (digits == 0 || q != end) {
        return mlsec_fx_raise(fx, "%T (%V) cannot be parsed as a number",
                              &args[0], &args[0]);
    }

    if (mlsec_json_number(s.u.str, end) == end && s.n > 17) {
        *out = s;
        out->type = MLSEC_FV_NUMTEXT;
        return MLSEC_OK;
    }

    *out = mlsec_fv_number(mlsec_fv_parse_number(s.u.str, s.n));

    return MLSEC_OK;
}


int
mlsec_fn_toboolean(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    mlsec_fv_t  s;

    s = args[0];
    *out = s;

    if (s.type == MLSEC_FV_TRUE || s.type == MLSEC_FV_FALSE) {
        return MLSEC_OK;
    }

    if (mlsec_fv_is_string(s)) {

        if (mlsec_fv_decode(fx, &s) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }

        if (s.n == 4 && memcmp(s.u.str, "true", 4) == 0) {
            *out = mlsec_fv_bool(1);
            return MLSEC_OK;
        }

        if (s.n == 5 && memcmp(s.u.str, "false", 5) == 0) {
            *out = mlsec_fv_bool(0);
            return MLSEC_OK;
        }
    }

    return mlsec_fx_raise(fx, "%T (%V) cannot be parsed as a boolean", &s,
                          &s);
}


/* Whether a text is one word, of the bytes of numbers and literals. */

static int
mlsec_fn_is_word(mlsec_str_t text)
{
    size_t         i;
    unsigned char  c;

    for (i = 0; i < text.len; i++) {
        c = text.data[i];

        if (!mlsec_json_is_digit(c) && c != '+' && c != '-' && c != '.'
            && ((c | 0x20) < 'a' || (c | 0x20) > 'z'))
        {
            return 0;
        }
    }

    return text.len != 0;
}


/* Whether a word that is wrong looks like true, false or null. */

static int
mlsec_fn_is_literal(mlsec_str_t text)
{
    return *text.data == 't' || *text.data == 'f'
           || (*text.data == 'n' && (text.len == 1 || text.data[1] != 'a'));
}


int
mlsec_fn_fromjson(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    int                  rc, where;
    size_t               offset;
    mlsec_fv_t           s;
    mlsec_str_t          text;
    mlsec_filter_doc_t  *doc;

    s = args[0];

    if (!mlsec_fv_is_string(s)) {
        return mlsec_fx_raise(fx, "%T (%V) only strings can be parsed", &s,
                              &s);
    }

    if (mlsec_fv_decode(fx, &s) != MLSEC_OK
        || mlsec_fx_charge(fx, s.n / 8) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    text.data = s.u.str;
    text.len = s.n;

    rc = mlsec_tape_build(fx, text, 1, &doc);

    if (rc == MLSEC_OK) {
        *out = mlsec_fv_tape(doc, 0);
        return MLSEC_OK;
    }

    if (rc == MLSEC_FX_FATAL) {
        return MLSEC_FX_FATAL;
    }

    if (mlsec_fn_is_word(text)) {
        return mlsec_fx_raise(fx, "Invalid %s at EOF at line 1, column %d "
                              "(while parsing '%S')",
                              mlsec_fn_is_literal(text) ? "literal"
                              : "numeric literal", (int) text.len, &s);
    }

    rc = mlsec_json_scan(text, MLSEC_JSON_MAX_DEPTH, NULL, &offset);
    where = rc == MLSEC_EMPTY ? 0 : (int) offset;

    return mlsec_fx_raise(fx, "%s at offset %d (while parsing '%S')",
                          rc == MLSEC_OK ? "malformed"
                                         : mlsec_json_strerror(rc), where,
                          &s);
}
