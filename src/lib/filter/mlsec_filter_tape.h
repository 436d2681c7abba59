/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* From JSON text to the tape that values point into. */


#ifndef _MLSEC_FILTER_TAPE_H_INCLUDED_
#define _MLSEC_FILTER_TAPE_H_INCLUDED_


#include <lib/filter/mlsec_filter_value.h>


/*
 * Checks a text and writes its tape.
 * text: must stay as long as *doc; nothing of it is copied.
 * lenient: 1: nan, NaN, Infinity, with a sign or without, are numbers too.
 * Returns MLSEC_OK; MLSEC_DECLINED if it is not one JSON document (what and
 * where is not said, mlsec_json_scan() knows) or too long; MLSEC_FX_FATAL.
 */
int mlsec_tape_build(mlsec_fx_t *fx, mlsec_str_t text, int lenient,
    mlsec_filter_doc_t **doc);


#endif /* _MLSEC_FILTER_TAPE_H_INCLUDED_ */
