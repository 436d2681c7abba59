/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <core/ngx_mlsec_freelist.h>


typedef struct {
    ngx_mlsec_freelist_t  *list;
    void                  *item;
} ngx_mlsec_freelist_used_t;


/* of a sanitizer's build none is ready: what is used too late has to be seen */

#ifdef __SANITIZE_ADDRESS__
#define ngx_mlsec_freelist_empty(list)  1
#else
#define ngx_mlsec_freelist_empty(list)                                        \
    ((list)->nfree == 0 && (list)->nused == (list)->nitems)
#endif


static mlsec_hot void ngx_mlsec_freelist_put(void *data);


void *
ngx_mlsec_freelist_get(ngx_mlsec_freelist_t *list, ngx_pool_t *pool)
{
    ngx_pool_cleanup_t         *cln;
    ngx_mlsec_freelist_used_t  *used;

    if (ngx_mlsec_freelist_empty(list)) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(pool, sizeof(ngx_mlsec_freelist_used_t));
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_mlsec_freelist_put;

    used = cln->data;
    used->list = list;
    used->item = list->nfree ? list->free[--list->nfree]
                             : list->items + list->nused++ * list->size;

    return used->item;
}


static void
ngx_mlsec_freelist_put(void *data)
{
    ngx_mlsec_freelist_used_t *used = data;

    used->list->free[used->list->nfree++] = used->item;
}
