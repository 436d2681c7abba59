/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <core/ngx_mlsec_kept.h>


void *
ngx_mlsec_kept(const ngx_pool_t *pool, ngx_pool_cleanup_pt handler)
{
    const ngx_pool_cleanup_t  *cln;

    for (cln = pool->cleanup; cln; cln = cln->next) {

        if (cln->handler == handler) {
            return cln->data;
        }
    }

    return NULL;
}
