/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The compiler: functions.  A call means, in this order: what is defined
 * around it, a function of the compiler (mlsec_filter_special.c), one that is
 * written in C, one of the prelude.
 *
 * A function that does not call itself is compiled in place.  Its arguments
 * stay expressions, with the scope of the call, and are compiled where the
 * body uses them: this is what "call by name" means anyway.
 */


#include <lib/filter/mlsec_filter_compile.h>


#define MLSEC_FC_MAX_ARGS  64


static mlsec_fs_t *mlsec_fc_resolve(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope, unsigned nargs);
static void mlsec_fc_native(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope, mlsec_fc_ref_t in, mlsec_fc_ref_t out);
static void mlsec_fc_inline(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *s, mlsec_fs_t *scope, mlsec_fc_ref_t in, mlsec_fc_ref_t out);
static void mlsec_fc_call_frame(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *s, mlsec_fs_t *scope, mlsec_fc_ref_t in, mlsec_fc_ref_t out);
static int32_t mlsec_fc_function(mlsec_fc_t *c, const mlsec_fa_t *params,
    const mlsec_fa_t *body, mlsec_fs_t *s, mlsec_fs_t *scope);
static void mlsec_fc_regex(mlsec_fc_t *c, const mlsec_fa_t *node,
    unsigned nargs);
static void mlsec_fc_unknown(mlsec_fc_t *c, const mlsec_fa_t *node,
    unsigned nargs);


static unsigned
mlsec_fc_nargs(const mlsec_fa_t *node)
{
    unsigned           n;
    const mlsec_fa_t  *arg;

    for (n = 0, arg = node->list; arg != NULL; arg = arg->next) {
        n++;
    }

    return n;
}


static mlsec_fs_t *
mlsec_fc_find_function(mlsec_fs_t *scope, mlsec_str_t name, unsigned nargs)
{
    for ( /* void */ ; scope != NULL; scope = scope->outer) {

        if (scope->kind != MLSEC_FS_VARIABLE && scope->kind != MLSEC_FS_LABEL
            && scope->nargs == nargs && scope->name.len == name.len
            && memcmp(scope->name.data, name.data, name.len) == 0)
        {
            return scope;
        }
    }

    return NULL;
}


/* Whether a tree calls a function; one of the same name inside counts too. */

static int
mlsec_fc_calls(const mlsec_fa_t *node, mlsec_str_t name, unsigned nargs)
{
    const mlsec_fa_t  *part;

    for ( /* void */ ; node != NULL; node = node->b) {

        if (node->kind == MLSEC_FA_CALL && node->name.len == name.len
            && memcmp(node->name.data, name.data, name.len) == 0
            && mlsec_fc_nargs(node) == nargs)
        {
            return 1;
        }

        for (part = node->list; part != NULL; part = part->next) {
            if (mlsec_fc_calls(part, name, nargs)) {
                return 1;
            }
        }

        if (mlsec_fc_calls(node->a, name, nargs)
            || mlsec_fc_calls(node->c, name, nargs)
            || mlsec_fc_calls(node->d, name, nargs))
        {
            return 1;
        }
    }

    return 0;
}


mlsec_fs_t *
mlsec_fc_def(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope)
{
    mlsec_fs_t  *s;

    s = mlsec_fc_name(c, scope, MLSEC_FS_FUNCTION, node->name);

    if (c->rc != MLSEC_OK) {
        return scope;
    }

    s->tree = node;
    s->nargs = (uint16_t) mlsec_fc_nargs(node);
    s->recursive = (uint8_t) mlsec_fc_calls(node->a, node->name, s->nargs);

    if (s->nargs > MLSEC_FC_MAX_ARGS) {
        mlsec_fc_error(c, node, "more than %d parameters",
                       MLSEC_FC_MAX_ARGS);
    }

    return s;
}


/* A function of the prelude, parsed when it is first used. */

static mlsec_fs_t *
mlsec_fc_prelude(mlsec_fc_t *c, mlsec_str_t name, unsigned nargs)
{
    mlsec_fs_t  *s, *outer;
    mlsec_fa_t  *tree;
    mlsec_str_t  text;
    const char  *p;

    s = mlsec_fc_find_function(c->globals, name, nargs);

    if (s != NULL) {
        return s;
    }

    p = mlsec_fn_prelude(name, nargs);

    if (p == NULL) {
        return NULL;
    }

    text.data = (const unsigned char *) p;
    text.len = strlen(p);

    c->rc = mlsec_fa_parse(&c->cx, text, 1, &tree);

    if (c->rc != MLSEC_OK) {
        return NULL;
    }

    /* these live in the outermost frame, and see one another by name only */

    outer = c->globals;
    s = mlsec_fc_def(c, tree, outer);

    if (c->rc == MLSEC_OK) {
        s->level = 0;
        c->globals = s;
    }

    return s;
}


static mlsec_fs_t *
mlsec_fc_resolve(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    unsigned nargs)
{
    mlsec_fs_t  *s;

    s = mlsec_fc_find_function(scope, node->name, nargs);

    if (s != NULL || c->rc != MLSEC_OK) {
        return s;
    }

    if (node->name.data[0] == '_' && node->name.data >= c->text.data
        && node->name.data < c->text.data + c->text.len)
    {
        return NULL;
    }

    if (mlsec_fc_is_special(node->name, nargs)
        || mlsec_fn_find(node->name, nargs) >= 0)
    {
        return NULL;
    }

    return mlsec_fc_prelude(c, node->name, nargs);
}


void
mlsec_fc_call(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    int          internal;
    unsigned     nargs;
    mlsec_fs_t  *s;

    nargs = mlsec_fc_nargs(node);
    s = mlsec_fc_resolve(c, node, scope, nargs);

    mlsec_fc_regex(c, node, nargs);

    if (c->rc != MLSEC_OK) {
        return;
    }

    if (s == NULL) {
        internal = node->name.data[0] == '_'
                   && node->name.data >= c->text.data
                   && node->name.data < c->text.data + c->text.len;

        if (!internal && mlsec_fc_special(c, node, scope, in, out)) {
            return;
        }

        if (!internal && mlsec_fn_find(node->name, nargs) >= 0) {
            mlsec_fc_native(c, node, scope, in, out);
            return;
        }

        mlsec_fc_unknown(c, node, nargs);
        return;
    }

    switch (s->kind) {

    case MLSEC_FS_PARAM:
        mlsec_fc_expr(c, s->tree, s->scope, in, out);
        return;

    case MLSEC_FS_CLOSURE:
        (void) mlsec_fc_emit(c, out.tail ? MLSEC_FI_TAIL_CLOSURE
                                         : MLSEC_FI_CLOSURE,
                             out.v, in.v, s->reg, c->level - s->level);
        mlsec_fc_paths(c, in.p, out.p);
        return;
    }

    if (!s->recursive && c->inlined < MLSEC_FC_INLINE_DEPTH
        && c->f->ncode < MLSEC_FC_INLINE)
    {
        c->inlined++;
        mlsec_fc_inline(c, node, s, scope, in, out);
        c->inlined--;
        return;
    }

    mlsec_fc_call_frame(c, node, s, scope, in, out);
}


/*
 * A pattern that is written in the program, with flags that are, is compiled
 * now.  (If a program has a function of its own by this name, that is in
 * vain.)
 */

static void
mlsec_fc_regex(mlsec_fc_t *c, const mlsec_fa_t *node, unsigned nargs)
{
    size_t             i;
    unsigned           n;
    mlsec_fv_t         flags;
    const mlsec_fa_t  *arg, *pattern;

    static const struct {
        const char   *name;
        unsigned      nargs;
        unsigned      flags;           /* which argument, 0: none */
    } calls[] = {
        { "capture", 1, 0 }, { "capture", 2, 1 }, { "gsub", 2, 0 },
        { "gsub", 3, 2 }, { "match", 1, 0 }, { "match", 2, 1 },
        { "scan", 1, 0 }, { "scan", 2, 1 }, { "split", 2, 1 },
        { "splits", 1, 0 }, { "splits", 2, 1 }, { "sub", 2, 0 },
        { "sub", 3, 2 }, { "test", 1, 0 }, { "test", 2, 1 }
    };

    for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {

        if (calls[i].nargs == nargs
            && strlen(calls[i].name) == node->name.len
            && memcmp(calls[i].name, node->name.data, node->name.len) == 0)
        {
            break;
        }
    }

    if (i == sizeof(calls) / sizeof(calls[0]) || c->rc != MLSEC_OK) {
        return;
    }

    pattern = node->list->a;
    flags = mlsec_fv_null();
    n = 0;

    for (arg = node->list; arg != NULL; arg = arg->next) {

        if (calls[i].flags == 0 || n++ != calls[i].flags) {
            continue;
        }

        if (arg->a->kind == MLSEC_FA_LITERAL) {
            flags = arg->a->value;

        } else if (arg->a->kind != MLSEC_FA_CALL || arg->a->name.len != 4
                   || memcmp(arg->a->name.data, "null", 4) != 0)
        {
            return;
        }
    }

    if (pattern->kind == MLSEC_FA_LITERAL
        && mlsec_fv_is_string(pattern->value)
        && mlsec_fn_regex_ready(&c->cx.fx, pattern->value, flags)
           != MLSEC_OK)
    {
        c->rc = MLSEC_NOMEM;
    }
}


static void
mlsec_fc_unknown(mlsec_fc_t *c, const mlsec_fa_t *node, unsigned nargs)
{
    int          len;
    const char  *why;

    len = (int) (node->name.len > 64 ? 64 : node->name.len);
    why = mlsec_fn_forbidden(node->name, nargs);

    if (why != NULL) {
        mlsec_fc_error(c, node, "%.*s/%u is not allowed: %s", len,
                       node->name.data, nargs, why);

    } else if (memchr(node->name.data, ':', node->name.len) != NULL) {
        mlsec_fc_error(c, node, "%.*s/%u is not allowed: there are no "
                       "modules", len, node->name.data, nargs);

    } else if (node->name.data[0] != '_' && mlsec_fn_other_arity(node->name))
    {
        mlsec_fc_error(c, node, "%.*s/%u is not defined: %.*s takes another "
                       "number of arguments", len, node->name.data, nargs,
                       len, node->name.data);

    } else {
        mlsec_fc_error(c, node, "%.*s/%u is not defined", len,
                       node->name.data, nargs);
    }
}


/* The last argument is the outer loop, as in jq. */

static void
mlsec_fc_native(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    int                fn;
    unsigned           i, n;
    uint16_t           list[MLSEC_FC_MAX_ARGS];
    const mlsec_fa_t  *arg, *args[MLSEC_FC_MAX_ARGS];

    n = 0;

    for (arg = node->list; arg != NULL; arg = arg->next) {
        args[n++] = arg->a;
    }

    for (i = n; i-- != 0; /* void */ ) {
        list[i] = mlsec_fc_value(c, args[i], scope,
                                 mlsec_fc_kept(mlsec_fc_plain(in)));
    }

    fn = mlsec_fn_find(node->name, n);

    (void) mlsec_fc_emit(c, MLSEC_FI_NATIVE, out.v, in.v, (unsigned) fn,
                         mlsec_fc_list(c, list, n));
    mlsec_fc_bad_path(c, in, out);
}


static void
mlsec_fc_inline(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *s,
    mlsec_fs_t *scope, mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    uint16_t           v;
    mlsec_fs_t        *inner, *param;
    const mlsec_fa_t  *arg, *p;

    inner = s;

    for (p = s->tree->list, arg = node->list; p != NULL && c->rc == MLSEC_OK;
         p = p->next, arg = arg->next)
    {
        param = mlsec_fc_name(c, inner, MLSEC_FS_PARAM, p->name);

        if (c->rc != MLSEC_OK) {
            return;
        }

        param->tree = arg->a;
        param->scope = scope;
        inner = param;

        if (p->op == 0) {
            continue;
        }

        v = mlsec_fc_value(c, arg->a, scope,
                           mlsec_fc_kept(mlsec_fc_plain(in)));

        if (v == in.v) {
            in = mlsec_fc_kept(in);
        }

        inner = mlsec_fc_name(c, inner, MLSEC_FS_VARIABLE, p->name);

        if (c->rc != MLSEC_OK) {
            return;
        }

        inner->reg = v;

        if (v & MLSEC_FI_CONSTANT) {
            inner->reg = mlsec_fc_reg(c);
            (void) mlsec_fc_emit(c, MLSEC_FI_COPY, inner->reg, v, 0, 0);
        }
    }

    mlsec_fc_expr(c, s->tree->a, inner, in, out);
}


/* An argument: a closure that is passed on, or a new one. */

static void
mlsec_fc_argument(mlsec_fc_t *c, const mlsec_fa_t *arg, mlsec_fs_t *scope,
    uint16_t *list)
{
    mlsec_fs_t  *s;

    while (arg->kind == MLSEC_FA_CALL && arg->list == NULL) {

        s = mlsec_fc_find_function(scope, arg->name, 0);

        if (s == NULL || s->kind == MLSEC_FS_FUNCTION) {
            break;
        }

        if (s->kind == MLSEC_FS_CLOSURE) {
            list[0] = MLSEC_FI_NONE;
            list[1] = s->reg;
            list[2] = (uint16_t) (c->level - s->level);
            return;
        }

        arg = s->tree;
        scope = s->scope;
    }

    list[0] = (uint16_t) mlsec_fc_function(c, NULL, arg, NULL, scope);
    list[1] = 0;
    list[2] = 0;
}


static void
mlsec_fc_call_frame(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *s,
    mlsec_fs_t *scope, mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    unsigned           n;
    uint16_t           list[2 + 3 * MLSEC_FC_MAX_ARGS];
    const mlsec_fa_t  *arg;

    if (s->function < 0) {
        s->function = mlsec_fc_function(c, s->tree->list, s->tree->a, s, s);

        if (c->rc != MLSEC_OK) {
            return;
        }
    }

    list[0] = (uint16_t) (c->level - s->level);
    n = 0;

    for (arg = node->list; arg != NULL; arg = arg->next) {
        mlsec_fc_argument(c, arg->a, scope, &list[2 + 3 * n]);
        n++;
    }

    list[1] = (uint16_t) n;

    (void) mlsec_fc_emit(c, out.tail ? MLSEC_FI_TAIL_CALL : MLSEC_FI_CALL,
                         out.v, in.v, (unsigned) s->function,
                         mlsec_fc_list(c, list, 2 + 3 * n));
    mlsec_fc_paths(c, in.p, out.p);
}


static int32_t
mlsec_fc_new_function(mlsec_fc_t *c)
{
    uint32_t              room;
    mlsec_fi_function_t  *functions;

    if (c->f->nfunctions == MLSEC_FI_MAX_REG) {
        c->rc = mlsec_fa_error(&c->cx, 0, "the program is too large: more "
                               "than %d functions", MLSEC_FI_MAX_REG);
        return 0;
    }

    if (c->f->nfunctions == c->functions_room) {
        room = 2 * c->functions_room + 16;

        functions = mlsec_fc_alloc(c, room * sizeof(mlsec_fi_function_t));
        if (functions == NULL) {
            return 0;
        }

        if (c->f->nfunctions != 0) {
            memcpy(functions, c->f->functions,
                   c->f->nfunctions * sizeof(mlsec_fi_function_t));
        }

        c->f->functions = functions;
        c->functions_room = room;
    }

    return (int32_t) c->f->nfunctions++;
}


/* The parameters of a function with a frame are closures. */

static mlsec_fs_t *
mlsec_fc_params(mlsec_fc_t *c, const mlsec_fa_t *params, mlsec_fs_t *scope)
{
    uint16_t           v;
    const mlsec_fa_t  *p;

    for (p = params; p != NULL && c->rc == MLSEC_OK; p = p->next) {
        scope = mlsec_fc_name(c, scope, MLSEC_FS_CLOSURE, p->name);

        if (c->rc == MLSEC_OK) {
            scope->reg = mlsec_fc_reg(c);
        }
    }

    v = 2;

    for (p = params; p != NULL && c->rc == MLSEC_OK; p = p->next, v++) {

        if (p->op != 0) {
            scope = mlsec_fc_name(c, scope, MLSEC_FS_VARIABLE, p->name);

            if (c->rc != MLSEC_OK) {
                break;
            }

            scope->reg = mlsec_fc_reg(c);
            (void) mlsec_fc_emit(c, MLSEC_FI_CLOSURE, scope->reg, 0, v, 0);
        }
    }

    return scope;
}


/* s: the function's own name, so that it can call itself, or NULL */

static int32_t
mlsec_fc_function(mlsec_fc_t *c, const mlsec_fa_t *params,
    const mlsec_fa_t *body, mlsec_fs_t *s, mlsec_fs_t *scope)
{
    int32_t         index;
    uint16_t        level;
    uint32_t        over, nregs, forks;
    mlsec_fc_ref_t  in, out;

    if (++c->depth > MLSEC_FC_MAX_DEPTH) {
        mlsec_fc_error(c, body, "the program is too deep, with all calls in "
                       "calls");
    }

    index = mlsec_fc_new_function(c);

    if (c->rc != MLSEC_OK) {
        return 0;
    }

    level = c->level;
    nregs = c->nregs;
    forks = c->forks;

    if (s != NULL) {
        s->function = index;
        c->level = s->level;           /* of the frame of its definition */
    }

    over = mlsec_fc_emit(c, MLSEC_FI_JUMP, 0, 0, 0, 0);
    c->f->functions[index].code = c->f->ncode;
    c->f->functions[index].nregs = 0;
    c->f->functions[index].levels = c->level;

    c->level++;
    c->nregs = 2;

    memset(&in, 0, sizeof(in));
    in.v = 0;
    in.p = 1;

    scope = mlsec_fc_params(c, params, scope);
    out = mlsec_fc_ref(c, in);
    out.tail = 1;

    mlsec_fc_expr(c, body, scope, in, out);

    (void) mlsec_fc_emit(c, MLSEC_FI_RETURN, 0, out.v, 0, 0);
    mlsec_fc_paths(c, out.p, MLSEC_FI_NONE);
    mlsec_fc_here(c, over);

    if (c->rc == MLSEC_OK) {
        c->f->functions[index].nregs = (uint16_t) c->nregs;
    }

    c->level = level;
    c->nregs = nregs;
    c->forks = forks;
    c->depth--;

    return index;
}


int
mlsec_fc_single_call(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope)
{
    int                special;
    unsigned           nargs;
    mlsec_fs_t        *s;
    const mlsec_fa_t  *arg;

    nargs = mlsec_fc_nargs(node);
    s = mlsec_fc_find_function(scope, node->name, nargs);

    if (s != NULL) {
        return s->kind == MLSEC_FS_PARAM
               && mlsec_fc_single(c, s->tree, s->scope);
    }

    special = mlsec_fc_is_special(node->name, nargs);

    if (special == 1
        || (special == 0 && mlsec_fn_find(node->name, nargs) < 0))
    {
        return 0;
    }

    for (arg = node->list; arg != NULL; arg = arg->next) {
        if (!mlsec_fc_single(c, arg->a, scope)) {
            return 0;
        }
    }

    return 1;
}
