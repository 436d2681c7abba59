/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Writing: any bytes as the inside of a JSON string, and integers.  A write
 * function gets a "dst" with enough room and returns the byte after what it
 * wrote, as ngx_copy() does; none adds a zero byte.
 */


#ifndef _MLSEC_TEXT_H_INCLUDED_
#define _MLSEC_TEXT_H_INCLUDED_


#include <lib/mlsec_types.h>


#define MLSEC_TEXT_U64_LEN  20         /* "18446744073709551615" */
#define MLSEC_TEXT_I64_LEN  20         /* "-9223372036854775808" */


/*
 * Returns the number of bytes that mlsec_text_escape() writes for "text":
 * text.len if there is nothing to escape, at most 6 * text.len.
 */
size_t mlsec_text_escaped_len(mlsec_str_t text);

/*
 * Writes "text" as the inside of a JSON string, without quotes.
 * dst: room for mlsec_text_escaped_len(text) bytes, not overlapping.
 * Escaped are the quote, the backslash and U+0000..U+001F (\b \t \n \f \r,
 * otherwise \u00xx in lower case).  Each maximal ill-formed piece of UTF-8
 * becomes one U+FFFD (Unicode 15, 3.9), so the result is valid JSON
 * whatever the bytes were.
 */
unsigned char *mlsec_text_escape(unsigned char *dst, mlsec_str_t text);

/* Writes a decimal integer, at most MLSEC_TEXT_U64_LEN bytes. */
unsigned char *mlsec_text_u64(unsigned char *dst, uint64_t value);

/* Writes a decimal integer, at most MLSEC_TEXT_I64_LEN bytes. */
unsigned char *mlsec_text_i64(unsigned char *dst, int64_t value);


#endif /* _MLSEC_TEXT_H_INCLUDED_ */
