/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* From program text to a tree; the tree is gone when the code is there. */


#ifndef _MLSEC_FILTER_AST_H_INCLUDED_
#define _MLSEC_FILTER_AST_H_INCLUDED_


#include <lib/filter/mlsec_filter_value.h>


#define MLSEC_FA_MAX_NESTING  250      /* brackets in brackets, as written */
#define MLSEC_FA_MAX_DEPTH    1000     /* of the tree */


typedef enum {
    MLSEC_FA_IDENTITY = 0,
    MLSEC_FA_LITERAL,                  /* value */
    MLSEC_FA_STRING,                   /* list: its pieces; name: a format */
    MLSEC_FA_FORMAT,                   /* name */
    MLSEC_FA_INDEX,                    /* a[b] */
    MLSEC_FA_SLICE,                    /* a[b:c] */
    MLSEC_FA_EACH,                     /* a[] */
    MLSEC_FA_ARRAY,                    /* [a], a may be NULL */
    MLSEC_FA_OBJECT,                   /* list: ENTRY */
    MLSEC_FA_ENTRY,                    /* a: b */
    MLSEC_FA_NEGATE,                   /* -a */
    MLSEC_FA_PIPE,                     /* a | b */
    MLSEC_FA_COMMA,                    /* a, b */
    MLSEC_FA_MATH,                     /* a op b, op: mlsec_fv_math_e */
    MLSEC_FA_COMPARE,                  /* a op b, op: mlsec_fa_compare_e */
    MLSEC_FA_AND,
    MLSEC_FA_OR,
    MLSEC_FA_ALTERNATIVE,              /* a // b */
    MLSEC_FA_ASSIGN,                   /* a = b */
    MLSEC_FA_MODIFY,                   /* a |= b */
    MLSEC_FA_UPDATE,                   /* a op= b, op: mlsec_fv_math_e */
    MLSEC_FA_UPDATE_ALT,               /* a //= b */
    MLSEC_FA_IF,                       /* if a then b else c, c may be NULL */
    MLSEC_FA_TRY,                      /* try a catch b, b may be NULL */
    MLSEC_FA_REDUCE,                   /* reduce a as list (b; c) */
    MLSEC_FA_FOREACH,                  /* foreach a as list (b; c; d) */
    MLSEC_FA_AS,                       /* a as list | b */
    MLSEC_FA_DEF,                      /* def name(list): a; b */
    MLSEC_FA_PARAM,                    /* name; op 1: with a dollar */
    MLSEC_FA_CALL,                     /* name(list) */
    MLSEC_FA_VARIABLE,                 /* $name */
    MLSEC_FA_LABEL,                    /* label $name | a */
    MLSEC_FA_BREAK,                    /* break $name */

    MLSEC_FA_BIND,                     /* pattern: $name */
    MLSEC_FA_BIND_ARRAY,               /* pattern: [list] */
    MLSEC_FA_BIND_OBJECT,              /* pattern: {list of BIND_ENTRY} */
    MLSEC_FA_BIND_ENTRY                /* a: key, b: pattern or NULL; name:
                                          bound to the value, or empty */
} mlsec_fa_kind_e;

typedef enum {
    MLSEC_FA_EQ = 0,
    MLSEC_FA_NE,
    MLSEC_FA_LT,
    MLSEC_FA_LE,
    MLSEC_FA_GT,
    MLSEC_FA_GE
} mlsec_fa_compare_e;


typedef struct mlsec_fa_s  mlsec_fa_t;

struct mlsec_fa_s {
    uint8_t               kind;        /* mlsec_fa_kind_e */
    uint8_t               op;
    uint16_t              depth;       /* levels below, this one included */
    uint32_t              pos;         /* in the text */
    mlsec_fa_t           *a;
    mlsec_fa_t           *b;
    mlsec_fa_t           *c;
    mlsec_fa_t           *d;
    mlsec_fa_t           *list;        /* linked by "next" */
    mlsec_fa_t           *next;
    mlsec_str_t           name;
    mlsec_fv_t            value;
};


typedef struct {
    mlsec_fx_t            fx;          /* memory of the compilation */
    mlsec_str_t           text;
    uint32_t              pos;         /* of the error */
    char                  reason[232];
} mlsec_fa_context_t;


/*
 * Parses a program, or with "defs" a row of definitions with nothing after
 * them (which then is the identity).
 * Returns MLSEC_OK; MLSEC_INVALID with cx->pos and cx->reason set; or
 * MLSEC_NOMEM.
 */
int mlsec_fa_parse(mlsec_fa_context_t *cx, mlsec_str_t text, int defs,
    mlsec_fa_t **tree);

/*
 * Notes what is wrong with the program, unless something is noted already.
 * Returns MLSEC_INVALID.
 */
int mlsec_fa_error(mlsec_fa_context_t *cx, uint32_t pos, const char *fmt,
    ...);


#endif /* _MLSEC_FILTER_AST_H_INCLUDED_ */
