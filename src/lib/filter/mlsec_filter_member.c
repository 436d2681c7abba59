/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* The parser, braces: objects and the patterns that take them apart. */


#include <lib/filter/mlsec_filter_parse.h>


static int mlsec_fp_entry(mlsec_ft_t *t, mlsec_fa_t **node);
static int mlsec_fp_pattern(mlsec_ft_t *t, mlsec_fa_t **node);


int
mlsec_fp_object(mlsec_ft_t *t, mlsec_fa_t **node)
{
    int           rc;
    mlsec_fa_t   *object, **last;

    object = mlsec_fp_node(t, MLSEC_FA_OBJECT);
    if (object == NULL) {
        return MLSEC_NOMEM;
    }

    *node = object;
    last = &object->list;
    rc = mlsec_ft_next(t);

    while (rc == MLSEC_OK && t->kind != '}') {
        rc = mlsec_fp_entry(t, last);

        if (rc != MLSEC_OK) {
            return rc;
        }

        last = &(*last)->next;

        if (t->kind == ',') {
            rc = mlsec_ft_next(t);

        } else if (t->kind != '}') {
            return mlsec_ft_unexpected(t, "\",\" or \"}\"");
        }
    }

    rc = rc == MLSEC_OK ? mlsec_fp_depth(t, object) : rc;

    return rc == MLSEC_OK ? mlsec_ft_next(t) : rc;
}


/* The value of an entry: pipes, but no comma. */

static int
mlsec_fp_entry_value(mlsec_ft_t *t, mlsec_fa_t **node)
{
    int          rc;
    unsigned     no_as;
    mlsec_fa_t  *pipe;

    if (++t->nesting > MLSEC_FA_MAX_NESTING) {
        return mlsec_fa_error(t->cx, t->pos, "the program is nested deeper "
                              "than %d levels", MLSEC_FA_MAX_NESTING);
    }

    no_as = t->no_as;
    t->no_as = 0;
    rc = mlsec_fp_binary(t, MLSEC_FP_NO_COMMA, node);
    t->no_as = no_as;

    if (rc == MLSEC_OK && t->kind == '|') {
        pipe = mlsec_fp_join(t, MLSEC_FA_PIPE, *node, NULL);
        if (pipe == NULL) {
            return MLSEC_NOMEM;
        }

        *node = pipe;
        rc = mlsec_ft_next(t);
        rc = rc == MLSEC_OK ? mlsec_fp_entry_value(t, &pipe->b) : rc;
        rc = rc == MLSEC_OK ? mlsec_fp_depth(t, pipe) : rc;
    }

    t->nesting--;

    return rc;
}


/* A key: name, keyword, string, number (an error later), (expression). */

static int
mlsec_fp_key(mlsec_ft_t *t, mlsec_fa_t **key)
{
    int          rc;
    mlsec_fv_t   name;

    if (t->kind == MLSEC_FT_NAME || t->kind == MLSEC_FT_KEYWORD) {

        if (mlsec_fv_copy_string(&t->cx->fx, t->text.data, t->text.len, &name)
            != MLSEC_OK)
        {
            return MLSEC_NOMEM;
        }

        rc = mlsec_fp_literal(t, name, key);
        return rc == MLSEC_OK ? mlsec_ft_next(t) : rc;
    }

    if (t->kind == MLSEC_FT_NUMBER) {
        return mlsec_fa_error(t->cx, t->pos, "cannot use a number as object "
                              "key, write (%.*s|tostring)",
                              t->text.len > 20 ? 20 : (int) t->text.len,
                              t->text.data);
    }

    if (t->kind != '(' && t->kind != MLSEC_FT_QUOTE
        && t->kind != MLSEC_FT_FORMAT)
    {
        return mlsec_ft_unexpected(t, "a key: a name, a string, $name or "
                                   "(expression)");
    }

    rc = mlsec_fp_term(t, key);

    if (rc == MLSEC_OK && (*key)->kind == MLSEC_FA_LITERAL
        && !mlsec_fv_is_string((*key)->value))
    {
        return mlsec_fa_error(t->cx, (*key)->pos, "cannot use %s as object "
                              "key", mlsec_fv_type_name((*key)->value));
    }

    return rc;
}


static int
mlsec_fp_entry(mlsec_ft_t *t, mlsec_fa_t **node)
{
    int          rc;
    mlsec_fv_t   name;
    mlsec_fa_t  *entry, *key;

    entry = mlsec_fp_node(t, MLSEC_FA_ENTRY);
    if (entry == NULL) {
        return MLSEC_NOMEM;
    }

    *node = entry;

    if (t->kind == MLSEC_FT_VARIABLE) {

        /* {$name}: its own key */

        if (mlsec_fv_copy_string(&t->cx->fx, t->text.data, t->text.len, &name)
            != MLSEC_OK
            || mlsec_fp_literal(t, name, &entry->a) != MLSEC_OK)
        {
            return MLSEC_NOMEM;
        }

        entry->b = mlsec_fp_node(t, MLSEC_FA_VARIABLE);
        if (entry->b == NULL) {
            return MLSEC_NOMEM;
        }

        entry->b->name = t->text;
        rc = mlsec_ft_next(t);

        if (rc == MLSEC_OK && t->kind == ':') {

            /* {$name: value}: its value is the key */

            entry->a = entry->b;
            rc = mlsec_ft_next(t);
            rc = rc == MLSEC_OK ? mlsec_fp_entry_value(t, &entry->b) : rc;
        }

        return rc == MLSEC_OK ? mlsec_fp_depth(t, entry) : rc;
    }

    rc = mlsec_fp_key(t, &entry->a);

    if (rc != MLSEC_OK) {
        return rc;
    }

    key = entry->a;

    if (t->kind == ':') {
        rc = mlsec_ft_next(t);
        rc = rc == MLSEC_OK ? mlsec_fp_entry_value(t, &entry->b) : rc;

    } else {

        /* {name}, {"name"}: the member of that name */

        if (key->kind != MLSEC_FA_LITERAL && key->kind != MLSEC_FA_STRING) {
            return mlsec_ft_unexpected(t, "\":\" and the value");
        }

        entry->b = mlsec_fp_node(t, MLSEC_FA_INDEX);
        if (entry->b == NULL) {
            return MLSEC_NOMEM;
        }

        entry->b->a = mlsec_fp_node(t, MLSEC_FA_IDENTITY);
        if (entry->b->a == NULL) {
            return MLSEC_NOMEM;
        }

        entry->b->b = NULL;            /* the key, evaluated once */
    }

    return rc == MLSEC_OK ? mlsec_fp_depth(t, entry) : rc;
}


int
mlsec_fp_patterns(mlsec_ft_t *t, mlsec_fa_t **node)
{
    int           rc;
    mlsec_fa_t  **last;

    last = node;

    for ( ;; ) {
        rc = mlsec_fp_pattern(t, last);

        if (rc != MLSEC_OK || t->kind != MLSEC_FT_BIND_ALT) {
            return rc;
        }

        last = &(*last)->next;
        rc = mlsec_ft_next(t);

        if (rc != MLSEC_OK) {
            return rc;
        }
    }
}


/* {key: pattern}, {$name}, {$name: pattern} */

static int
mlsec_fp_pattern_entry(mlsec_ft_t *t, mlsec_fa_t **node)
{
    int          rc;
    mlsec_fv_t   name;
    mlsec_fa_t  *entry;

    entry = mlsec_fp_node(t, MLSEC_FA_BIND_ENTRY);
    if (entry == NULL) {
        return MLSEC_NOMEM;
    }

    *node = entry;

    if (t->kind == MLSEC_FT_VARIABLE) {
        entry->name = t->text;

        if (mlsec_fv_copy_string(&t->cx->fx, t->text.data, t->text.len, &name)
            != MLSEC_OK
            || mlsec_fp_literal(t, name, &entry->a) != MLSEC_OK)
        {
            return MLSEC_NOMEM;
        }

        rc = mlsec_ft_next(t);

        if (rc != MLSEC_OK || t->kind != ':') {
            return rc;
        }

    } else {
        rc = mlsec_fp_key(t, &entry->a);
    }

    rc = rc == MLSEC_OK ? mlsec_fp_expect(t, ':', "\":\" and a pattern") : rc;
    rc = rc == MLSEC_OK ? mlsec_fp_pattern(t, &entry->b) : rc;

    return rc == MLSEC_OK ? mlsec_fp_depth(t, entry) : rc;
}


static int
mlsec_fp_pattern(mlsec_ft_t *t, mlsec_fa_t **node)
{
    int           rc, close, more;
    mlsec_fa_t   *pattern, **last;

    pattern = mlsec_fp_node(t, MLSEC_FA_BIND);
    if (pattern == NULL) {
        return MLSEC_NOMEM;
    }

    *node = pattern;

    if (t->kind == MLSEC_FT_VARIABLE) {
        pattern->name = t->text;
        return mlsec_ft_next(t);
    }

    if (t->kind != '[' && t->kind != '{') {
        return mlsec_ft_unexpected(t, "a pattern: $name, [...] or {...}");
    }

    if (++t->nesting > MLSEC_FA_MAX_NESTING) {
        return mlsec_fa_error(t->cx, t->pos, "the program is nested deeper "
                              "than %d levels", MLSEC_FA_MAX_NESTING);
    }

    pattern->kind = t->kind == '[' ? MLSEC_FA_BIND_ARRAY
                                   : MLSEC_FA_BIND_OBJECT;
    close = t->kind == '[' ? ']' : '}';
    last = &pattern->list;

    do {
        rc = mlsec_ft_next(t);

        if (rc == MLSEC_OK) {
            rc = close == ']' ? mlsec_fp_pattern(t, last)
                              : mlsec_fp_pattern_entry(t, last);
        }

        if (rc != MLSEC_OK) {
            return rc;
        }

        last = &(*last)->next;
        more = t->kind == ',';

    } while (more);

    t->nesting--;

    rc = mlsec_fp_expect(t, close, close == ']' ? "\",\" or \"]\""
                                                : "\",\" or \"}\"");

    return rc == MLSEC_OK ? mlsec_fp_depth(t, pattern) : rc;
}
