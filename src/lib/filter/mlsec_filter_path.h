/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* What setting and deleting at paths share. */


#ifndef _MLSEC_FILTER_PATH_H_INCLUDED_
#define _MLSEC_FILTER_PATH_H_INCLUDED_


#include <lib/filter/mlsec_filter_value.h>


/*
 * Turns {"start","end"} into places in something of length "len":
 * 0 <= *start <= *end <= len.
 * Returns MLSEC_OK, MLSEC_FX_ERROR or MLSEC_FX_FATAL.
 */
int mlsec_fv_slice_bounds(mlsec_fx_t *fx, mlsec_fv_t key, uint32_t len,
    uint32_t *start, uint32_t *end);

/*
 * Moves *place, a value that may be written to, to what is at "key" inside
 * of it; null becomes an array or object.  For a slice *place stays at the
 * array.  own: as mlsec_fv_own().
 * Returns MLSEC_OK, MLSEC_FX_ERROR or MLSEC_FX_FATAL.
 */
int mlsec_fv_step(mlsec_fx_t *fx, mlsec_fv_t **place, mlsec_fv_t key,
    int own);

/*
 * Puts "part" in the place of a slice of *array.
 * Returns MLSEC_OK, MLSEC_FX_ERROR or MLSEC_FX_FATAL.
 */
int mlsec_fv_splice(mlsec_fx_t *fx, mlsec_fv_t *array, mlsec_fv_t key,
    mlsec_fv_t part);

/*
 * Lists the places where the array "what" occurs in the array "in".
 * Returns MLSEC_OK or MLSEC_FX_FATAL.
 */
int mlsec_fv_indexes(mlsec_fx_t *fx, mlsec_fv_t in, mlsec_fv_t what,
    mlsec_fv_t *out);


#endif /* _MLSEC_FILTER_PATH_H_INCLUDED_ */
