/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Strings as characters: Unicode code points.  All arguments are STRINGs,
 * decoded, well-formed UTF-8.
 */


#ifndef _MLSEC_FILTER_TEXT_H_INCLUDED_
#define _MLSEC_FILTER_TEXT_H_INCLUDED_


#include <lib/filter/mlsec_filter_value.h>


/* Returns the number of characters in the first "n" bytes of a text. */
uint32_t mlsec_ft_count(const unsigned char *p, size_t n);

/* Returns the number of characters of a string. */
uint32_t mlsec_ft_length(mlsec_fv_t s);

/* Returns characters "start" to "end" - 1, without a copy. */
mlsec_fv_t mlsec_ft_slice(mlsec_fv_t s, uint32_t start, uint32_t end);

/*
 * Reads a character.
 * len: set to its bytes, 1 to 4.
 * Returns the code point.
 */
uint32_t mlsec_ft_decode(const unsigned char *p, unsigned *len);

/* Writes a code point.  Returns the number of bytes, 1 to 4. */
unsigned mlsec_ft_encode(unsigned char dst[4], uint32_t c);

/*
 * Finds "what" in "s" from byte "from" on.
 * Returns its offset in bytes, or s.n + 1 if it is not there.
 */
size_t mlsec_ft_find(mlsec_fv_t s, mlsec_fv_t what, size_t from);

/*
 * Makes a string of bytes that may not be UTF-8: each maximal ill-formed
 * piece becomes U+FFFD.
 */
int mlsec_ft_repair(mlsec_fx_t *fx, const unsigned char *p, size_t len,
    mlsec_fv_t *out);


#endif /* _MLSEC_FILTER_TEXT_H_INCLUDED_ */
