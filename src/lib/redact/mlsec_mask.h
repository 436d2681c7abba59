/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Personal data in running text: found by what it looks like, and covered
 * with asterisks where it stands.  Each function takes any bytes (text that
 * is UTF-8 stays UTF-8, of the same length), in time that grows with the
 * length and nothing else, and returns how many it has covered.
 *
 * What looks like such data and is none is covered too; what is written in
 * another way than people write it is not found.
 */


#ifndef _MLSEC_MASK_H_INCLUDED_
#define _MLSEC_MASK_H_INCLUDED_


#include <lib/mlsec_types.h>


/*
 * Addresses of e-mail (RFC 5321 without quotes and literals, RFC 6531), with
 * a dot in the domain: "bob@example.com" becomes "b**@example.com".
 */
size_t mlsec_mask_email(unsigned char *text, size_t len);

/*
 * Numbers of payment cards: 13 to 19 digits, alone or in groups with single
 * blanks or hyphens, of a length that the first digit stands for (ISO/IEC
 * 7812), with the right check digit (Luhn's).  All but the last four digits
 * are covered.
 */
size_t mlsec_mask_card(unsigned char *text, size_t len);

/*
 * Telephone numbers: international ("+49 30 1234567", "0049 ..."; ITU-T
 * E.164, up to 15 digits), North American in groups of 3-3-4, and those that
 * begin with a 0 and have an area code apart ("030 1234567").  Groups are
 * separated by blanks, hyphens, dots, slashes, parentheses.  All but the last
 * two digits are covered.
 */
size_t mlsec_mask_phone(unsigned char *text, size_t len);


#endif /* _MLSEC_MASK_H_INCLUDED_ */
