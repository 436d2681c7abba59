/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_resolver.h>


static ngx_resolver_node_t *ngx_mlsec_resolver_find(ngx_queue_t *queue,
    const ngx_str_t *prefix, const ngx_str_t *name);
static time_t ngx_mlsec_resolver_walk(ngx_queue_t *queue,
    const ngx_str_t *prefix, const ngx_str_t *name, ngx_uint_t expire);


time_t
ngx_mlsec_resolver_expire(ngx_queue_t *queue, const ngx_str_t *prefix,
    const ngx_str_t *name)
{
    return ngx_mlsec_resolver_walk(queue, prefix, name, 1);
}


time_t
ngx_mlsec_resolver_valid(ngx_queue_t *queue, const ngx_str_t *prefix,
    const ngx_str_t *name)
{
    return ngx_mlsec_resolver_walk(queue, prefix, name, 0);
}


/*
 * A server that knows no more of a name than its alias has nginx ask for that
 * one too, and each of the names is kept for itself: one after the other, as
 * many as nginx follows.
 */

static time_t
ngx_mlsec_resolver_walk(ngx_queue_t *queue, const ngx_str_t *prefix,
    const ngx_str_t *name, ngx_uint_t expire)
{
    time_t                valid;
    ngx_str_t             alias;
    ngx_uint_t            n;
    ngx_resolver_node_t  *rn;

    valid = 0;

    for (n = 0; n < NGX_RESOLVER_MAX_RECURSION; n++) {
        rn = ngx_mlsec_resolver_find(queue, prefix, name);

        if (rn == NULL) {
            break;
        }

        valid = (n == 0) ? rn->valid : ngx_min(valid, rn->valid);

        if (expire) {
            rn->valid = 0;
        }

        if (rn->cnlen == 0 || rn->naddrs != 0) {
            break;
        }

        alias.data = rn->u.cname;
        alias.len = rn->cnlen;

        prefix = NULL;
        name = &alias;
    }

    return valid;
}


static ngx_resolver_node_t *
ngx_mlsec_resolver_find(ngx_queue_t *queue, const ngx_str_t *prefix,
    const ngx_str_t *name)
{
    u_char               *p;
    size_t                len;
    ngx_queue_t          *q;
    ngx_resolver_node_t  *rn;

    len = (prefix && prefix->len) ? prefix->len + 1 : 0;

    for (q = ngx_queue_head(queue);
         q != ngx_queue_sentinel(queue);
         q = ngx_queue_next(q))
    {
        rn = ngx_queue_data(q, ngx_resolver_node_t, queue);
        p = rn->name;

        if (rn->nlen == len + name->len
            && (len == 0 || ngx_strncasecmp(p, prefix->data, len - 1) == 0)
            && ngx_strncasecmp(p + len, name->data, name->len) == 0)
        {
            return rn;
        }
    }

    return NULL;
}


ngx_int_t
ngx_mlsec_resolver_get(ngx_conf_t *cf, ngx_resolver_t **resolver,
    ngx_msec_t *timeout)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    *resolver = clcf->resolver;
    *timeout = (clcf->resolver_timeout == NGX_CONF_UNSET_MSEC)
               ? NGX_MLSEC_RESOLVER_TIMEOUT : clcf->resolver_timeout;

    /* nginx's stand-in for a missing resolver knows no server */

    return (*resolver != NULL && (*resolver)->connections.nelts != 0)
           ? NGX_OK : NGX_DECLINED;
}
