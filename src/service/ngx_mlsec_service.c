/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <service/ngx_mlsec_service_conf.h>
#include <service/ngx_mlsec_service_machine.h>
#include <service/ngx_mlsec_service_resolve.h>


#define NGX_MLSEC_SERVICE_RETRY_AFTER  10      /* s, nginx's fail_timeout */


static char *ngx_mlsec_service(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_mlsec_service_param(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_mlsec_service_t *service);
static ngx_int_t ngx_mlsec_service_postconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_mlsec_service_init_process(ngx_cycle_t *cycle);
static void *ngx_mlsec_service_create_main_conf(ngx_conf_t *cf);
static char *ngx_mlsec_service_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_mlsec_service_create_srv_conf(ngx_conf_t *cf);
static void *ngx_mlsec_service_create_loc_conf(ngx_conf_t *cf);
static char *ngx_mlsec_service_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);


static ngx_command_t  ngx_mlsec_service_commands[] = {

    { ngx_string("mlsec_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_mlsec_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_service"),
      NGX_HTTP_UPS_CONF|NGX_CONF_1MORE,
      ngx_mlsec_service,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_resolve"),
      NGX_HTTP_UPS_CONF|NGX_CONF_1MORE,
      ngx_mlsec_resolve,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_breaker"),
      NGX_HTTP_UPS_CONF|NGX_CONF_ANY,
      ngx_mlsec_breaker,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_outlier"),
      NGX_HTTP_UPS_CONF|NGX_CONF_ANY,
      ngx_mlsec_outlier,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_health"),
      NGX_HTTP_UPS_CONF|NGX_CONF_ANY,
      ngx_mlsec_health,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_retry"),
      NGX_HTTP_UPS_CONF|NGX_CONF_ANY,
      ngx_mlsec_retry,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_max_inflight"),
      NGX_HTTP_UPS_CONF|NGX_CONF_TAKE123,
      ngx_mlsec_max_inflight,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_via"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_mlsec_via,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_services"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_mlsec_services,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_system"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_mlsec_system,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_mlsec_service_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_mlsec_service_postconfiguration,   /* postconfiguration */

    ngx_mlsec_service_create_main_conf,    /* create main configuration */
    ngx_mlsec_service_init_main_conf,      /* init main configuration */

    ngx_mlsec_service_create_srv_conf,     /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_mlsec_service_create_loc_conf,     /* create location configuration */
    ngx_mlsec_service_merge_loc_conf       /* merge location configuration */
};


ngx_module_t  ngx_mlsec_service_module = {
    NGX_MODULE_V1,
    &ngx_mlsec_service_module_ctx,         /* module context */
    ngx_mlsec_service_commands,            /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_mlsec_service_init_process,        /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_mlsec_service_exit_worker,         /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


const ngx_mlsec_service_t *
ngx_mlsec_service_get(ngx_http_upstream_srv_conf_t *uscf)
{
    return &ngx_mlsec_service_conf(uscf)->service;
}


const ngx_str_t *
ngx_mlsec_service_name(const ngx_mlsec_service_conf_t *conf)
{
    return conf->service.name.len ? &conf->service.name
                                  : &conf->upstream->host;
}


ngx_http_upstream_srv_conf_t *
ngx_mlsec_service_find(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_uint_t                       i;
    ngx_http_upstream_srv_conf_t   **uscf;
    ngx_http_upstream_main_conf_t   *umcf;

    umcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_upstream_module);
    uscf = umcf->upstreams.elts;

    for (i = 0; i < umcf->upstreams.nelts; i++) {

        if (uscf[i]->srv_conf != NULL
            && uscf[i]->host.len == name->len
            && ngx_strncasecmp(uscf[i]->host.data, name->data, name->len) == 0)
        {
            return uscf[i];
        }
    }

    return NULL;
}


time_t
ngx_mlsec_service_retry_after(ngx_http_upstream_srv_conf_t *uscf)
{
    time_t                       shortest;
    ngx_uint_t                   i;
    ngx_http_upstream_server_t  *server;

    if (uscf->servers == NULL) {
        return NGX_MLSEC_SERVICE_RETRY_AFTER;
    }

    shortest = 0;
    server = uscf->servers->elts;

    for (i = 0; i < uscf->servers->nelts; i++) {

        if (!server[i].down
            && (shortest == 0 || server[i].fail_timeout < shortest))
        {
            shortest = ngx_max(server[i].fail_timeout, 1);
        }
    }

    return shortest ? shortest : NGX_MLSEC_SERVICE_RETRY_AFTER;
}


static char *
ngx_mlsec_service(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_service_conf_t  *scf = conf;

    ngx_str_t            *value;
    ngx_uint_t            i;
    ngx_mlsec_service_t  *service;

    service = &scf->service;

    if (service->name.len) {
        return "is duplicate";
    }

    scf->used = 1;

    value = cf->args->elts;

    if (value[1].len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "empty name in \"mlsec_service\", "
                           "expected a name for logs and errors");
        return NGX_CONF_ERROR;
    }

    service->name = value[1];

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_mlsec_service_param(cf, &value[i], service) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mlsec_service_param(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_mlsec_service_t *service)
{
    ngx_int_t  n;
    ngx_str_t  value;

    if (ngx_mlsec_conf_param(arg, "weight=", &value)) {
        n = ngx_atoi(value.data, value.len);

        if (n >= 0 && n <= 100) {
            service->weight = n;
            return NGX_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" of \"weight=\" in "
                           "\"mlsec_service\", expected a number, 0-100",
                           &value);
        return NGX_ERROR;
    }

    if (ngx_strcmp(arg->data, "critical") == 0) {
        service->critical = 1;
        return NGX_OK;
    }

    if (ngx_mlsec_conf_param(arg, "timeout=", &value)) {
        return ngx_mlsec_conf_msec(cf, "\"timeout=\" of \"mlsec_service\"",
                                   &value, &service->timeout);
    }

    if (ngx_mlsec_conf_param(arg, "host=", &value) && value.len) {
        service->host = value;
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown parameter \"%V\" in \"mlsec_service\", "
                       "expected \"timeout=\", \"host=\", \"weight=\" or "
                       "\"critical\"", arg);

    return NGX_ERROR;
}


static ngx_int_t
ngx_mlsec_service_postconfiguration(ngx_conf_t *cf)
{
    ngx_mlsec_service_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_mlsec_service_module);

    if (ngx_mlsec_service_metrics_begin(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_mlsec_via_resolve(cf, mcf);
}


static ngx_int_t
ngx_mlsec_service_init_process(ngx_cycle_t *cycle)
{
    ngx_mlsec_service_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_mlsec_service_module);

    if (mcf != NULL && mcf->system) {
        ngx_mlsec_machine_begin(cycle);
    }

    return ngx_mlsec_service_init_worker(cycle);
}


static void *
ngx_mlsec_service_create_main_conf(ngx_conf_t *cf)
{
    ngx_mlsec_service_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_service_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&mcf->services, cf->pool, 8, sizeof(void *)) != NGX_OK
        || ngx_array_init(&mcf->vias, cf->pool, 8, sizeof(void *)) != NGX_OK)
    {
        return NULL;
    }

    return mcf;
}


/*
 * Modules of nginx's own come first: by now every balancer, keepalive
 * included, has set up its upstream.
 */

static char *
ngx_mlsec_service_init_main_conf(ngx_conf_t *cf, void *conf)
{
    return ngx_mlsec_service_wrap_all(cf, conf) == NGX_OK ? NGX_CONF_OK
                                                          : NGX_CONF_ERROR;
}


static void *
ngx_mlsec_service_create_srv_conf(ngx_conf_t *cf)
{
    ngx_mlsec_service_conf_t  *scf;

    scf = ngx_pmemalign(cf->pool, sizeof(ngx_mlsec_service_conf_t),
                        NGX_CPU_CACHE_LINE);

    if (scf != NULL) {
        ngx_memzero(scf, sizeof(ngx_mlsec_service_conf_t));
        scf->service.weight = 1;
    }

    return scf;
}


static void *
ngx_mlsec_service_create_loc_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_service_loc_conf_t));
}


/*
 * As proxy_pass, mlsec_via is not inherited; an "if" or a "limit_except"
 * inside a location is the location still.
 */

static char *
ngx_mlsec_service_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_mlsec_service_loc_conf_t  *prev = parent;
    ngx_mlsec_service_loc_conf_t  *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (conf->via == NULL && (clcf->noname || clcf->lmt_excpt)) {
        conf->via = prev->via;
    }

    if (conf->services
        && ngx_mlsec_conf_check_handler(cf, "mlsec_services", conf->services,
                                        &conf->place)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (conf->system
        && ngx_mlsec_conf_check_handler(cf, "mlsec_system", conf->system,
                                        &conf->place)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
