/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Functions that are part of the compiler: those that decide what happens
 * next, or deal with paths, and those that are too hot for a call.
 * And mlsec_filter_compile() itself.
 */


#include <lib/filter/mlsec_filter_compile.h>


typedef void (*mlsec_fc_special_pt)(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope, mlsec_fc_ref_t in, mlsec_fc_ref_t out);

typedef struct {
    const char           *name;
    uint8_t               nargs;
    uint8_t               single;      /* one result if the arguments have */
    mlsec_fc_special_pt   compile;
} mlsec_fc_special_t;


static void
mlsec_fc_empty(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    (void) node;
    (void) scope;
    (void) in;
    (void) out;

    (void) mlsec_fc_emit(c, MLSEC_FI_BACK, 0, 0, 0, 0);
}


static void
mlsec_fc_raise(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    uint16_t  v;

    (void) out;

    v = in.v;

    if (node->list != NULL) {
        v = mlsec_fc_value(c, node->list->a, scope,
                           mlsec_fc_kept(mlsec_fc_plain(in)));
    }

    (void) mlsec_fc_emit(c, MLSEC_FI_ERROR, 0, v, 0, 0);
}


static void
mlsec_fc_not(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    (void) node;
    (void) scope;

    (void) mlsec_fc_emit(c, MLSEC_FI_NOT, out.v, in.v, 0, 0);
    mlsec_fc_bad_path(c, in, out);
}


static void
mlsec_fc_select(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    uint16_t  v;
    uint32_t  good;

    v = mlsec_fc_value(c, node->list->a, scope,
                       mlsec_fc_kept(mlsec_fc_plain(in)));
    good = mlsec_fc_emit(c, MLSEC_FI_JUMP_TRUE, 0, v, 0, 0);
    (void) mlsec_fc_emit(c, MLSEC_FI_BACK, 0, 0, 0, 0);
    mlsec_fc_here(c, good);
    mlsec_fc_move(c, in, out);
}


static void
mlsec_fc_path(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    mlsec_fc_ref_t  root, at;

    root = mlsec_fc_kept(in);
    root.p = mlsec_fc_reg(c);
    at = mlsec_fc_ref(c, root);

    (void) mlsec_fc_emit(c, MLSEC_FI_ROOT, root.p, 0, 0, 0);
    mlsec_fc_expr(c, node->list->a, scope, root, at);
    (void) mlsec_fc_emit(c, MLSEC_FI_PATH, out.v, at.v, at.p, 0);
    mlsec_fc_bad_path(c, in, out);
}


static void
mlsec_fc_getpath(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    uint16_t  v;

    v = mlsec_fc_value(c, node->list->a, scope,
                       mlsec_fc_kept(mlsec_fc_plain(in)));
    (void) mlsec_fc_emit(c, out.p == MLSEC_FI_NONE ? MLSEC_FI_GET
                                                   : MLSEC_FI_GET_PATH,
                         out.v, in.v, v, 0);
    mlsec_fc_paths(c, in.p, out.p);
}


/* range(n), range(from; to), range(from; to; by): the first is outermost */

static void
mlsec_fc_range(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    uint16_t           from, to, by, pos;
    mlsec_fc_ref_t     plain;
    const mlsec_fa_t  *arg;

    plain = mlsec_fc_kept(mlsec_fc_plain(in));
    arg = node->list;
    from = mlsec_fc_constant(c, mlsec_fv_number(0));
    by = mlsec_fc_constant(c, mlsec_fv_number(1));

    if (arg->next != NULL) {
        from = mlsec_fc_value(c, arg->a, scope, plain);
        arg = arg->next;
    }

    to = mlsec_fc_value(c, arg->a, scope, plain);

    if (arg->next != NULL) {
        by = mlsec_fc_value(c, arg->next->a, scope, plain);
    }

    pos = mlsec_fc_reg(c);

    (void) mlsec_fc_emit(c, MLSEC_FI_RANGE, out.v, from, to, 0);
    mlsec_fc_paths(c, by, pos);
    (void) mlsec_fc_emit(c, MLSEC_FI_RANGE_NEXT, out.v, from, to, 0);
    mlsec_fc_paths(c, by, pos);
    mlsec_fc_bad_path(c, in, out);
}


static void
mlsec_fc_first(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    uint16_t  mark;
    uint32_t  forks;

    forks = c->forks;
    mark = mlsec_fc_reg(c);
    out.tail = 0;

    (void) mlsec_fc_emit(c, MLSEC_FI_MARK, mark, 0, 0, 0);
    mlsec_fc_expr(c, node->list->a, scope, in, out);
    (void) mlsec_fc_emit(c, MLSEC_FI_CUT, 0, mark, 0, 0);
    c->forks = forks;
}


/*
 * limit(n; f), skip(n; f): a counter beside the results of f, so that their
 * paths are kept.
 */

static void
mlsec_fc_limit(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    int         skip;
    uint16_t    n, count, test, mark, zero, one;
    uint32_t    good, go_on;
    mlsec_fv_t  message;

    skip = node->name.data[0] == 's';
    in = mlsec_fc_kept(in);
    out.tail = 0;
    zero = mlsec_fc_constant(c, mlsec_fv_number(0));
    one = mlsec_fc_constant(c, mlsec_fv_number(1));
    count = mlsec_fc_reg(c);
    test = mlsec_fc_reg(c);
    mark = mlsec_fc_reg(c);

    n = mlsec_fc_value(c, node->list->a, scope, mlsec_fc_plain(in));

    /* what is no number is an error here */

    (void) mlsec_fc_emit(c, MLSEC_FI_SUB, test, n, zero, 0);
    (void) mlsec_fc_emit(c, MLSEC_FI_GE, test, n, zero, 0);
    good = mlsec_fc_emit(c, MLSEC_FI_JUMP_TRUE, 0, test, 0, 0);
    message = skip ? mlsec_fv_literal("skip doesn't support negative count")
                   : mlsec_fv_literal("limit doesn't support negative count");
    (void) mlsec_fc_emit(c, MLSEC_FI_ERROR, 0, mlsec_fc_constant(c, message),
                         0, 0);
    mlsec_fc_here(c, good);

    if (!skip) {
        (void) mlsec_fc_emit(c, MLSEC_FI_GT, test, n, zero, 0);
        go_on = mlsec_fc_emit(c, MLSEC_FI_JUMP_TRUE, 0, test, 0, 0);
        (void) mlsec_fc_emit(c, MLSEC_FI_BACK, 0, 0, 0, 0);
        mlsec_fc_here(c, go_on);
    }

    (void) mlsec_fc_emit(c, MLSEC_FI_COPY, count, zero, 0, 0);
    (void) mlsec_fc_emit(c, MLSEC_FI_MARK, mark, 0, 0, 0);
    mlsec_fc_expr(c, node->list->next->a, scope, in, out);
    (void) mlsec_fc_emit(c, MLSEC_FI_ADD, count, count, one, 0);
    (void) mlsec_fc_emit(c, skip ? MLSEC_FI_GT : MLSEC_FI_LT, test, count, n,
                         0);
    go_on = mlsec_fc_emit(c, MLSEC_FI_JUMP_TRUE, 0, test, 0, 0);

    if (skip) {
        (void) mlsec_fc_emit(c, MLSEC_FI_BACK, 0, 0, 0, 0);

    } else {
        (void) mlsec_fc_emit(c, MLSEC_FI_CUT, 0, mark, 0, 0);
    }

    mlsec_fc_here(c, go_on);
    c->forks++;
}


/* The last result, if there is any. */

static void
mlsec_fc_last(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    uint16_t        any;
    uint32_t        fork, forks, good;
    mlsec_fc_ref_t  last, each;

    any = mlsec_fc_reg(c);
    last = mlsec_fc_ref(c, in);
    each = mlsec_fc_ref(c, in);
    forks = c->forks;

    (void) mlsec_fc_emit(c, MLSEC_FI_COPY, any,
                         mlsec_fc_constant(c, mlsec_fv_null()), 0, 0);
    fork = mlsec_fc_emit(c, MLSEC_FI_FORK, 0, 0, 0, 0);
    mlsec_fc_expr(c, node->list->a, scope, mlsec_fc_kept(in), each);
    mlsec_fc_move(c, each, last);
    (void) mlsec_fc_emit(c, MLSEC_FI_COPY, any,
                         mlsec_fc_constant(c, mlsec_fv_bool(1)), 0, 0);
    (void) mlsec_fc_emit(c, MLSEC_FI_BACK, 0, 0, 0, 0);
    mlsec_fc_here(c, fork);
    c->forks = forks;
    good = mlsec_fc_emit(c, MLSEC_FI_JUMP_TRUE, 0, any, 0, 0);
    (void) mlsec_fc_emit(c, MLSEC_FI_BACK, 0, 0, 0, 0);
    mlsec_fc_here(c, good);
    mlsec_fc_move(c, last, out);
}


static void
mlsec_fc_isempty(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    uint16_t  mark;
    uint32_t  fork, forks, end;

    forks = c->forks;
    mark = mlsec_fc_reg(c);

    (void) mlsec_fc_emit(c, MLSEC_FI_MARK, mark, 0, 0, 0);
    fork = mlsec_fc_emit(c, MLSEC_FI_FORK, 0, 0, 0, 0);
    (void) mlsec_fc_value(c, node->list->a, scope,
                          mlsec_fc_kept(mlsec_fc_plain(in)));
    (void) mlsec_fc_emit(c, MLSEC_FI_CUT, 0, mark, 0, 0);
    (void) mlsec_fc_emit(c, MLSEC_FI_COPY, out.v,
                         mlsec_fc_constant(c, mlsec_fv_bool(0)), 0, 0);
    end = mlsec_fc_emit(c, MLSEC_FI_JUMP, 0, 0, 0, 0);
    mlsec_fc_here(c, fork);
    (void) mlsec_fc_emit(c, MLSEC_FI_COPY, out.v,
                         mlsec_fc_constant(c, mlsec_fv_bool(1)), 0, 0);
    mlsec_fc_here(c, end);
    c->forks = forks;
    mlsec_fc_bad_path(c, in, out);
}


/* null is where it was: path(null) is the path so far */

static void
mlsec_fc_literal(mlsec_fc_t *c, mlsec_fv_t v, mlsec_fc_ref_t in,
    mlsec_fc_ref_t out)
{
    (void) mlsec_fc_emit(c, MLSEC_FI_COPY, out.v, mlsec_fc_constant(c, v), 0,
                         0);
    mlsec_fc_bad_path(c, in, out);
}


static void
mlsec_fc_constants(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    (void) scope;

    switch (node->name.data[0]) {

    case 't':
        mlsec_fc_literal(c, mlsec_fv_bool(1), in, out);
        break;

    case 'f':
        mlsec_fc_literal(c, mlsec_fv_bool(0), in, out);
        break;

    default:
        mlsec_fc_literal(c, mlsec_fv_null(), in, out);
    }
}


static const mlsec_fc_special_t  mlsec_fc_specials[] = {
    { "empty", 0, 0, mlsec_fc_empty },
    { "error", 0, 0, mlsec_fc_raise },
    { "error", 1, 0, mlsec_fc_raise },
    { "not", 0, 1, mlsec_fc_not },
    { "true", 0, 1, mlsec_fc_constants },
    { "false", 0, 1, mlsec_fc_constants },
    { "null", 0, 1, mlsec_fc_constants },
    { "select", 1, 0, mlsec_fc_select },
    { "path", 1, 1, mlsec_fc_path },
    { "getpath", 1, 1, mlsec_fc_getpath },
    { "range", 1, 0, mlsec_fc_range },
    { "range", 2, 0, mlsec_fc_range },
    { "range", 3, 0, mlsec_fc_range },
    { "first", 1, 0, mlsec_fc_first },
    { "last", 1, 0, mlsec_fc_last },
    { "limit", 2, 0, mlsec_fc_limit },
    { "skip", 2, 0, mlsec_fc_limit },
    { "isempty", 1, 0, mlsec_fc_isempty }
};


static const mlsec_fc_special_t *
mlsec_fc_find_special(mlsec_str_t name, unsigned nargs)
{
    size_t  i;

    for (i = 0; i < sizeof(mlsec_fc_specials) / sizeof(mlsec_fc_special_t);
         i++)
    {
        if (mlsec_fc_specials[i].nargs == nargs
            && strlen(mlsec_fc_specials[i].name) == name.len
            && memcmp(mlsec_fc_specials[i].name, name.data, name.len) == 0)
        {
            return &mlsec_fc_specials[i];
        }
    }

    return NULL;
}


int
mlsec_fc_is_special(mlsec_str_t name, unsigned nargs)
{
    const mlsec_fc_special_t  *special;

    special = mlsec_fc_find_special(name, nargs);

    return special == NULL ? 0 : 1 + special->single;
}


int
mlsec_fc_special(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    unsigned                   nargs;
    const mlsec_fa_t          *arg;
    const mlsec_fc_special_t  *special;

    nargs = 0;

    for (arg = node->list; arg != NULL; arg = arg->next) {
        nargs++;
    }

    special = mlsec_fc_find_special(node->name, nargs);

    if (special == NULL) {
        return 0;
    }

    special->compile(c, node, scope, in, out);

    return 1;
}


/* The variables from outside are registers 1, 2, ... of the first frame. */

static void
mlsec_fc_program(mlsec_fc_t *c, const mlsec_fa_t *tree,
    const mlsec_str_t *names, unsigned nnames)
{
    unsigned         i;
    mlsec_fs_t      *scope;
    mlsec_fc_ref_t   in;

    memset(&in, 0, sizeof(in));
    in.v = mlsec_fc_reg(c);
    in.p = MLSEC_FI_NONE;
    scope = NULL;

    for (i = 0; i < nnames; i++) {
        scope = mlsec_fc_name(c, scope, MLSEC_FS_VARIABLE, names[i]);

        if (c->rc == MLSEC_OK) {
            scope->reg = mlsec_fc_reg(c);
        }
    }

    (void) mlsec_fc_emit(c, MLSEC_FI_OUT, 0,
                         mlsec_fc_value(c, tree, scope, in), 0, 0);
    (void) mlsec_fc_emit(c, MLSEC_FI_BACK, 0, 0, 0, 0);

    c->f->nregs = c->nregs;
    c->f->nvars = nnames;

    if (c->rc == MLSEC_OK && c->f->lists == NULL) {
        c->f->lists = mlsec_fc_alloc(c, sizeof(uint16_t));
    }
}


static void
mlsec_fc_place(mlsec_str_t text, uint32_t pos, mlsec_filter_error_t *error)
{
    uint32_t  i;

    error->line = 1;
    error->column = 1;

    for (i = 0; i < pos && i < text.len; i++) {
        error->column++;

        if (text.data[i] == '\n') {
            error->line++;
            error->column = 1;
        }
    }
}


int
mlsec_filter_compile(const mlsec_mem_t *mem, mlsec_str_t program,
    const mlsec_str_t *names, unsigned nnames, mlsec_filter_t **filter,
    mlsec_filter_error_t *error)
{
    int             rc;
    mlsec_fc_t      c;
    mlsec_fa_t     *tree;
    mlsec_filter_t *f;

    memset(&c, 0, sizeof(c));
    c.cx.fx.mem = *mem;
    c.cx.fx.max = (size_t) 1 << 30;
    c.cx.fx.block = 4096;
    c.cx.fx.fuel = UINT64_MAX;
    c.cx.text = program;
    c.text = program;

    f = mlsec_fx_alloc(&c.cx.fx, sizeof(mlsec_filter_t));
    if (f == NULL) {
        return MLSEC_NOMEM;
    }

    memset(f, 0, sizeof(mlsec_filter_t));
    c.f = f;
    *filter = f;

    if (program.len > MLSEC_FILTER_MAX_PROGRAM || nnames > 64) {
        rc = mlsec_fa_error(&c.cx, 0, "the program is longer than %d bytes",
                            MLSEC_FILTER_MAX_PROGRAM);

    } else {
        rc = mlsec_fa_parse(&c.cx, program, 0, &tree);
    }

    if (rc == MLSEC_OK) {
        mlsec_fc_program(&c, tree, names, nnames);
        f->regex = c.cx.fx.regex;
        rc = c.rc;
    }

    if (rc == MLSEC_INVALID) {
        mlsec_fc_place(program, c.cx.pos, error);
        memcpy(error->reason, c.cx.reason, sizeof(error->reason));
    }

    return rc;
}
