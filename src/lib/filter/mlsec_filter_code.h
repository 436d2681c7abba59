/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The code of a program, between the compiler and the machine.
 *
 * The machine has registers, in frames.  Each place in a program has
 * registers of its own, none is used for two things.  That is what makes
 * backtracking cheap: to come back to a fork, the machine needs the fork's
 * instruction and frame and nothing else.  All that the code behind a fork
 * reads was written before it, or will be written again by the code that
 * runs again.  (What is to survive, the state of a reduce, is a register that
 * is written again on purpose.)
 *
 * A function that does not call itself is compiled into each place where it
 * is called, arguments and all, so that map(select(.a == 1)) becomes a loop
 * with a jump in it; others get frames of their own, and closures.
 */


#ifndef _MLSEC_FILTER_CODE_H_INCLUDED_
#define _MLSEC_FILTER_CODE_H_INCLUDED_


#include <lib/filter/mlsec_filter_value.h>


#define MLSEC_FI_NONE      0xffff      /* no register */
#define MLSEC_FI_CONSTANT  0x8000      /* bit of an operand: a constant */
#define MLSEC_FI_MAX_REG   0x7ff0


/*
 * Operands, unless said: a is set, from b and c; d: path of b, e: path of a.
 * A "branch" is an instruction, by its index in x.
 */

typedef enum {
    MLSEC_FI_OUT = 0,                  /* b is a result of the program */
    MLSEC_FI_BACK,                     /* go to the last fork */
    MLSEC_FI_JUMP,                     /* to x */
    MLSEC_FI_JUMP_FALSE,               /* to x if b is false or null */
    MLSEC_FI_JUMP_TRUE,
    MLSEC_FI_FORK,                     /* later, from x */
    MLSEC_FI_TRY,                      /* errors go to x, with the error in a;
                                          c: a mark */
    MLSEC_FI_TRY_END,                  /* c: the mark: no more errors */
    MLSEC_FI_MARK,                     /* a: notes the height of the stacks */
    MLSEC_FI_CUT,                      /* b: a mark: forks above it go */
    MLSEC_FI_BREAK,                    /* the same, then go to the last fork */
    MLSEC_FI_ERROR,                    /* raise b */

    MLSEC_FI_COPY,                     /* a = b */
    MLSEC_FI_MOVE,                     /* a = b, b is not read again */
    MLSEC_FI_TAKE,                     /* a = b, b = null */
    MLSEC_FI_UP,                       /* a = b of the frame x levels out */

    MLSEC_FI_INDEX,                    /* a = b[c]; x: 1: failure, no error */
    MLSEC_FI_INDEX_PATH,
    MLSEC_FI_SLICE,                    /* a = {start: b, end: c} */
    MLSEC_FI_EACH,                     /* a = each of b; c: a position */
    MLSEC_FI_EACH_PATH,
    MLSEC_FI_EACH_NEXT,
    MLSEC_FI_EACH_NEXT_PATH,
    MLSEC_FI_RANGE,                    /* a = b, b + d ...; c: end */
    MLSEC_FI_RANGE_NEXT,

    MLSEC_FI_ARRAY,                    /* a = [] */
    MLSEC_FI_APPEND,                   /* to a: b */
    MLSEC_FI_LIST,                     /* a = array of c operands, list x */
    MLSEC_FI_OBJECT,                   /* a = c keys and values, list x */
    MLSEC_FI_STRING,                   /* a = c pieces joined, list x; the odd
                                          ones formatted by b */
    MLSEC_FI_FORMAT,                   /* a = b formatted by c */

    MLSEC_FI_NEGATE,
    MLSEC_FI_NOT,
    MLSEC_FI_BOOL,                     /* true or false */
    MLSEC_FI_ADD,                      /* five, as mlsec_fv_math_e */
    MLSEC_FI_SUB,
    MLSEC_FI_MUL,
    MLSEC_FI_DIV,
    MLSEC_FI_MOD,
    MLSEC_FI_EQ,                       /* six, as mlsec_fa_compare_e */
    MLSEC_FI_NE,
    MLSEC_FI_LT,
    MLSEC_FI_LE,
    MLSEC_FI_GT,
    MLSEC_FI_GE,

    MLSEC_FI_ROOT,                     /* a: the path of nothing */
    MLSEC_FI_NO_PATH,                  /* a: none is asked for */
    MLSEC_FI_BAD_PATH,                 /* e: path of b, made from c, path d */
    MLSEC_FI_PATH,                     /* a: array of path c of value b */
    MLSEC_FI_GET,                      /* a = b at the array c */
    MLSEC_FI_GET_PATH,
    MLSEC_FI_PEEK,                     /* a = b at the path c, which led to
                                          the value d */
    MLSEC_FI_SET,                      /* a = b with d at the path c, which led
                                          to the value e; x: 1: b is not read
                                          again */
    MLSEC_FI_DELETE,                   /* a = b without the paths c */

    MLSEC_FI_NATIVE,                   /* a = function c of b and list x */
    MLSEC_FI_CALL,                     /* a = function c of b; list x: count,
                                          then for each argument: function,
                                          or NONE, register, levels out */
    MLSEC_FI_TAIL_CALL,
    MLSEC_FI_CLOSURE,                  /* a = closure c of b, x levels out */
    MLSEC_FI_TAIL_CLOSURE,
    MLSEC_FI_RETURN,                   /* b, d */
    MLSEC_FI_FAIL_HERE,                /* cannot be reached */

    MLSEC_FI_OPS
} mlsec_fi_op_e;


typedef struct {
    uint16_t              op;          /* mlsec_fi_op_e */
    uint16_t              a;
    uint16_t              b;
    uint16_t              c;
    uint16_t              d;
    uint16_t              e;
    uint32_t              x;
} mlsec_fi_t;

typedef struct {
    uint32_t              code;        /* first instruction */
    uint16_t              nregs;
    uint16_t              levels;      /* frames around it when defined */
} mlsec_fi_function_t;

/* Function registers: 0 its input, 1 the path, from 2 on its closures. */

struct mlsec_filter_s {
    mlsec_fi_t           *code;
    mlsec_fv_t           *constants;
    uint16_t             *lists;
    mlsec_fi_function_t  *functions;
    uint32_t              ncode;
    uint32_t              nconstants;
    uint32_t              nlists;
    uint32_t              nfunctions;
    uint32_t              nregs;       /* of the outermost frame */
    uint32_t              nvars;       /* values: registers 1, 2, ... */
    const void           *regex;       /* constant patterns, compiled */
};


/* Functions that are written in C. */

/*
 * args[0]: the input, args[1] on: the arguments.  The result may be, or
 * hold, any of them.
 * Returns MLSEC_OK, MLSEC_FX_ERROR, or MLSEC_FX_FATAL.
 */
typedef int (*mlsec_fn_pt)(mlsec_fx_t *fx, const mlsec_fv_t *args,
    mlsec_fv_t *out);

typedef struct {
    const char           *name;
    unsigned              nargs;
    mlsec_fn_pt           call;
} mlsec_fn_t;

/* Returns the index of a function, or -1. */
int mlsec_fn_find(mlsec_str_t name, unsigned nargs);

/* Returns the function with this index. */
const mlsec_fn_t *mlsec_fn_get(unsigned index);

/*
 * Compiles a regular expression that is a constant of the program, so that no
 * run has to.  What is no pattern, or no flags, is left to the run, which may
 * catch the error.
 * flags: a string, or null.
 * Returns MLSEC_OK or MLSEC_FX_FATAL.
 */
int mlsec_fn_regex_ready(mlsec_fx_t *fx, mlsec_fv_t pattern,
    mlsec_fv_t flags);

/* Returns the index of a format ("@base64"), or -1. */
int mlsec_fn_find_format(mlsec_str_t name);

/* Formats a value as @base64 and the like do. */
int mlsec_fn_format(mlsec_fx_t *fx, unsigned format, mlsec_fv_t v,
    mlsec_fv_t *out);

/* Returns the text of a function that is written in the language, or NULL. */
const char *mlsec_fn_prelude(mlsec_str_t name, unsigned nargs);

/* Returns why a function of jq is not one here, or NULL. */
const char *mlsec_fn_forbidden(mlsec_str_t name, unsigned nargs);

/* Returns 1 if there is a function of this name, with other arguments. */
int mlsec_fn_other_arity(mlsec_str_t name);


#endif /* _MLSEC_FILTER_CODE_H_INCLUDED_ */
