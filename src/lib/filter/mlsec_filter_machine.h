/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The machine: registers in frames, forks to come back to.  Both are stacks
 * in the arena; C's own stack does not grow with the program or the input.
 *
 * A fork remembers an instruction, a frame, and how high the frames were.
 * What lies below the highest fork is kept, since the fork may come back to
 * it; a frame above it goes when its function returns.
 */


#ifndef _MLSEC_FILTER_MACHINE_H_INCLUDED_
#define _MLSEC_FILTER_MACHINE_H_INCLUDED_


#include <lib/filter/mlsec_filter_code.h>


typedef enum {
    MLSEC_FM_FORK = 0,
    MLSEC_FM_TRY,                      /* only errors stop here */
    MLSEC_FM_TRY_END                   /* errors pass by the try below */
} mlsec_fm_fork_e;

typedef struct {
    uint32_t              code;
    uint32_t              frame;
    uint32_t              top;
    uint16_t              kind;        /* mlsec_fm_fork_e */
    uint16_t              reg;         /* TRY: gets the error */
    uint32_t              link;        /* TRY_END: forks below the try */
} mlsec_fm_fork_t;

/* What stands in the slot before the registers of a frame. */

typedef struct {
    uint32_t              code;        /* where the caller goes on */
    uint32_t              caller;      /* its frame */
    uint32_t              link;        /* the frame of the definition */
    uint16_t              a;           /* the caller's registers that get */
    uint16_t              e;           /* value and path, or NONE */
} mlsec_fm_frame_t;

struct mlsec_filter_run_s {
    mlsec_fx_t            fx;
    mlsec_fv_t           *regs;        /* of the frame at hand */
    const mlsec_filter_t *f;

    mlsec_fv_t           *stack;
    uint32_t              frame;       /* index of regs[0] */
    uint32_t              top;         /* first free slot */
    uint32_t              limit;       /* slots that forks need */
    uint32_t              room;

    mlsec_fm_fork_t      *forks;
    uint32_t              nforks;
    uint32_t              forks_room;

    const mlsec_fi_t     *next;        /* where to go on; NULL: done */
    mlsec_fv_t            result;
    int                   rc;
    int                   lenient;     /* as of mlsec_filter_env_t */
    uint64_t              max_steps;
    mlsec_str_t           message;
};

typedef mlsec_filter_run_t  mlsec_fm_t;

/* Executes an instruction.  Returns the next one, or NULL with m->rc set. */
typedef const mlsec_fi_t *(*mlsec_fm_step_pt)(mlsec_fm_t *m,
    const mlsec_fi_t *i);


/* One function an instruction, in the order of mlsec_fi_op_e. */

#define MLSEC_FM_STEPS(step)                                                  \
    step(out) step(back) step(jump) step(jump_false) step(jump_true)          \
    step(fork) step(try) step(try_end) step(mark) step(cut)         \
    step(break) step(error)                                                   \
    step(copy) step(move) step(take) step(up)                                 \
    step(index) step(index_path) step(slice) step(each) step(each)            \
    step(each_next) step(each_next_path) step(range) step(range_next)         \
    step(array) step(append) step(list) step(object) step(string)             \
    step(format)                                                              \
    step(negate) step(not) step(bool)                                         \
    step(math) step(math) step(math) step(math) step(math)                    \
    step(equal) step(equal) step(order) step(order) step(order) step(order)   \
    step(root) step(no_path) step(bad_path) step(path) step(get)              \
    step(get_path) step(peek) step(set) step(delete)                          \
    step(native) step(call) step(tail_call) step(closure)                     \
    step(tail_closure) step(return) step(fail_here)


#define mlsec_fm_value(m, operand)                                            \
    ((operand) & MLSEC_FI_CONSTANT                                            \
     ? (m)->f->constants[(operand) & ~MLSEC_FI_CONSTANT]                      \
     : (m)->regs[operand])


/* Goes back to the last fork. */
const mlsec_fi_t *mlsec_fm_back(mlsec_fm_t *m);

/*
 * Goes on after a function on values did not return MLSEC_OK: an error to
 * the last try, anything else out of the machine.
 */
const mlsec_fi_t *mlsec_fm_fail(mlsec_fm_t *m, int rc);

/* Makes room for one more fork.  Returns NULL without memory. */
mlsec_fm_fork_t *mlsec_fm_more_forks(mlsec_fm_t *m);

/* Removes the forks from number "n" on. */
static inline void
mlsec_fm_drop_forks(mlsec_fm_t *m, uint32_t n)
{
    m->nforks = n;
    m->limit = n == 0 ? 0 : m->forks[n - 1].top;
}


/* Pushes a fork.  Returns it, or NULL without memory. */
static inline mlsec_fm_fork_t *
mlsec_fm_push(mlsec_fm_t *m, int kind, uint32_t code)
{
    mlsec_fm_fork_t  *fork;

    if (m->nforks == m->forks_room && mlsec_fm_more_forks(m) == NULL) {
        return NULL;
    }

    fork = &m->forks[m->nforks++];
    fork->code = code;
    fork->frame = m->frame;
    fork->top = m->top;
    fork->kind = (uint16_t) kind;
    m->limit = m->top;

    return fork;
}


#define mlsec_fm_declare(name)                                                \
    const mlsec_fi_t *mlsec_fm_##name(mlsec_fm_t *m, const mlsec_fi_t *i);

#define mlsec_fm_declare_step(name)  mlsec_fm_declare(step_##name)

MLSEC_FM_STEPS(mlsec_fm_declare_step)


#endif /* _MLSEC_FILTER_MACHINE_H_INCLUDED_ */
