/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <auth/ngx_mlsec_auth_keys.h>


#define NGX_MLSEC_KEYS_INTERVAL  3600000         /* ms */
#define NGX_MLSEC_KEYS_MISS      30000           /* ms */
#define NGX_MLSEC_KEYS_TIMEOUT   5000            /* ms */
#define NGX_MLSEC_KEYS_STALE     86400000        /* ms */
#define NGX_MLSEC_KEYS_WAIT      2000            /* ms */
#define NGX_MLSEC_KEYS_LONGEST   60000           /* ms, of timeout and wait */
#define NGX_MLSEC_KEYS_SMALLEST  1024            /* bytes */


static ngx_mlsec_keys_uri_t *ngx_mlsec_uri_new(ngx_conf_t *cf);
static ngx_int_t ngx_mlsec_uri_params(ngx_conf_t *cf,
    ngx_mlsec_keys_uri_t *u);
static ngx_int_t ngx_mlsec_uri_param(ngx_conf_t *cf, ngx_mlsec_keys_uri_t *u,
    ngx_str_t *param);
static ngx_int_t ngx_mlsec_uri_times(ngx_conf_t *cf,
    const ngx_mlsec_keys_uri_t *u);
static ngx_int_t ngx_mlsec_uri_split(ngx_conf_t *cf, ngx_mlsec_keys_uri_t *u,
    ngx_str_t *path);
static ngx_int_t ngx_mlsec_uri_parse(ngx_conf_t *cf,
    ngx_mlsec_keys_uri_t *u);
static ngx_uint_t ngx_mlsec_uri_same(const ngx_mlsec_keys_uri_t *a,
    const ngx_mlsec_keys_uri_t *b);
static ngx_int_t ngx_mlsec_uri_request(ngx_conf_t *cf,
    ngx_mlsec_keys_uri_t *u, const ngx_str_t *path);
static ngx_int_t ngx_mlsec_uri_tls(ngx_conf_t *cf, ngx_mlsec_keys_uri_t *u);


char *
ngx_mlsec_jwt_key_uri(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_auth_loc_conf_t  *lcf = conf;

    ngx_mlsec_keys_uri_t  *u, **slot;

    if (lcf->uris == NULL) {
        lcf->uris = ngx_array_create(cf->pool, 1,
                                     sizeof(ngx_mlsec_keys_uri_t *));
        if (lcf->uris == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (lcf->uris->nelts == NGX_MLSEC_AUTH_SETS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "too many \"mlsec_jwt_key_uri\", expected at most "
                           "%d at one level", NGX_MLSEC_AUTH_SETS);
        return NGX_CONF_ERROR;
    }

    u = ngx_mlsec_uri_new(cf);
    slot = ngx_array_push(lcf->uris);

    if (u == NULL || slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = u;

    return NGX_CONF_OK;
}


/* One that was named before is the same, with its keys. */

static ngx_mlsec_keys_uri_t *
ngx_mlsec_uri_new(ngx_conf_t *cf)
{
    ngx_str_t                   *value;
    ngx_uint_t                   i;
    ngx_mlsec_keys_uri_t        *u, **all;
    ngx_mlsec_auth_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_mlsec_auth_module);
    value = cf->args->elts;

    u = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_keys_uri_t));
    if (u == NULL) {
        return NULL;
    }

    u->uri = value[1];
    ngx_mlsec_conf_here(cf, &u->place);

    if (ngx_mlsec_uri_params(cf, u) != NGX_OK
        || ngx_mlsec_uri_parse(cf, u) != NGX_OK)
    {
        return NULL;
    }

    all = mcf->uris.elts;

    for (i = 0; i < mcf->uris.nelts; i++) {

        if (all[i]->uri.len != u->uri.len
            || ngx_memcmp(all[i]->uri.data, u->uri.data, u->uri.len) != 0)
        {
            continue;
        }

        if (ngx_mlsec_uri_same(all[i], u)) {
            return all[i];
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" of \"mlsec_jwt_key_uri\" has other "
                           "parameters in %V:%ui, expected the same",
                           &u->uri, &all[i]->place.file,
                           all[i]->place.line);
        return NULL;
    }

    all = ngx_array_push(&mcf->uris);

    if (all == NULL || ngx_mlsec_keys_zone(cf, u) != NGX_OK) {
        return NULL;
    }

    *all = u;

    return u;
}


static ngx_int_t
ngx_mlsec_uri_params(ngx_conf_t *cf, ngx_mlsec_keys_uri_t *u)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

    u->rule.interval = NGX_MLSEC_KEYS_INTERVAL;
    u->rule.miss = NGX_MLSEC_KEYS_MISS;
    u->rule.timeout = NGX_MLSEC_KEYS_TIMEOUT;
    u->rule.stale = NGX_MLSEC_KEYS_STALE;
    u->wait = NGX_MLSEC_KEYS_WAIT;
    u->max_size = MLSEC_JWK_MAX_SIZE;

    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_mlsec_uri_param(cf, u, &value[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_mlsec_uri_times(cf, u);
}


static ngx_int_t
ngx_mlsec_uri_param(ngx_conf_t *cf, ngx_mlsec_keys_uri_t *u, ngx_str_t *param)
{
    ssize_t     size;
    ngx_str_t   text;
    ngx_int_t   rc;
    ngx_msec_t  msec;
    ngx_uint_t  i;

    static const struct {
        const char  *name;
        const char  *what;
        size_t       offset;
    } times[] = {
        { "interval=", "\"interval=\" of \"mlsec_jwt_key_uri\"",
          offsetof(ngx_mlsec_keys_uri_t, rule.interval) },
        { "miss=", "\"miss=\" of \"mlsec_jwt_key_uri\"",
          offsetof(ngx_mlsec_keys_uri_t, rule.miss) },
        { "timeout=", "\"timeout=\" of \"mlsec_jwt_key_uri\"",
          offsetof(ngx_mlsec_keys_uri_t, rule.timeout) },
        { "stale=", "\"stale=\" of \"mlsec_jwt_key_uri\"",
          offsetof(ngx_mlsec_keys_uri_t, rule.stale) }
    };

    for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {

        if (ngx_mlsec_conf_param(param, times[i].name, &text)) {
            rc = ngx_mlsec_conf_msec(cf, times[i].what, &text, &msec);
            *(uint64_t *) ((char *) u + times[i].offset) = msec;
            return rc;
        }
    }

    if (ngx_mlsec_conf_param(param, "wait=", &text)) {
        return ngx_mlsec_conf_msec(cf, "\"wait=\" of \"mlsec_jwt_key_uri\"",
                                   &text, &u->wait);
    }

    if (ngx_mlsec_conf_param(param, "trusted=", &u->trusted)
        && u->trusted.len)
    {
        return NGX_OK;
    }

    if (ngx_strcmp(param->data, "insecure") == 0) {
        u->insecure = 1;
        return NGX_OK;
    }

    if (ngx_mlsec_conf_param(param, "max_size=", &text)) {
        size = ngx_parse_size(&text);

        if (size >= NGX_MLSEC_KEYS_SMALLEST && size <= MLSEC_JWK_MAX_SIZE) {
            u->max_size = size;
            return NGX_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" in \"mlsec_jwt_key_uri\", "
                       "expected \"interval=TIME\", \"miss=TIME\", "
                       "\"timeout=TIME\", \"stale=TIME\", \"wait=TIME\", "
                       "\"max_size=SIZE\" of 1k to 256k, \"trusted=FILE\" or "
                       "\"insecure\"", param);

    return NGX_ERROR;
}


static ngx_int_t
ngx_mlsec_uri_times(ngx_conf_t *cf, const ngx_mlsec_keys_uri_t *u)
{
    if (u->rule.timeout > NGX_MLSEC_KEYS_LONGEST
        || u->wait > NGX_MLSEC_KEYS_LONGEST)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"timeout=\" or \"wait=\" of "
                           "\"mlsec_jwt_key_uri\" is too long, expected at "
                           "most \"60s\"");
        return NGX_ERROR;
    }

    if (u->rule.miss > u->rule.interval || u->rule.interval > u->rule.stale) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"mlsec_jwt_key_uri\" expects \"miss=\" not "
                           "above \"interval=\", and that not above "
                           "\"stale=\"");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_mlsec_uri_same(const ngx_mlsec_keys_uri_t *a,
    const ngx_mlsec_keys_uri_t *b)
{
    return a->rule.interval == b->rule.interval
           && a->rule.miss == b->rule.miss
           && a->rule.timeout == b->rule.timeout
           && a->rule.stale == b->rule.stale
           && a->wait == b->wait && a->max_size == b->max_size
           && a->insecure == b->insecure
           && ngx_mlsec_conf_same(&a->trusted, &b->trusted);
}


static ngx_int_t
ngx_mlsec_uri_parse(ngx_conf_t *cf, ngx_mlsec_keys_uri_t *u)
{
    ngx_url_t  url;
    ngx_str_t  path;

    if (ngx_mlsec_uri_split(cf, u, &path) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(&url, sizeof(ngx_url_t));

    url.url = u->authority;
    url.default_port = u->secure ? 443 : 80;
    url.no_resolve = 1;

    if (ngx_parse_url(cf->pool, &url) != NGX_OK || url.family == AF_UNIX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid host \"%V\" in \"mlsec_jwt_key_uri\": %s",
                           &u->authority, url.err ? url.err : "not a name");
        return NGX_ERROR;
    }

    u->host = url.host;
    u->port = url.port;
    u->addr = url.naddrs ? url.addrs : NULL;

    return ngx_mlsec_uri_request(cf, u, &path);
}


/* What is not sent as it stands, and what would be a secret in a log. */

static ngx_int_t
ngx_mlsec_uri_split(ngx_conf_t *cf, ngx_mlsec_keys_uri_t *u, ngx_str_t *path)
{
    u_char      *p, *last;
    ngx_uint_t   bad;

    p = u->uri.data;
    last = p + u->uri.len;
    bad = 0;

    if (ngx_strncmp(p, "https://", 8) == 0) {
        u->secure = 1;
        p += 8;

    } else if (ngx_strncmp(p, "http://", 7) == 0) {
        p += 7;

    } else {
        bad = 1;
    }

    u->authority.data = p;

    while (p < last && *p != '/' && *p != '?') {
        bad |= *p == '@';
        p++;
    }

    u->authority.len = p - u->authority.data;
    path->data = p;
    path->len = last - p;

    for (p = u->uri.data; p < last; p++) {
        bad |= *p <= 0x20 || *p >= 0x7f || *p == '#' || *p == '"'
               || *p == '\\';
    }

    if (bad || u->authority.len == 0
        || (path->len && path->data[0] == '?'))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid URI \"%V\" in \"mlsec_jwt_key_uri\", "
                           "expected \"https://HOST[:PORT]/PATH\"", &u->uri);
        return NGX_ERROR;
    }

    if (!u->secure && !u->insecure) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" in \"mlsec_jwt_key_uri\" is not \"https\", "
                           "and whoever is on the way may change the keys; "
                           "add \"insecure\" if that is nobody", &u->uri);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_uri_request(ngx_conf_t *cf, ngx_mlsec_keys_uri_t *u,
    const ngx_str_t *path)
{
    u_char  *p;
    size_t   len;

    static const char  format[] = "GET %V%s HTTP/1.1\r\n"
                                  "Host: %V\r\n"
                                  "User-Agent: mlsec_keys\r\n"
                                  "Accept: application/jwk-set+json, "
                                  "application/json\r\n"
                                  "Connection: close\r\n\r\n";

    len = sizeof(format) + path->len + u->authority.len;

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    u->request.data = p;
    u->request.len = ngx_snprintf(p, len, format, path,
                                  path->len ? "" : "/", &u->authority)
                     - p;

    return NGX_OK;
}


ngx_int_t
ngx_mlsec_keys_prepare(ngx_conf_t *cf, const ngx_array_t *uris)
{
    ngx_uint_t                 i;
    ngx_mlsec_keys_uri_t      *u, **all;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    all = uris->elts;

    for (i = 0; i < uris->nelts; i++) {
        u = all[i];

        if (u->used) {
            continue;
        }

        u->used = 1;
        u->resolver = clcf->resolver;

        /* nginx's stand-in for a missing resolver knows no server */

        if (u->addr == NULL
            && (u->resolver == NULL || u->resolver->connections.nelts == 0))
        {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"mlsec_jwt_key_uri\" without \"resolver\", add "
                          "\"resolver ADDRESS;\" with the address of your "
                          "DNS server, to find \"%V\" in %V:%ui", &u->host,
                          &u->place.file, u->place.line);
            return NGX_ERROR;
        }

        if (u->secure && ngx_mlsec_uri_tls(cf, u) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_uri_tls(ngx_conf_t *cf, ngx_mlsec_keys_uri_t *u)
{
    ngx_int_t  rc;
    ngx_str_t  host;

    host = u->host;

    /* the brackets of an IPv6 address are the URI's */

    if (host.len > 2 && host.data[0] == '[') {
        host.data++;
        host.len -= 2;
    }

    rc = ngx_mlsec_tls_create(cf, &u->tls, &host,
                              u->trusted.len ? NGX_MLSEC_TLS_FILE
                                             : NGX_MLSEC_TLS_SYSTEM,
                              &u->trusted);

    if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "cannot read CAs from \"%V\", \"trusted=\" of "
                      "\"mlsec_jwt_key_uri\" in %V:%ui, expected a PEM file",
                      &u->trusted, &u->place.file, u->place.line);
    }

    if (rc == NGX_ABORT) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"https\" of \"mlsec_jwt_key_uri\" in %V:%ui: this "
                      "nginx has been built without TLS", &u->place.file,
                      u->place.line);
    }

    return rc == NGX_OK ? NGX_OK : NGX_ERROR;
}
