/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What the two halves of the parser share.  A function that reads something
 * begins at the current token and leaves the one behind it; it returns
 * MLSEC_OK, MLSEC_INVALID, or MLSEC_NOMEM.
 */


#ifndef _MLSEC_FILTER_PARSE_H_INCLUDED_
#define _MLSEC_FILTER_PARSE_H_INCLUDED_


#include <lib/filter/mlsec_filter_ast.h>
#include <lib/filter/mlsec_filter_lex.h>


/* Makes a node at the current token; NULL without memory. */
mlsec_fa_t *mlsec_fp_node(mlsec_ft_t *t, int kind);

/* Makes a node of two others; NULL without memory. */
mlsec_fa_t *mlsec_fp_join(mlsec_ft_t *t, int kind, mlsec_fa_t *a,
    mlsec_fa_t *b);

/*
 * Notes the parts of a node in its depth.
 * Returns MLSEC_INVALID if the tree gets too deep.
 */
int mlsec_fp_depth(mlsec_ft_t *t, mlsec_fa_t *node);

/* Reads the token if it is "kind". */
int mlsec_fp_expect(mlsec_ft_t *t, int kind, const char *name);

/* Reads the keyword, or says that it is missing. */
int mlsec_fp_expect_word(mlsec_ft_t *t, int word, const char *name);

/* Reads a whole expression, pipes included. */
int mlsec_fp_pipe(mlsec_ft_t *t, mlsec_fa_t **node);

/* Reads an expression of operators of at least this precedence. */
int mlsec_fp_binary(mlsec_ft_t *t, int least, mlsec_fa_t **node);

/* Reads a term with what may stand behind it. */
int mlsec_fp_postfix(mlsec_ft_t *t, mlsec_fa_t **node);

/* Reads a term, without what may stand behind it. */
int mlsec_fp_term(mlsec_ft_t *t, mlsec_fa_t **node);

/* Makes a node of a value, at the current token. */
int mlsec_fp_literal(mlsec_ft_t *t, mlsec_fv_t value, mlsec_fa_t **node);

/* Reads "def name(params): body;", without what it is defined for. */
int mlsec_fp_def(mlsec_ft_t *t, mlsec_fa_t **node);

/* Reads a string; format: "@base64" and the like, may be empty. */
int mlsec_fp_string(mlsec_ft_t *t, mlsec_str_t format, mlsec_fa_t **node);

/* Reads the inside of an object, from the token behind the brace. */
int mlsec_fp_object(mlsec_ft_t *t, mlsec_fa_t **node);

/* Reads patterns, with ?// between them. */
int mlsec_fp_patterns(mlsec_ft_t *t, mlsec_fa_t **node);

/* Makes a call without arguments. */
int mlsec_fp_call(mlsec_ft_t *t, const char *name, mlsec_fa_t **node);


#define MLSEC_FP_COMMA    1
#define MLSEC_FP_NO_COMMA 2            /* the precedence above it */


#endif /* _MLSEC_FILTER_PARSE_H_INCLUDED_ */
