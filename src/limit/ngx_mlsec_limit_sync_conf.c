/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <lib/limit/mlsec_shared_key.h>
#include <limit/ngx_mlsec_limit_conf.h>
#include <openssl/rand.h>


#define NGX_MLSEC_LIMIT_SYNC_ZONE  "mlsec_limit_sync"

#define NGX_MLSEC_LIMIT_EVERY_MAX    60000       /* ms */
#define NGX_MLSEC_LIMIT_TIMEOUT_MAX  10000       /* ms */
#define NGX_MLSEC_LIMIT_NODES_MAX    10000


static ngx_int_t ngx_mlsec_limit_sync_param(ngx_conf_t *cf,
    ngx_mlsec_limit_sync_t *sync, ngx_str_t *arg);
static ngx_int_t ngx_mlsec_limit_sync_lease(ngx_mlsec_limit_sync_t *sync,
    ngx_str_t *value);
static ngx_int_t ngx_mlsec_limit_sync_time(ngx_str_t *value, ngx_msec_t max,
    ngx_msec_t *msec);
static ngx_int_t ngx_mlsec_limit_sync_fail(ngx_mlsec_limit_sync_t *sync,
    ngx_str_t *value);
static ngx_int_t ngx_mlsec_limit_store_param(ngx_conf_t *cf,
    ngx_mlsec_limit_store_t *store, ngx_str_t *arg);
static ngx_int_t ngx_mlsec_limit_store_prefix(ngx_mlsec_limit_store_t *store,
    ngx_str_t *value);
static ngx_int_t ngx_mlsec_limit_store_use(ngx_conf_t *cf,
    ngx_mlsec_limit_store_t *store);
static ngx_int_t ngx_mlsec_limit_store_init(ngx_shm_zone_t *shm, void *data);


char *
ngx_mlsec_limit_sync_line(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_limit_loc_conf_t  *lcf = conf;

    ngx_str_t                    *value;
    ngx_uint_t                    i;
    ngx_mlsec_limit_sync_t       *sync;
    ngx_mlsec_limit_main_conf_t  *mcf;

    if (lcf->sync != NULL) {
        return "is duplicate";
    }

    sync = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_limit_sync_t));
    if (sync == NULL) {
        return NGX_CONF_ERROR;
    }

    lcf->sync = sync;

    sync->share = 1000;
    sync->every = 100;
    sync->timeout = 25;
    sync->fail = NGX_MLSEC_LIMIT_FAIL_LOCAL;

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        sync->off = 1;
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "on") == 0) {
            break;
        }

        if (ngx_mlsec_limit_sync_param(cf, sync, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (sync->every == 0) {
        sync->share = 0;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_mlsec_limit_module);
    mcf->store.timeout = ngx_max(mcf->store.timeout, sync->timeout);

    return ngx_mlsec_limit_store_use(cf, &mcf->store) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static ngx_int_t
ngx_mlsec_limit_sync_param(ngx_conf_t *cf, ngx_mlsec_limit_sync_t *sync,
    ngx_str_t *arg)
{
    ngx_str_t    value;
    const char  *expected;

    if (ngx_mlsec_conf_param(arg, "lease=", &value)) {
        expected = "a part of the limit, such as \"lease=10%\", up to 100%";

        if (ngx_mlsec_limit_sync_lease(sync, &value) == NGX_OK) {
            return NGX_OK;
        }

    } else if (ngx_mlsec_conf_param(arg, "every=", &value)) {
        expected = "a time such as \"every=100ms\", up to 60s, or \"every=0\" "
                   "to ask each time";

        if (ngx_mlsec_limit_sync_time(&value, NGX_MLSEC_LIMIT_EVERY_MAX,
                                      &sync->every)
            == NGX_OK)
        {
            return NGX_OK;
        }

    } else if (ngx_mlsec_conf_param(arg, "timeout=", &value)) {
        expected = "a time such as \"timeout=25ms\", from 1ms to 10s";

        if (ngx_mlsec_limit_sync_time(&value, NGX_MLSEC_LIMIT_TIMEOUT_MAX,
                                      &sync->timeout)
            == NGX_OK
            && sync->timeout != 0)
        {
            return NGX_OK;
        }

    } else if (ngx_mlsec_conf_param(arg, "fail=", &value)) {
        expected = "\"fail=local\", \"fail=open\" or \"fail=closed\"";

        if (ngx_mlsec_limit_sync_fail(sync, &value) == NGX_OK) {
            return NGX_OK;
        }

    } else {
        value = ngx_mlsec_conf_param_name(arg);

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown parameter \"%V\" in "
                           "\"mlsec_limit_sync\", expected \"lease=\", "
                           "\"every=\", \"timeout=\", \"fail=\", or \"on\" "
                           "or \"off\" alone", &value);
        return NGX_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid \"%V\" in \"mlsec_limit_sync\", expected %s",
                       arg, expected);

    return NGX_ERROR;
}


static ngx_int_t
ngx_mlsec_limit_sync_lease(ngx_mlsec_limit_sync_t *sync, ngx_str_t *value)
{
    ngx_int_t  share;

    if (value->len < 2 || value->data[value->len - 1] != '%') {
        return NGX_ERROR;
    }

    share = ngx_atofp(value->data, value->len - 1, 2);

    if (share <= 0 || share > (ngx_int_t) MLSEC_LEASE_WHOLE) {
        return NGX_ERROR;
    }

    sync->share = share;

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_limit_sync_time(ngx_str_t *value, ngx_msec_t max, ngx_msec_t *msec)
{
    ngx_int_t  n;

    n = ngx_parse_time(value, 0);

    if (value->len == 0 || n == NGX_ERROR || (ngx_msec_t) n > max) {
        return NGX_ERROR;
    }

    *msec = n;

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_limit_sync_fail(ngx_mlsec_limit_sync_t *sync, ngx_str_t *value)
{
    ngx_uint_t  i;

    static const char  *words[] = { "local", "open", "closed" };

    for (i = 0; i < 3; i++) {

        if (ngx_strcmp(value->data, words[i]) == 0) {
            sync->fail = i;
            return NGX_OK;
        }
    }

    return NGX_ERROR;
}


char *
ngx_mlsec_limit_store_line(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_limit_main_conf_t  *mcf = conf;

    ngx_str_t   *value;
    ngx_uint_t   i;

    if (mcf->store.set) {
        return "is duplicate";
    }

    if (mcf->store.redis != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"mlsec_limit_store\" after "
                           "\"mlsec_limit_sync\", expected it before the "
                           "first of them");
        return NGX_CONF_ERROR;
    }

    mcf->store.set = 1;
    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_mlsec_limit_store_param(cf, &mcf->store, &value[i]) != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mlsec_limit_store_param(ngx_conf_t *cf, ngx_mlsec_limit_store_t *store,
    ngx_str_t *arg)
{
    ngx_int_t    nodes;
    ngx_str_t    value;
    const char  *expected;

    if (ngx_mlsec_conf_param(arg, "redis=", &value)) {
        store->name = value;
        return NGX_OK;
    }

    if (ngx_mlsec_conf_param(arg, "prefix=", &value)) {
        expected = "up to 64 printable characters without blanks";

        if (ngx_mlsec_limit_store_prefix(store, &value) == NGX_OK) {
            return NGX_OK;
        }

    } else if (ngx_mlsec_conf_param(arg, "nodes=", &value)) {
        expected = "a number of gateways, 1-10000";
        nodes = ngx_atoi(value.data, value.len);

        if (nodes > 0 && nodes <= NGX_MLSEC_LIMIT_NODES_MAX) {
            store->nodes = nodes;
            return NGX_OK;
        }

    } else {
        value = ngx_mlsec_conf_param_name(arg);

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown parameter \"%V\" in "
                           "\"mlsec_limit_store\", expected \"redis=\", "
                           "\"prefix=\" or \"nodes=\"", &value);
        return NGX_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid \"%V\" in \"mlsec_limit_store\", expected %s",
                       arg, expected);

    return NGX_ERROR;
}


static ngx_int_t
ngx_mlsec_limit_store_prefix(ngx_mlsec_limit_store_t *store,
    ngx_str_t *value)
{
    size_t  i;

    if (value->len > MLSEC_SHARED_KEY_PREFIX) {
        return NGX_ERROR;
    }

    for (i = 0; i < value->len; i++) {

        if (value->data[i] <= ' ' || value->data[i] >= 0x7f) {
            return NGX_ERROR;
        }
    }

    store->prefix = *value;

    return NGX_OK;
}


/* The first mlsec_limit_sync that is on makes it. */

static ngx_int_t
ngx_mlsec_limit_store_use(ngx_conf_t *cf, ngx_mlsec_limit_store_t *store)
{
    ngx_str_t  name = ngx_string(NGX_MLSEC_LIMIT_SYNC_ZONE);

    if (store->redis != NULL) {
        return NGX_OK;
    }

    store->redis = ngx_mlsec_redis_use(cf, &store->name, "mlsec_limit_sync");
    if (store->redis == NULL) {
        return NGX_ERROR;
    }

    store->shm = ngx_shared_memory_add(cf, &name, 8 * ngx_pagesize,
                                       &ngx_mlsec_limit_module);
    if (store->shm == NULL) {
        return NGX_ERROR;
    }

    store->shm->init = ngx_mlsec_limit_store_init;
    store->shm->data = store;

    return NGX_OK;
}


/* Runs in the master, for "nginx -t" too. */

static ngx_int_t
ngx_mlsec_limit_store_init(ngx_shm_zone_t *shm, void *data)
{
    ngx_mlsec_limit_store_t  *store = shm->data;
    ngx_mlsec_limit_store_t  *old = data;

    uint64_t          node;
    ngx_slab_pool_t  *shpool;

    if (old != NULL) {
        store->sync = old->sync;
        return NGX_OK;
    }

    shpool = (ngx_slab_pool_t *) shm->shm.addr;

    store->sync = ngx_slab_alloc(shpool, sizeof(mlsec_sync_t));

    if (store->sync == NULL
        || RAND_bytes((u_char *) &node, sizeof(node)) != 1)
    {
        ngx_log_error(NGX_LOG_EMERG, shm->shm.log, 0,
                      "the state of \"mlsec_limit_sync\" cannot be made");
        return NGX_ERROR;
    }

    mlsec_sync_format(store->sync, node ? node : 1, ngx_current_msec);

    return NGX_OK;
}


ngx_uint_t
ngx_mlsec_limit_shared(const ngx_mlsec_limit_main_conf_t *mcf)
{
    return mcf->store.redis != NULL;
}
