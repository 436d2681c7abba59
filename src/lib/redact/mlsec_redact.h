/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What is left of a JSON text without certain members, and with personal
 * data in its strings covered: one pass, no tree, no recursion.
 *
 * A path is one or more names (decoded UTF-8) with dots between them, "*" for
 * any name; the first dot may be left out.  In an array on the way, and in
 * one at the beginning, the path applies to each element.  "**.NAME" is a
 * member of this name in any object.
 */


#ifndef _MLSEC_REDACT_H_INCLUDED_
#define _MLSEC_REDACT_H_INCLUDED_


#include <lib/mlsec_types.h>


#define MLSEC_REDACT_MAX_PATHS  64     /* in one list */
#define MLSEC_REDACT_MAX_NAMES  16     /* in one path */

#define MLSEC_REDACT_EMAIL      1      /* see mlsec_mask.h */
#define MLSEC_REDACT_CARD       2
#define MLSEC_REDACT_PHONE      4


typedef struct mlsec_redact_s  mlsec_redact_t;


/*
 * Compiles a list, once, at load.
 *
 * mem: owns the result, which also keeps slices of the paths.  paths, n: may
 * be none.  masks: MLSEC_REDACT_*, strings everywhere; names of members are
 * not touched.  bad: set on MLSEC_INVALID: the index of the path at fault.
 *
 * Returns MLSEC_OK, MLSEC_NOMEM, or MLSEC_INVALID: an empty name, a "*" that
 * is not alone, a "[", too many names, "**" elsewhere than in front of one
 * name; or, with *bad being MLSEC_REDACT_MAX_PATHS, too many paths.
 */
int mlsec_redact_compile(const mlsec_mem_t *mem, const mlsec_str_t *paths,
    size_t n, unsigned masks, mlsec_redact_t **redact, size_t *bad);

/*
 * Makes the text that is left.
 *
 * text: what mlsec_json_scan() has accepted, of at most MLSEC_JSON_MAX_DEPTH
 * levels; of other bytes the result means nothing, yet nothing outside of
 * them is read, nor more written than there are.
 * out: one allocation from mem, never longer than text; values that are not
 * concerned keep their bytes, white space between those that are goes.  All
 * members of a name are left out, not only the last.
 *
 * Returns MLSEC_OK or MLSEC_NOMEM.
 */
int mlsec_redact_apply(const mlsec_redact_t *redact, const mlsec_mem_t *mem,
    mlsec_str_t text, mlsec_str_t *out);


#endif /* _MLSEC_REDACT_H_INCLUDED_ */
