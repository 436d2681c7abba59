/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The parser: operators by precedence, terms by recursive descent.  C's
 * stack grows with the program's nesting, which is bounded.
 */


#include <lib/filter/mlsec_filter_parse.h>


typedef struct {
    uint8_t               token;
    uint8_t               word;
    uint8_t               level;
    uint8_t               right;       /* 1: groups to the right, 2: not at
                                          all */
    uint8_t               kind;
    uint8_t               op;
} mlsec_fp_operator_t;


static const mlsec_fp_operator_t  mlsec_fp_operators[] = {
    { ',', 0, MLSEC_FP_COMMA, 1, MLSEC_FA_COMMA, 0 },
    { MLSEC_FT_ALT, 0, 2, 1, MLSEC_FA_ALTERNATIVE, 0 },
    { '=', 0, 3, 2, MLSEC_FA_ASSIGN, 0 },
    { MLSEC_FT_MODIFY, 0, 3, 2, MLSEC_FA_MODIFY, 0 },
    { MLSEC_FT_ADD_SET, 0, 3, 2, MLSEC_FA_UPDATE, MLSEC_FV_ADD },
    { MLSEC_FT_SUB_SET, 0, 3, 2, MLSEC_FA_UPDATE, MLSEC_FV_SUB },
    { MLSEC_FT_MUL_SET, 0, 3, 2, MLSEC_FA_UPDATE, MLSEC_FV_MUL },
    { MLSEC_FT_DIV_SET, 0, 3, 2, MLSEC_FA_UPDATE, MLSEC_FV_DIV },
    { MLSEC_FT_MOD_SET, 0, 3, 2, MLSEC_FA_UPDATE, MLSEC_FV_MOD },
    { MLSEC_FT_ALT_SET, 0, 3, 2, MLSEC_FA_UPDATE_ALT, 0 },
    { MLSEC_FT_KEYWORD, MLSEC_FT_OR, 4, 0, MLSEC_FA_OR, 0 },
    { MLSEC_FT_KEYWORD, MLSEC_FT_AND, 5, 0, MLSEC_FA_AND, 0 },
    { MLSEC_FT_EQ, 0, 6, 2, MLSEC_FA_COMPARE, MLSEC_FA_EQ },
    { MLSEC_FT_NE, 0, 6, 2, MLSEC_FA_COMPARE, MLSEC_FA_NE },
    { '<', 0, 6, 2, MLSEC_FA_COMPARE, MLSEC_FA_LT },
    { MLSEC_FT_LE, 0, 6, 2, MLSEC_FA_COMPARE, MLSEC_FA_LE },
    { '>', 0, 6, 2, MLSEC_FA_COMPARE, MLSEC_FA_GT },
    { MLSEC_FT_GE, 0, 6, 2, MLSEC_FA_COMPARE, MLSEC_FA_GE },
    { '+', 0, 7, 0, MLSEC_FA_MATH, MLSEC_FV_ADD },
    { '-', 0, 7, 0, MLSEC_FA_MATH, MLSEC_FV_SUB },
    { '*', 0, 8, 0, MLSEC_FA_MATH, MLSEC_FV_MUL },
    { '/', 0, 8, 0, MLSEC_FA_MATH, MLSEC_FV_DIV },
    { '%', 0, 8, 0, MLSEC_FA_MATH, MLSEC_FV_MOD }
};


static int mlsec_fp_unary(mlsec_ft_t *t, mlsec_fa_t **node);
static int mlsec_fp_list(mlsec_ft_t *t, const mlsec_fp_operator_t *op,
    mlsec_fa_t **node);


mlsec_fa_t *
mlsec_fp_node(mlsec_ft_t *t, int kind)
{
    mlsec_fa_t  *node;

    node = mlsec_fx_alloc(&t->cx->fx, sizeof(mlsec_fa_t));

    if (node != NULL) {
        memset(node, 0, sizeof(mlsec_fa_t));
        node->kind = (uint8_t) kind;
        node->pos = t->pos;
        node->depth = 1;
        node->name.data = t->p;
    }

    return node;
}


int
mlsec_fp_depth(mlsec_ft_t *t, mlsec_fa_t *node)
{
    unsigned           i, depth;
    const mlsec_fa_t  *item, *parts[4];

    parts[0] = node->a;
    parts[1] = node->b;
    parts[2] = node->c;
    parts[3] = node->d;
    depth = 0;

    for (i = 0; i < 4; i++) {
        if (parts[i] != NULL && parts[i]->depth > depth) {
            depth = parts[i]->depth;
        }
    }

    for (item = node->list; item != NULL; item = item->next) {
        if (item->depth > depth) {
            depth = item->depth;
        }
    }

    /* the right side of these is compiled in a loop */

    if ((node->kind == MLSEC_FA_PIPE || node->kind == MLSEC_FA_COMMA)
        && node->b->depth == depth && node->b->kind == node->kind
        && node->a->depth < depth)
    {
        depth--;
    }

    if (depth >= MLSEC_FA_MAX_DEPTH) {
        return mlsec_fa_error(t->cx, node->pos, "the expression is more than "
                              "%d operations deep", MLSEC_FA_MAX_DEPTH);
    }

    node->depth = (uint16_t) (depth + 1);

    return MLSEC_OK;
}


mlsec_fa_t *
mlsec_fp_join(mlsec_ft_t *t, int kind, mlsec_fa_t *a, mlsec_fa_t *b)
{
    mlsec_fa_t  *node;

    node = mlsec_fp_node(t, kind);

    if (node != NULL) {
        node->a = a;
        node->b = b;

        if (a != NULL) {
            node->pos = a->pos;
        }
    }

    return node;
}


int
mlsec_fp_expect(mlsec_ft_t *t, int kind, const char *name)
{
    return t->kind == kind ? mlsec_ft_next(t) : mlsec_ft_unexpected(t, name);
}


int
mlsec_fp_expect_word(mlsec_ft_t *t, int word, const char *name)
{
    return t->word == word ? mlsec_ft_next(t) : mlsec_ft_unexpected(t, name);
}


int
mlsec_fp_call(mlsec_ft_t *t, const char *name, mlsec_fa_t **node)
{
    *node = mlsec_fp_node(t, MLSEC_FA_CALL);
    if (*node == NULL) {
        return MLSEC_NOMEM;
    }

    (*node)->name.data = (const unsigned char *) name;
    (*node)->name.len = strlen(name);

    return MLSEC_OK;
}


static int
mlsec_fp_definitions(mlsec_ft_t *t, int defs, mlsec_fa_t **tree)
{
    int           rc;
    mlsec_fa_t  **last, *def;

    last = tree;

    while (t->word == MLSEC_FT_DEF) {
        rc = mlsec_fp_def(t, &def);

        if (rc != MLSEC_OK) {
            return rc;
        }

        *last = def;
        last = &def->b;
    }

    if (!defs && t->kind != MLSEC_FT_END) {
        return mlsec_fp_pipe(t, last);
    }

    *last = mlsec_fp_node(t, MLSEC_FA_IDENTITY);

    return *last == NULL ? MLSEC_NOMEM : MLSEC_OK;
}


int
mlsec_fa_parse(mlsec_fa_context_t *cx, mlsec_str_t text, int defs,
    mlsec_fa_t **tree)
{
    int         rc;
    mlsec_ft_t  t;

    memset(&t, 0, sizeof(t));
    t.cx = cx;
    t.start = text.data;
    t.p = text.data;
    t.end = text.data + text.len;

    rc = mlsec_ft_next(&t);

    if (rc == MLSEC_OK) {
        rc = mlsec_fp_definitions(&t, defs, tree);
    }

    if (rc == MLSEC_OK && t.kind != MLSEC_FT_END) {
        rc = mlsec_ft_unexpected(&t, "an operator or the end of the program");
    }

    return rc;
}


int
mlsec_fp_def(mlsec_ft_t *t, mlsec_fa_t **node)
{
    int           rc, more;
    mlsec_fa_t   *def, *param, **last;

    def = mlsec_fp_node(t, MLSEC_FA_DEF);
    if (def == NULL) {
        return MLSEC_NOMEM;
    }

    *node = def;

    if (mlsec_ft_next(t) != MLSEC_OK) {
        return MLSEC_INVALID;
    }

    if (t->kind != MLSEC_FT_NAME && t->kind != MLSEC_FT_KEYWORD) {
        return mlsec_ft_unexpected(t, "the name of a function");
    }

    def->name = t->text;
    last = &def->list;
    rc = mlsec_ft_next(t);

    for (more = t->kind == '('; rc == MLSEC_OK && more; more = t->kind == ';') {

        if (mlsec_ft_next(t) != MLSEC_OK) {
            return MLSEC_INVALID;
        }

        if (t->kind != MLSEC_FT_NAME && t->kind != MLSEC_FT_KEYWORD
            && t->kind != MLSEC_FT_VARIABLE)
        {
            return mlsec_ft_unexpected(t, "the name of a parameter");
        }

        param = mlsec_fp_node(t, MLSEC_FA_PARAM);
        if (param == NULL) {
            return MLSEC_NOMEM;
        }

        param->name = t->text;
        param->op = t->kind == MLSEC_FT_VARIABLE;
        *last = param;
        last = &param->next;
        rc = mlsec_ft_next(t);

        if (t->kind != ';') {
            rc = rc == MLSEC_OK ? mlsec_fp_expect(t, ')', "\";\" or \")\"")
                                : rc;
            break;
        }
    }

    if (rc == MLSEC_OK) {
        rc = mlsec_fp_expect(t, ':', "\":\" and the body of the function");
    }

    if (rc == MLSEC_OK) {
        rc = mlsec_fp_pipe(t, &def->a);
    }

    if (rc == MLSEC_OK) {
        rc = mlsec_fp_expect(t, ';', "\";\" at the end of the function");
    }

    return rc == MLSEC_OK ? mlsec_fp_depth(t, def) : rc;
}


int
mlsec_fp_pipe(mlsec_ft_t *t, mlsec_fa_t **node)
{
    int           rc;
    unsigned      no_as;
    mlsec_fa_t   *part, *pipe, *stack, *next;

    if (++t->nesting > MLSEC_FA_MAX_NESTING) {
        return mlsec_fa_error(t->cx, t->pos, "the program is nested deeper "
                              "than %d levels", MLSEC_FA_MAX_NESTING);
    }

    /* the parts are collected first, and joined from the right */

    stack = NULL;
    no_as = t->no_as;
    t->no_as = 0;

    for ( ;; ) {

        if (t->word == MLSEC_FT_DEF) {
            rc = mlsec_fp_def(t, &part);

            if (rc == MLSEC_OK) {
                rc = mlsec_fp_pipe(t, &part->b);
            }

            if (rc == MLSEC_OK) {
                rc = mlsec_fp_depth(t, part);
            }

        } else {
            rc = mlsec_fp_binary(t, MLSEC_FP_COMMA, &part);
        }

        if (rc != MLSEC_OK) {
            return rc;
        }

        if (t->kind != '|') {
            break;
        }

        pipe = mlsec_fp_join(t, MLSEC_FA_PIPE, part, NULL);
        if (pipe == NULL) {
            return MLSEC_NOMEM;
        }

        pipe->next = stack;
        stack = pipe;

        if (mlsec_ft_next(t) != MLSEC_OK) {
            return MLSEC_INVALID;
        }
    }

    for ( /* void */ ; stack != NULL; stack = next) {
        next = stack->next;
        stack->next = NULL;
        stack->b = part;
        part = stack;

        if (mlsec_fp_depth(t, part) != MLSEC_OK) {
            return MLSEC_INVALID;
        }
    }

    *node = part;
    t->no_as = no_as;
    t->nesting--;

    return MLSEC_OK;
}


static const mlsec_fp_operator_t *
mlsec_fp_operator(const mlsec_ft_t *t)
{
    size_t  i;

    for (i = 0; i < sizeof(mlsec_fp_operators)
                    / sizeof(mlsec_fp_operators[0]); i++)
    {
        if (mlsec_fp_operators[i].token == t->kind
            && mlsec_fp_operators[i].word == t->word)
        {
            return &mlsec_fp_operators[i];
        }
    }

    return NULL;
}


int
mlsec_fp_binary(mlsec_ft_t *t, int least, mlsec_fa_t **node)
{
    int                         rc;
    mlsec_fa_t                 *join;
    const mlsec_fp_operator_t  *op, *next;

    rc = mlsec_fp_unary(t, node);

    if (rc != MLSEC_OK) {
        return rc;
    }

    while ((op = mlsec_fp_operator(t)) != NULL && op->level >= least) {

        if (op->right == 1) {
            rc = mlsec_fp_list(t, op, node);

            if (rc != MLSEC_OK) {
                return rc;
            }

            continue;
        }

        join = mlsec_fp_join(t, op->kind, *node, NULL);
        if (join == NULL) {
            return MLSEC_NOMEM;
        }

        join->op = op->op;

        if (mlsec_ft_next(t) != MLSEC_OK) {
            return MLSEC_INVALID;
        }

        /* "//" binds less than "=" and may still stand on its right */

        rc = mlsec_fp_binary(t, op->kind == MLSEC_FA_ASSIGN
                                || (op->kind >= MLSEC_FA_MODIFY
                                    && op->kind <= MLSEC_FA_UPDATE_ALT)
                                ? 2 : op->level + 1, &join->b);

        if (rc != MLSEC_OK) {
            return rc;
        }

        if (mlsec_fp_depth(t, join) != MLSEC_OK) {
            return MLSEC_INVALID;
        }

        *node = join;

        next = mlsec_fp_operator(t);

        if (op->right == 2 && next != NULL && next->level == op->level) {
            return mlsec_ft_unexpected(t, "no second operator of this kind "
                                       "(use parentheses)");
        }
    }

    return MLSEC_OK;
}


/* a, b, c: joined from the right, so that a long list is no deep tree. */

static int
mlsec_fp_list(mlsec_ft_t *t, const mlsec_fp_operator_t *op,
    mlsec_fa_t **node)
{
    int           rc;
    mlsec_fa_t   *part, *join, *stack, *next;

    stack = NULL;
    part = *node;

    do {
        join = mlsec_fp_join(t, op->kind, part, NULL);
        if (join == NULL) {
            return MLSEC_NOMEM;
        }

        join->next = stack;
        stack = join;

        if (mlsec_ft_next(t) != MLSEC_OK) {
            return MLSEC_INVALID;
        }

        rc = mlsec_fp_binary(t, op->level + 1, &part);

        if (rc != MLSEC_OK) {
            return rc;
        }

    } while (t->kind == op->token);

    for ( /* void */ ; stack != NULL; stack = next) {
        next = stack->next;
        stack->next = NULL;
        stack->b = part;
        part = stack;

        if (mlsec_fp_depth(t, part) != MLSEC_OK) {
            return MLSEC_INVALID;
        }
    }

    *node = part;

    return MLSEC_OK;
}


static int
mlsec_fp_unary(mlsec_ft_t *t, mlsec_fa_t **node)
{
    int          rc;
    mlsec_fa_t  *negate;

    if (t->word == MLSEC_FT_DEF) {
        rc = mlsec_fp_def(t, node);

        if (rc == MLSEC_OK) {
            rc = mlsec_fp_pipe(t, &(*node)->b);
        }

        return rc == MLSEC_OK ? mlsec_fp_depth(t, *node) : rc;
    }

    if (t->kind != '-') {
        return mlsec_fp_postfix(t, node);
    }

    negate = mlsec_fp_node(t, MLSEC_FA_NEGATE);
    if (negate == NULL) {
        return MLSEC_NOMEM;
    }

    if (++t->nesting > MLSEC_FA_MAX_NESTING) {
        return mlsec_fa_error(t->cx, t->pos, "the program is nested deeper "
                              "than %d levels", MLSEC_FA_MAX_NESTING);
    }

    rc = mlsec_ft_next(t);

    if (rc == MLSEC_OK) {
        rc = mlsec_fp_unary(t, &negate->a);
    }

    t->nesting--;

    if (rc != MLSEC_OK) {
        return rc;
    }

    if (negate->a->kind == MLSEC_FA_LITERAL
        && negate->a->value.type == MLSEC_FV_NUMBER)
    {
        negate->a->value = mlsec_fv_number(
                               -mlsec_fv_double(negate->a->value));
        negate->a->pos = negate->pos;
        *node = negate->a;
        return MLSEC_OK;
    }

    *node = negate;

    return mlsec_fp_depth(t, negate);
}
