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


typedef struct ngx_mlsec_freelist_item_s  ngx_mlsec_freelist_item_t;


/*
 * A list and its items, which are static: an array of nitems of
 * ngx_mlsec_freelist_size(size) bytes, aligned as pointers are.  The fields
 * below the line begin as 0.
 */
typedef struct {
    u_char                     *items;
    size_t                      size;      /* that can be used, of one */
    ngx_uint_t                  nitems;

    ngx_uint_t                  used;      /* those that ever were */
    ngx_mlsec_freelist_item_t  *free;      /* those of them that are not */
} ngx_mlsec_freelist_t;


struct ngx_mlsec_freelist_item_s {
    ngx_mlsec_freelist_t       *list;
    ngx_mlsec_freelist_item_t  *next;
};


#define ngx_mlsec_freelist_size(size)                                         \
    (ngx_align(size, sizeof(void *)) + sizeof(ngx_mlsec_freelist_item_t))


/*
 * An item, which goes back when pool is destroyed, after all cleanup handlers
 * that are added to pool from now on.  When all of them are in use, memory of
 * pool: it lives as long.  What is in it is not defined.  NULL without memory.
 */
void *ngx_mlsec_freelist_get(ngx_mlsec_freelist_t *list, ngx_pool_t *pool);


#endif /* _NGX_MLSEC_FREELIST_H_INCLUDED_ */
