/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <auth/ngx_mlsec_auth.h>
#include <core/ngx_mlsec_conf.h>
#include <lib/auth/mlsec_sha256.h>
#include <lib/auth/mlsec_token_cache.h>


#define NGX_MLSEC_JWT_CACHE_TTL  60        /* seconds */
#define NGX_MLSEC_JWT_CACHE_MIN  (64 * 1024)


static ngx_int_t ngx_mlsec_jwt_cache_params(ngx_conf_t *cf,
    ngx_mlsec_auth_main_conf_t *mcf);
static ngx_int_t ngx_mlsec_jwt_cache_init(ngx_shm_zone_t *zone, void *data);


char *
ngx_mlsec_jwt_cache(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_auth_main_conf_t  *mcf = conf;

    ssize_t     size;
    ngx_str_t  *value, name;

    if (mcf->cache != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;
    size = ngx_mlsec_conf_zone(&value[1], &name);

    if (size < NGX_MLSEC_JWT_CACHE_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone \"%V\" in \"mlsec_jwt_cache\", "
                           "expected a name and a size of at least 64k such "
                           "as \"tokens:4m\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (ngx_mlsec_jwt_cache_params(cf, mcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    mcf->cache = ngx_shared_memory_add(cf, &name, size,
                                       &ngx_mlsec_auth_module);
    if (mcf->cache == NULL) {
        return NGX_CONF_ERROR;
    }

    mcf->cache->init = ngx_mlsec_jwt_cache_init;
    mcf->cache->data = NULL;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mlsec_jwt_cache_params(ngx_conf_t *cf, ngx_mlsec_auth_main_conf_t *mcf)
{
    ngx_int_t   ttl;
    ngx_str_t  *value, text;

    mcf->cache_ttl = NGX_MLSEC_JWT_CACHE_TTL;

    if (cf->args->nelts == 2) {
        return NGX_OK;
    }

    value = cf->args->elts;
    ttl = ngx_mlsec_conf_param(&value[2], "ttl=", &text)
          ? ngx_parse_time(&text, 1) : NGX_ERROR;

    if (ttl <= 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" in "
                           "\"mlsec_jwt_cache\", expected \"ttl=TIME\" of "
                           "at least 1s", &value[2]);
        return NGX_ERROR;
    }

    mcf->cache_ttl = ttl;

    return NGX_OK;
}


/* All that is left of the zone behind nginx's own header is one piece. */

static ngx_int_t
ngx_mlsec_jwt_cache_init(ngx_shm_zone_t *zone, void *data)
{
    void             *memory;
    size_t            size;
    ngx_slab_pool_t  *shpool;

    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (data != NULL && mlsec_token_cache_check(data)) {
        zone->data = data;
        return NGX_OK;
    }

    size = shpool->pfree * ngx_pagesize;
    memory = ngx_slab_alloc(shpool, size);
    zone->data = memory == NULL ? NULL : mlsec_token_cache_new(memory, size);

    if (zone->data == NULL) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "zone \"%V\" of \"mlsec_jwt_cache\" is too small",
                      &zone->shm.name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_mlsec_jwt_cache_get(ngx_http_request_t *r, ngx_mlsec_cached_t *token,
    mlsec_str_t *payload)
{
    int                                rc;
    size_t                             len;
    u_char                            *p;
    ngx_slab_pool_t                   *shpool;
    const ngx_mlsec_auth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_auth_module);
    token->on = 0;

    if (mcf->cache == NULL
        || mlsec_sha256(token->text, token->digest) != MLSEC_OK)
    {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(r->pool, MLSEC_TOKEN_CACHE_PAYLOAD);
    if (p == NULL) {
        return NGX_ERROR;
    }

    token->on = 1;
    shpool = (ngx_slab_pool_t *) mcf->cache->shm.addr;

    ngx_shmtx_lock(&shpool->mutex);

    rc = mlsec_token_cache_get(mcf->cache->data, token->digest, token->stamp,
                               ngx_current_msec / 1000, p, &len);

    ngx_shmtx_unlock(&shpool->mutex);

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "mlsec auth: cache of signatures says %d", rc);

    if (rc == MLSEC_OK) {
        payload->data = p;
        payload->len = len;
        return NGX_OK;
    }

    return rc == MLSEC_INVALID ? NGX_ABORT : NGX_DECLINED;
}


void
ngx_mlsec_jwt_cache_put(ngx_http_request_t *r,
    const ngx_mlsec_cached_t *token, mlsec_str_t payload)
{
    ngx_slab_pool_t                   *shpool;
    const ngx_mlsec_auth_main_conf_t  *mcf;

    if (!token->on) {
        return;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_auth_module);
    shpool = (ngx_slab_pool_t *) mcf->cache->shm.addr;

    ngx_shmtx_lock(&shpool->mutex);

    mlsec_token_cache_put(mcf->cache->data, token->digest, token->stamp,
                          ngx_current_msec / 1000 + mcf->cache_ttl, payload);

    ngx_shmtx_unlock(&shpool->mutex);
}
