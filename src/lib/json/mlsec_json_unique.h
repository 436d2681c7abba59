/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Whether an object has a name twice.  RFC 8259, 4, leaves open what that
 * means, so two parsers may read two different values out of one document:
 * what was checked is then not what is used.
 */


#ifndef _MLSEC_JSON_UNIQUE_H_INCLUDED_
#define _MLSEC_JSON_UNIQUE_H_INCLUDED_


#include <lib/mlsec_types.h>


/*
 * Looks for names that an object has more than once; names are compared
 * decoded ("a" is "\u0061").
 *
 * text: what mlsec_json_scan() has accepted, of at most MLSEC_JSON_MAX_DEPTH
 * levels; of other bytes the result means nothing, yet nothing outside of
 * them is read.  mem: for the names of the objects that are open at a time,
 * 32 bytes each at most, and as many bytes as names with escapes have.
 * seed: secret, random; keeps the time at n log n whatever the names.
 * offset: set on MLSEC_DECLINED: of the quote before the second name.
 *
 * Returns MLSEC_OK: no name occurs twice; MLSEC_DECLINED; or MLSEC_NOMEM.
 */
int mlsec_json_unique(mlsec_str_t text, const mlsec_mem_t *mem,
    const uint64_t seed[2], size_t *offset);


#endif /* _MLSEC_JSON_UNIQUE_H_INCLUDED_ */
