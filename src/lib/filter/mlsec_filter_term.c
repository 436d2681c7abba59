/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* The parser, second half: terms and strings. */


#include <lib/filter/mlsec_filter_parse.h>
#include <lib/json/mlsec_json_inline.h>


static int mlsec_fp_word(mlsec_ft_t *t, mlsec_fa_t **node);
static int mlsec_fp_number(mlsec_ft_t *t, mlsec_fa_t **node);
static int mlsec_fp_brackets(mlsec_ft_t *t, mlsec_fa_t **node);
static int mlsec_fp_field(mlsec_ft_t *t, mlsec_fa_t **node);
static int mlsec_fp_arguments(mlsec_ft_t *t, mlsec_fa_t *call);
static int mlsec_fp_loop(mlsec_ft_t *t, mlsec_fa_t **node);
static int mlsec_fp_if(mlsec_ft_t *t, mlsec_fa_t **node);
static int mlsec_fp_try(mlsec_ft_t *t, mlsec_fa_t **node);
static int mlsec_fp_label(mlsec_ft_t *t, mlsec_fa_t **node);


int
mlsec_fp_literal(mlsec_ft_t *t, mlsec_fv_t value, mlsec_fa_t **node)
{
    *node = mlsec_fp_node(t, MLSEC_FA_LITERAL);
    if (*node == NULL) {
        return MLSEC_NOMEM;
    }

    (*node)->value = value;

    return MLSEC_OK;
}


int
mlsec_fp_postfix(mlsec_ft_t *t, mlsec_fa_t **node)
{
    int          rc;
    mlsec_fa_t  *next;

    rc = mlsec_fp_term(t, node);

    while (rc == MLSEC_OK) {
        next = NULL;

        if (t->kind == MLSEC_FT_FIELD) {
            rc = mlsec_fp_field(t, node);
            continue;
        }

        if (t->kind == '.') {
            rc = mlsec_ft_next(t);

            if (rc == MLSEC_OK && t->kind == MLSEC_FT_QUOTE) {
                rc = mlsec_fp_field(t, node);

            } else if (rc == MLSEC_OK && t->kind != '[') {
                rc = mlsec_ft_unexpected(t, "a field or \"[\" behind \".\"");
            }

            continue;
        }

        if (t->kind == '[') {
            rc = mlsec_fp_brackets(t, node);
            continue;
        }

        if (t->kind == '?' || t->kind == MLSEC_FT_BIND_ALT) {
            next = mlsec_fp_join(t, MLSEC_FA_TRY, *node, NULL);
            if (next == NULL) {
                return MLSEC_NOMEM;
            }

            *node = next;
            rc = mlsec_fp_depth(t, next);

            /* "?//" is one token for patterns, here it is two */

            if (t->kind == MLSEC_FT_BIND_ALT) {
                t->kind = MLSEC_FT_ALT;
                return rc;
            }

            rc = rc == MLSEC_OK ? mlsec_ft_next(t) : rc;
            continue;
        }

        if (t->word != MLSEC_FT_AS || t->no_as) {
            return MLSEC_OK;
        }

        next = mlsec_fp_join(t, MLSEC_FA_AS, *node, NULL);
        if (next == NULL) {
            return MLSEC_NOMEM;
        }

        *node = next;
        rc = mlsec_ft_next(t);
        rc = rc == MLSEC_OK ? mlsec_fp_patterns(t, &next->list) : rc;
        rc = rc == MLSEC_OK ? mlsec_fp_expect(t, '|', "\"|\"") : rc;
        rc = rc == MLSEC_OK ? mlsec_fp_pipe(t, &next->b) : rc;

        return rc == MLSEC_OK ? mlsec_fp_depth(t, next) : rc;
    }

    return rc;
}


/* .name or ."name" */

static int
mlsec_fp_field(mlsec_ft_t *t, mlsec_fa_t **node)
{
    int          rc;
    mlsec_str_t  none;
    mlsec_fa_t  *index;

    index = mlsec_fp_join(t, MLSEC_FA_INDEX, *node, NULL);
    if (index == NULL) {
        return MLSEC_NOMEM;
    }

    if (t->kind == MLSEC_FT_QUOTE) {
        none.data = t->p;
        none.len = 0;
        rc = mlsec_fp_string(t, none, &index->b);

    } else {
        rc = MLSEC_NOMEM;

        index->b = mlsec_fp_node(t, MLSEC_FA_LITERAL);

        if (index->b != NULL
            && mlsec_fv_copy_string(&t->cx->fx, t->text.data, t->text.len,
                                    &index->b->value) == MLSEC_OK)
        {
            rc = mlsec_ft_next(t);
        }
    }

    *node = index;

    return rc == MLSEC_OK ? mlsec_fp_depth(t, index) : rc;
}


/* [], [a], [a:b], [a:], [:b] */

static int
mlsec_fp_brackets(mlsec_ft_t *t, mlsec_fa_t **node)
{
    int          rc;
    mlsec_fa_t  *index;

    index = mlsec_fp_join(t, MLSEC_FA_EACH, *node, NULL);
    if (index == NULL) {
        return MLSEC_NOMEM;
    }

    *node = index;

    rc = mlsec_ft_next(t);

    if (rc == MLSEC_OK && t->kind == ']') {
        rc = mlsec_fp_depth(t, index);
        return rc == MLSEC_OK ? mlsec_ft_next(t) : rc;
    }

    if (rc == MLSEC_OK && t->kind != ':') {
        index->kind = MLSEC_FA_INDEX;
        rc = mlsec_fp_pipe(t, &index->b);
    }

    if (rc == MLSEC_OK && t->kind == ':') {
        index->kind = MLSEC_FA_SLICE;
        rc = mlsec_ft_next(t);

        if (rc == MLSEC_OK && (index->b == NULL || t->kind != ']')) {
            rc = mlsec_fp_pipe(t, &index->c);
        }
    }

    if (rc == MLSEC_OK) {
        rc = mlsec_fp_expect(t, ']', "\"]\"");
    }

    return rc == MLSEC_OK ? mlsec_fp_depth(t, index) : rc;
}


static int
mlsec_fp_named(mlsec_ft_t *t, mlsec_fa_t **node)
{
    int          rc;
    mlsec_str_t  name;

    name = t->text;

    *node = mlsec_fp_node(t, t->kind == MLSEC_FT_NAME ? MLSEC_FA_CALL
                             : t->kind == MLSEC_FT_FORMAT
                             ? MLSEC_FA_FORMAT : MLSEC_FA_VARIABLE);
    if (*node == NULL) {
        return MLSEC_NOMEM;
    }

    (*node)->name = name;
    rc = mlsec_ft_next(t);

    if (rc == MLSEC_OK && (*node)->kind == MLSEC_FA_CALL && t->kind == '(') {
        return mlsec_fp_arguments(t, *node);
    }

    if (rc == MLSEC_OK && (*node)->kind == MLSEC_FA_FORMAT
        && t->kind == MLSEC_FT_QUOTE)
    {
        return mlsec_fp_string(t, name, node);
    }

    return rc;
}


int
mlsec_fp_term(mlsec_ft_t *t, mlsec_fa_t **node)
{
    int          rc;
    mlsec_str_t  format;

    switch (t->kind) {

    case MLSEC_FT_NUMBER:
        return mlsec_fp_number(t, node);

    case MLSEC_FT_QUOTE:
        format.data = t->p;
        format.len = 0;
        return mlsec_fp_string(t, format, node);

    case MLSEC_FT_FIELD:
    case '.':
        *node = mlsec_fp_node(t, MLSEC_FA_IDENTITY);
        if (*node == NULL) {
            return MLSEC_NOMEM;
        }

        if (t->kind == MLSEC_FT_FIELD) {
            return mlsec_fp_field(t, node);
        }

        rc = mlsec_ft_next(t);

        return rc == MLSEC_OK && t->kind == MLSEC_FT_QUOTE
               ? mlsec_fp_field(t, node) : rc;

    case MLSEC_FT_DOTS:
        rc = mlsec_fp_call(t, "recurse", node);
        return rc == MLSEC_OK ? mlsec_ft_next(t) : rc;

    case MLSEC_FT_VARIABLE:
    case MLSEC_FT_NAME:
    case MLSEC_FT_FORMAT:
        return mlsec_fp_named(t, node);

    case '(':
        rc = mlsec_ft_next(t);
        rc = rc == MLSEC_OK ? mlsec_fp_pipe(t, node) : rc;
        return rc == MLSEC_OK ? mlsec_fp_expect(t, ')', "\")\"") : rc;

    case '[':
        *node = mlsec_fp_node(t, MLSEC_FA_ARRAY);
        if (*node == NULL) {
            return MLSEC_NOMEM;
        }

        rc = mlsec_ft_next(t);

        if (rc == MLSEC_OK && t->kind != ']') {
            rc = mlsec_fp_pipe(t, &(*node)->a);
        }

        rc = rc == MLSEC_OK ? mlsec_fp_expect(t, ']', "\"]\"") : rc;
        return rc == MLSEC_OK ? mlsec_fp_depth(t, *node) : rc;

    case '{':
        return mlsec_fp_object(t, node);

    case MLSEC_FT_KEYWORD:
        return mlsec_fp_word(t, node);

    default:
        return mlsec_ft_unexpected(t, "an expression");
    }
}


static int
mlsec_fp_word(mlsec_ft_t *t, mlsec_fa_t **node)
{
    int  rc;

    switch (t->word) {

    case MLSEC_FT_IF:
        rc = mlsec_fp_if(t, node);
        break;

    case MLSEC_FT_TRY:
        rc = mlsec_fp_try(t, node);
        break;

    case MLSEC_FT_REDUCE:
    case MLSEC_FT_FOREACH:
        rc = mlsec_fp_loop(t, node);
        break;

    case MLSEC_FT_LABEL:
        return mlsec_fp_label(t, node);

    case MLSEC_FT_BREAK:
        rc = mlsec_ft_next(t);

        if (rc == MLSEC_OK && t->kind != MLSEC_FT_VARIABLE) {
            return mlsec_ft_unexpected(t, "the $name of a label");
        }

        *node = mlsec_fp_node(t, MLSEC_FA_BREAK);
        if (*node == NULL) {
            return MLSEC_NOMEM;
        }

        (*node)->name = t->text;
        return rc == MLSEC_OK ? mlsec_ft_next(t) : rc;

    case MLSEC_FT_IMPORT:
    case MLSEC_FT_INCLUDE:
    case MLSEC_FT_MODULE:
        return mlsec_fa_error(t->cx, t->pos, "\"%.*s\" is not allowed: a "
                              "program has no modules and reads no files, "
                              "put the definitions into it",
                              (int) t->text.len, t->text.data);

    default:
        return mlsec_ft_unexpected(t, "an expression");
    }

    return rc == MLSEC_OK ? mlsec_fp_depth(t, *node) : rc;
}


/*
 * Numbers that a double does not hold keep their text, if it is one that
 * JSON allows.
 */

static int
mlsec_fp_number(mlsec_ft_t *t, mlsec_fa_t **node)
{
    double           number;
    size_t           i, digits;
    mlsec_fv_t       value;
    mlsec_fx_text_t  text;

    memset(&text, 0, sizeof(text));
    digits = 0;

    for (i = 0; i < t->text.len; i++) {
        digits += mlsec_json_is_digit(t->text.data[i]);
    }

    /* room for what is missing: .5 and 1.e3 are not JSON */

    if (mlsec_fx_put(&t->cx->fx, &text, t->text.data, t->text.len)
        != MLSEC_OK)
    {
        return MLSEC_NOMEM;
    }

    value = mlsec_fv_string(text.data, text.len);
    value.type = MLSEC_FV_NUMTEXT;

    number = mlsec_fv_parse_number(text.data, text.len);

    if ((digits <= 15 && number <= 1e300 && number != 0)
        || mlsec_json_number(text.data, text.data + text.len)
           != text.data + text.len)
    {
        value = mlsec_fv_number(number);
    }

    if (mlsec_fp_literal(t, value, node) != MLSEC_OK) {
        return MLSEC_NOMEM;
    }

    return mlsec_ft_next(t);
}


static int
mlsec_fp_arguments(mlsec_ft_t *t, mlsec_fa_t *call)
{
    int           rc;
    mlsec_fa_t  **last, *argument;

    last = &call->list;

    do {
        rc = mlsec_ft_next(t);
        rc = rc == MLSEC_OK ? mlsec_fp_pipe(t, &argument) : rc;

        if (rc != MLSEC_OK) {
            return rc;
        }

        /* a node may stand in one list only: PIPE and COMMA use "next" */

        *last = mlsec_fp_join(t, MLSEC_FA_PARAM, argument, NULL);
        if (*last == NULL) {
            return MLSEC_NOMEM;
        }

        if (mlsec_fp_depth(t, *last) != MLSEC_OK) {
            return MLSEC_INVALID;
        }

        last = &(*last)->next;

    } while (t->kind == ';');

    rc = mlsec_fp_expect(t, ')', "\";\" or \")\"");

    return rc == MLSEC_OK ? mlsec_fp_depth(t, call) : rc;
}


static int
mlsec_fp_if(mlsec_ft_t *t, mlsec_fa_t **node)
{
    int          rc;
    mlsec_fa_t  *branch;

    branch = mlsec_fp_node(t, MLSEC_FA_IF);
    if (branch == NULL) {
        return MLSEC_NOMEM;
    }

    *node = branch;

    if (++t->nesting > MLSEC_FA_MAX_NESTING) {
        return mlsec_fa_error(t->cx, t->pos, "the program is nested deeper "
                              "than %d levels", MLSEC_FA_MAX_NESTING);
    }

    rc = mlsec_ft_next(t);
    rc = rc == MLSEC_OK ? mlsec_fp_pipe(t, &branch->a) : rc;
    rc = rc == MLSEC_OK
         ? mlsec_fp_expect_word(t, MLSEC_FT_THEN, "\"then\"") : rc;
    rc = rc == MLSEC_OK ? mlsec_fp_pipe(t, &branch->b) : rc;

    if (rc != MLSEC_OK) {
        return rc;
    }

    if (t->word == MLSEC_FT_ELIF) {
        rc = mlsec_fp_if(t, &branch->c);

    } else {

        if (t->word == MLSEC_FT_ELSE) {
            rc = mlsec_ft_next(t);
            rc = rc == MLSEC_OK ? mlsec_fp_pipe(t, &branch->c) : rc;
        }

        rc = rc == MLSEC_OK
             ? mlsec_fp_expect_word(t, MLSEC_FT_END_IF,
                                    "\"elif\", \"else\" or \"end\"") : rc;
    }

    t->nesting--;

    return rc == MLSEC_OK ? mlsec_fp_depth(t, branch) : rc;
}


static int
mlsec_fp_try(mlsec_ft_t *t, mlsec_fa_t **node)
{
    int          rc;
    mlsec_fa_t  *try;

    try = mlsec_fp_node(t, MLSEC_FA_TRY);
    if (try == NULL) {
        return MLSEC_NOMEM;
    }

    *node = try;

    if (++t->nesting > MLSEC_FA_MAX_NESTING) {
        return mlsec_fa_error(t->cx, t->pos, "the program is nested deeper "
                              "than %d levels", MLSEC_FA_MAX_NESTING);
    }

    rc = mlsec_ft_next(t);

    /* -x as the body: above all operators */

    rc = rc == MLSEC_OK ? mlsec_fp_binary(t, 9, &try->a) : rc;

    if (rc == MLSEC_OK && t->word == MLSEC_FT_CATCH) {
        rc = mlsec_ft_next(t);
        rc = rc == MLSEC_OK ? mlsec_fp_binary(t, 9, &try->b) : rc;
    }

    t->nesting--;

    return rc;
}


/* reduce a as $x (b; c), foreach a as $x (b; c[; d]) */

static int
mlsec_fp_loop(mlsec_ft_t *t, mlsec_fa_t **node)
{
    int          rc;
    unsigned     no_as;
    mlsec_fa_t  *loop;

    loop = mlsec_fp_node(t, t->word == MLSEC_FT_REDUCE ? MLSEC_FA_REDUCE
                                                       : MLSEC_FA_FOREACH);
    if (loop == NULL) {
        return MLSEC_NOMEM;
    }

    *node = loop;

    /* the "as" behind the source belongs to the loop */

    no_as = t->no_as;
    t->no_as = 1;

    rc = mlsec_ft_next(t);
    rc = rc == MLSEC_OK ? mlsec_fp_binary(t, MLSEC_FP_NO_COMMA, &loop->a)
                        : rc;

    t->no_as = no_as;

    if (rc == MLSEC_OK && t->word != MLSEC_FT_AS) {
        return mlsec_ft_unexpected(t, "\"as\"");
    }

    rc = rc == MLSEC_OK ? mlsec_ft_next(t) : rc;
    rc = rc == MLSEC_OK ? mlsec_fp_patterns(t, &loop->list) : rc;
    rc = rc == MLSEC_OK ? mlsec_fp_expect(t, '(', "\"(\"") : rc;
    rc = rc == MLSEC_OK ? mlsec_fp_pipe(t, &loop->b) : rc;
    rc = rc == MLSEC_OK ? mlsec_fp_expect(t, ';', "\";\"") : rc;
    rc = rc == MLSEC_OK ? mlsec_fp_pipe(t, &loop->c) : rc;

    if (rc == MLSEC_OK && t->kind == ';' && loop->kind == MLSEC_FA_FOREACH) {
        rc = mlsec_ft_next(t);
        rc = rc == MLSEC_OK ? mlsec_fp_pipe(t, &loop->d) : rc;
    }

    return rc == MLSEC_OK ? mlsec_fp_expect(t, ')', "\")\"") : rc;
}


static int
mlsec_fp_label(mlsec_ft_t *t, mlsec_fa_t **node)
{
    int          rc;
    mlsec_fa_t  *label;

    label = mlsec_fp_node(t, MLSEC_FA_LABEL);
    if (label == NULL) {
        return MLSEC_NOMEM;
    }

    *node = label;
    rc = mlsec_ft_next(t);

    if (rc == MLSEC_OK && t->kind != MLSEC_FT_VARIABLE) {
        return mlsec_ft_unexpected(t, "the $name of the label");
    }

    label->name = t->text;

    rc = rc == MLSEC_OK ? mlsec_ft_next(t) : rc;
    rc = rc == MLSEC_OK ? mlsec_fp_expect(t, '|', "\"|\"") : rc;
    rc = rc == MLSEC_OK ? mlsec_fp_pipe(t, &label->a) : rc;

    return rc == MLSEC_OK ? mlsec_fp_depth(t, label) : rc;
}


int
mlsec_fp_string(mlsec_ft_t *t, mlsec_str_t format, mlsec_fa_t **node)
{
    int           rc, more;
    mlsec_fv_t    text;
    mlsec_fa_t   *string, *piece, **last;

    string = mlsec_fp_node(t, MLSEC_FA_STRING);
    if (string == NULL) {
        return MLSEC_NOMEM;
    }

    string->name = format;
    last = &string->list;

    for ( ;; ) {
        rc = mlsec_ft_piece(t, &text, &more);

        if (rc != MLSEC_OK) {
            return rc;
        }

        if (!more && string->list == NULL) {
            string->kind = MLSEC_FA_LITERAL;
            string->value = text;
            break;
        }

        rc = mlsec_fp_literal(t, text, &piece);

        if (rc != MLSEC_OK) {
            return rc;
        }

        *last = piece;
        last = &piece->next;

        if (!more) {
            break;
        }

        *last = mlsec_fp_node(t, MLSEC_FA_PARAM);
        if (*last == NULL) {
            return MLSEC_NOMEM;
        }

        rc = mlsec_ft_next(t);
        rc = rc == MLSEC_OK ? mlsec_fp_pipe(t, &(*last)->a) : rc;
        rc = rc == MLSEC_OK ? mlsec_fp_depth(t, *last) : rc;

        if (rc != MLSEC_OK) {
            return rc;
        }

        if (t->kind != ')') {
            return mlsec_ft_unexpected(t, "\")\"");
        }

        last = &(*last)->next;
    }

    *node = string;
    rc = mlsec_fp_depth(t, string);

    return rc == MLSEC_OK ? mlsec_ft_next(t) : rc;
}
