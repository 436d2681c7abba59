/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#ifndef _MLSEC_SIPHASH_H_INCLUDED_
#define _MLSEC_SIPHASH_H_INCLUDED_


#include <lib/mlsec_types.h>


/*
 * SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF",
 * 2012, with one round a word and three at the end): a hash for tables whose
 * keys come from outside.  Without the seed nobody can choose keys that
 * collide.
 * seed: secret, random; the key's bytes as two little-endian words.
 */
uint64_t mlsec_siphash(const uint64_t seed[2], mlsec_str_t text);


#endif /* _MLSEC_SIPHASH_H_INCLUDED_ */
