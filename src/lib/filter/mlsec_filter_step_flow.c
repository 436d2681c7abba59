/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Instructions: where to go on, and functions with frames. */


#include <lib/filter/mlsec_filter_machine.h>


#define MLSEC_FM_MAX_SLOTS  (1 << 27)
#define MLSEC_FM_MAX_ARGS   64


static const mlsec_fi_t *mlsec_fm_enter(mlsec_fm_t *m, const mlsec_fi_t *i,
    uint32_t function, uint32_t link, const uint16_t *args);
static int mlsec_fm_reenter(mlsec_fm_t *m, const mlsec_fi_t *i,
    uint32_t function, uint32_t link, const uint16_t *args);


const mlsec_fi_t *
mlsec_fm_step_out(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    m->result = mlsec_fm_value(m, i->b);
    mlsec_fv_share(m->result);
    m->next = i + 1;

    return NULL;
}


const mlsec_fi_t *
mlsec_fm_step_back(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    (void) i;

    return mlsec_fm_back(m);
}


const mlsec_fi_t *
mlsec_fm_step_jump(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    return m->f->code + i->x;
}


const mlsec_fi_t *
mlsec_fm_step_jump_false(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    return mlsec_fv_truth(mlsec_fm_value(m, i->b)) ? i + 1
                                                   : m->f->code + i->x;
}


const mlsec_fi_t *
mlsec_fm_step_jump_true(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    return mlsec_fv_truth(mlsec_fm_value(m, i->b)) ? m->f->code + i->x
                                                   : i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_fork(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    return mlsec_fm_push(m, MLSEC_FM_FORK, i->x) != NULL
           ? i + 1 : mlsec_fm_fail(m, MLSEC_FX_FATAL);
}


static void
mlsec_fm_set_mark(mlsec_fm_t *m, unsigned reg)
{
    mlsec_fv_t  v;

    v = mlsec_fv_null();
    v.type = MLSEC_FV_MARK;
    v.u.mark.fork = m->nforks;
    v.u.mark.top = m->top;

    m->regs[reg] = v;
}


const mlsec_fi_t *
mlsec_fm_step_try(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    mlsec_fm_fork_t  *fork;

    mlsec_fm_set_mark(m, i->c);

    fork = mlsec_fm_push(m, MLSEC_FM_TRY, i->x);
    if (fork == NULL) {
        return mlsec_fm_fail(m, MLSEC_FX_FATAL);
    }

    fork->reg = i->a;

    return i + 1;
}


/*
 * What comes from now on is not the try's business.  If nothing can come
 * back into its body, the try is over.
 */

const mlsec_fi_t *
mlsec_fm_step_try_end(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    mlsec_fv_t        mark;
    mlsec_fm_fork_t  *fork;

    mark = m->regs[i->c];

    if (mark.type != MLSEC_FV_MARK) {
        return i + 1;
    }

    if (m->nforks == mark.u.mark.fork + 1
        && m->forks[m->nforks - 1].kind == MLSEC_FM_TRY)
    {
        mlsec_fm_drop_forks(m, mark.u.mark.fork);
        return i + 1;
    }

    fork = mlsec_fm_push(m, MLSEC_FM_TRY_END, 0);
    if (fork == NULL) {
        return mlsec_fm_fail(m, MLSEC_FX_FATAL);
    }

    fork->link = mark.u.mark.fork;

    return i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_mark(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    mlsec_fm_set_mark(m, i->a);

    return i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_cut(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    mlsec_fm_drop_forks(m, m->regs[i->b].u.mark.fork);
    m->top = m->regs[i->b].u.mark.top;

    return i + 1;
}


const mlsec_fi_t *
mlsec_fm_step_break(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    mlsec_fm_drop_forks(m, m->regs[i->b].u.mark.fork);

    return mlsec_fm_back(m);
}


const mlsec_fi_t *
mlsec_fm_step_error(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    m->fx.error = mlsec_fm_value(m, i->b);
    mlsec_fv_share(m->fx.error);

    return mlsec_fm_fail(m, MLSEC_FX_ERROR);
}


const mlsec_fi_t *
mlsec_fm_step_fail_here(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    (void) i;

    m->rc = MLSEC_NOMEM;

    return NULL;
}


static inline mlsec_fm_frame_t *
mlsec_fm_header(mlsec_fm_t *m, uint32_t frame)
{
    return (mlsec_fm_frame_t *) (void *) &m->stack[frame - 1];
}


static uint32_t
mlsec_fm_out(mlsec_fm_t *m, uint32_t levels)
{
    uint32_t  frame;

    for (frame = m->frame; levels != 0; levels--) {
        frame = mlsec_fm_header(m, frame)->link;
    }

    return frame;
}


const mlsec_fi_t *
mlsec_fm_step_up(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    mlsec_fv_t  v;

    v = m->stack[mlsec_fm_out(m, i->x) + i->b];
    mlsec_fv_share(v);
    m->regs[i->a] = v;

    return i + 1;
}


static int
mlsec_fm_grow(mlsec_fm_t *m, uint32_t need)
{
    uint32_t     room;
    mlsec_fv_t  *stack;

    if (need <= m->room) {
        return MLSEC_OK;
    }

    if (need > MLSEC_FM_MAX_SLOTS) {
        m->fx.rc = MLSEC_FILTER_MEMORY;
        return MLSEC_FX_FATAL;
    }

    room = 2 * m->room > need ? 2 * m->room : need;

    stack = mlsec_fx_alloc(&m->fx, room * sizeof(mlsec_fv_t));
    if (stack == NULL) {
        return MLSEC_FX_FATAL;
    }

    memcpy(stack, m->stack, m->top * sizeof(mlsec_fv_t));

    m->stack = stack;
    m->room = room;
    m->regs = stack + m->frame;

    return MLSEC_OK;
}


/* args: triples, as MLSEC_FI_CALL has them, behind their number */

static void
mlsec_fm_closures(mlsec_fm_t *m, const uint16_t *args, mlsec_fv_t *closures)
{
    uint16_t    n;
    mlsec_fv_t  v;

    for (n = args[0], args++; n != 0; n--, args += 3, closures++) {

        if (args[0] == MLSEC_FI_NONE) {
            *closures = m->stack[mlsec_fm_out(m, args[2]) + args[1]];
            continue;
        }

        v = mlsec_fv_null();
        v.type = MLSEC_FV_CLOSURE;
        v.u.closure.code = args[0];
        v.u.closure.frame = m->frame;
        *closures = v;
    }
}


static const uint16_t  mlsec_fm_no_args[1] = { 0 };


static mlsec_fv_t
mlsec_fm_path_of(mlsec_fm_t *m, unsigned reg)
{
    mlsec_fv_t  v;

    if (reg != MLSEC_FI_NONE) {
        return m->regs[reg];
    }

    v = mlsec_fv_null();
    v.type = MLSEC_FV_NOPATH;

    return v;
}


static const mlsec_fi_t *
mlsec_fm_enter(mlsec_fm_t *m, const mlsec_fi_t *i, uint32_t function,
    uint32_t link, const uint16_t *args)
{
    uint32_t                    frame;
    mlsec_fv_t                 *regs;
    mlsec_fm_frame_t           *header;
    const mlsec_fi_function_t  *f;

    f = &m->f->functions[function];
    frame = m->top + 1;

    if (mlsec_fm_grow(m, frame + f->nregs) != MLSEC_OK) {
        return mlsec_fm_fail(m, MLSEC_FX_FATAL);
    }

    regs = m->stack + frame;

    regs[0] = mlsec_fm_value(m, i->b);
    mlsec_fv_share(regs[0]);
    regs[1] = mlsec_fm_path_of(m, i->d);
    mlsec_fm_closures(m, args, regs + 2);

    header = mlsec_fm_header(m, frame);
    header->code = (uint32_t) (i + 1 - m->f->code);
    header->caller = m->frame;
    header->link = link;
    header->a = i->a;
    header->e = i->e;

    m->top = frame + f->nregs;
    m->frame = frame;
    m->regs = regs;

    return m->f->code + f->code;
}


/*
 * The last call of a function takes its frame over, unless a fork or a
 * closure needs it.  That keeps loops like until() in a frame.
 * Returns MLSEC_OK, MLSEC_DECLINED, or MLSEC_FX_FATAL.
 */

static int
mlsec_fm_reenter(mlsec_fm_t *m, const mlsec_fi_t *i, uint32_t function,
    uint32_t link, const uint16_t *args)
{
    uint16_t                    n;
    mlsec_fv_t                  v, p, closures[MLSEC_FM_MAX_ARGS];
    const mlsec_fi_function_t  *f;

    if (m->frame == 0 || m->frame - 1 < m->limit || link == m->frame) {
        return MLSEC_DECLINED;
    }

    for (n = 0; n < args[0]; n++) {
        if (args[1 + 3 * n] != MLSEC_FI_NONE) {
            return MLSEC_DECLINED;
        }
    }

    f = &m->f->functions[function];

    v = mlsec_fm_value(m, i->b);
    mlsec_fv_share(v);
    p = mlsec_fm_path_of(m, i->d);
    mlsec_fm_closures(m, args, closures);

    if (mlsec_fm_grow(m, m->frame + f->nregs) != MLSEC_OK) {
        return MLSEC_FX_FATAL;
    }

    m->regs[0] = v;
    m->regs[1] = p;

    if (args[0] != 0) {
        memcpy(m->regs + 2, closures, args[0] * sizeof(mlsec_fv_t));
    }

    mlsec_fm_header(m, m->frame)->link = link;
    m->top = m->frame + f->nregs;

    return MLSEC_OK;
}


const mlsec_fi_t *
mlsec_fm_step_call(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    const uint16_t  *list;

    list = m->f->lists + i->x;

    return mlsec_fm_enter(m, i, i->c, mlsec_fm_out(m, list[0]), list + 1);
}


const mlsec_fi_t *
mlsec_fm_step_tail_call(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    int              rc;
    uint32_t         link;
    const uint16_t  *list;

    list = m->f->lists + i->x;
    link = mlsec_fm_out(m, list[0]);

    rc = mlsec_fm_reenter(m, i, i->c, link, list + 1);

    if (rc == MLSEC_OK) {
        return m->f->code + m->f->functions[i->c].code;
    }

    return rc == MLSEC_DECLINED ? mlsec_fm_enter(m, i, i->c, link, list + 1)
                                : mlsec_fm_fail(m, rc);
}


const mlsec_fi_t *
mlsec_fm_step_closure(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    mlsec_fv_t  v;

    v = m->stack[mlsec_fm_out(m, i->x) + i->c];

    return mlsec_fm_enter(m, i, v.u.closure.code, v.u.closure.frame,
                          mlsec_fm_no_args);
}


const mlsec_fi_t *
mlsec_fm_step_tail_closure(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    int         rc;
    mlsec_fv_t  v;

    v = m->stack[mlsec_fm_out(m, i->x) + i->c];

    rc = mlsec_fm_reenter(m, i, v.u.closure.code, v.u.closure.frame,
                          mlsec_fm_no_args);

    if (rc == MLSEC_OK) {
        return m->f->code + m->f->functions[v.u.closure.code].code;
    }

    return rc == MLSEC_DECLINED
           ? mlsec_fm_enter(m, i, v.u.closure.code, v.u.closure.frame,
                            mlsec_fm_no_args)
           : mlsec_fm_fail(m, rc);
}


const mlsec_fi_t *
mlsec_fm_step_return(mlsec_fm_t *m, const mlsec_fi_t *i)
{
    mlsec_fv_t        v, p;
    mlsec_fm_frame_t  header;

    v = m->regs[i->b];
    p = m->regs[i->d];
    header = *mlsec_fm_header(m, m->frame);

    if (m->frame - 1 >= m->limit) {
        m->top = m->frame - 1;
    }

    m->frame = header.caller;
    m->regs = m->stack + header.caller;

    mlsec_fv_share(v);
    m->regs[header.a] = v;

    if (header.e != MLSEC_FI_NONE) {
        m->regs[header.e] = p;
    }

    return m->f->code + header.code;
}
