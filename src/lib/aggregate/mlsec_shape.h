/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The shape of one part's body: target=a.b, pick=a,b.c, drop=a,b.c.  Texts
 * are accepted JSON; of other bytes the results mean nothing, yet nothing
 * outside of them is read.
 *
 * A path is one or more member names (decoded UTF-8) with dots between
 * them, a list is one or more paths with commas between them; a name that
 * holds a dot or a comma cannot be written.
 */


#ifndef _MLSEC_SHAPE_H_INCLUDED_
#define _MLSEC_SHAPE_H_INCLUDED_


#include <lib/mlsec_types.h>


#define MLSEC_SHAPE_MAX_STEPS  16      /* names in one path */


typedef struct mlsec_paths_s  mlsec_paths_t;


/*
 * Checks a target path at load.
 * error: index of the byte at fault, set on MLSEC_INVALID only.
 * Returns MLSEC_OK, or MLSEC_INVALID: an empty name, a comma, or more than
 * MLSEC_SHAPE_MAX_STEPS names.
 */
int mlsec_shape_check_target(mlsec_str_t path, size_t *error);

/*
 * Follows a checked path through objects; of duplicate members the last.
 * text: accepted JSON.
 * value: a slice of "text", trimmed, set on MLSEC_OK only.
 * Returns MLSEC_OK, or MLSEC_DECLINED if a member is missing or a value on
 * the way is not an object.
 */
int mlsec_shape_target(mlsec_str_t text, mlsec_str_t path,
    mlsec_str_t *value);

/*
 * Compiles a list of paths, once, at load.
 * mem: owns the result, which also keeps slices of "list".
 * error: index of the byte at fault, set on MLSEC_INVALID only.
 * Returns MLSEC_OK, MLSEC_NOMEM, or MLSEC_INVALID: an empty path or name,
 * or more than MLSEC_SHAPE_MAX_STEPS names.  A path given twice counts
 * once; of two paths where one begins the other, the shorter is kept.
 */
int mlsec_paths_compile(const mlsec_mem_t *mem, mlsec_str_t list,
    mlsec_paths_t **paths, size_t *error);

/*
 * Keeps what the paths name and nothing else.  Objects on the way are
 * rebuilt without white space, members keep their order, the named values
 * keep their bytes.  A missing member is absent; an object on the way stays
 * even when nothing is left in it.  In an array on the way the rest of the
 * path applies to each element.  A value on the way that is neither object
 * nor array has no members and is left out.  Of duplicate members the last
 * counts.
 * text: accepted JSON of at most MLSEC_JSON_MAX_DEPTH levels.
 * out: one allocation from "mem", never longer than "text".
 * Returns MLSEC_OK, MLSEC_NOMEM, or MLSEC_BADTYPE if "text" is neither an
 * object nor an array.
 */
int mlsec_paths_pick(const mlsec_paths_t *paths, const mlsec_mem_t *mem,
    mlsec_str_t text, mlsec_str_t *out);

/*
 * Leaves out what the paths name (every duplicate of it) and keeps the
 * rest, bytes unchanged.  Objects and arrays on the way are rebuilt without
 * white space; arrays are treated as in mlsec_paths_pick().
 * Arguments and return codes as there.
 */
int mlsec_paths_drop(const mlsec_paths_t *paths, const mlsec_mem_t *mem,
    mlsec_str_t text, mlsec_str_t *out);


#endif /* _MLSEC_SHAPE_H_INCLUDED_ */
