/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* The query of a URI: checked, and as a JSON object. */


#ifndef _MLSEC_ARGS_H_INCLUDED_
#define _MLSEC_ARGS_H_INCLUDED_


#include <lib/mlsec_types.h>


/*
 * Turns a query ("a=1&b=x%20y&b=z") into {"a":"1","b":["x y","z"]}: names in
 * the order of their first occurrence, values are strings, those of a name
 * that is repeated an array in their order.
 *
 * Decoded as HTML forms encode (WHATWG URL, 5.1): "+" is a blank, %XX a byte,
 * another "%" stands for itself; a name without "=" has an empty value, an
 * empty piece between two "&" is nothing.  Bytes that are not UTF-8 become
 * U+FFFD, NUL becomes \u0000.
 *
 * query: without the "?".  seed: secret, random; keeps names that are chosen
 * to collide from making the time quadratic.
 * json: from mem, lives as long; at most 6 bytes for each of the query, and
 * 7 for each argument.
 *
 * Returns MLSEC_OK or MLSEC_NOMEM.
 */
int mlsec_args_json(mlsec_str_t query, const mlsec_mem_t *mem,
    const uint64_t seed[2], mlsec_str_t *json);

/*
 * Checks what mlsec_args_json() would make the best of.
 *
 * count: set on MLSEC_OK, the number of arguments, repeats included; an empty
 * piece between two "&" is none.
 *
 * Returns MLSEC_OK; or MLSEC_INVALID: a "%" without two hexadecimal digits, a
 * decoded NUL, or bytes that are, decoded, not UTF-8 (RFC 3629).
 */
int mlsec_args_check(mlsec_str_t query, size_t *count);


#endif /* _MLSEC_ARGS_H_INCLUDED_ */
