/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* The compiler: branches and loops. */


#include <lib/filter/mlsec_filter_compile.h>


static void mlsec_fc_alternative(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope, mlsec_fc_ref_t in, mlsec_fc_ref_t out);
static void mlsec_fc_logic(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope, mlsec_fc_ref_t in, mlsec_fc_ref_t out);
static void mlsec_fc_try(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope, mlsec_fc_ref_t in, mlsec_fc_ref_t out);


/* A target that is not the end of its function. */

static mlsec_fc_ref_t
mlsec_fc_inner(mlsec_fc_ref_t out)
{
    out.tail = 0;

    return out;
}


void
mlsec_fc_branch(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    uint16_t  test;
    uint32_t  otherwise, end;

    switch (node->kind) {

    case MLSEC_FA_ALTERNATIVE:
        mlsec_fc_alternative(c, node, scope, in, out);
        return;

    case MLSEC_FA_AND:
    case MLSEC_FA_OR:
        mlsec_fc_logic(c, node, scope, in, out);
        return;

    case MLSEC_FA_TRY:
        mlsec_fc_try(c, node, scope, in, out);
        return;
    }

    test = mlsec_fc_value(c, node->a, scope, mlsec_fc_kept(in));
    otherwise = mlsec_fc_emit(c, MLSEC_FI_JUMP_FALSE, 0, test, 0, 0);
    mlsec_fc_expr(c, node->b, scope, in, out);
    end = mlsec_fc_emit(c, MLSEC_FI_JUMP, 0, 0, 0, 0);
    mlsec_fc_here(c, otherwise);

    if (node->c != NULL) {
        mlsec_fc_expr(c, node->c, scope, in, out);

    } else {
        mlsec_fc_move(c, in, out);
    }

    mlsec_fc_here(c, end);
}


/* One result on the left: a jump, no fork. */

static void
mlsec_fc_alternative_one(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope, mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    uint32_t  good;

    mlsec_fc_expr(c, node->a, scope, mlsec_fc_kept(in), mlsec_fc_inner(out));
    good = mlsec_fc_emit(c, MLSEC_FI_JUMP_TRUE, 0, out.v, 0, 0);
    mlsec_fc_expr(c, node->b, scope, in, out);
    mlsec_fc_here(c, good);
}


/*
 * a // b: what is true of a; b if nothing was.  "found" is set behind the
 * fork, and read when all comes back to it.
 */

static void
mlsec_fc_alternative(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope, mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    uint16_t  found;
    uint32_t  fork, good, end, no;

    if (mlsec_fc_single(c, node->a, scope)) {
        mlsec_fc_alternative_one(c, node, scope, in, out);
        return;
    }

    found = mlsec_fc_reg(c);

    (void) mlsec_fc_emit(c, MLSEC_FI_COPY, found,
                         mlsec_fc_constant(c, mlsec_fv_null()), 0, 0);

    fork = mlsec_fc_emit(c, MLSEC_FI_FORK, 0, 0, 0, 0);
    mlsec_fc_expr(c, node->a, scope, mlsec_fc_kept(in), mlsec_fc_inner(out));
    good = mlsec_fc_emit(c, MLSEC_FI_JUMP_TRUE, 0, out.v, 0, 0);
    (void) mlsec_fc_emit(c, MLSEC_FI_BACK, 0, 0, 0, 0);
    mlsec_fc_here(c, good);
    (void) mlsec_fc_emit(c, MLSEC_FI_COPY, found,
                         mlsec_fc_constant(c, mlsec_fv_bool(1)), 0, 0);
    end = mlsec_fc_emit(c, MLSEC_FI_JUMP, 0, 0, 0, 0);
    mlsec_fc_here(c, fork);
    no = mlsec_fc_emit(c, MLSEC_FI_JUMP_FALSE, 0, found, 0, 0);
    (void) mlsec_fc_emit(c, MLSEC_FI_BACK, 0, 0, 0, 0);
    mlsec_fc_here(c, no);
    mlsec_fc_expr(c, node->b, scope, in, out);
    mlsec_fc_here(c, end);
}


static void
mlsec_fc_logic(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    uint16_t  v;
    uint32_t  known, end;

    v = mlsec_fc_value(c, node->a, scope, in);
    known = mlsec_fc_emit(c, node->kind == MLSEC_FA_AND ? MLSEC_FI_JUMP_FALSE
                                                        : MLSEC_FI_JUMP_TRUE,
                          0, v, 0, 0);

    v = mlsec_fc_value(c, node->b, scope, in);
    (void) mlsec_fc_emit(c, MLSEC_FI_BOOL, out.v, v, 0, 0);
    end = mlsec_fc_emit(c, MLSEC_FI_JUMP, 0, 0, 0, 0);
    mlsec_fc_here(c, known);
    (void) mlsec_fc_emit(c, MLSEC_FI_COPY, out.v,
                         mlsec_fc_constant(c, mlsec_fv_bool(node->kind
                                                            == MLSEC_FA_OR)),
                         0, 0);
    mlsec_fc_here(c, end);
}


/* .a? needs no fork: the instruction itself says nothing instead. */

static int
mlsec_fc_try_index(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    uint32_t           i, before;
    const mlsec_fa_t  *a;

    a = node->a;

    if (node->b != NULL || a->a == NULL
        || a->a->kind != MLSEC_FA_IDENTITY
        || (a->kind != MLSEC_FA_EACH
            && (a->kind != MLSEC_FA_INDEX
                || a->b->kind != MLSEC_FA_LITERAL)))
    {
        return 0;
    }

    before = c->f->ncode;
    mlsec_fc_expr(c, a, scope, in, out);

    for (i = before; c->rc == MLSEC_OK && i < c->f->ncode; i++) {
        c->f->code[i].x = 1;
    }

    return 1;
}


static void
mlsec_fc_try(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    uint32_t        try, end;
    uint16_t        mark;
    mlsec_fc_ref_t  error, handled;

    if (mlsec_fc_try_index(c, node, scope, in, mlsec_fc_inner(out))) {
        return;
    }

    mark = mlsec_fc_reg(c);
    memset(&error, 0, sizeof(error));
    error.v = mlsec_fc_reg(c);
    error.p = MLSEC_FI_NONE;

    try = mlsec_fc_emit(c, MLSEC_FI_TRY, error.v, 0, mark, 0);
    mlsec_fc_expr(c, node->a, scope, mlsec_fc_kept(in), mlsec_fc_inner(out));
    (void) mlsec_fc_emit(c, MLSEC_FI_TRY_END, 0, 0, mark, 0);
    end = mlsec_fc_emit(c, MLSEC_FI_JUMP, 0, 0, 0, 0);
    mlsec_fc_here(c, try);

    if (node->b == NULL) {
        (void) mlsec_fc_emit(c, MLSEC_FI_BACK, 0, 0, 0, 0);

    } else if (out.p == MLSEC_FI_NONE) {
        mlsec_fc_expr(c, node->b, scope, error, out);

    } else {
        handled = out;
        handled.p = MLSEC_FI_NONE;
        handled.tail = 0;
        mlsec_fc_expr(c, node->b, scope, error, handled);
        mlsec_fc_bad_path(c, in, out);
    }

    mlsec_fc_here(c, end);
}


void
mlsec_fc_as(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    uint16_t          v;
    mlsec_fs_t       *inner;
    mlsec_fc_bind_t   bind;

    v = mlsec_fc_value(c, node->a, scope, mlsec_fc_kept(in));

    if (v == in.v) {
        in = mlsec_fc_kept(in);
    }

    inner = mlsec_fc_bind(c, node->list, scope, v, &bind);

    if (bind.mark != MLSEC_FI_NONE) {
        in = mlsec_fc_kept(in);
        out.tail = 0;
    }

    mlsec_fc_expr(c, node->b, inner, in, out);
    mlsec_fc_bound(c, &bind);
}


/*
 * The state of a loop is taken out of its register while the body works on
 * it, so that the body holds the only reference, and may write in place.  A
 * body without a result leaves null.
 */

void
mlsec_fc_loop(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    uint16_t          v;
    uint32_t          fork, forks;
    mlsec_fs_t       *inner;
    mlsec_fc_ref_t    state, old, new;
    mlsec_fc_bind_t   bind;

    state = mlsec_fc_ref(c, in);
    old = mlsec_fc_ref(c, in);
    new = mlsec_fc_ref(c, in);
    in = mlsec_fc_kept(in);

    mlsec_fc_expr(c, node->b, scope, in, state);

    forks = c->forks;
    fork = 0;

    if (node->kind == MLSEC_FA_REDUCE) {
        fork = mlsec_fc_emit(c, MLSEC_FI_FORK, 0, 0, 0, 0);
    }

    v = mlsec_fc_value(c, node->a, scope, mlsec_fc_plain(in));
    inner = mlsec_fc_bind(c, node->list, scope, v, &bind);

    (void) mlsec_fc_emit(c, MLSEC_FI_TAKE, old.v, state.v, 0, 0);

    if (old.p != MLSEC_FI_NONE) {
        (void) mlsec_fc_emit(c, MLSEC_FI_MOVE, old.p, state.p, 0, 0);
    }

    old.own = 1;
    old.forks = c->forks;

    mlsec_fc_expr(c, node->c, inner, old, new);

    if (node->kind == MLSEC_FA_REDUCE) {
        new.own = 1;
        new.forks = c->forks;
        mlsec_fc_move(c, new, state);
        mlsec_fc_bound(c, &bind);
        (void) mlsec_fc_emit(c, MLSEC_FI_BACK, 0, 0, 0, 0);
        mlsec_fc_here(c, fork);
        c->forks = forks;
        (void) mlsec_fc_emit(c, MLSEC_FI_TAKE, out.v, state.v, 0, 0);

        if (out.p != MLSEC_FI_NONE) {
            (void) mlsec_fc_emit(c, MLSEC_FI_MOVE, out.p, state.p, 0, 0);
        }

        return;
    }

    mlsec_fc_move(c, new, state);

    if (node->d == NULL) {
        mlsec_fc_move(c, new, out);

    } else {
        mlsec_fc_expr(c, node->d, inner, new, mlsec_fc_inner(out));
    }

    mlsec_fc_bound(c, &bind);
}
