/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The list that a path gives in a document, and what one of its values is as
 * text: foreach=NAME.path and {NAME.path}.  Texts are accepted JSON; of other
 * bytes the results mean nothing, yet nothing outside of them is read.
 */


#ifndef _MLSEC_ITEMS_H_INCLUDED_
#define _MLSEC_ITEMS_H_INCLUDED_


#include <lib/json/mlsec_json.h>
#include <lib/mlsec_types.h>


/* arrays on the way that are inside each other, as deep as a document is */

#define MLSEC_ITEMS_DEPTH  MLSEC_JSON_DEFAULT_DEPTH


typedef struct {
    mlsec_json_iter_t     it;
    size_t                pos;         /* in the path, of the next name */
    unsigned              last;        /* 1: the elements are the items */
} mlsec_items_frame_t;


/* A walk; all of it is private.  It needs no clean-up. */

typedef struct {
    mlsec_str_t           path;
    mlsec_str_t           root;        /* what the walk starts with */
    unsigned              started;
    size_t                depth;       /* frames in use */
    mlsec_items_frame_t   frames[MLSEC_ITEMS_DEPTH];
} mlsec_items_t;


/*
 * Starts a walk.
 * text: accepted JSON; the items are slices of it.
 * path: checked by mlsec_shape_check_target(), or empty: the document itself.
 */
void mlsec_items_init(mlsec_items_t *items, mlsec_str_t text,
    mlsec_str_t path);

/*
 * Takes the next item, in the order of the text.
 *
 * A name of the path takes that member of an object (of duplicates the last),
 * and of each object of an array, arrays inside of it included.  What stands
 * at the end of the path is the item, but for an array there, whose elements
 * are the items.  So "jobs.id" lists the ids of [{"id":1},{"id":2}] in jobs,
 * and "ids" the elements of an array ids.
 *
 * The n-th element of an array on the way stays in its place also when the
 * member is missing, null, or the element no object: its item is empty or
 * null.  Outside of arrays nothing is listed then.
 *
 * value: trimmed, of any type; len 0 for a missing member.
 * Returns MLSEC_OK, or MLSEC_DECLINED after the last one.
 */
int mlsec_items_next(mlsec_items_t *items, mlsec_str_t *value);

/*
 * Takes a value as text: a string decoded, a number or boolean as it is
 * written.
 * mem: used only for a string with escapes.
 * text: otherwise a slice of "value"; set on MLSEC_OK only.
 * Returns MLSEC_OK; MLSEC_DECLINED for null and for no value at all;
 * MLSEC_BADTYPE for an object or an array; MLSEC_NOMEM.
 */
int mlsec_items_scalar(const mlsec_mem_t *mem, mlsec_str_t value,
    mlsec_str_t *text);


#endif /* _MLSEC_ITEMS_H_INCLUDED_ */
