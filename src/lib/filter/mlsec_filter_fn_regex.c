/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Regular expressions, on PCRE2 with memory of the run.  A pattern that is a
 * constant of the program is compiled with it, others once a run; what a match
 * writes to is always the run's.  Backtracking is bounded by PCRE2's match
 * limit, of which a run has as much as it has steps.
 */


#define PCRE2_CODE_UNIT_WIDTH  8

#include <lib/filter/mlsec_filter_native.h>
#include <lib/filter/mlsec_filter_text.h>
#include <pcre2.h>


#define MLSEC_FN_MATCH_LIMIT  1000000
#define MLSEC_FN_DEPTH_LIMIT  10000
#define MLSEC_FN_HEAP_LIMIT   4096     /* KiB */


typedef struct mlsec_fn_regex_s  mlsec_fn_regex_t;

struct mlsec_fn_regex_s {
    mlsec_fn_regex_t     *next;
    mlsec_fv_t            pattern;
    uint32_t              options;
    pcre2_code           *code;
    pcre2_match_data     *data;
    pcre2_match_context  *context;
    uint32_t              groups;
    uint32_t              names;
    uint32_t              entry;       /* bytes of a name's entry */
    PCRE2_SPTR            table;
};

typedef struct {
    uint32_t              options;
    unsigned              global:1;
    unsigned              not_empty:1;
} mlsec_fn_flags_t;


static void *
mlsec_fn_regex_alloc(size_t size, void *ctx)
{
    return mlsec_fx_alloc(ctx, size);
}


static void
mlsec_fn_regex_free(void *p, void *ctx)
{
    (void) p;
    (void) ctx;
}


static int
mlsec_fn_regex_flags(mlsec_fx_t *fx, mlsec_fv_t flags, mlsec_fn_flags_t *f)
{
    uint32_t  i;

    memset(f, 0, sizeof(mlsec_fn_flags_t));
    f->options = PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK
                 | PCRE2_NEVER_BACKSLASH_C;

    if (flags.type == MLSEC_FV_NULL) {
        return MLSEC_OK;
    }

    if (!mlsec_fv_is_string(flags)) {
        return mlsec_fx_raise(fx, "%T (%V) is not a string", &flags, &flags);
    }

    if (mlsec_fv_decode(fx, &flags) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    for (i = 0; i < flags.n; i++) {

        switch (flags.u.str[i]) {

        case 'g':
            f->global = 1;
            break;

        case 'i':
            f->options |= PCRE2_CASELESS;
            break;

        case 'x':
            f->options |= PCRE2_EXTENDED;
            break;

        case 'p':
            f->options |= PCRE2_DOTALL;
            break;

        case 'n':
            f->not_empty = 1;
            break;

        case 's':                      /* how ^ and $ work anyway */
        case 'l':                      /* PCRE2 has no longest match */
            break;

        default:
            return mlsec_fx_raise(fx, "%S is not a valid modifier string",
                                  &flags);
        }
    }

    return MLSEC_OK;
}


static int
mlsec_fn_regex_new(mlsec_fx_t *fx, mlsec_fn_regex_t *r)
{
    int                     error;
    size_t                  offset;
    char                    text[128];
    pcre2_general_context  *general;
    pcre2_compile_context  *compile;

    general = pcre2_general_context_create(mlsec_fn_regex_alloc,
                                           mlsec_fn_regex_free, fx);
    compile = general == NULL ? NULL : pcre2_compile_context_create(general);
    r->context = general == NULL ? NULL : pcre2_match_context_create(general);

    if (compile == NULL || r->context == NULL) {
        return MLSEC_FX_FATAL;
    }

    (void) pcre2_set_match_limit(r->context, MLSEC_FN_MATCH_LIMIT);
    (void) pcre2_set_depth_limit(r->context, MLSEC_FN_DEPTH_LIMIT);
    (void) pcre2_set_heap_limit(r->context, MLSEC_FN_HEAP_LIMIT);

    if (r->code == NULL) {
        r->code = pcre2_compile(r->pattern.u.str, r->pattern.n, r->options,
                                &error, &offset, compile);
    }

    if (r->code == NULL) {

        if (error == PCRE2_ERROR_HEAP_FAILED) {
            return MLSEC_FX_FATAL;
        }

        (void) pcre2_get_error_message(error, (PCRE2_UCHAR *) text,
                                       sizeof(text));
        return mlsec_fx_raise(fx, "%S (at offset %d) is not a valid regex: "
                              "%s", &r->pattern, (int) offset, text);
    }

    r->data = pcre2_match_data_create_from_pattern(r->code, general);

    if (r->data == NULL) {
        return MLSEC_FX_FATAL;
    }

    (void) pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &r->groups);
    (void) pcre2_pattern_info(r->code, PCRE2_INFO_NAMECOUNT, &r->names);
    (void) pcre2_pattern_info(r->code, PCRE2_INFO_NAMEENTRYSIZE, &r->entry);
    (void) pcre2_pattern_info(r->code, PCRE2_INFO_NAMETABLE, &r->table);

    return MLSEC_OK;
}


static const mlsec_fn_regex_t *
mlsec_fn_regex_find(const mlsec_fn_regex_t *r, mlsec_fv_t pattern,
    uint32_t options)
{
    for ( /* void */ ; r != NULL; r = r->next) {
        if (r->options == options && r->pattern.n == pattern.n
            && (pattern.n == 0
                || memcmp(r->pattern.u.str, pattern.u.str, pattern.n) == 0))
        {
            return r;
        }
    }

    return NULL;
}


static int
mlsec_fn_regex_get(mlsec_fx_t *fx, mlsec_fv_t pattern, uint32_t options,
    mlsec_fn_regex_t **out)
{
    int                      rc;
    mlsec_fn_regex_t        *r;
    const mlsec_fn_regex_t  *ready;

    r = (mlsec_fn_regex_t *) mlsec_fn_regex_find(fx->regex, pattern, options);

    if (r != NULL) {
        *out = r;
        return MLSEC_OK;
    }

    ready = mlsec_fn_regex_find(fx->ready, pattern, options);
    r = mlsec_fx_alloc(fx, sizeof(mlsec_fn_regex_t));

    if (r == NULL
        || mlsec_fx_charge(fx, ready != NULL ? 10 : 100 + pattern.n)
           != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    memset(r, 0, sizeof(mlsec_fn_regex_t));
    r->pattern = pattern;
    r->options = options;
    r->code = (ready != NULL) ? ready->code : NULL;

    rc = mlsec_fn_regex_new(fx, r);

    if (rc == MLSEC_OK) {
        r->next = fx->regex;
        fx->regex = r;
        *out = r;
    }

    return rc;
}


int
mlsec_fn_regex_ready(mlsec_fx_t *fx, mlsec_fv_t pattern, mlsec_fv_t flags)
{
    int                rc;
    unsigned char     *p;
    mlsec_fn_flags_t   f;
    mlsec_fn_regex_t  *r;

    if (mlsec_fv_decode(fx, &pattern) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    /* the text of the program may be gone when it runs */

    p = mlsec_fx_alloc(fx, (size_t) pattern.n + 1);
    if (p == NULL) {
        return MLSEC_FX_FATAL;
    }

    if (pattern.n != 0) {
        memcpy(p, pattern.u.str, pattern.n);
    }

    pattern = mlsec_fv_string(p, pattern.n);

    rc = mlsec_fn_regex_flags(fx, flags, &f);

    if (rc == MLSEC_OK) {
        rc = mlsec_fn_regex_get(fx, pattern, f.options, &r);
    }

    return (rc == MLSEC_FX_FATAL) ? rc : MLSEC_OK;
}


/* An object {offset, length, string}, and if "group" is not 0 the name. */

static int
mlsec_fn_regex_piece(mlsec_fx_t *fx, const mlsec_fn_regex_t *r, mlsec_fv_t s,
    uint32_t group, mlsec_fv_t *out)
{
    double       at, length;
    size_t       from, to;
    uint32_t     i;
    mlsec_fv_t   string, name;
    PCRE2_SPTR   entry;

    from = pcre2_get_ovector_pointer(r->data)[2 * group];
    to = pcre2_get_ovector_pointer(r->data)[2 * group + 1];

    at = -1;
    length = 0;
    string = mlsec_fv_null();
    name = string;

    /* \K may set the start behind the end */

    if (from != PCRE2_UNSET && group < pcre2_get_ovector_count(r->data)
        && from <= to)
    {
        at = mlsec_ft_count(s.u.str, from);
        length = mlsec_ft_count(s.u.str + from, to - from);
        string = mlsec_fv_string(s.u.str + from, to - from);
    }

    for (i = 0; i < r->names && group != 0; i++) {
        entry = r->table + i * r->entry;

        if ((uint32_t) (entry[0] << 8 | entry[1]) == group) {
            name = mlsec_fv_string(entry + 2, strlen((const char *) entry
                                                     + 2));
        }
    }

    if (mlsec_fv_new_object(fx, 4, out) != MLSEC_OK
        || mlsec_fv_put(fx, *out, mlsec_fv_literal("offset"),
                        mlsec_fv_number(at)) != MLSEC_OK
        || mlsec_fv_put(fx, *out, mlsec_fv_literal("length"),
                        mlsec_fv_number(length)) != MLSEC_OK
        || mlsec_fv_put(fx, *out, mlsec_fv_literal("string"), string)
           != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    return group == 0 ? MLSEC_OK
                      : mlsec_fv_put(fx, *out, mlsec_fv_literal("name"),
                                     name);
}


static int
mlsec_fn_regex_object(mlsec_fx_t *fx, const mlsec_fn_regex_t *r,
    mlsec_fv_t s, mlsec_fv_t *out)
{
    uint32_t    i;
    mlsec_fv_t  captures, capture;

    if (mlsec_fn_regex_piece(fx, r, s, 0, out) != MLSEC_OK
        || mlsec_fv_new_array(fx, r->groups, &captures) != MLSEC_OK
        || mlsec_fx_charge(fx, 4 + r->groups + s.n / 64) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    for (i = 1; i <= r->groups; i++) {

        if (mlsec_fn_regex_piece(fx, r, s, i, &capture) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }

        (void) mlsec_fv_append(fx, &captures, capture);
    }

    return mlsec_fv_put(fx, *out, mlsec_fv_literal("captures"), captures);
}


/*
 * One match from byte "at" on.
 * Returns 1, 0, or MLSEC_FX_ERROR or MLSEC_FX_FATAL.
 */

static int
mlsec_fn_regex_exec(mlsec_fx_t *fx, const mlsec_fn_regex_t *r, mlsec_fv_t s,
    size_t at, int not_empty)
{
    int   rc;
    char  text[128];

    if (mlsec_fx_charge(fx, 8 + (s.n - at) / 16) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    rc = pcre2_match(r->code, s.u.str, s.n, at,
                     PCRE2_NO_UTF_CHECK | (not_empty ? PCRE2_NOTEMPTY : 0),
                     r->data, r->context);

    if (rc >= 0) {
        return 1;
    }

    if (rc == PCRE2_ERROR_NOMATCH) {
        return 0;
    }

    if (rc == PCRE2_ERROR_NOMEMORY || rc == PCRE2_ERROR_HEAP_FAILED) {
        return MLSEC_FX_FATAL;
    }

    (void) pcre2_get_error_message(rc, (PCRE2_UCHAR *) text, sizeof(text));

    return mlsec_fx_raise(fx, "regex %V: %s", &r->pattern, text);
}


static int
mlsec_fn_regex_all(mlsec_fx_t *fx, const mlsec_fn_regex_t *r, mlsec_fv_t s,
    const mlsec_fn_flags_t *flags, mlsec_fv_t *out)
{
    int           rc;
    size_t        at, from, to;
    unsigned      len;
    mlsec_fv_t    match;

    at = 0;

    do {
        rc = mlsec_fn_regex_exec(fx, r, s, at, flags->not_empty);

        if (rc <= 0) {
            return rc;
        }

        from = pcre2_get_ovector_pointer(r->data)[0];
        to = pcre2_get_ovector_pointer(r->data)[1];

        if (mlsec_fn_regex_object(fx, r, s, &match) != MLSEC_OK
            || mlsec_fv_append(fx, out, match) != MLSEC_OK)
        {
            return MLSEC_FX_FATAL;
        }

        /* behind an empty match the next one is a character on */

        at = to;

        if (from >= to) {

            if (to == s.n) {
                break;
            }

            (void) mlsec_ft_decode(s.u.str + to, &len);
            at += len;
        }

    } while (flags->global);

    return MLSEC_OK;
}


/* _match(pattern; flags; test): true or false, or an array of matches. */

int
mlsec_fn_match(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    int                rc;
    mlsec_fv_t         s, pattern;
    mlsec_fn_flags_t   flags;
    mlsec_fn_regex_t  *r;

    s = args[0];
    pattern = args[1];

    if (!mlsec_fv_is_string(s)) {
        return mlsec_fx_raise(fx, "%T (%V) cannot be matched, as it is not a "
                              "string", &s, &s);
    }

    if (!mlsec_fv_is_string(pattern)) {
        return mlsec_fx_raise(fx, "%T (%V) cannot be matched, as it is not a "
                              "string", &pattern, &pattern);
    }

    rc = mlsec_fn_regex_flags(fx, args[2], &flags);

    if (rc != MLSEC_OK) {
        return rc;
    }

    if (mlsec_fv_decode(fx, &s) != MLSEC_OK
        || mlsec_fv_decode(fx, &pattern) != MLSEC_OK)
    {
        return MLSEC_FX_FATAL;
    }

    rc = mlsec_fn_regex_get(fx, pattern, flags.options, &r);

    if (rc != MLSEC_OK) {
        return rc;
    }

    if (args[3].type == MLSEC_FV_TRUE) {
        rc = mlsec_fn_regex_exec(fx, r, s, 0, flags.not_empty);

        if (rc >= 0) {
            *out = mlsec_fv_bool(rc);
            rc = MLSEC_OK;
        }

        return rc;
    }

    if (mlsec_fv_new_array(fx, 1, out) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    return mlsec_fn_regex_all(fx, r, s, &flags, out);
}


/* _captures: from what match() gives to an object of the named groups. */

int
mlsec_fn_captures(mlsec_fx_t *fx, const mlsec_fv_t *args, mlsec_fv_t *out)
{
    mlsec_fv_t       list, key, item, name, string;
    mlsec_fv_iter_t  it;

    (void) mlsec_fv_get(fx, args[0], mlsec_fv_literal("captures"), &list);
    mlsec_fv_iter(&it, list);

    if (mlsec_fv_new_object(fx, it.left, out) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    while (mlsec_fv_next(&it, &key, &item)) {
        (void) mlsec_fv_get(fx, item, mlsec_fv_literal("name"), &name);

        if (name.type == MLSEC_FV_NULL) {
            continue;
        }

        (void) mlsec_fv_get(fx, item, mlsec_fv_literal("string"), &string);

        if (mlsec_fv_put(fx, *out, name, string) != MLSEC_OK) {
            return MLSEC_FX_FATAL;
        }
    }

    return MLSEC_OK;
}
