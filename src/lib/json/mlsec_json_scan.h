/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* What the two halves of the scanner share; nobody else includes this. */


#ifndef _MLSEC_JSON_SCAN_H_INCLUDED_
#define _MLSEC_JSON_SCAN_H_INCLUDED_


#include <lib/json/mlsec_json.h>


/* What may come next, white space aside: mlsec_json_scan_t.expect. */

typedef enum {
    MLSEC_EXPECT_VALUE = 0,            /* the document */
    MLSEC_EXPECT_FIRST_ELEMENT,        /* a value or ']' */
    MLSEC_EXPECT_ELEMENT,
    MLSEC_EXPECT_FIRST_KEY,            /* a string or '}' */
    MLSEC_EXPECT_KEY,
    MLSEC_EXPECT_COLON,
    MLSEC_EXPECT_MEMBER,               /* the value after ':' */
    MLSEC_EXPECT_ARRAY_COMMA,          /* ',' or ']' */
    MLSEC_EXPECT_OBJECT_COMMA,         /* ',' or '}' */
    MLSEC_EXPECT_NOTHING               /* the document is complete */
} mlsec_json_expect_e;


/*
 * Inside which token the next byte is: mlsec_json_scan_t.lex.  A token sets
 * "expect" to what follows it as soon as it begins.
 */

typedef enum {
    MLSEC_LEX_NONE = 0,
    MLSEC_LEX_STRING,                  /* between two characters */

    MLSEC_LEX_ESCAPE,                  /* after a backslash */
    MLSEC_LEX_HEX1,                    /* the four digits after \u */
    MLSEC_LEX_HEX2,
    MLSEC_LEX_HEX3,
    MLSEC_LEX_HEX4,
    MLSEC_LEX_PAIR_ESCAPE,             /* after a high surrogate: the \ */
    MLSEC_LEX_PAIR_U,                  /* its u */

    MLSEC_LEX_TAIL1,                   /* one UTF-8 continuation byte */
    MLSEC_LEX_TAIL2,
    MLSEC_LEX_TAIL3,
    MLSEC_LEX_AFTER_E0,
    MLSEC_LEX_AFTER_ED,
    MLSEC_LEX_AFTER_F0,
    MLSEC_LEX_AFTER_F4,

    MLSEC_LEX_MINUS,
    MLSEC_LEX_ZERO,
    MLSEC_LEX_INT,
    MLSEC_LEX_DOT,
    MLSEC_LEX_FRAC,
    MLSEC_LEX_E,
    MLSEC_LEX_ESIGN,
    MLSEC_LEX_EXP,

    MLSEC_LEX_TRUE,
    MLSEC_LEX_FALSE,
    MLSEC_LEX_NULL
} mlsec_json_lex_e;


/*
 * Scans ahead in big steps.
 * s: between tokens or between two characters of a string, no error.
 * Returns the number of bytes it vouches for, with "s" moved behind them:
 * 0 to "len".  It never judges: where it stops, mlsec_json_scan_feed() goes
 * on byte by byte and finds the error, the end, or nothing wrong.
 */
size_t mlsec_json_scan_fast(mlsec_json_scan_t *s, const unsigned char *p,
    size_t len);


#endif /* _MLSEC_JSON_SCAN_H_INCLUDED_ */
