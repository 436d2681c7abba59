/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * SHA-256 of texts that are short.  OpenSSL 3 looks the algorithm up, under two
 * locks, each time that EVP_sha256() is used, which for a secret of 43 bytes
 * takes longer than the hash; here it is looked up once in a process.
 */


#ifndef _MLSEC_SHA256_H_INCLUDED_
#define _MLSEC_SHA256_H_INCLUDED_


#include <lib/mlsec_types.h>


#define MLSEC_SHA256_SIZE  32          /* bytes of a digest */


/*
 * Hashes "text" into "digest", MLSEC_SHA256_SIZE bytes.
 *
 * Not for several threads at once.
 *
 * Returns MLSEC_OK, or MLSEC_DECLINED without memory or when OpenSSL has no
 * SHA-256: then digest is undefined and must not be compared with anything.
 */
int mlsec_sha256(mlsec_str_t text, unsigned char *digest);

/*
 * The same of "n" texts one behind another, as if they were one.  Where one
 * ends it does not say: put the lengths in front if that matters.
 *
 * Not for several threads at once.  Returns as mlsec_sha256() does.
 */
int mlsec_sha256_of(const mlsec_str_t *parts, size_t n, unsigned char *digest);


#endif /* _MLSEC_SHA256_H_INCLUDED_ */
