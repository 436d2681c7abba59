/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Tokens of a program, one at a time. */


#ifndef _MLSEC_FILTER_LEX_H_INCLUDED_
#define _MLSEC_FILTER_LEX_H_INCLUDED_


#include <lib/filter/mlsec_filter_ast.h>


/* Single characters are their own tokens. */

typedef enum {
    MLSEC_FT_END = 0,
    MLSEC_FT_NAME = 128,               /* text: with :: */
    MLSEC_FT_KEYWORD,                  /* text; word */
    MLSEC_FT_FIELD,                    /* .name; text: without the dot */
    MLSEC_FT_VARIABLE,                 /* $name; text: without the dollar */
    MLSEC_FT_FORMAT,                   /* @name; text: with the at sign */
    MLSEC_FT_NUMBER,                   /* text */
    MLSEC_FT_QUOTE,                    /* a string begins */
    MLSEC_FT_DOTS,                     /* .. */
    MLSEC_FT_BIND_ALT,                 /* ?// */
    MLSEC_FT_ALT,                      /* // */
    MLSEC_FT_ALT_SET,                  /* //= */
    MLSEC_FT_MODIFY,                   /* |= */
    MLSEC_FT_ADD_SET,                  /* += */
    MLSEC_FT_SUB_SET,
    MLSEC_FT_MUL_SET,
    MLSEC_FT_DIV_SET,
    MLSEC_FT_MOD_SET,
    MLSEC_FT_EQ,
    MLSEC_FT_NE,
    MLSEC_FT_LE,
    MLSEC_FT_GE
} mlsec_ft_kind_e;

typedef enum {
    MLSEC_FT_NONE = 0,
    MLSEC_FT_AND, MLSEC_FT_AS, MLSEC_FT_BREAK, MLSEC_FT_CATCH, MLSEC_FT_DEF,
    MLSEC_FT_ELIF, MLSEC_FT_ELSE, MLSEC_FT_END_IF, MLSEC_FT_FOREACH,
    MLSEC_FT_IF, MLSEC_FT_IMPORT, MLSEC_FT_INCLUDE, MLSEC_FT_LABEL,
    MLSEC_FT_MODULE, MLSEC_FT_OR, MLSEC_FT_REDUCE, MLSEC_FT_THEN,
    MLSEC_FT_TRY
} mlsec_ft_word_e;


typedef struct {
    mlsec_fa_context_t   *cx;
    const unsigned char  *start;
    const unsigned char  *p;           /* behind the token */
    const unsigned char  *end;

    int                   kind;        /* of the token */
    int                   word;        /* mlsec_ft_word_e */
    uint32_t              pos;         /* of its first byte */
    mlsec_str_t           text;

    unsigned              nesting;
    unsigned              no_as;       /* 1: "as" ends the expression */
} mlsec_ft_t;


/* Reads the next token.  Returns MLSEC_OK or MLSEC_INVALID. */
int mlsec_ft_next(mlsec_ft_t *t);

/*
 * Reads on in a string, from t->p to its end or to an interpolation.
 * more: set to 1 if \( was read, 0 if the closing quote was.
 * Returns MLSEC_OK with the decoded piece in *out, MLSEC_INVALID, or
 * MLSEC_NOMEM.
 */
int mlsec_ft_piece(mlsec_ft_t *t, mlsec_fv_t *out, int *more);

/* Notes that the token cannot stand here.  Returns MLSEC_INVALID. */
int mlsec_ft_unexpected(mlsec_ft_t *t, const char *expected);


#endif /* _MLSEC_FILTER_LEX_H_INCLUDED_ */
