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


/*
 * Since 1.27.3 servers with "resolve" stand in a list of their own, and are
 * what peers are made from as addresses come.  An upstream{} may also have a
 * resolver of its own.
 */

#if (nginx_version >= 1027003 && NGX_HTTP_UPSTREAM_ZONE)

#define ngx_mlsec_peers_resolve(peers)  (peers)->resolve

#define ngx_mlsec_upstream_resolver(uscf)  (uscf)->resolver
#define ngx_mlsec_upstream_resolver_timeout(uscf)  (uscf)->resolver_timeout

#else

#define ngx_mlsec_peers_resolve(peers)  NULL

#define ngx_mlsec_upstream_resolver(uscf)  NULL
#define ngx_mlsec_upstream_resolver_timeout(uscf)  NGX_CONF_UNSET_MSEC

#endif


/*
 * What nginx's "random" keeps of an upstream{}; it has no header.  ranges, one
 * for each peer in their order, is NULL where another balancer is used, and
 * with a "zone" before a worker's first request.
 */

typedef struct {
    ngx_http_upstream_rr_peer_t  *peer;
    ngx_uint_t                    range;     /* weights of those before it */
} ngx_mlsec_random_range_t;


typedef struct {
    ngx_uint_t                    two;
#if (nginx_version >= 1027003 && NGX_HTTP_UPSTREAM_ZONE)
    ngx_uint_t                    config;
#endif
    ngx_mlsec_random_range_t     *ranges;
} ngx_mlsec_random_conf_t;


/*
 * Whether a process_header says that it has read 103, which nginx itself sees
 * to before it comes back for the answer.
 */

#ifdef NGX_HTTP_UPSTREAM_EARLY_HINTS

#define ngx_mlsec_early_hints(rc)  ((rc) == NGX_HTTP_UPSTREAM_EARLY_HINTS)

#else

#define ngx_mlsec_early_hints(rc)  0

#endif


#endif /* _NGX_MLSEC_COMPAT_H_INCLUDED_ */
