/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The compiler: assignment.
 *
 *     a = b     for each $v of b: every path of a is set to $v
 *     a |= f    every path of a is set to the first result of f; where there
 *               is none it is deleted, after all others
 *     a op= b   for each $v of b: a |= (. op $v)
 *
 * The paths of the value as it was, the state as it becomes.  A left side
 * with a single path needs no loop.
 */


#include <lib/filter/mlsec_filter_compile.h>


/* The new value for what is at a path. */

static void
mlsec_fc_new_value(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t old, mlsec_fc_ref_t new, uint16_t right)
{
    uint32_t  keep;

    switch (node->kind) {

    case MLSEC_FA_MODIFY:
        mlsec_fc_expr(c, node->b, scope, old, new);
        break;

    case MLSEC_FA_UPDATE:
        (void) mlsec_fc_emit(c, MLSEC_FI_ADD + node->op, new.v, old.v, right,
                             0);
        break;

    default: /* MLSEC_FA_UPDATE_ALT */
        (void) mlsec_fc_emit(c, MLSEC_FI_COPY, new.v, old.v, 0, 0);
        keep = mlsec_fc_emit(c, MLSEC_FI_JUMP_TRUE, 0, old.v, 0, 0);
        (void) mlsec_fc_emit(c, MLSEC_FI_COPY, new.v, right, 0, 0);
        mlsec_fc_here(c, keep);
    }
}


/* One path, one result. */

static void
mlsec_fc_assign_one(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out, uint16_t right)
{
    int             own;
    mlsec_fc_ref_t  root, at, old, new;

    root = mlsec_fc_kept(in);
    root.p = mlsec_fc_reg(c);
    at = mlsec_fc_ref(c, root);

    (void) mlsec_fc_emit(c, MLSEC_FI_ROOT, root.p, 0, 0, 0);
    mlsec_fc_expr(c, node->a, scope, root, at);

    new = mlsec_fc_plain(at);
    new.v = right;

    if (node->kind != MLSEC_FA_ASSIGN) {
        old = mlsec_fc_plain(at);
        new = mlsec_fc_ref(c, old);
        mlsec_fc_new_value(c, node, scope, old, new, right);
    }

    own = mlsec_fc_owned(c, in);

    (void) mlsec_fc_emit(c, MLSEC_FI_SET, out.v, in.v, at.p,
                         (uint32_t) own);
    mlsec_fc_paths(c, new.v, at.v);
}


/* Any number of paths. */

static void
mlsec_fc_assign_all(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out, uint16_t right)
{
    uint16_t        gone, mark, path;
    uint32_t        forks, done, none;
    mlsec_fc_ref_t  root, at, old, new, state;

    in = mlsec_fc_kept(in);
    root = in;
    root.p = mlsec_fc_reg(c);
    at = mlsec_fc_ref(c, root);
    state = mlsec_fc_ref(c, mlsec_fc_plain(in));
    old = mlsec_fc_ref(c, state);
    new = mlsec_fc_ref(c, state);
    gone = mlsec_fc_reg(c);
    none = 0;

    (void) mlsec_fc_emit(c, MLSEC_FI_ROOT, root.p, 0, 0, 0);
    mlsec_fc_move(c, mlsec_fc_plain(in), state);

    if (node->kind == MLSEC_FA_MODIFY) {
        (void) mlsec_fc_emit(c, MLSEC_FI_ARRAY, gone, 0, 0, 0);
    }

    forks = c->forks;
    done = mlsec_fc_emit(c, MLSEC_FI_FORK, 0, 0, 0, 0);
    mlsec_fc_expr(c, node->a, scope, root, at);

    if (node->kind == MLSEC_FA_ASSIGN) {
        new.v = right;

    } else {
        (void) mlsec_fc_emit(c, MLSEC_FI_PEEK, old.v, state.v, at.p, 0);
        mlsec_fc_paths(c, at.v, MLSEC_FI_NONE);

        mark = mlsec_fc_reg(c);

        if (node->kind == MLSEC_FA_MODIFY) {
            (void) mlsec_fc_emit(c, MLSEC_FI_MARK, mark, 0, 0, 0);
            none = mlsec_fc_emit(c, MLSEC_FI_FORK, 0, 0, 0, 0);
        }

        mlsec_fc_new_value(c, node, scope, old, new, right);

        if (node->kind == MLSEC_FA_MODIFY) {
            (void) mlsec_fc_emit(c, MLSEC_FI_CUT, 0, mark, 0, 0);
        }
    }

    (void) mlsec_fc_emit(c, MLSEC_FI_SET, state.v, state.v, at.p, 1);
    mlsec_fc_paths(c, new.v, at.v);
    (void) mlsec_fc_emit(c, MLSEC_FI_BACK, 0, 0, 0, 0);

    if (node->kind == MLSEC_FA_MODIFY) {
        mlsec_fc_here(c, none);
        path = mlsec_fc_reg(c);
        (void) mlsec_fc_emit(c, MLSEC_FI_PATH, path, old.v, at.p, 0);
        (void) mlsec_fc_emit(c, MLSEC_FI_APPEND, gone, path, 0, 0);
        (void) mlsec_fc_emit(c, MLSEC_FI_BACK, 0, 0, 0, 0);
    }

    mlsec_fc_here(c, done);
    c->forks = forks;

    if (node->kind == MLSEC_FA_MODIFY) {
        (void) mlsec_fc_emit(c, MLSEC_FI_DELETE, out.v, state.v, gone, 0);

    } else {
        (void) mlsec_fc_emit(c, MLSEC_FI_TAKE, out.v, state.v, 0, 0);
    }
}


void
mlsec_fc_assign(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    uint16_t        right;
    mlsec_fc_ref_t  plain;

    plain = mlsec_fc_plain(in);
    right = MLSEC_FI_NONE;

    if (node->kind != MLSEC_FA_MODIFY) {
        right = mlsec_fc_value(c, node->b, scope, mlsec_fc_kept(plain));

        /* the value itself on the right: it is read again */

        if (right == in.v) {
            plain = mlsec_fc_kept(plain);
        }
    }

    if (mlsec_fc_single(c, node->a, scope)
        && (node->kind != MLSEC_FA_MODIFY
            || mlsec_fc_single(c, node->b, scope)))
    {
        mlsec_fc_assign_one(c, node, scope, plain, mlsec_fc_plain(out),
                            right);

    } else {
        mlsec_fc_assign_all(c, node, scope, plain, mlsec_fc_plain(out),
                            right);
    }

    mlsec_fc_bad_path(c, in, out);
}
