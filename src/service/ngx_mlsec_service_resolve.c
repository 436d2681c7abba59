/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <service/ngx_mlsec_service_resolve.h>
#include <core/ngx_mlsec_compat.h>


/*
 * nginx's balancers work on a list of peers that is made when the
 * configuration is read, and an upstream{} without a server does not load.
 * So mlsec_resolve puts as many servers into the block as there may be
 * addresses, all of them marked as down, and those are its places.
 *
 * What a balancer takes from a peer is a pointer to its address, which it uses
 * when it has let go of its lock; the address behind it must never change.  It
 * is one that nothing can be connected to, and tells the place:
 * 255.255.255.255, and a port.
 */

#define NGX_MLSEC_PLACE_BACKUP  0x100           /* in the port */
#define NGX_MLSEC_PLACE_FIRST   1               /* port of place 0 */

#define NGX_MLSEC_RESOLVE_SLOTS    16
#define NGX_MLSEC_RESOLVE_TIMEOUT  30000         /* ms, nginx's own default */


static ngx_int_t ngx_mlsec_resolve_param(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_mlsec_resolve_t *resolve);
static char *ngx_mlsec_resolve_literal(ngx_conf_t *cf, ngx_url_t *url,
    ngx_mlsec_resolve_t *resolve);
static char *ngx_mlsec_resolve_name(ngx_conf_t *cf, ngx_url_t *url,
    ngx_mlsec_resolve_t *resolve);
static ngx_uint_t ngx_mlsec_resolve_is_name(const ngx_str_t *host);
static ngx_int_t ngx_mlsec_resolve_srv(ngx_conf_t *cf,
    ngx_mlsec_resolve_t *resolve);
static uint64_t ngx_mlsec_resolve_hash(const ngx_mlsec_resolve_t *resolve);
static ngx_int_t ngx_mlsec_resolve_places(ngx_conf_t *cf,
    const ngx_mlsec_resolve_t *resolve, ngx_uint_t backup);
static ngx_int_t ngx_mlsec_resolve_place(ngx_conf_t *cf, ngx_addr_t *addr,
    ngx_uint_t port);
static const ngx_mlsec_random_conf_t *ngx_mlsec_resolve_random(ngx_conf_t *cf,
    ngx_http_upstream_srv_conf_t *uscf);


char *
ngx_mlsec_resolve(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_service_conf_t  *scf = conf;

    char                 *rv;
    ngx_str_t            *args;
    ngx_url_t             url;
    ngx_uint_t            i;
    ngx_mlsec_resolve_t  *resolve;

    if (scf->follows) {
        return "is duplicate";
    }

    scf->follows = 1;

    resolve = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_resolve_t));
    if (resolve == NULL) {
        return NGX_CONF_ERROR;
    }

    args = cf->args->elts;

    resolve->name = args[1];
    resolve->slots = NGX_MLSEC_RESOLVE_SLOTS;
    resolve->rule.min = 1000;
    resolve->rule.max = 60000;
    ngx_mlsec_conf_here(cf, &resolve->place);

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_mlsec_resolve_param(cf, &args[i], resolve) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (resolve->rule.min > resolve->rule.max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"min=\" is longer than \"max=\" in "
                           "\"mlsec_resolve\"");
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&url, sizeof(ngx_url_t));

    url.url = args[1];
    url.no_resolve = 1;

    if (ngx_parse_url(cf->pool, &url) != NGX_OK || url.family == AF_UNIX
        || url.uri.len
        || (url.naddrs == 0 && !ngx_mlsec_resolve_is_name(&url.host))
        || (url.no_port && !resolve->srv))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid address \"%V\" in \"mlsec_resolve\", "
                           "expected a name and a port such as "
                           "\"training:8002\"", &args[1]);
        return NGX_CONF_ERROR;
    }

    resolve->port = url.no_port ? 0 : url.port;

    if (url.naddrs) {
        return ngx_mlsec_resolve_literal(cf, &url, resolve);
    }

    rv = ngx_mlsec_resolve_name(cf, &url, resolve);

    if (rv == NGX_CONF_OK) {
        scf->used = 1;
        scf->needs = "mlsec_resolve";
        scf->place = resolve->place;
        scf->resolve = resolve;
    }

    return rv;
}


static ngx_int_t
ngx_mlsec_resolve_param(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_mlsec_resolve_t *resolve)
{
    ngx_int_t    n;
    ngx_str_t    value;
    uint64_t    *field;
    ngx_msec_t   msec;
    const char  *what;

    if (arg->len == 3 && ngx_strncmp(arg->data, "srv", 3) == 0) {
        resolve->srv = 1;
        return NGX_OK;
    }

    if (ngx_mlsec_conf_param(arg, "slots=", &value)) {
        n = ngx_atoi(value.data, value.len);

        if (n >= 1 && n <= MLSEC_REGISTRY_PLACES) {
            resolve->slots = n;
            return NGX_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" of \"slots=\" in "
                           "\"mlsec_resolve\", expected a number, 1-%d",
                           &value, MLSEC_REGISTRY_PLACES);
        return NGX_ERROR;
    }

    if (ngx_mlsec_conf_param(arg, "min=", &value)) {
        field = &resolve->rule.min;
        what = "\"min=\" of \"mlsec_resolve\"";

    } else if (ngx_mlsec_conf_param(arg, "max=", &value)) {
        field = &resolve->rule.max;
        what = "\"max=\" of \"mlsec_resolve\"";

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown parameter \"%V\" in \"mlsec_resolve\", "
                           "expected \"srv\", \"min=\", \"max=\" or "
                           "\"slots=\"", arg);
        return NGX_ERROR;
    }

    if (ngx_mlsec_conf_msec(cf, what, &value, &msec) != NGX_OK) {
        return NGX_ERROR;
    }

    *field = msec;

    return NGX_OK;
}


/*
 * An address needs no look-up: it is a server as any other.
 */

static char *
ngx_mlsec_resolve_literal(ngx_conf_t *cf, ngx_url_t *url,
    ngx_mlsec_resolve_t *resolve)
{
    ngx_http_upstream_server_t    *server;
    ngx_http_upstream_srv_conf_t  *uscf;

    if (resolve->srv) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"srv\" with the address \"%V\" in "
                           "\"mlsec_resolve\", expected a name",
                           &resolve->name);
        return NGX_CONF_ERROR;
    }

    uscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_upstream_module);

    server = ngx_array_push(uscf->servers);
    if (server == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(server, sizeof(ngx_http_upstream_server_t));

    server->name = resolve->name;
    server->addrs = url->addrs;
    server->naddrs = url->naddrs;
    server->weight = 1;
    server->max_fails = 1;
    server->fail_timeout = 10;

    return NGX_CONF_OK;
}


static char *
ngx_mlsec_resolve_name(ngx_conf_t *cf, ngx_url_t *url,
    ngx_mlsec_resolve_t *resolve)
{
    resolve->host = url->host;
    ngx_strlow(resolve->host.data, resolve->host.data, resolve->host.len);

    /* nginx's resolver keeps a name without the dot that makes it whole */

    if (resolve->host.data[resolve->host.len - 1] == '.') {
        resolve->host.len--;
    }

    if (resolve->srv && ngx_mlsec_resolve_srv(cf, resolve) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    resolve->source = ngx_mlsec_resolve_hash(resolve);

    if (ngx_mlsec_resolve_places(cf, resolve, 0) != NGX_OK
        || (resolve->srv
            && ngx_mlsec_resolve_places(cf, resolve, 1) != NGX_OK))
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_uint_t
ngx_mlsec_resolve_is_name(const ngx_str_t *host)
{
    u_char      c;
    ngx_uint_t  i;

    if (host->len == 0 || host->len > 253) {
        return 0;
    }

    for (i = 0; i < host->len; i++) {
        c = host->data[i];

        if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
              || c == '-' || c == '_' || c == '.'))
        {
            return 0;
        }
    }

    return host->data[0] != '.';
}


/*
 * RFC 2782: _Service._Proto.Name.  A name that does not begin so is that of
 * the host alone, and its service is HTTP.
 */

static ngx_int_t
ngx_mlsec_resolve_srv(ngx_conf_t *cf, ngx_mlsec_resolve_t *resolve)
{
    u_char  *p, *last;

    if (resolve->host.data[0] != '_') {
        ngx_str_set(&resolve->service, "_http._tcp");
        return NGX_OK;
    }

    last = resolve->host.data + resolve->host.len;

    p = ngx_strlchr(resolve->host.data, last, '.');
    p = p ? ngx_strlchr(p + 1, last, '.') : NULL;

    if (p == NULL || p + 1 == last) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid name \"%V\" for \"srv\" in "
                           "\"mlsec_resolve\", expected one such as "
                           "\"_http._tcp.training.internal\"",
                           &resolve->name);
        return NGX_ERROR;
    }

    resolve->service.data = resolve->host.data;
    resolve->service.len = p - resolve->host.data;

    resolve->host.data = p + 1;
    resolve->host.len = last - (p + 1);

    return NGX_OK;
}


/* What a list in the zone was asked for; never 0.  FNV-1a. */

static uint64_t
ngx_mlsec_resolve_hash(const ngx_mlsec_resolve_t *resolve)
{
    size_t     i;
    uint64_t   hash;
    ngx_str_t  text[2];

    text[0] = resolve->service;
    text[1] = resolve->host;

    hash = 0xcbf29ce484222325ull ^ resolve->port
           ^ ((uint64_t) resolve->srv << 16);

    for (i = 0; i < text[0].len; i++) {
        hash = (hash ^ text[0].data[i]) * 0x100000001b3ull;
    }

    for (i = 0; i < text[1].len; i++) {
        hash = (hash ^ text[1].data[i]) * 0x100000001b3ull;
    }

    return hash | 1;
}


static ngx_int_t
ngx_mlsec_resolve_places(ngx_conf_t *cf, const ngx_mlsec_resolve_t *resolve,
    ngx_uint_t backup)
{
    u_char                        *p;
    ngx_uint_t                     i;
    ngx_addr_t                    *addr;
    ngx_http_upstream_server_t    *server;
    ngx_http_upstream_srv_conf_t  *uscf;

    uscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_upstream_module);

    for (i = 0; i < resolve->slots; i++) {
        addr = ngx_palloc(cf->pool, sizeof(ngx_addr_t));
        p = ngx_pnalloc(cf->pool, resolve->name.len + 1 + NGX_INT_T_LEN);
        server = ngx_array_push(uscf->servers);

        if (addr == NULL || p == NULL || server == NULL
            || ngx_mlsec_resolve_place(cf, addr,
                                       NGX_MLSEC_PLACE_FIRST + i
                                       + (backup ? NGX_MLSEC_PLACE_BACKUP : 0))
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_memzero(server, sizeof(ngx_http_upstream_server_t));

        /* what "hash ... consistent" makes its points of */

        server->name.data = p;
        server->name.len = ngx_sprintf(p, "%V/%ui", &resolve->name, i) - p;

        server->addrs = addr;
        server->naddrs = 1;
        server->weight = 1;
        server->max_fails = 1;
        server->fail_timeout = 10;
        server->down = 1;
        server->backup = backup;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_resolve_place(ngx_conf_t *cf, ngx_addr_t *addr, ngx_uint_t port)
{
    struct sockaddr_in  *sin;

    sin = ngx_pcalloc(cf->pool, sizeof(struct sockaddr_in));
    addr->name.data = ngx_pnalloc(cf->pool, NGX_SOCKADDR_STRLEN);

    if (sin == NULL || addr->name.data == NULL) {
        return NGX_ERROR;
    }

    sin->sin_family = AF_INET;
    sin->sin_addr.s_addr = INADDR_NONE;
    sin->sin_port = htons((in_port_t) port);

    addr->sockaddr = (struct sockaddr *) sin;
    addr->socklen = sizeof(struct sockaddr_in);
    addr->name.len = ngx_sock_ntop(addr->sockaddr, addr->socklen,
                                   addr->name.data, NGX_SOCKADDR_STRLEN, 1);

    return NGX_OK;
}


ngx_uint_t
ngx_mlsec_resolve_index(const struct sockaddr *sockaddr, ngx_uint_t *index,
    ngx_uint_t *backup)
{
    ngx_uint_t                 port;
    const struct sockaddr_in  *sin;

    if (sockaddr->sa_family != AF_INET) {
        return 0;
    }

    sin = (const struct sockaddr_in *) sockaddr;

    if (sin->sin_addr.s_addr != INADDR_NONE) {
        return 0;
    }

    port = ntohs(sin->sin_port);

    *backup = (port & NGX_MLSEC_PLACE_BACKUP) ? 1 : 0;
    *index = (port & ~NGX_MLSEC_PLACE_BACKUP) - NGX_MLSEC_PLACE_FIRST;

    return 1;
}


ngx_int_t
ngx_mlsec_resolve_prepare(ngx_conf_t *cf, ngx_mlsec_service_conf_t *conf)
{
    ngx_mlsec_resolve_t       *resolve;
    ngx_http_core_loc_conf_t  *clcf;

    resolve = conf->resolve;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    resolve->resolver = ngx_mlsec_upstream_resolver(conf->upstream);
    resolve->timeout = ngx_mlsec_upstream_resolver_timeout(conf->upstream);

    if (resolve->resolver == NULL) {
        resolve->resolver = clcf->resolver;
        resolve->timeout = clcf->resolver_timeout;
    }

    if (resolve->timeout == NGX_CONF_UNSET_MSEC) {
        resolve->timeout = NGX_MLSEC_RESOLVE_TIMEOUT;
    }

    /*
     * Slow start moves keys to other peers once a second.  The balancers that
     * go by keys are those that know no backup servers.
     */

    resolve->ramp = (conf->upstream->flags & NGX_HTTP_UPSTREAM_BACKUP) ? 1 : 0;

    resolve->random = ngx_mlsec_resolve_random(cf, conf->upstream);

    /* nginx's stand-in for a missing resolver knows no server */

    if (resolve->resolver == NULL
        || resolve->resolver->connections.nelts == 0)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"mlsec_resolve\" in upstream \"%V\" without "
                      "\"resolver\", add \"resolver ADDRESS;\" with the "
                      "address of your DNS server to \"http\" in %V:%ui",
                      &conf->upstream->host, &resolve->place.file,
                      resolve->place.line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * What "random" keeps of an upstream, whether it is its balancer or not.
 */

static const ngx_mlsec_random_conf_t *
ngx_mlsec_resolve_random(ngx_conf_t *cf, ngx_http_upstream_srv_conf_t *uscf)
{
    ngx_uint_t     i;
    ngx_module_t  *module;

    for (i = 0; cf->cycle->modules[i]; i++) {
        module = cf->cycle->modules[i];

        if (ngx_strcmp(module->name, "ngx_http_upstream_random_module") == 0) {
            return uscf->srv_conf[module->ctx_index];
        }
    }

    return NULL;
}
