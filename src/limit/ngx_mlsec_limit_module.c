/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_conf.h>
#include <core/ngx_mlsec_template.h>
#include <limit/ngx_mlsec_limit_conf.h>
#include <openssl/rand.h>


#define NGX_MLSEC_LIMIT_ZONE_MIN  (64 * 1024)    /* bytes */


static char *ngx_mlsec_limit_zone_line(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_mlsec_limit_zone_size(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *name, ssize_t *size);
static ngx_int_t ngx_mlsec_limit_zone_key(ngx_conf_t *cf,
    ngx_mlsec_limit_zone_t *zone, ngx_str_t *key);
static ngx_int_t ngx_mlsec_limit_zone_init(ngx_shm_zone_t *shm, void *data);
static char *ngx_mlsec_limit_status_line(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_mlsec_limit_variables(ngx_conf_t *cf);
static void *ngx_mlsec_limit_create_main_conf(ngx_conf_t *cf);
static void *ngx_mlsec_limit_create_loc_conf(ngx_conf_t *cf);
static char *ngx_mlsec_limit_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static void ngx_mlsec_limit_merge_phases(ngx_mlsec_limit_loc_conf_t *conf);
static ngx_int_t ngx_mlsec_limit_init_worker(ngx_cycle_t *cycle);


static ngx_conf_enum_t  ngx_mlsec_limit_header_kinds[] = {
    { ngx_string("off"), NGX_MLSEC_LIMIT_HEADERS_OFF },
    { ngx_string("draft"), NGX_MLSEC_LIMIT_HEADERS_DRAFT },
    { ngx_string("legacy"), NGX_MLSEC_LIMIT_HEADERS_LEGACY },
    { ngx_string("both"), NGX_MLSEC_LIMIT_HEADERS_BOTH },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_mlsec_limit_commands[] = {

    { ngx_string("mlsec_limit_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2,
      ngx_mlsec_limit_zone_line,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_limit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_mlsec_limit_rate_line,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_limit_conn"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_2MORE,
      ngx_mlsec_limit_conn_line,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_limit_headers"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_mlsec_limit_loc_conf_t, headers),
      &ngx_mlsec_limit_header_kinds },

    { ngx_string("mlsec_limit_store"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_mlsec_limit_store_line,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_limit_sync"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_mlsec_limit_sync_line,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_limit_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_mlsec_limit_status_line,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_variable_t  ngx_mlsec_limit_vars[] = {

    { ngx_string("mlsec_client_net"), NULL, ngx_mlsec_limit_client_net, 0, 0,
      0 },

      ngx_http_null_variable
};


static ngx_http_module_t  ngx_mlsec_limit_module_ctx = {
    ngx_mlsec_limit_variables,             /* preconfiguration */
    ngx_mlsec_limit_metrics,               /* postconfiguration */

    ngx_mlsec_limit_create_main_conf,      /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_mlsec_limit_create_loc_conf,       /* create location configuration */
    ngx_mlsec_limit_merge_loc_conf         /* merge location configuration */
};


ngx_module_t  ngx_mlsec_limit_module = {
    NGX_MODULE_V1,
    &ngx_mlsec_limit_module_ctx,           /* module context */
    ngx_mlsec_limit_commands,              /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_mlsec_limit_init_worker,           /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static char *
ngx_mlsec_limit_zone_line(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_limit_main_conf_t  *mcf = conf;

    ssize_t                   size;
    ngx_str_t                *value, key;
    ngx_mlsec_limit_zone_t   *zone, **slot;

    value = cf->args->elts;

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_limit_zone_t));
    if (zone == NULL
        || ngx_mlsec_limit_zone_size(cf, &value[1], &zone->name, &size)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (!ngx_mlsec_conf_param(&value[2], "key=", &key) || key.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" in "
                           "\"mlsec_limit_zone\", expected \"key=\" and what "
                           "is counted, such as \"key=$mlsec_identity\" or "
                           "\"key=address\"", &value[2]);
        return NGX_CONF_ERROR;
    }

    if (ngx_mlsec_limit_zone_key(cf, zone, &key) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    zone->shm = ngx_shared_memory_add(cf, &zone->name, size,
                                      &ngx_mlsec_limit_module);
    if (zone->shm == NULL) {
        return NGX_CONF_ERROR;
    }

    if (zone->shm->data != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" in \"mlsec_limit_zone\" is there "
                           "already", &zone->name);
        return NGX_CONF_ERROR;
    }

    zone->shm->init = ngx_mlsec_limit_zone_init;
    zone->shm->data = zone;

    slot = ngx_array_push(&mcf->zones);
    if (slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = zone;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mlsec_limit_zone_size(ngx_conf_t *cf, ngx_str_t *value, ngx_str_t *name,
    ssize_t *size)
{
    *size = ngx_mlsec_conf_zone(value, name);

    if (*size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone \"%V\" in \"mlsec_limit_zone\", "
                           "expected a name and a size such as "
                           "\"user:16m\"", value);
        return NGX_ERROR;
    }

    if (*size < NGX_MLSEC_LIMIT_ZONE_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" in \"mlsec_limit_zone\" is too "
                           "small, expected at least \"64k\"", value);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * All the names of the client's address mean it: one host has a whole /64 of
 * IPv6, and a limit on single addresses of it would be none.
 */

static ngx_int_t
ngx_mlsec_limit_zone_key(ngx_conf_t *cf, ngx_mlsec_limit_zone_t *zone,
    ngx_str_t *key)
{
    if (ngx_strcmp(key->data, "address") == 0
        || ngx_strcmp(key->data, "$binary_remote_addr") == 0
        || ngx_strcmp(key->data, "$remote_addr") == 0)
    {
        return NGX_OK;
    }

    if (ngx_http_script_variables_count(key) == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no variable in \"key=%V\" of "
                           "\"mlsec_limit_zone\", expected what is counted, "
                           "such as \"key=$mlsec_identity\" or "
                           "\"key=address\"", key);
        return NGX_ERROR;
    }

    zone->key = ngx_mlsec_template_compile(cf, "mlsec_limit_zone", key);

    return zone->key ? NGX_OK : NGX_ERROR;
}


/*
 * Runs in the master, for "nginx -t" too; on a reload while the workers of
 * the configuration before are at work.
 */

static ngx_int_t
ngx_mlsec_limit_zone_init(ngx_shm_zone_t *shm, void *data)
{
    ngx_mlsec_limit_zone_t  *zone = shm->data;
    ngx_mlsec_limit_zone_t  *old = data;

    size_t            size;
    uint64_t          seed[2];
    ngx_slab_pool_t  *shpool;

    if (old != NULL) {
        zone->table = old->table;

        if (mlsec_limit_check(zone->table, zone->table->size) != MLSEC_OK) {
            ngx_log_error(NGX_LOG_EMERG, shm->shm.log, 0,
                          "zone \"%V\" of \"mlsec_limit_zone\" has been made "
                          "by another version of the module, restart nginx "
                          "or give the zone another name", &shm->shm.name);
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    shpool = (ngx_slab_pool_t *) shm->shm.addr;
    size = shpool->pfree * ngx_pagesize;

    zone->table = ngx_slab_alloc(shpool, size);

    if (zone->table == NULL
        || RAND_bytes((u_char *) seed, sizeof(seed)) != 1
        || mlsec_limit_format(zone->table, size, seed) != MLSEC_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, shm->shm.log, 0,
                      "zone \"%V\" of \"mlsec_limit_zone\" cannot be made",
                      &shm->shm.name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static char *
ngx_mlsec_limit_status_line(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_limit_loc_conf_t  *lcf = conf;

    if (lcf->status) {
        return "is duplicate";
    }

    lcf->status = 1;
    ngx_mlsec_conf_here(cf, &lcf->place);

    if (ngx_mlsec_conf_set_handler(cf, "mlsec_limit_status",
                                   ngx_mlsec_limit_status_handler)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mlsec_limit_variables(ngx_conf_t *cf)
{
    return ngx_mlsec_conf_variables(cf, ngx_mlsec_limit_vars);
}


static void *
ngx_mlsec_limit_create_main_conf(ngx_conf_t *cf)
{
    ngx_mlsec_limit_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_limit_main_conf_t));

    if (mcf == NULL
        || ngx_array_init(&mcf->zones, cf->pool, 4,
                          sizeof(ngx_mlsec_limit_zone_t *))
           != NGX_OK
        || ngx_array_init(&mcf->limits, cf->pool, 8,
                          sizeof(ngx_mlsec_limit_t *))
           != NGX_OK)
    {
        return NULL;
    }

    ngx_str_set(&mcf->store.prefix, "mlsec:");
    mcf->store.nodes = 1;

    return mcf;
}


static void *
ngx_mlsec_limit_create_loc_conf(ngx_conf_t *cf)
{
    ngx_mlsec_limit_loc_conf_t  *lcf;

    /* limits, off, status and sync are 0 */

    lcf = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_limit_loc_conf_t));
    if (lcf == NULL) {
        return NULL;
    }

    lcf->headers = NGX_CONF_UNSET_UINT;

    return lcf;
}


static char *
ngx_mlsec_limit_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_mlsec_limit_loc_conf_t  *prev = parent;
    ngx_mlsec_limit_loc_conf_t  *conf = child;

    if (conf->limits == NULL) {
        conf->limits = prev->limits;
    }

    ngx_mlsec_limit_merge_phases(conf);

    if (conf->sync == NULL) {
        conf->sync = prev->sync;
    }

    ngx_conf_merge_uint_value(conf->headers, prev->headers,
                              NGX_MLSEC_LIMIT_HEADERS_DRAFT);

    if (conf->status
        && ngx_mlsec_conf_check_handler(cf, "mlsec_limit_status",
                                        ngx_mlsec_limit_status_handler,
                                        &conf->place)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* So that a phase that has nothing to do knows by one look. */

static void
ngx_mlsec_limit_merge_phases(ngx_mlsec_limit_loc_conf_t *conf)
{
    ngx_uint_t           i;
    ngx_mlsec_limit_t  **limit;

    if (conf->limits == NULL) {
        return;
    }

    limit = conf->limits->elts;

    for (i = 0; i < conf->limits->nelts; i++) {

        if (limit[i]->off) {
            continue;
        }

        if (limit[i]->zone->key == NULL) {
            conf->by_address = 1;

        } else {
            conf->by_key = 1;
        }
    }
}


static ngx_int_t
ngx_mlsec_limit_init_worker(ngx_cycle_t *cycle)
{
    ngx_uint_t                    i;
    ngx_mlsec_limit_zone_t      **zone;
    ngx_mlsec_limit_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_mlsec_limit_module);

    if (mcf == NULL) {
        return NGX_OK;
    }

    zone = mcf->zones.elts;

    for (i = 0; i < mcf->zones.nelts; i++) {

        if (zone[i]->counts) {
            mlsec_limit_worker(zone[i]->table, ngx_process_slot);
        }
    }

    return ngx_mlsec_limit_sync_begin(cycle, mcf);
}
