/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_mem.h>
#include <core/ngx_mlsec_resolver.h>
#include <redis/ngx_mlsec_redis_conf.h>


#define NGX_MLSEC_REDIS_PASSWORD_MAX  4096   /* bytes, of a file */


static ngx_int_t ngx_mlsec_redis_server_text(ngx_conf_t *cf,
    ngx_str_t *to, mlsec_str_t from);
static ngx_int_t ngx_mlsec_redis_server_shown(ngx_conf_t *cf,
    ngx_mlsec_redis_t *redis);
static ngx_int_t ngx_mlsec_redis_server_address(ngx_conf_t *cf,
    ngx_mlsec_redis_t *redis);
static ngx_int_t ngx_mlsec_redis_server_socket(ngx_conf_t *cf,
    ngx_mlsec_redis_t *redis);
static ngx_int_t ngx_mlsec_redis_server_lookup(ngx_conf_t *cf,
    ngx_mlsec_redis_t *redis);
static ngx_int_t ngx_mlsec_redis_server_tls(ngx_conf_t *cf,
    ngx_mlsec_redis_t *redis);


/* Nothing of the text goes into a message: there may be a password in it. */

ngx_int_t
ngx_mlsec_redis_server_url(ngx_conf_t *cf, ngx_mlsec_redis_t *redis,
    ngx_str_t *value)
{
    int                 rc;
    const char         *what;
    mlsec_mem_t         mem;
    mlsec_str_t         text;
    mlsec_redis_url_t  *url;

    url = &redis->url;
    what = NULL;

    text.data = value->data;
    text.len = value->len;

    mem = ngx_mlsec_mem(cf->pool);

    rc = mlsec_redis_url(text, &mem, url, &what);

    if (rc == MLSEC_INVALID) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid %s in the URL of \"mlsec_redis\", "
                           "expected one such as \"redis://HOST:6379/0\", "
                           "\"rediss://USER:PASSWORD@HOST\" or "
                           "\"unix:/run/redis/redis.sock\"", what);
        return NGX_ERROR;
    }

    if (rc != MLSEC_OK
        || ngx_mlsec_redis_server_text(cf, &redis->host, url->host) != NGX_OK
        || ngx_mlsec_redis_server_text(cf, &redis->user, url->user) != NGX_OK
        || ngx_mlsec_redis_server_text(cf, &redis->password, url->password)
           != NGX_OK
        || ngx_mlsec_redis_server_shown(cf, redis) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_mlsec_redis_server_address(cf, redis);
}


static ngx_int_t
ngx_mlsec_redis_server_text(ngx_conf_t *cf, ngx_str_t *to, mlsec_str_t from)
{
    to->len = from.len;
    to->data = ngx_pnalloc(cf->pool, from.len + 1);

    if (to->data == NULL) {
        return NGX_ERROR;
    }

    /* memcpy() wants an address even for nothing */

    if (from.len) {
        ngx_memcpy(to->data, from.data, from.len);
    }

    to->data[from.len] = '\0';

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_redis_server_shown(ngx_conf_t *cf, ngx_mlsec_redis_t *redis)
{
    u_char                   *p;
    size_t                    len;
    const mlsec_redis_url_t  *url;

    url = &redis->url;

    len = sizeof("rediss://[]:65535/") - 1 + redis->host.len + NGX_INT_T_LEN;

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    redis->shown.data = p;

    if (url->port == 0) {
        p = ngx_sprintf(p, "unix:%V", &redis->host);
        p = url->db ? ngx_sprintf(p, ":%ud", url->db) : p;

    } else {
        p = ngx_sprintf(p, url->ipv6 ? "%s://[%V]:%ud/%ud"
                                     : "%s://%V:%ud/%ud",
                        url->tls ? "rediss" : "redis", &redis->host,
                        url->port, url->db);
    }

    redis->shown.len = p - redis->shown.data;

    return NGX_OK;
}


/* A name stays a name: the resolver is asked when a connection is made. */

static ngx_int_t
ngx_mlsec_redis_server_address(ngx_conf_t *cf, ngx_mlsec_redis_t *redis)
{
    ngx_int_t    rc;
    ngx_str_t    host;
    ngx_addr_t  *address;

    if (redis->url.port == 0) {
        return ngx_mlsec_redis_server_socket(cf, redis);
    }

    address = ngx_pcalloc(cf->pool, sizeof(ngx_addr_t));
    if (address == NULL) {
        return NGX_ERROR;
    }

    host = redis->host;

    /* RFC 6761, 6.3: no DNS server has to know that one */

    if (host.len == 9 && ngx_strncasecmp(host.data, (u_char *) "localhost", 9)
                         == 0)
    {
        ngx_str_set(&host, "127.0.0.1");
    }

    rc = ngx_parse_addr(cf->pool, address, host.data, host.len);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK) {
        ngx_inet_set_port(address->sockaddr, (in_port_t) redis->url.port);
        redis->address = address;
        return NGX_OK;
    }

    if (redis->url.ipv6) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid host in the URL of \"mlsec_redis\", "
                           "expected an IPv6 address in the brackets");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_redis_server_socket(ngx_conf_t *cf, ngx_mlsec_redis_t *redis)
{
    struct sockaddr_un  *sun;

    redis->address = ngx_pcalloc(cf->pool, sizeof(ngx_addr_t));
    sun = ngx_pcalloc(cf->pool, sizeof(struct sockaddr_un));

    if (redis->address == NULL || sun == NULL) {
        return NGX_ERROR;
    }

    sun->sun_family = AF_UNIX;
    ngx_memcpy(sun->sun_path, redis->host.data, redis->host.len);

    redis->address->sockaddr = (struct sockaddr *) sun;
    redis->address->socklen = sizeof(struct sockaddr_un);
    redis->address->name = redis->shown;

    return NGX_OK;
}


/* As "redis-cli" would take it: the line without its end. */

ngx_int_t
ngx_mlsec_redis_server_password(ngx_conf_t *cf, ngx_mlsec_redis_t *redis,
    ngx_str_t *path)
{
    ngx_str_t    text;
    mlsec_str_t  password;

    if (ngx_mlsec_conf_read_file(cf, "mlsec_redis", path,
                                 NGX_MLSEC_REDIS_PASSWORD_MAX, &text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    while (text.len
           && (text.data[text.len - 1] == LF || text.data[text.len - 1] == CR))
    {
        text.len--;
    }

    if (text.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" of \"password_file=\" in \"mlsec_redis\" "
                           "is empty, expected a line with the password",
                           path);
        return NGX_ERROR;
    }

    password.data = text.data;
    password.len = text.len;

    return ngx_mlsec_redis_server_text(cf, &redis->password, password);
}


/*
 * A name is followed by the resolver.  Where there is none, it is looked up
 * now, as that of any server in an upstream{} is.
 */

ngx_int_t
ngx_mlsec_redis_server_prepare(ngx_conf_t *cf, ngx_mlsec_redis_t *redis)
{
    if (redis->address == NULL
        && ngx_mlsec_resolver_get(cf, &redis->resolver,
                                  &redis->resolver_timeout)
           != NGX_OK
        && ngx_mlsec_redis_server_lookup(cf, redis) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return redis->url.tls ? ngx_mlsec_redis_server_tls(cf, redis) : NGX_OK;
}


static ngx_int_t
ngx_mlsec_redis_server_lookup(ngx_conf_t *cf, ngx_mlsec_redis_t *redis)
{
    ngx_url_t  url;

    ngx_memzero(&url, sizeof(ngx_url_t));

    url.url = redis->host;
    url.default_port = (in_port_t) redis->url.port;

    if (ngx_parse_url(cf->pool, &url) != NGX_OK || url.naddrs == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "host \"%V\" of \"mlsec_redis\" in %V:%ui is not found, "
                      "add \"resolver ADDRESS;\" with the address of your DNS "
                      "server to \"http\" if it comes later", &redis->host,
                      &redis->place.file, redis->place.line);
        return NGX_ERROR;
    }

    redis->address = url.addrs;

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_redis_server_tls(ngx_conf_t *cf, ngx_mlsec_redis_t *redis)
{
    ngx_int_t  rc;

    rc = ngx_mlsec_tls_create(cf, &redis->tls,
                              redis->sni.len ? &redis->sni : &redis->host,
                              redis->unverified ? NGX_MLSEC_TLS_ANYBODY
                              : redis->trusted.len ? NGX_MLSEC_TLS_FILE
                                                   : NGX_MLSEC_TLS_SYSTEM,
                              &redis->trusted);

    if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "cannot read CAs from \"%V\", \"trusted=\" of "
                      "\"mlsec_redis\" in %V:%ui, expected a PEM file",
                      &redis->trusted, &redis->place.file, redis->place.line);
    }

    if (rc == NGX_ABORT) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"rediss://\" of \"mlsec_redis\" in %V:%ui: this nginx "
                      "has been built without TLS", &redis->place.file,
                      redis->place.line);
    }

    return rc == NGX_OK ? NGX_OK : NGX_ERROR;
}
