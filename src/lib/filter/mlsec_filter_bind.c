/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The compiler: patterns.  With ?// between them all variables exist, as
 * null, whichever pattern fits; an error in a pattern but the last one, or in
 * what follows it, leads to the next.
 */


#include <lib/filter/mlsec_filter_compile.h>


/* Variables that were declared before: from "all" to before "end". */

typedef struct {
    mlsec_fs_t           *all;
    const mlsec_fs_t     *end;
} mlsec_fc_known_t;


static mlsec_fs_t *mlsec_fc_pattern(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope, uint16_t value, const mlsec_fc_known_t *known);


static mlsec_fs_t *
mlsec_fc_known(const mlsec_fs_t *first, const mlsec_fs_t *end,
    mlsec_str_t name)
{
    for ( /* void */ ; first != end; first = first->outer) {
        if (first->name.len == name.len
            && memcmp(first->name.data, name.data, name.len) == 0)
        {
            return (mlsec_fs_t *) first;
        }
    }

    return NULL;
}


/* Gives every variable of a pattern a register, once. */

static mlsec_fs_t *
mlsec_fc_declare(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    const mlsec_fs_t *end)
{
    const mlsec_fa_t  *part;

    if (node->name.len != 0
        && (node->kind == MLSEC_FA_BIND || node->kind == MLSEC_FA_BIND_ENTRY)
        && mlsec_fc_known(scope, end, node->name) == NULL)
    {
        scope = mlsec_fc_name(c, scope, MLSEC_FS_VARIABLE, node->name);

        if (c->rc == MLSEC_OK) {
            scope->reg = mlsec_fc_reg(c);
        }
    }

    if (node->kind == MLSEC_FA_BIND_ENTRY) {
        return node->b == NULL ? scope
                               : mlsec_fc_declare(c, node->b, scope, end);
    }

    for (part = node->list; part != NULL && c->rc == MLSEC_OK;
         part = part->next)
    {
        scope = mlsec_fc_declare(c, part, scope, end);
    }

    return scope;
}


static mlsec_fs_t *
mlsec_fc_bind_name(mlsec_fc_t *c, mlsec_fs_t *scope, mlsec_str_t name,
    uint16_t value, const mlsec_fc_known_t *known)
{
    mlsec_fs_t  *s;

    if (known != NULL) {
        s = mlsec_fc_known(known->all, known->end, name);

        if (s != NULL) {
            (void) mlsec_fc_emit(c, MLSEC_FI_COPY, s->reg, value, 0, 0);
        }

        return scope;
    }

    s = mlsec_fc_name(c, scope, MLSEC_FS_VARIABLE, name);

    if (c->rc != MLSEC_OK) {
        return scope;
    }

    s->reg = value;

    if (value & MLSEC_FI_CONSTANT) {
        s->reg = mlsec_fc_reg(c);
        (void) mlsec_fc_emit(c, MLSEC_FI_COPY, s->reg, value, 0, 0);
    }

    return s;
}


static mlsec_fs_t *
mlsec_fc_pattern_part(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope, uint16_t value, const mlsec_fc_known_t *known)
{
    uint16_t        key, item;
    mlsec_fc_ref_t  in;

    memset(&in, 0, sizeof(in));
    in.v = value;
    in.p = MLSEC_FI_NONE;

    key = mlsec_fc_value(c, node->a, scope, in);
    item = mlsec_fc_reg(c);
    (void) mlsec_fc_emit(c, MLSEC_FI_INDEX, item, value, key, 2);

    if (node->name.len != 0) {
        scope = mlsec_fc_bind_name(c, scope, node->name, item, known);
    }

    if (node->b != NULL) {
        scope = mlsec_fc_pattern(c, node->b, scope, item, known);
    }

    return scope;
}


/* known: NULL if the variables are not declared yet */

static mlsec_fs_t *
mlsec_fc_pattern(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    uint16_t value, const mlsec_fc_known_t *known)
{
    uint16_t           item;
    uint32_t           i;
    const mlsec_fa_t  *part;

    if (node->kind == MLSEC_FA_BIND) {
        return mlsec_fc_bind_name(c, scope, node->name, value, known);
    }

    for (part = node->list, i = 0; part != NULL && c->rc == MLSEC_OK;
         part = part->next, i++)
    {
        if (node->kind == MLSEC_FA_BIND_OBJECT) {
            scope = mlsec_fc_pattern_part(c, part, scope, value, known);
            continue;
        }

        item = mlsec_fc_reg(c);
        (void) mlsec_fc_emit(c, MLSEC_FI_INDEX, item, value,
                             mlsec_fc_constant(c, mlsec_fv_number(i)), 0);
        scope = mlsec_fc_pattern(c, part, scope, item, known);
    }

    return scope;
}


mlsec_fs_t *
mlsec_fc_bind(mlsec_fc_t *c, const mlsec_fa_t *patterns, mlsec_fs_t *scope,
    uint16_t value, mlsec_fc_bind_t *bind)
{
    unsigned           i;
    uint16_t           error, null;
    uint32_t           try;
    mlsec_fs_t        *all, *s;
    mlsec_fc_known_t   known;
    const mlsec_fa_t  *node;

    bind->mark = MLSEC_FI_NONE;
    bind->njumps = 0;

    if (patterns->next == NULL) {
        return mlsec_fc_pattern(c, patterns, scope, value, NULL);
    }

    all = scope;

    for (node = patterns; node != NULL; node = node->next) {
        all = mlsec_fc_declare(c, node, all, scope);
    }

    known.all = all;
    known.end = scope;

    bind->mark = mlsec_fc_reg(c);
    error = mlsec_fc_reg(c);
    null = mlsec_fc_constant(c, mlsec_fv_null());

    for (node = patterns; node != NULL && c->rc == MLSEC_OK;
         node = node->next)
    {
        for (s = all; s != scope; s = s->outer) {
            (void) mlsec_fc_emit(c, MLSEC_FI_COPY, s->reg, null, 0, 0);
        }

        if (node->next == NULL) {
            (void) mlsec_fc_emit(c, MLSEC_FI_COPY, bind->mark, null, 0, 0);
            (void) mlsec_fc_pattern(c, node, all, value, &known);
            break;
        }

        if (bind->njumps == 64) {
            mlsec_fc_error(c, node, "more than 64 alternative patterns");
            break;
        }

        try = mlsec_fc_emit(c, MLSEC_FI_TRY, error, 0, bind->mark, 0);
        (void) mlsec_fc_pattern(c, node, all, value, &known);
        bind->jumps[bind->njumps++] = mlsec_fc_emit(c, MLSEC_FI_JUMP, 0, 0,
                                                    0, 0);
        mlsec_fc_here(c, try);
    }

    for (i = 0; i < bind->njumps; i++) {
        mlsec_fc_here(c, bind->jumps[i]);
    }

    c->forks++;

    return all;
}


void
mlsec_fc_bound(mlsec_fc_t *c, const mlsec_fc_bind_t *bind)
{
    if (bind->mark != MLSEC_FI_NONE) {
        (void) mlsec_fc_emit(c, MLSEC_FI_TRY_END, 0, 0, bind->mark, 0);
    }
}
