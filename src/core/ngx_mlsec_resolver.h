/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What nginx's resolver has no function for.
 */


#ifndef _NGX_MLSEC_RESOLVER_H_INCLUDED_
#define _NGX_MLSEC_RESOLVER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


#define NGX_MLSEC_RESOLVER_TIMEOUT  30000        /* ms, nginx's own default */


/*
 * Declares old what the resolver has kept of a name, and of those that it is
 * an alias of: the next question goes to the DNS.  queue: name_expire_queue or
 * srv_expire_queue of the resolver.  prefix: stands before the name, with a
 * dot; NULL or empty: nothing does.
 *
 * When the first of them would have become old, s; 0: it has nothing.
 */
time_t ngx_mlsec_resolver_expire(ngx_queue_t *queue, const ngx_str_t *prefix,
    const ngx_str_t *name);

/*
 * The same time, and nothing is declared old.
 */
time_t ngx_mlsec_resolver_valid(ngx_queue_t *queue, const ngx_str_t *prefix,
    const ngx_str_t *name);

/*
 * The "resolver" of http{} and its timeout.  To be called when all of it was
 * read.
 *
 * NGX_OK; NGX_DECLINED: there is none that asks anybody.
 */
ngx_int_t ngx_mlsec_resolver_get(ngx_conf_t *cf, ngx_resolver_t **resolver,
    ngx_msec_t *timeout);


#endif /* _NGX_MLSEC_RESOLVER_H_INCLUDED_ */
