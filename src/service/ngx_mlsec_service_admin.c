/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_error.h>
#include <core/ngx_mlsec_json.h>
#include <core/ngx_mlsec_respond.h>
#include <service/ngx_mlsec_service_conf.h>


/*
 * What an operator can tell the gateway: POST .../NAME/ACTION[?peer=ADDRESS].
 * It goes into the zone, so that all workers follow, and stays there over
 * reloads.
 */

typedef ngx_int_t (*ngx_mlsec_action_pt)(ngx_http_request_t *r,
    const ngx_mlsec_service_conf_t *conf);


typedef struct {
    ngx_str_t              name;
    ngx_mlsec_action_pt    handler;
} ngx_mlsec_action_t;


static ngx_uint_t ngx_mlsec_admin_allowed(ngx_http_request_t *r);
static ngx_int_t ngx_mlsec_admin_service(ngx_http_request_t *r,
    const ngx_mlsec_action_t **action, const ngx_mlsec_service_conf_t **found);
static const ngx_mlsec_action_t *ngx_mlsec_admin_action(ngx_str_t *path);
static ngx_uint_t ngx_mlsec_admin_ends(const ngx_str_t *path,
    const ngx_str_t *name);
static ngx_int_t ngx_mlsec_admin_drain(ngx_http_request_t *r,
    const ngx_mlsec_service_conf_t *conf);
static ngx_int_t ngx_mlsec_admin_undrain(ngx_http_request_t *r,
    const ngx_mlsec_service_conf_t *conf);
static ngx_int_t ngx_mlsec_admin_peers(ngx_http_request_t *r,
    const ngx_mlsec_service_conf_t *conf, uint64_t drained);
static ngx_int_t ngx_mlsec_admin_open(ngx_http_request_t *r,
    const ngx_mlsec_service_conf_t *conf);
static ngx_int_t ngx_mlsec_admin_close(ngx_http_request_t *r,
    const ngx_mlsec_service_conf_t *conf);
static ngx_int_t ngx_mlsec_admin_probe(ngx_http_request_t *r,
    const ngx_mlsec_service_conf_t *conf);
static ngx_int_t ngx_mlsec_admin_fail(ngx_http_request_t *r,
    ngx_uint_t status, const char *message);


static const ngx_mlsec_action_t  ngx_mlsec_actions[] = {
    { ngx_string("drain"), ngx_mlsec_admin_drain },
    { ngx_string("undrain"), ngx_mlsec_admin_undrain },
    { ngx_string("open"), ngx_mlsec_admin_open },
    { ngx_string("close"), ngx_mlsec_admin_close },
    { ngx_string("probe"), ngx_mlsec_admin_probe },
    { ngx_null_string, NULL }
};


ngx_int_t
ngx_mlsec_admin_handler(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    const ngx_mlsec_action_t        *action;
    const ngx_mlsec_service_conf_t  *conf;

    if (r->method != NGX_HTTP_POST) {
        return ngx_mlsec_admin_fail(r, NGX_HTTP_NOT_ALLOWED,
                                    "Only POST changes a service");
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (!ngx_mlsec_admin_allowed(r)) {
        return ngx_mlsec_admin_fail(r, NGX_HTTP_FORBIDDEN,
                                    "Services are changed from the gateway's "
                                    "own machine only");
    }

    rc = ngx_mlsec_admin_service(r, &action, &conf);

    if (rc == NGX_BUSY) {
        return ngx_mlsec_admin_fail(r, NGX_HTTP_CONFLICT,
                                    "Several services have this name");
    }

    if (rc != NGX_OK) {
        return ngx_mlsec_admin_fail(r, NGX_HTTP_NOT_FOUND,
                                    "No such service or action");
    }

    rc = action->handler(r, conf);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                  "mlsec service: told to %V by an operator, service: \"%V\"",
                  &action->name, ngx_mlsec_service_name(conf));

    return ngx_mlsec_services_respond(r, conf);
}


/*
 * The client's address is loopback or a unix socket, unless the location
 * leaves that to others.  A page in a browser of this machine has no business
 * here either: what it sends says where it comes from.
 */

static ngx_uint_t
ngx_mlsec_admin_allowed(ngx_http_request_t *r)
{
    ngx_uint_t                           i;
    ngx_list_part_t                     *part;
    ngx_table_elt_t                     *h;
    struct sockaddr_in                  *sin;
    const ngx_mlsec_service_loc_conf_t  *lcf;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6                 *sin6;
#endif

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len == sizeof("Origin") - 1
                && ngx_strncasecmp(h[i].key.data, (u_char *) "Origin",
                                   h[i].key.len)
                   == 0)
            {
                return 0;
            }
        }
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_service_module);

    if (lcf->any) {
        return 1;
    }

    switch (r->connection->sockaddr->sa_family) {

#if (NGX_HAVE_UNIX_DOMAIN)
    case AF_UNIX:
        return 1;
#endif

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) r->connection->sockaddr;
        return IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr);
#endif

    case AF_INET:
        sin = (struct sockaddr_in *) r->connection->sockaddr;
        return (ntohl(sin->sin_addr.s_addr) >> 24) == 127;

    default:
        return 0;
    }
}


/*
 * The path ends with a name and an action.  The name is that of a service, as
 * for mlsec_via, else that of an upstream; it may have slashes in it, so the
 * longest one counts.
 *
 * NGX_OK; NGX_DECLINED: there is none; NGX_BUSY: it is not clear which.
 */

static ngx_int_t
ngx_mlsec_admin_service(ngx_http_request_t *r,
    const ngx_mlsec_action_t **action, const ngx_mlsec_service_conf_t **found)
{
    size_t                           longest;
    ngx_int_t                        rc;
    ngx_str_t                        path;
    ngx_uint_t                       i, n;
    const ngx_str_t                 *name;
    ngx_mlsec_service_conf_t       **conf;
    ngx_mlsec_service_main_conf_t   *mcf;

    path = r->uri;
    *action = ngx_mlsec_admin_action(&path);

    if (*action == NULL) {
        return NGX_DECLINED;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_service_module);
    conf = mcf->services.elts;
    rc = NGX_DECLINED;

    for (n = 0; n < 2 && rc == NGX_DECLINED; n++) {
        longest = 0;

        for (i = 0; i < mcf->services.nelts; i++) {
            name = (n == 0) ? ngx_mlsec_service_name(conf[i])
                            : &conf[i]->upstream->host;

            if (name->len < longest || !ngx_mlsec_admin_ends(&path, name)) {
                continue;
            }

            rc = (name->len == longest) ? NGX_BUSY : NGX_OK;
            longest = name->len;
            *found = conf[i];
        }
    }

    return rc;
}


/*
 * The last segment of the path, which is taken off it.
 */

static const ngx_mlsec_action_t *
ngx_mlsec_admin_action(ngx_str_t *path)
{
    ngx_uint_t                 i;
    const ngx_mlsec_action_t  *action;

    for (i = 0; ngx_mlsec_actions[i].handler; i++) {
        action = &ngx_mlsec_actions[i];

        if (ngx_mlsec_admin_ends(path, &action->name)) {
            path->len -= action->name.len + 1;
            return action;
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_mlsec_admin_ends(const ngx_str_t *path, const ngx_str_t *name)
{
    u_char  *p;

    if (name->len == 0 || path->len <= name->len) {
        return 0;
    }

    p = path->data + path->len - name->len;

    return p[-1] == '/' && ngx_strncmp(p, name->data, name->len) == 0;
}


static ngx_int_t
ngx_mlsec_admin_drain(ngx_http_request_t *r,
    const ngx_mlsec_service_conf_t *conf)
{
    return ngx_mlsec_admin_peers(r, conf, ngx_current_msec);
}


static ngx_int_t
ngx_mlsec_admin_undrain(ngx_http_request_t *r,
    const ngx_mlsec_service_conf_t *conf)
{
    return ngx_mlsec_admin_peers(r, conf, 0);
}


/*
 * One peer, by "peer=", or all of them.
 */

static ngx_int_t
ngx_mlsec_admin_peers(ngx_http_request_t *r,
    const ngx_mlsec_service_conf_t *conf, uint64_t drained)
{
    u_char                 *src, *dst;
    ngx_str_t               arg, address;
    ngx_uint_t              i, n, found;
    ngx_mlsec_peer_view_t  *peers;

    ngx_str_null(&address);

    if (ngx_http_arg(r, (u_char *) "peer", 4, &arg) == NGX_OK) {

        dst = ngx_pnalloc(r->pool, arg.len + 1);
        if (dst == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        address.data = dst;
        src = arg.data;

        ngx_unescape_uri(&dst, &src, arg.len, 0);

        address.len = dst - address.data;
    }

    if (ngx_mlsec_service_collect(conf, r->pool, &peers, &n) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    found = 0;

    for (i = 0; i < n; i++) {

        if (address.data == NULL
            || (peers[i].slot->slot.len == address.len
                && ngx_memcmp(peers[i].slot->slot.name, address.data,
                              address.len)
                   == 0))
        {
            mlsec_atomic_store(&peers[i].slot->drain, drained);
            found++;
        }
    }

    if (found == 0) {
        return ngx_mlsec_admin_fail(r, NGX_HTTP_NOT_FOUND,
                                    "No such peer of the service");
    }

    ngx_mlsec_service_changed(conf);

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_admin_open(ngx_http_request_t *r,
    const ngx_mlsec_service_conf_t *conf)
{
    if (!conf->breaks) {
        return ngx_mlsec_admin_fail(r, NGX_HTTP_CONFLICT,
                                    "The service has no breaker");
    }

    mlsec_breaker_force(&conf->live->slot->breaker, MLSEC_FORCE_OPEN);

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_admin_close(ngx_http_request_t *r,
    const ngx_mlsec_service_conf_t *conf)
{
    if (!conf->breaks) {
        return ngx_mlsec_admin_fail(r, NGX_HTTP_CONFLICT,
                                    "The service has no breaker");
    }

    mlsec_breaker_force(&conf->live->slot->breaker, MLSEC_FORCE_NONE);

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_admin_probe(ngx_http_request_t *r,
    const ngx_mlsec_service_conf_t *conf)
{
    if (!conf->probes) {
        return ngx_mlsec_admin_fail(r, NGX_HTTP_CONFLICT,
                                    "The service has no health checks");
    }

    mlsec_atomic_add(&conf->live->slot->asked, 1);

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_admin_fail(ngx_http_request_t *r, ngx_uint_t status,
    const char *message)
{
    ngx_mlsec_error_t  error;

    ngx_memzero(&error, sizeof(ngx_mlsec_error_t));

    error.status = status;
    error.message.data = (u_char *) message;
    error.message.len = ngx_strlen(message);

    if (status == NGX_HTTP_NOT_ALLOWED) {
        ngx_str_set(&error.allow, "POST");
    }

    (void) ngx_mlsec_error_set(r, &error);

    return status;
}
