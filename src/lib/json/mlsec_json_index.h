/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Lists the tokens of a window of JSON, 64 bytes at a step with a bit for
 * each: simple enough to be the first stage of other readers too.
 */


#ifndef _MLSEC_JSON_INDEX_H_INCLUDED_
#define _MLSEC_JSON_INDEX_H_INCLUDED_


#include <lib/mlsec_types.h>


/* bytes at most in one window; a multiple of 64 */

#define MLSEC_JSON_WINDOW  2048


typedef struct {
    /* the caller's */

    const unsigned char  *start;       /* of the window */
    const unsigned char  *limit;       /* end of what may be read; > start */
    unsigned              in_string;   /* 1: "start" is between two
                                          characters of a string; in the end
                                          the same of the next window */

    /* the result */

    size_t                consumed;    /* bytes that the window took */
    size_t                ntokens;
    uint16_t              tokens[MLSEC_JSON_WINDOW + 32];
                                       /* offsets from "start", ascending */
} mlsec_json_index_t;


/*
 * Lists the tokens of the window: each of {}[]:, outside of strings, the
 * opening quote of each string, and the first byte of each run of other
 * bytes that are not white space ("scalars").
 *
 * The window ends behind MLSEC_JSON_WINDOW bytes or at "limit", but before
 * a scalar, escape or UTF-8 sequence that touches that end, and behind an
 * escape or sequence that merely crosses the former; so consumed may be 0,
 * and may be a few bytes more than the window.
 *
 * Checked are the insides of strings (UTF-8, escapes, control characters)
 * and that outside of strings there is no other control character than
 * white space and no byte above 0x7f.  Scalars and grammar are not.
 *
 * Returns MLSEC_OK; or MLSEC_DECLINED if a check failed, in_string as it
 * was: what and where is not said.
 */
int mlsec_json_index(mlsec_json_index_t *ix);


#endif /* _MLSEC_JSON_INDEX_H_INCLUDED_ */
