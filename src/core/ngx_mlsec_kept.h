/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What is kept with a pool and found again by the handler of its cleanup.  An
 * internal redirect wipes the contexts of modules, this it does not, and all
 * subrequests have the pool of their main request.
 */


#ifndef _NGX_MLSEC_KEPT_H_INCLUDED_
#define _NGX_MLSEC_KEPT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * The data of the cleanup that has been added to pool last with this handler,
 * which one may have for no other purpose; NULL if there is none.
 */
void *ngx_mlsec_kept(const ngx_pool_t *pool, ngx_pool_cleanup_pt handler);


#endif /* _NGX_MLSEC_KEPT_H_INCLUDED_ */
