/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What differs between nginx 1.22 and current mainline, in one place.
 * Nothing else in the tree tests nginx_version.
 */


#ifndef _NGX_MLSEC_COMPAT_H_INCLUDED_
#define _NGX_MLSEC_COMPAT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * Since 1.23.0 headers of one name are linked through "next", which must be
 * set by whoever pushes a header; before that they were kept in arrays.
 */

#if (nginx_version >= 1023000)

#define ngx_mlsec_elt_last(h)  (h)->next = NULL

#else

#define ngx_mlsec_elt_last(h)

#endif


#endif /* _NGX_MLSEC_COMPAT_H_INCLUDED_ */
