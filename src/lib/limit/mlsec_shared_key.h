/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

#ifndef _MLSEC_SHARED_KEY_H_INCLUDED_
#define _MLSEC_SHARED_KEY_H_INCLUDED_


#include <lib/mlsec_types.h>


#define MLSEC_SHARED_KEY_PREFIX  64              /* bytes, at most */
#define MLSEC_SHARED_KEY_TEXT    160             /* that are readable */
#define MLSEC_SHARED_KEY_SIZE    (MLSEC_SHARED_KEY_PREFIX                     \
                                  + MLSEC_SHARED_KEY_TEXT + 32)


/* What a key of the store is made of: any bytes, any lengths. */

typedef struct {
    mlsec_str_t    prefix;       /* up to MLSEC_SHARED_KEY_PREFIX bytes */
    mlsec_str_t    zone;
    mlsec_str_t    name;         /* of the limit */
    mlsec_str_t    key;          /* who is limited */
    uint64_t       window;       /* of a quota: 1 and up; 0: a rate */
} mlsec_shared_key_t;


/*
 * Writes the key under which gateways share a bucket:
 *
 *   PREFIX limit:ZONE:NAME:KEY           bytes but A-Z a-z 0-9 _ - . @ as %XX
 *   PREFIX limit:ZONE:NAME:KEY:WINDOW    a quota
 *   PREFIX limit#HASH[:WINDOW]           SHA-256, where the text would be
 *                                        longer than MLSEC_SHARED_KEY_TEXT
 *
 * Different parts make different keys, however they are cut, as long as
 * nobody finds a collision of SHA-256.
 *
 * dst: MLSEC_SHARED_KEY_SIZE bytes.  The number written; 0: no hash, or a
 * prefix that is too long.
 */
size_t mlsec_shared_key(const mlsec_shared_key_t *parts, unsigned char *dst);


#endif /* _MLSEC_SHARED_KEY_H_INCLUDED_ */
