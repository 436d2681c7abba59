/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Tokens.  White space and comments may hold newlines anywhere. */


#include <lib/filter/mlsec_filter_lex.h>
#include <lib/filter/mlsec_filter_text.h>
#include <lib/json/mlsec_json_inline.h>
#include <stdarg.h>
#include <stdio.h>


static void mlsec_ft_skip_space(mlsec_ft_t *t);
static void mlsec_ft_name(mlsec_ft_t *t);
static int mlsec_ft_number(mlsec_ft_t *t);
static void mlsec_ft_operator(mlsec_ft_t *t);
static int mlsec_ft_escape(mlsec_ft_t *t, mlsec_fx_text_t *text);


static inline int
mlsec_ft_is_name(unsigned char c)
{
    return c == '_' || (unsigned char) ((c | 0x20) - 'a') < 26;
}


int
mlsec_fa_error(mlsec_fa_context_t *cx, uint32_t pos, const char *fmt, ...)
{
    va_list  args;

    if (cx->reason[0] == '\0') {
        cx->pos = pos;

        va_start(args, fmt);
        (void) vsnprintf(cx->reason, sizeof(cx->reason), fmt, args);
        va_end(args);
    }

    return MLSEC_INVALID;
}


int
mlsec_ft_unexpected(mlsec_ft_t *t, const char *expected)
{
    int     len;
    size_t  n;

    if (t->kind == MLSEC_FT_END) {
        return mlsec_fa_error(t->cx, t->pos, "syntax error: the program ends "
                              "here, expected %s", expected);
    }

    n = (size_t) (t->p - t->start) - t->pos;
    len = n > 40 ? 40 : (int) n;

    return mlsec_fa_error(t->cx, t->pos, "syntax error: unexpected \"%.*s\", "
                          "expected %s", len, t->start + t->pos, expected);
}


/* A comment ends with its line; an odd number of \ before that joins two. */

static void
mlsec_ft_skip_space(mlsec_ft_t *t)
{
    unsigned  odd;

    while (t->p != t->end) {

        if (mlsec_json_is_space(*t->p)) {
            t->p++;
            continue;
        }

        if (*t->p != '#') {
            return;
        }

        for (odd = 0; t->p != t->end; t->p++) {

            if (*t->p == '\\') {
                odd ^= 1;
                continue;
            }

            if (*t->p == '\r' && t->end - t->p > 1 && t->p[1] == '\n') {
                continue;
            }

            if (*t->p == '\n' && !odd) {
                break;
            }

            odd = 0;
        }
    }
}


/* A name may have parts joined by ::, so that the reason can be a good one. */

static void
mlsec_ft_name(mlsec_ft_t *t)
{
    while (t->p != t->end) {

        if (mlsec_ft_is_name(*t->p) || mlsec_json_is_digit(*t->p)) {
            t->p++;

        } else if (t->end - t->p > 2 && t->p[0] == ':' && t->p[1] == ':'
                   && mlsec_ft_is_name(t->p[2]))
        {
            t->p += 2;

        } else {
            break;
        }
    }
}


static int
mlsec_ft_word(mlsec_str_t text)
{
    int  i;

    static const char *const  words[] = {
        "", "and", "as", "break", "catch", "def", "elif", "else", "end",
        "foreach", "if", "import", "include", "label", "module", "or",
        "reduce", "then", "try"
    };

    for (i = 1; i <= MLSEC_FT_TRY; i++) {
        if (text.len == strlen(words[i])
            && memcmp(text.data, words[i], text.len) == 0)
        {
            return i;
        }
    }

    /* "__loc__" is one in jq as well, but only behind a dollar */

    return MLSEC_FT_NONE;
}


/* Digits, at most one point, an exponent; more is allowed than in JSON. */

static int
mlsec_ft_number(mlsec_ft_t *t)
{
    const unsigned char  *p;

    p = mlsec_json_digits(t->p, t->end);

    if (p != t->end && *p == '.') {
        p = mlsec_json_digits(p + 1, t->end);
    }

    if (p != t->end && (*p | 0x20) == 'e') {
        t->p = p++;

        if (p != t->end && (*p == '+' || *p == '-')) {
            p++;
        }

        if (p == t->end || !mlsec_json_is_digit(*p)) {
            t->p = p;
            t->kind = MLSEC_FT_NUMBER;
            return mlsec_ft_unexpected(t, "digits of the exponent");
        }

        p = mlsec_json_digits(p, t->end);
    }

    t->p = p;
    t->kind = MLSEC_FT_NUMBER;

    return MLSEC_OK;
}


static void
mlsec_ft_operator(mlsec_ft_t *t)
{
    size_t  i, len;

    static const struct {
        char     text[4];
        uint8_t  kind;
    } ops[] = {
        { "?//", MLSEC_FT_BIND_ALT }, { "//=", MLSEC_FT_ALT_SET },
        { "//", MLSEC_FT_ALT }, { "|=", MLSEC_FT_MODIFY },
        { "+=", MLSEC_FT_ADD_SET }, { "-=", MLSEC_FT_SUB_SET },
        { "*=", MLSEC_FT_MUL_SET }, { "/=", MLSEC_FT_DIV_SET },
        { "%=", MLSEC_FT_MOD_SET }, { "==", MLSEC_FT_EQ },
        { "!=", MLSEC_FT_NE }, { "<=", MLSEC_FT_LE }, { ">=", MLSEC_FT_GE },
        { "..", MLSEC_FT_DOTS }
    };

    for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        len = strlen(ops[i].text);

        if ((size_t) (t->end - t->p) >= len
            && memcmp(t->p, ops[i].text, len) == 0)
        {
            t->kind = ops[i].kind;
            t->p += len;
            return;
        }
    }

    t->kind = *t->p == '"' ? MLSEC_FT_QUOTE : *t->p < 0x80 ? *t->p : 0x7f;
    t->p++;
}


int
mlsec_ft_next(mlsec_ft_t *t)
{
    unsigned char  c, next;

    mlsec_ft_skip_space(t);

    t->pos = (uint32_t) (t->p - t->start);
    t->text.data = t->p;
    t->text.len = 0;
    t->word = MLSEC_FT_NONE;
    t->kind = MLSEC_FT_END;

    if (t->p == t->end) {
        return MLSEC_OK;
    }

    c = *t->p;
    next = t->end - t->p > 1 ? t->p[1] : 0;

    if (mlsec_ft_is_name(c)) {
        t->kind = MLSEC_FT_NAME;
        mlsec_ft_name(t);

    } else if (mlsec_json_is_digit(c)
               || (c == '.' && mlsec_json_is_digit(next)))
    {
        if (mlsec_ft_number(t) != MLSEC_OK) {
            return MLSEC_INVALID;
        }

    } else if ((c == '.' || c == '$' || c == '@') && mlsec_ft_is_name(next)) {
        t->kind = c == '.' ? MLSEC_FT_FIELD
                  : c == '$' ? MLSEC_FT_VARIABLE : MLSEC_FT_FORMAT;

        if (c != '@') {
            t->text.data++;
        }

        t->p++;

        if (c == '$') {
            mlsec_ft_name(t);

        } else {
            while (t->p != t->end && (mlsec_ft_is_name(*t->p)
                                      || mlsec_json_is_digit(*t->p)))
            {
                t->p++;
            }
        }

    } else {
        mlsec_ft_operator(t);
    }

    t->text.len = (size_t) (t->p - t->text.data);

    if (t->kind == MLSEC_FT_NAME) {
        t->word = mlsec_ft_word(t->text);
        t->kind = t->word == MLSEC_FT_NONE ? MLSEC_FT_NAME
                                           : MLSEC_FT_KEYWORD;
    }

    return MLSEC_OK;
}


/* Half a surrogate pair becomes U+FFFD, as in jq. */

static int
mlsec_ft_escape(mlsec_ft_t *t, mlsec_fx_text_t *text)
{
    int            code, low;
    unsigned       n;
    const char    *s;
    unsigned char  utf8[4];

    static const char  from[] = "\"\\/bfnrt";
    static const char  to[] = "\"\\/\b\f\n\r\t";

    if (t->p == t->end) {
        return mlsec_fa_error(t->cx, t->pos, "the string is not closed");
    }

    s = *t->p == '\0' ? NULL : strchr(from, *t->p);

    if (s != NULL) {
        t->p++;
        return mlsec_fx_put(&t->cx->fx, text, &to[s - from], 1) == MLSEC_OK
               ? MLSEC_OK : MLSEC_NOMEM;
    }

    code = *t->p == 'u' && t->end - t->p > 4 ? mlsec_json_hex4(t->p + 1) : -1;

    if (code < 0) {
        return mlsec_fa_error(t->cx, (uint32_t) (t->p - 1 - t->start),
                              "invalid escape \"\\%.*s\" in a string",
                              *t->p < ' ' || *t->p > '~' ? 0 : 1, t->p);
    }

    t->p += 5;

    if (code >= 0xd800 && code < 0xdc00 && t->end - t->p > 5
        && t->p[0] == '\\' && t->p[1] == 'u')
    {
        low = mlsec_json_hex4(t->p + 2);

        if (low >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            t->p += 6;
        }
    }

    if (code >= 0xd800 && code < 0xe000) {
        code = 0xfffd;
    }

    n = mlsec_ft_encode(utf8, (uint32_t) code);

    return mlsec_fx_put(&t->cx->fx, text, utf8, n) == MLSEC_OK
           ? MLSEC_OK : MLSEC_NOMEM;
}


int
mlsec_ft_piece(mlsec_ft_t *t, mlsec_fv_t *out, int *more)
{
    int                   rc;
    size_t                n;
    mlsec_fx_text_t       text;
    const unsigned char  *p;

    memset(&text, 0, sizeof(text));

    for ( ;; ) {

        for (p = t->p; p != t->end && *p != '"' && *p != '\\'; p += n) {
            n = mlsec_json_utf8(p, t->end);

            if (n == 0) {
                return mlsec_fa_error(t->cx, (uint32_t) (p - t->start),
                                      "the program is not UTF-8");
            }
        }

        if (mlsec_fx_put(&t->cx->fx, &text, t->p, (size_t) (p - t->p))
            != MLSEC_OK)
        {
            return MLSEC_NOMEM;
        }

        if (p == t->end) {
            return mlsec_fa_error(t->cx, t->pos, "the string is not closed");
        }

        t->p = p + 1;

        if (*p == '"' || (t->p != t->end && *t->p == '(')) {
            *more = *p != '"';
            t->p += *more;
            break;
        }

        rc = mlsec_ft_escape(t, &text);

        if (rc != MLSEC_OK) {
            return rc;
        }
    }

    *out = text.len == 0 ? mlsec_fv_literal("")
                         : mlsec_fv_string(text.data, text.len);

    return MLSEC_OK;
}
