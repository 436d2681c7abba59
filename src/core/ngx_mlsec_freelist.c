/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <core/ngx_mlsec_freelist.h>


static ngx_mlsec_freelist_item_t *ngx_mlsec_freelist_next(
    ngx_mlsec_freelist_t *list);
static void ngx_mlsec_freelist_put(void *data);


void *
ngx_mlsec_freelist_get(ngx_mlsec_freelist_t *list, ngx_pool_t *pool)
{
    ngx_pool_cleanup_t         *cln;
    ngx_mlsec_freelist_item_t  *item;

    item = ngx_mlsec_freelist_next(list);

    if (item == NULL) {
        return ngx_palloc(pool, list->size);
    }

    cln = ngx_pool_cleanup_add(pool, 0);

    if (cln == NULL) {
        ngx_mlsec_freelist_put(item);
        return NULL;
    }

    cln->handler = ngx_mlsec_freelist_put;
    cln->data = item;

    return item + 1;
}


static ngx_mlsec_freelist_item_t *
ngx_mlsec_freelist_next(ngx_mlsec_freelist_t *list)
{
    ngx_mlsec_freelist_item_t  *item;

    item = list->free;

    if (item != NULL) {
        list->free = item->next;
        return item;
    }

    if (list->used == list->nitems) {
        return NULL;
    }

    item = (ngx_mlsec_freelist_item_t *)
               (list->items
                + list->used * ngx_mlsec_freelist_size(list->size));

    item->list = list;
    list->used++;

    return item;
}


static void
ngx_mlsec_freelist_put(void *data)
{
    ngx_mlsec_freelist_item_t *item = data;

    item->next = item->list->free;
    item->list->free = item;
}
