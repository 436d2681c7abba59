/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <core/ngx_mlsec_mem.h>


static void *ngx_mlsec_mem_alloc(void *ctx, size_t size);


mlsec_mem_t
ngx_mlsec_mem(ngx_pool_t *pool)
{
    mlsec_mem_t  mem;

    mem.alloc = ngx_mlsec_mem_alloc;
    mem.ctx = pool;

    return mem;
}


static void *
ngx_mlsec_mem_alloc(void *ctx, size_t size)
{
    return ngx_palloc(ctx, size);
}
