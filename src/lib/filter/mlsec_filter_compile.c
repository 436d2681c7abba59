/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The compiler: expressions.  The order in which parts with several results
 * are tried is jq's: of "a + b" the results of b are the outer loop, of an
 * object the first member, of a string the last piece.
 */


#include <lib/filter/mlsec_filter_compile.h>


#define MLSEC_FC_MAX_PARTS  1000       /* of one array, object or string */


static void mlsec_fc_pipe(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope, mlsec_fc_ref_t in, mlsec_fc_ref_t out);
static void mlsec_fc_comma(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope, mlsec_fc_ref_t in, mlsec_fc_ref_t out);
static void mlsec_fc_index(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope, mlsec_fc_ref_t in, mlsec_fc_ref_t out);
static void mlsec_fc_made(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope, mlsec_fc_ref_t in, uint16_t out);
static void mlsec_fc_array(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope, mlsec_fc_ref_t in, uint16_t out);
static void mlsec_fc_object(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope, mlsec_fc_ref_t in, uint16_t out);
static void mlsec_fc_string(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope, mlsec_fc_ref_t in, uint16_t out);
static void mlsec_fc_label(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope, mlsec_fc_ref_t in, mlsec_fc_ref_t out);


static mlsec_fs_t *
mlsec_fc_find_variable(mlsec_fs_t *scope, int kind, mlsec_str_t name)
{
    for ( /* void */ ; scope != NULL; scope = scope->outer) {
        if (scope->kind == kind && scope->name.len == name.len
            && memcmp(scope->name.data, name.data, name.len) == 0)
        {
            return scope;
        }
    }

    return NULL;
}


/* $__loc__ is where it stands, as jq writes it. */

static uint16_t
mlsec_fc_location(mlsec_fc_t *c, const mlsec_fa_t *node)
{
    uint32_t    i, line;
    mlsec_fv_t  v;

    line = 1;

    for (i = 0; i < node->pos && i < c->text.len; i++) {
        line += c->text.data[i] == '\n';
    }

    if (mlsec_fv_new_object(&c->cx.fx, 2, &v) != MLSEC_OK
        || mlsec_fv_put(&c->cx.fx, v, mlsec_fv_literal("file"),
                        mlsec_fv_literal("<top-level>")) != MLSEC_OK
        || mlsec_fv_put(&c->cx.fx, v, mlsec_fv_literal("line"),
                        mlsec_fv_number(line)) != MLSEC_OK)
    {
        c->rc = c->rc == MLSEC_OK ? MLSEC_NOMEM : c->rc;
        return 0;
    }

    return mlsec_fc_constant(c, v);
}


static uint16_t
mlsec_fc_variable(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope)
{
    mlsec_fs_t  *s;

    s = mlsec_fc_find_variable(scope, MLSEC_FS_VARIABLE, node->name);

    if (s != NULL) {
        return mlsec_fc_reach(c, s->level, s->reg);
    }

    if (node->name.len == 7 && memcmp(node->name.data, "__loc__", 7) == 0) {
        return mlsec_fc_location(c, node);
    }

    if (node->name.len == 3 && memcmp(node->name.data, "ENV", 3) == 0) {
        mlsec_fc_error(c, node, "\"$ENV\" is not allowed: a program does not "
                       "see the environment");
        return 0;
    }

    mlsec_fc_error(c, node, "$%.*s is not defined",
                   (int) (node->name.len > 64 ? 64 : node->name.len),
                   node->name.data);

    return 0;
}


uint16_t
mlsec_fc_value(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in)
{
    mlsec_fc_ref_t  out;

    switch (node->kind) {

    case MLSEC_FA_IDENTITY:
        return in.v;

    case MLSEC_FA_LITERAL:
        return mlsec_fc_constant(c, node->value);

    case MLSEC_FA_VARIABLE:
        return mlsec_fc_variable(c, node, scope);
    }

    in = mlsec_fc_plain(in);
    out = mlsec_fc_ref(c, in);
    mlsec_fc_expr(c, node, scope, in, out);

    return out.v;
}


void
mlsec_fc_expr(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    if (c->rc != MLSEC_OK) {
        return;
    }

    if (++c->depth > MLSEC_FC_MAX_DEPTH) {
        mlsec_fc_error(c, node, "the program is too deep, with all calls in "
                       "calls");
        return;
    }

    switch (node->kind) {

    case MLSEC_FA_IDENTITY:
        mlsec_fc_move(c, in, out);
        break;

    case MLSEC_FA_INDEX:
    case MLSEC_FA_SLICE:
    case MLSEC_FA_EACH:
        mlsec_fc_index(c, node, scope, in, out);
        break;

    case MLSEC_FA_PIPE:
        mlsec_fc_pipe(c, node, scope, in, out);
        break;

    case MLSEC_FA_COMMA:
        mlsec_fc_comma(c, node, scope, in, out);
        break;

    case MLSEC_FA_ALTERNATIVE:
    case MLSEC_FA_IF:
    case MLSEC_FA_TRY:
        mlsec_fc_branch(c, node, scope, in, out);
        break;

    case MLSEC_FA_REDUCE:
    case MLSEC_FA_FOREACH:
        mlsec_fc_loop(c, node, scope, in, out);
        break;

    case MLSEC_FA_AS:
        mlsec_fc_as(c, node, scope, in, out);
        break;

    case MLSEC_FA_DEF:
        mlsec_fc_expr(c, node->b, mlsec_fc_def(c, node, scope), in, out);
        break;

    case MLSEC_FA_CALL:
        mlsec_fc_call(c, node, scope, in, out);
        break;

    case MLSEC_FA_LABEL:
    case MLSEC_FA_BREAK:
        mlsec_fc_label(c, node, scope, in, out);
        break;

    case MLSEC_FA_ASSIGN:
    case MLSEC_FA_MODIFY:
    case MLSEC_FA_UPDATE:
    case MLSEC_FA_UPDATE_ALT:
        mlsec_fc_assign(c, node, scope, in, out);
        break;

    default:
        mlsec_fc_made(c, node, scope, mlsec_fc_kept(mlsec_fc_plain(in)),
                      out.v);
        mlsec_fc_bad_path(c, in, out);
    }

    c->depth--;
}


/* What makes a new value, and never has a path. */

static void
mlsec_fc_made(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, uint16_t out)
{
    int             format;
    uint16_t        a, b;
    mlsec_fc_ref_t  to;

    switch (node->kind) {

    case MLSEC_FA_LITERAL:
    case MLSEC_FA_VARIABLE:
        a = mlsec_fc_value(c, node, scope, in);
        (void) mlsec_fc_emit(c, MLSEC_FI_COPY, out, a, 0, 0);
        break;

    case MLSEC_FA_STRING:
        mlsec_fc_string(c, node, scope, in, out);
        break;

    case MLSEC_FA_FORMAT:
        format = mlsec_fn_find_format(node->name);

        if (format < 0) {
            mlsec_fc_error(c, node, "%.*s is not a format",
                           (int) (node->name.len > 40 ? 40 : node->name.len),
                           node->name.data);
            break;
        }

        (void) mlsec_fc_emit(c, MLSEC_FI_FORMAT, out, in.v,
                             (unsigned) format, 0);
        break;

    case MLSEC_FA_ARRAY:
        mlsec_fc_array(c, node, scope, in, out);
        break;

    case MLSEC_FA_OBJECT:
        mlsec_fc_object(c, node, scope, in, out);
        break;

    case MLSEC_FA_NEGATE:
        a = mlsec_fc_value(c, node->a, scope, in);
        (void) mlsec_fc_emit(c, MLSEC_FI_NEGATE, out, a, 0, 0);
        break;

    case MLSEC_FA_MATH:
    case MLSEC_FA_COMPARE:
        b = mlsec_fc_value(c, node->b, scope, in);
        a = mlsec_fc_value(c, node->a, scope, in);
        (void) mlsec_fc_emit(c, (node->kind == MLSEC_FA_MATH
                                 ? MLSEC_FI_ADD : MLSEC_FI_EQ) + node->op,
                             out, a, b, 0);
        break;

    case MLSEC_FA_AND:
    case MLSEC_FA_OR:
        to = in;
        to.v = out;
        mlsec_fc_branch(c, node, scope, in, to);
        break;

    default:
        mlsec_fc_error(c, node, "syntax error");
    }
}


static void
mlsec_fc_pipe(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    uint16_t        v;
    uint32_t        before;
    mlsec_fc_ref_t  next;

    for ( /* void */ ; node->kind == MLSEC_FA_PIPE; node = node->b) {
        before = c->nregs;

        if (in.p == MLSEC_FI_NONE) {
            v = mlsec_fc_value(c, node->a, scope, in);

            if (v == in.v) {
                continue;
            }

            in.v = v;
            in.own = v >= before && !(v & MLSEC_FI_CONSTANT);

        } else {
            next = mlsec_fc_ref(c, in);
            mlsec_fc_expr(c, node->a, scope, in, next);
            in = next;
            in.own = 1;
        }

        in.forks = c->forks;
    }

    mlsec_fc_expr(c, node, scope, in, out);
}


static void
mlsec_fc_comma(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    uint32_t        fork, ends;
    mlsec_fc_ref_t  each;

    in = mlsec_fc_kept(in);
    each = out;
    each.tail = 0;
    ends = 0;

    for ( /* void */ ; node->kind == MLSEC_FA_COMMA; node = node->b) {
        fork = mlsec_fc_emit(c, MLSEC_FI_FORK, 0, 0, 0, 0);
        mlsec_fc_expr(c, node->a, scope, in, each);

        /* the jumps to the end are a chain until the end is known */

        ends = mlsec_fc_emit(c, MLSEC_FI_JUMP, 0, 0, 0, ends);
        mlsec_fc_here(c, fork);
    }

    mlsec_fc_expr(c, node, scope, in, out);

    while (c->rc == MLSEC_OK && ends != 0) {
        fork = c->f->code[ends].x;
        mlsec_fc_here(c, ends);
        ends = fork;
    }
}


/* a[b], a[b:c], a[]: the keys first, as jq does. */

static void
mlsec_fc_index(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    uint16_t        key, from, to, pos;
    mlsec_fc_ref_t  base;

    key = MLSEC_FI_NONE;
    in = mlsec_fc_kept(in);

    if (node->kind == MLSEC_FA_INDEX) {
        key = mlsec_fc_value(c, node->b, scope, in);

    } else if (node->kind == MLSEC_FA_SLICE) {
        from = mlsec_fc_constant(c, mlsec_fv_null());
        to = from;

        if (node->b != NULL) {
            from = mlsec_fc_value(c, node->b, scope, in);
        }

        if (node->c != NULL) {
            to = mlsec_fc_value(c, node->c, scope, in);
        }

        key = mlsec_fc_reg(c);
        (void) mlsec_fc_emit(c, MLSEC_FI_SLICE, key, from, to, 0);
    }

    base = in;

    if (node->a->kind != MLSEC_FA_IDENTITY) {

        if (in.p == MLSEC_FI_NONE) {
            base.v = mlsec_fc_value(c, node->a, scope, in);

        } else {
            base = mlsec_fc_ref(c, in);
            mlsec_fc_expr(c, node->a, scope, in, base);
        }
    }

    if (node->kind != MLSEC_FA_EACH) {
        (void) mlsec_fc_emit(c, out.p == MLSEC_FI_NONE ? MLSEC_FI_INDEX
                                                       : MLSEC_FI_INDEX_PATH,
                             out.v, base.v, key, 0);
        mlsec_fc_paths(c, base.p, out.p);
        return;
    }

    pos = mlsec_fc_reg(c);
    (void) mlsec_fc_reg(c);            /* the machine's own, behind "pos" */

    (void) mlsec_fc_emit(c, out.p == MLSEC_FI_NONE ? MLSEC_FI_EACH
                                                   : MLSEC_FI_EACH_PATH,
                         out.v, base.v, pos, 0);
    mlsec_fc_paths(c, base.p, out.p);
    (void) mlsec_fc_emit(c, out.p == MLSEC_FI_NONE ? MLSEC_FI_EACH_NEXT
                                                   : MLSEC_FI_EACH_NEXT_PATH,
                         out.v, base.v, pos, 0);
    mlsec_fc_paths(c, base.p, out.p);
}


static void
mlsec_fc_array(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, uint16_t out)
{
    uint16_t           array, v, list[MLSEC_FC_MAX_PARTS];
    uint32_t           n, fork, forks;
    mlsec_fv_t         empty;
    const mlsec_fa_t  *part;

    if (node->a == NULL) {

        if (mlsec_fv_new_array(&c->cx.fx, 0, &empty) != MLSEC_OK) {
            c->rc = MLSEC_NOMEM;
            return;
        }

        v = mlsec_fc_constant(c, empty);
        (void) mlsec_fc_emit(c, MLSEC_FI_COPY, out, v, 0, 0);
        return;
    }

    /* a fixed number of elements: all at once, from registers */

    for (n = 1, part = node->a; n < MLSEC_FC_MAX_PARTS
                                && part->kind == MLSEC_FA_COMMA
                                && mlsec_fc_single(c, part->a, scope); n++)
    {
        part = part->b;
    }

    if (n < MLSEC_FC_MAX_PARTS && mlsec_fc_single(c, part, scope)) {
        n = 0;

        for (part = node->a; part->kind == MLSEC_FA_COMMA; part = part->b) {
            list[n++] = mlsec_fc_value(c, part->a, scope, in);
        }

        list[n++] = mlsec_fc_value(c, part, scope, in);
        (void) mlsec_fc_emit(c, MLSEC_FI_LIST, out, 0, n,
                             mlsec_fc_list(c, list, n));
        return;
    }

    forks = c->forks;
    array = mlsec_fc_reg(c);
    (void) mlsec_fc_emit(c, MLSEC_FI_ARRAY, array, 0, 0, 0);
    fork = mlsec_fc_emit(c, MLSEC_FI_FORK, 0, 0, 0, 0);
    v = mlsec_fc_value(c, node->a, scope, in);
    (void) mlsec_fc_emit(c, MLSEC_FI_APPEND, array, v, 0, 0);
    (void) mlsec_fc_emit(c, MLSEC_FI_BACK, 0, 0, 0, 0);
    mlsec_fc_here(c, fork);
    (void) mlsec_fc_emit(c, MLSEC_FI_TAKE, out, array, 0, 0);

    /* all of its forks are used up */

    c->forks = forks;
}


static void
mlsec_fc_object(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, uint16_t out)
{
    uint16_t           list[2 * MLSEC_FC_MAX_PARTS];
    uint32_t           n;
    const mlsec_fa_t  *entry;

    n = 0;

    for (entry = node->list; entry != NULL; entry = entry->next) {

        if (n == 2 * MLSEC_FC_MAX_PARTS) {
            mlsec_fc_error(c, node, "more than %d members in an object",
                           MLSEC_FC_MAX_PARTS);
            return;
        }

        list[n] = mlsec_fc_value(c, entry->a, scope, in);

        if (entry->b->kind == MLSEC_FA_INDEX && entry->b->b == NULL) {

            /* {name} is {name: .name}, its key computed once */

            list[n + 1] = mlsec_fc_reg(c);
            (void) mlsec_fc_emit(c, MLSEC_FI_INDEX, list[n + 1], in.v,
                                 list[n], 0);

        } else {
            list[n + 1] = mlsec_fc_value(c, entry->b, scope, in);
        }

        n += 2;
    }

    (void) mlsec_fc_emit(c, MLSEC_FI_OBJECT, out, 0, n / 2,
                         mlsec_fc_list(c, list, n));
}


static void
mlsec_fc_string(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, uint16_t out)
{
    int                format;
    uint16_t           list[MLSEC_FC_MAX_PARTS];
    uint32_t           i, n;
    mlsec_str_t        text;
    const mlsec_fa_t  *piece, *pieces[MLSEC_FC_MAX_PARTS];

    text.data = (const unsigned char *) "@text";
    text.len = 5;

    format = mlsec_fn_find_format(node->name.len == 0 ? text : node->name);

    if (format < 0) {
        mlsec_fc_error(c, node, "%.*s is not a format",
                       (int) (node->name.len > 40 ? 40 : node->name.len),
                       node->name.data);
        return;
    }

    n = 0;

    for (piece = node->list; piece != NULL; piece = piece->next) {

        if (n == MLSEC_FC_MAX_PARTS) {
            mlsec_fc_error(c, node, "more than %d pieces in a string",
                           MLSEC_FC_MAX_PARTS);
            return;
        }

        pieces[n++] = piece;
    }

    for (i = n; i-- != 0; /* void */ ) {
        list[i] = mlsec_fc_value(c, pieces[i]->kind == MLSEC_FA_LITERAL
                                    ? pieces[i] : pieces[i]->a, scope, in);
    }

    (void) mlsec_fc_emit(c, MLSEC_FI_STRING, out, (unsigned) format, n,
                         mlsec_fc_list(c, list, n));
}


/*
 * A label is a mark; "break" cuts off the forks made since, which are those
 * of the label's body, and goes to the one before.
 */

static void
mlsec_fc_label(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    mlsec_fs_t  *s;

    if (node->kind == MLSEC_FA_LABEL) {
        s = mlsec_fc_name(c, scope, MLSEC_FS_LABEL, node->name);

        if (c->rc == MLSEC_OK) {
            s->reg = mlsec_fc_reg(c);
            (void) mlsec_fc_emit(c, MLSEC_FI_MARK, s->reg, 0, 0, 0);
            out.tail = 0;
            mlsec_fc_expr(c, node->a, s, in, out);
        }

        return;
    }

    s = mlsec_fc_find_variable(scope, MLSEC_FS_LABEL, node->name);

    if (s == NULL) {
        mlsec_fc_error(c, node, "$*label-%.*s is not defined",
                       (int) (node->name.len > 64 ? 64 : node->name.len),
                       node->name.data);
        return;
    }

    (void) mlsec_fc_emit(c, MLSEC_FI_BREAK, 0,
                         mlsec_fc_reach(c, s->level, s->reg), 0, 0);
}


int
mlsec_fc_single(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope)
{
    const mlsec_fa_t  *part;

    if (node == NULL) {
        return 1;
    }

    switch (node->kind) {

    case MLSEC_FA_IDENTITY:
    case MLSEC_FA_LITERAL:
    case MLSEC_FA_FORMAT:
    case MLSEC_FA_VARIABLE:
    case MLSEC_FA_ARRAY:
        return 1;

    case MLSEC_FA_INDEX:
    case MLSEC_FA_SLICE:
    case MLSEC_FA_NEGATE:
    case MLSEC_FA_PIPE:
    case MLSEC_FA_MATH:
    case MLSEC_FA_COMPARE:
    case MLSEC_FA_AND:
    case MLSEC_FA_OR:
    case MLSEC_FA_ALTERNATIVE:
    case MLSEC_FA_IF:
        return mlsec_fc_single(c, node->a, scope)
               && mlsec_fc_single(c, node->b, scope)
               && mlsec_fc_single(c, node->c, scope);

    case MLSEC_FA_STRING:
    case MLSEC_FA_OBJECT:
        for (part = node->list; part != NULL; part = part->next) {
            if (part->kind == MLSEC_FA_LITERAL) {
                continue;
            }

            if (!mlsec_fc_single(c, part->a, scope)
                || (node->kind == MLSEC_FA_OBJECT
                    && !mlsec_fc_single(c, part->b, scope)))
            {
                return 0;
            }
        }

        return 1;

    case MLSEC_FA_CALL:
        return mlsec_fc_single_call(c, node, scope);

    default:
        return 0;
    }
}
