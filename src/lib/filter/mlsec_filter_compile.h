/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What the parts of the compiler share.  Errors stick to cx.rc: after one,
 * emitting does nothing, and everybody returns at the next chance.
 *
 * Two kinds of code come out of one expression.  Where only the value
 * counts, a reference has no path register.  In path(f), and on the left
 * side of an assignment, it has one, and code that finds values also notes
 * where; code that makes values notes that there is no place
 * (MLSEC_FI_BAD_PATH).  Functions with a frame are always compiled with
 * paths, and told with MLSEC_FV_NOPATH that nobody asks.
 */


#ifndef _MLSEC_FILTER_COMPILE_H_INCLUDED_
#define _MLSEC_FILTER_COMPILE_H_INCLUDED_


#include <lib/filter/mlsec_filter_ast.h>
#include <lib/filter/mlsec_filter_code.h>


#define MLSEC_FC_MAX_CODE    200000    /* instructions */
#define MLSEC_FC_INLINE      12000     /* from here on calls are calls */
#define MLSEC_FC_MAX_DEPTH   1400      /* levels of expressions, calls
                                          inlined */
#define MLSEC_FC_INLINE_DEPTH  400


/* A value in registers. */

typedef struct {
    uint16_t              v;
    uint16_t              p;           /* its path, or MLSEC_FI_NONE */
    unsigned              own:1;       /* a source: nobody reads it again */
    unsigned              tail:1;      /* a target: RETURN comes next */
    uint32_t              forks;       /* own: forks when it was made */
} mlsec_fc_ref_t;


typedef enum {
    MLSEC_FS_VARIABLE = 0,
    MLSEC_FS_FUNCTION,
    MLSEC_FS_PARAM,                    /* an argument, as its expression */
    MLSEC_FS_CLOSURE,                  /* an argument, in a register */
    MLSEC_FS_LABEL
} mlsec_fs_kind_e;

/* What a name means, with everything that is around it. */

typedef struct mlsec_fs_s  mlsec_fs_t;

struct mlsec_fs_s {
    mlsec_fs_t           *outer;
    mlsec_str_t           name;
    uint8_t               kind;        /* mlsec_fs_kind_e */
    uint8_t               recursive;   /* FUNCTION: calls itself */
    uint16_t              nargs;
    uint16_t              level;       /* of the frame that it belongs to */
    uint16_t              reg;
    int32_t               function;    /* index, or -1: not compiled */
    const mlsec_fa_t     *tree;        /* FUNCTION: DEF; PARAM: argument */
    mlsec_fs_t           *scope;       /* PARAM: of the argument */
};


typedef struct {
    mlsec_fa_context_t    cx;
    int                   rc;
    mlsec_filter_t       *f;
    uint32_t              code_room;
    uint32_t              constants_room;
    uint32_t              lists_room;
    uint32_t              functions_room;

    uint32_t              nregs;       /* of the frame at hand */
    uint16_t              level;       /* frames around it */
    uint32_t              forks;       /* instructions so far that may leave
                                          a fork behind */
    unsigned              depth;       /* of the compiler's own calls */
    unsigned              inlined;
    mlsec_fs_t           *globals;     /* functions of the prelude */
    mlsec_str_t           text;        /* the program */
} mlsec_fc_t;


/* mlsec_filter_emit.c */

/* Notes an error at a place of the program. */
void mlsec_fc_error(mlsec_fc_t *c, const mlsec_fa_t *node, const char *fmt,
    ...);

/* Allocates for the compiler; NULL, with c->rc set, without memory. */
void *mlsec_fc_alloc(mlsec_fc_t *c, size_t size);

/* Appends an instruction.  Returns its index. */
uint32_t mlsec_fc_emit(mlsec_fc_t *c, int op, unsigned a, unsigned b,
    unsigned operand, uint32_t x);

/* Sets the paths of the last instruction. */
void mlsec_fc_paths(mlsec_fc_t *c, unsigned d, unsigned e);

/* Lets a branch go to the next instruction. */
void mlsec_fc_here(mlsec_fc_t *c, uint32_t branch);

/* Returns a new register. */
uint16_t mlsec_fc_reg(mlsec_fc_t *c);

/* Returns new registers for a value, with a path if "like" has one. */
mlsec_fc_ref_t mlsec_fc_ref(mlsec_fc_t *c, mlsec_fc_ref_t like);

/* Returns the operand of a constant. */
uint16_t mlsec_fc_constant(mlsec_fc_t *c, mlsec_fv_t v);

/* Appends to the lists.  Returns the index of the first one. */
uint32_t mlsec_fc_list(mlsec_fc_t *c, const uint16_t *items, uint32_t n);

/* Returns the same value without its path. */
mlsec_fc_ref_t mlsec_fc_plain(mlsec_fc_ref_t ref);

/* Returns the same value, as one that others read later. */
mlsec_fc_ref_t mlsec_fc_kept(mlsec_fc_ref_t ref);

/* Copies or, if nobody reads it again, moves a value with its path. */
void mlsec_fc_move(mlsec_fc_t *c, mlsec_fc_ref_t from, mlsec_fc_ref_t to);

/* Gives a value that was made, not found, its path. */
void mlsec_fc_bad_path(mlsec_fc_t *c, mlsec_fc_ref_t in, mlsec_fc_ref_t out);

/* Adds a name to a scope. */
mlsec_fs_t *mlsec_fc_name(mlsec_fc_t *c, mlsec_fs_t *outer, int kind,
    mlsec_str_t name);

/* Copies a register of an outer frame to this one; its own as it is. */
uint16_t mlsec_fc_reach(mlsec_fc_t *c, unsigned level, unsigned reg);

/* Returns 1 if nothing can come back to before "ref" was made. */
int mlsec_fc_owned(const mlsec_fc_t *c, mlsec_fc_ref_t ref);


/* mlsec_filter_compile.c */

/* Compiles an expression: its results, one after the other, in "out". */
void mlsec_fc_expr(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out);

/*
 * The same for a value without path, wherever it is: perhaps in a register
 * that was there before, or a constant.
 */
uint16_t mlsec_fc_value(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope, mlsec_fc_ref_t in);

/* Returns 1 if the expression has one result, or an error. */
int mlsec_fc_single(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope);


/* mlsec_filter_flow.c */

/* Compiles if, try, //, and, or. */
void mlsec_fc_branch(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope, mlsec_fc_ref_t in, mlsec_fc_ref_t out);

/* Compiles reduce and foreach. */
void mlsec_fc_loop(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out);

/* Compiles "source as patterns | body". */
void mlsec_fc_as(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out);


/* mlsec_filter_bind.c */

/* The alternatives of a pattern that is being bound. */

typedef struct {
    uint16_t              mark;        /* of the try around what follows, or
                                          NONE */
    uint32_t              jumps[64];   /* to behind the patterns */
    unsigned              njumps;
} mlsec_fc_bind_t;

/*
 * Binds the variables of the patterns to a value.
 * Returns the scope with them; mlsec_fc_bound() must follow behind what
 * uses it.
 */
mlsec_fs_t *mlsec_fc_bind(mlsec_fc_t *c, const mlsec_fa_t *patterns,
    mlsec_fs_t *scope, uint16_t value, mlsec_fc_bind_t *bind);

/* Ends the part of which an error leads to the next alternative. */
void mlsec_fc_bound(mlsec_fc_t *c, const mlsec_fc_bind_t *bind);


/* mlsec_filter_assign.c */

/* Compiles assignments of all forms, = and |= and += and the others. */
void mlsec_fc_assign(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope, mlsec_fc_ref_t in, mlsec_fc_ref_t out);


/* mlsec_filter_call.c */

/* Compiles a call of any kind of function. */
void mlsec_fc_call(mlsec_fc_t *c, const mlsec_fa_t *node, mlsec_fs_t *scope,
    mlsec_fc_ref_t in, mlsec_fc_ref_t out);

/* Returns the scope in which the body of "def" and what follows it live. */
mlsec_fs_t *mlsec_fc_def(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope);

/* Returns 1 if a call has one result, or an error. */
int mlsec_fc_single_call(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope);

/*
 * Compiles a function that is part of the compiler (empty, path, first...).
 * Returns 0 if there is none of this name.
 */
int mlsec_fc_special(mlsec_fc_t *c, const mlsec_fa_t *node,
    mlsec_fs_t *scope, mlsec_fc_ref_t in, mlsec_fc_ref_t out);

/* Returns 1 if mlsec_fc_special() knows this function, 2 if it is single. */
int mlsec_fc_is_special(mlsec_str_t name, unsigned nargs);


#endif /* _MLSEC_FILTER_COMPILE_H_INCLUDED_ */
