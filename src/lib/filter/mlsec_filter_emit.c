/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* What every part of the compiler does: code, registers, names. */


#include <lib/filter/mlsec_filter_compile.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>


void
mlsec_fc_error(mlsec_fc_t *c, const mlsec_fa_t *node, const char *fmt, ...)
{
    uint32_t              pos;
    va_list               args;
    const unsigned char  *p;

    if (c->rc != MLSEC_OK) {
        return;
    }

    /* a node of the prelude has no place in the program */

    p = node->name.data;
    pos = p >= c->text.data && p <= c->text.data + c->text.len ? node->pos
                                                               : 0;

    c->rc = MLSEC_INVALID;
    c->cx.pos = pos;

    va_start(args, fmt);
    (void) vsnprintf(c->cx.reason, sizeof(c->cx.reason), fmt, args);
    va_end(args);
}


void *
mlsec_fc_alloc(mlsec_fc_t *c, size_t size)
{
    void  *p;

    p = mlsec_fx_alloc(&c->cx.fx, size);

    if (p == NULL && c->rc == MLSEC_OK) {
        c->rc = MLSEC_NOMEM;
    }

    return p;
}


/* Makes room for one more of "n" items in a growing list. */

static void *
mlsec_fc_grow(mlsec_fc_t *c, void *list, uint32_t n, uint32_t *room,
    size_t size)
{
    void  *longer;

    if (c->rc != MLSEC_OK) {
        return NULL;
    }

    if (n < *room) {
        return list;
    }

    longer = mlsec_fc_alloc(c, (2 * (size_t) *room + 32) * size);
    if (longer == NULL) {
        return NULL;
    }

    if (n != 0) {
        memcpy(longer, list, n * size);
    }

    *room = 2 * *room + 32;

    return longer;
}


uint32_t
mlsec_fc_emit(mlsec_fc_t *c, int op, unsigned a, unsigned b,
    unsigned operand, uint32_t x)
{
    mlsec_fi_t  *i;

    i = mlsec_fc_grow(c, c->f->code, c->f->ncode, &c->code_room,
                      sizeof(mlsec_fi_t));
    if (i == NULL) {
        return 0;
    }

    if (c->f->ncode == MLSEC_FC_MAX_CODE) {
        c->rc = mlsec_fa_error(&c->cx, 0, "the program is too large: more "
                               "than %d instructions", MLSEC_FC_MAX_CODE);
        return 0;
    }

    c->f->code = i;
    i += c->f->ncode;

    i->op = (uint16_t) op;
    i->a = (uint16_t) a;
    i->b = (uint16_t) b;
    i->c = (uint16_t) operand;
    i->d = MLSEC_FI_NONE;
    i->e = MLSEC_FI_NONE;
    i->x = x;

    switch (op) {

    case MLSEC_FI_FORK:
    case MLSEC_FI_EACH_NEXT:
    case MLSEC_FI_EACH_NEXT_PATH:
    case MLSEC_FI_RANGE_NEXT:
    case MLSEC_FI_CALL:
    case MLSEC_FI_TAIL_CALL:
    case MLSEC_FI_CLOSURE:
    case MLSEC_FI_TAIL_CLOSURE:
        c->forks++;
    }

    return c->f->ncode++;
}


void
mlsec_fc_paths(mlsec_fc_t *c, unsigned d, unsigned e)
{
    if (c->rc == MLSEC_OK) {
        c->f->code[c->f->ncode - 1].d = (uint16_t) d;
        c->f->code[c->f->ncode - 1].e = (uint16_t) e;
    }
}


void
mlsec_fc_here(mlsec_fc_t *c, uint32_t branch)
{
    if (c->rc == MLSEC_OK) {
        c->f->code[branch].x = c->f->ncode;
    }
}


uint16_t
mlsec_fc_reg(mlsec_fc_t *c)
{
    if (c->nregs >= MLSEC_FI_MAX_REG) {

        if (c->rc == MLSEC_OK) {
            c->rc = mlsec_fa_error(&c->cx, 0, "the program is too large: "
                                   "more than %d registers",
                                   MLSEC_FI_MAX_REG);
        }

        return 0;
    }

    return (uint16_t) c->nregs++;
}


mlsec_fc_ref_t
mlsec_fc_ref(mlsec_fc_t *c, mlsec_fc_ref_t like)
{
    mlsec_fc_ref_t  ref;

    memset(&ref, 0, sizeof(ref));

    ref.v = mlsec_fc_reg(c);
    ref.p = like.p == MLSEC_FI_NONE ? MLSEC_FI_NONE : mlsec_fc_reg(c);

    return ref;
}


/* Whether a constant is there already; 0 and -0 are two. */

static int
mlsec_fc_same(const mlsec_fv_t *a, const mlsec_fv_t *b)
{
    if (a->type != b->type || a->n != b->n) {
        return 0;
    }

    switch (a->type) {

    case MLSEC_FV_NUMBER:
        return a->u.number == b->u.number
               && signbit(a->u.number) == signbit(b->u.number);

    case MLSEC_FV_STRING:
        return a->n == 0 || memcmp(a->u.str, b->u.str, a->n) == 0;

    case MLSEC_FV_NULL:
    case MLSEC_FV_FALSE:
    case MLSEC_FV_TRUE:
        return 1;

    default:
        return a->u.str == b->u.str;
    }
}


uint16_t
mlsec_fc_constant(mlsec_fc_t *c, mlsec_fv_t v)
{
    uint32_t     i;
    mlsec_fv_t  *k;

    for (i = 0; i < c->f->nconstants; i++) {
        k = &c->f->constants[i];

        if (mlsec_fc_same(k, &v)) {
            return (uint16_t) (MLSEC_FI_CONSTANT | i);
        }
    }

    k = mlsec_fc_grow(c, c->f->constants, c->f->nconstants,
                      &c->constants_room, sizeof(mlsec_fv_t));
    if (k == NULL) {
        return 0;
    }

    if (i == MLSEC_FI_MAX_REG) {
        c->rc = mlsec_fa_error(&c->cx, 0, "the program is too large: more "
                               "than %d constants", MLSEC_FI_MAX_REG);
        return 0;
    }

    mlsec_fv_share(v);

    c->f->constants = k;
    k[i] = v;
    c->f->nconstants++;

    return (uint16_t) (MLSEC_FI_CONSTANT | i);
}


uint32_t
mlsec_fc_list(mlsec_fc_t *c, const uint16_t *items, uint32_t n)
{
    uint32_t   i, first;
    uint16_t  *list;

    first = c->f->nlists;

    for (i = 0; i < n; i++) {
        list = mlsec_fc_grow(c, c->f->lists, c->f->nlists, &c->lists_room,
                             sizeof(uint16_t));
        if (list == NULL) {
            return 0;
        }

        c->f->lists = list;
        list[c->f->nlists++] = items[i];
    }

    return first;
}


mlsec_fc_ref_t
mlsec_fc_plain(mlsec_fc_ref_t ref)
{
    ref.p = MLSEC_FI_NONE;

    return ref;
}


mlsec_fc_ref_t
mlsec_fc_kept(mlsec_fc_ref_t ref)
{
    ref.own = 0;

    return ref;
}


int
mlsec_fc_owned(const mlsec_fc_t *c, mlsec_fc_ref_t ref)
{
    return ref.own && ref.forks == c->forks;
}


void
mlsec_fc_move(mlsec_fc_t *c, mlsec_fc_ref_t from, mlsec_fc_ref_t to)
{
    if (from.v != to.v) {
        (void) mlsec_fc_emit(c, mlsec_fc_owned(c, from) ? MLSEC_FI_MOVE
                                                        : MLSEC_FI_COPY,
                             to.v, from.v, 0, 0);
    }

    if (to.p != MLSEC_FI_NONE && from.p != to.p) {
        (void) mlsec_fc_emit(c, MLSEC_FI_MOVE, to.p, from.p, 0, 0);
    }
}


void
mlsec_fc_bad_path(mlsec_fc_t *c, mlsec_fc_ref_t in, mlsec_fc_ref_t out)
{
    if (out.p != MLSEC_FI_NONE) {
        (void) mlsec_fc_emit(c, MLSEC_FI_BAD_PATH, 0, out.v, in.v, 0);
        mlsec_fc_paths(c, in.p, out.p);
    }
}


mlsec_fs_t *
mlsec_fc_name(mlsec_fc_t *c, mlsec_fs_t *outer, int kind, mlsec_str_t name)
{
    mlsec_fs_t  *s;

    s = mlsec_fc_alloc(c, sizeof(mlsec_fs_t));

    if (s != NULL) {
        memset(s, 0, sizeof(mlsec_fs_t));
        s->outer = outer;
        s->name = name;
        s->kind = (uint8_t) kind;
        s->level = c->level;
        s->function = -1;
        return s;
    }

    return outer;
}


uint16_t
mlsec_fc_reach(mlsec_fc_t *c, unsigned level, unsigned reg)
{
    uint16_t  here;

    if (level == c->level) {
        return (uint16_t) reg;
    }

    here = mlsec_fc_reg(c);
    (void) mlsec_fc_emit(c, MLSEC_FI_UP, here, reg, 0, c->level - level);

    return here;
}
