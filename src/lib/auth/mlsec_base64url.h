/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * base64url without padding, RFC 7515, 2 and appendix C.  Every byte string
 * has exactly one spelling here, so that a digest of the text of a token
 * stands for the token: what lets other decoders take several spellings of
 * one value (padding, white space, the other alphabet, bits that are thrown
 * away at the end) is refused.
 */


#ifndef _MLSEC_BASE64URL_H_INCLUDED_
#define _MLSEC_BASE64URL_H_INCLUDED_


#include <lib/mlsec_types.h>


/* Bytes that "len" characters decode to at most, and encode to exactly. */

#define mlsec_base64url_decoded(len)  ((len) / 4 * 3 + 2)
#define mlsec_base64url_encoded(len)  (((len) * 4 + 2) / 3)


/*
 * Decodes.
 * dst: room for mlsec_base64url_decoded(src.len) bytes; written to also when
 * the text turns out to be none.
 * len: number of bytes decoded.
 * Returns MLSEC_OK, or MLSEC_INVALID: a character outside A-Z a-z 0-9 - _, a
 * length of 4n + 1, or bits other than zero behind the last byte.
 */
int mlsec_base64url_decode(unsigned char *dst, size_t *len, mlsec_str_t src);

/*
 * Encodes.
 * dst: room for mlsec_base64url_encoded(src.len) bytes.
 * Returns how many were written; no zero byte is added.
 */
size_t mlsec_base64url_encode(unsigned char *dst, mlsec_str_t src);


#endif /* _MLSEC_BASE64URL_H_INCLUDED_ */
