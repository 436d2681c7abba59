/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * One Cache-Control out of several: what may be done with an answer that was
 * put together from answers (RFC 9111, 5.2.2).
 */


#ifndef _MLSEC_CACHE_MERGE_H_INCLUDED_
#define _MLSEC_CACHE_MERGE_H_INCLUDED_


#include <lib/mlsec_types.h>


/* room for the longest result */

#define MLSEC_CACHE_MERGE_LEN  128


typedef struct {
    uint64_t   max_age;          /* s, the smallest */
    uint64_t   s_maxage;         /* s, the smallest */

    unsigned   parts;            /* how many were added */
    unsigned   with_header;      /* of these, with a Cache-Control */
    unsigned   with_max_age;
    unsigned   with_s_maxage;
    unsigned   with_public;

    unsigned   no_store:1;
    unsigned   no_cache:1;
    unsigned   is_private:1;
    unsigned   must_revalidate:1;
} mlsec_cache_merge_t;


/*
 * Starts with no parts.
 */
void mlsec_cache_merge_init(mlsec_cache_merge_t *m);

/*
 * Adds a part.  value: its Cache-Control, empty if it has none; unknown
 * directives are ignored, a malformed age counts as 0 (RFC 9111, 4.2.1
 * advises to treat it as stale).
 */
void mlsec_cache_merge_add(mlsec_cache_merge_t *m, mlsec_str_t value);

/*
 * Writes the strictest of what was added.
 *
 * A restriction (no-store, no-cache, private, must-revalidate) holds when any
 * part has it.  A permission (public, max-age, s-maxage) is given only when
 * every part gives it, with the smallest age: a part that says nothing has
 * promised nothing.
 *
 * dst: at least MLSEC_CACHE_MERGE_LEN bytes, not terminated.
 *
 * Returns the number of bytes written, 0 when there is nothing to say.
 */
size_t mlsec_cache_merge_write(const mlsec_cache_merge_t *m,
    unsigned char *dst);


#endif /* _MLSEC_CACHE_MERGE_H_INCLUDED_ */
