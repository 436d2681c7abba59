/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * Memory for src/lib, which knows no pools.
 */


#ifndef _NGX_MLSEC_MEM_H_INCLUDED_
#define _NGX_MLSEC_MEM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include <lib/mlsec_types.h>


/*
 * Memory of a pool, which lives as long as the pool does.  Its alloc() returns
 * NULL where ngx_palloc() does.
 */
mlsec_mem_t ngx_mlsec_mem(ngx_pool_t *pool);


#endif /* _NGX_MLSEC_MEM_H_INCLUDED_ */
