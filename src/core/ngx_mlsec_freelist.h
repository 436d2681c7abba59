/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Memory of requests, of which a worker has some ready.
 *
 * What nearly every request needs comes to a few hundred bytes, and that makes
 * a pool of 4 kB that nginx has all but filled grow by another block: to get
 * and to free one costs as much as what it is used for.  And items that are
 * used again and again are still in the cache of the processor, which a new
 * block is not.
 */


#ifndef _NGX_MLSEC_FREELIST_H_INCLUDED_
#define _NGX_MLSEC_FREELIST_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <lib/mlsec_types.h>


/*
 * A list and its items, all of them static.  An item that goes back is not
 * looked at: by then it is the coldest memory of its request.
 */
typedef struct {
    ngx_uint_t   nfree;      /* in "free", begins as 0 */
    ngx_uint_t   nused;      /* items that ever were used, begins as 0 */
    ngx_uint_t   nitems;     /* that there are */
    size_t       size;       /* bytes of one, a multiple of a pointer's */
    u_char      *items;      /* nitems of them, aligned as pointers are */
    void       **free;       /* room for nitems */
} ngx_mlsec_freelist_t;


/*
 * An item, which goes back when pool is destroyed, after all cleanup handlers
 * that are added to pool from now on have run.  What is in it is not defined.
 * NULL: all of them are in use, or without memory; the caller has memory of the
 * pool do for it, which lives as long.
 */
mlsec_hot void *ngx_mlsec_freelist_get(ngx_mlsec_freelist_t *list,
    ngx_pool_t *pool);


#endif /* _NGX_MLSEC_FREELIST_H_INCLUDED_ */
