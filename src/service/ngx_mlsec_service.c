/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <service/ngx_mlsec_service.h>
#include <core/ngx_mlsec_conf.h>


#define NGX_MLSEC_SERVICE_RETRY_AFTER  10      /* s, nginx's fail_timeout */


static char *ngx_mlsec_service(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_mlsec_service_param(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_mlsec_service_t *service);
static void *ngx_mlsec_service_create_srv_conf(ngx_conf_t *cf);


static ngx_command_t  ngx_mlsec_service_commands[] = {

    { ngx_string("mlsec_service"),
      NGX_HTTP_UPS_CONF|NGX_CONF_TAKE123,
      ngx_mlsec_service,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_mlsec_service_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    ngx_mlsec_service_create_srv_conf,     /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_mlsec_service_module = {
    NGX_MODULE_V1,
    &ngx_mlsec_service_module_ctx,         /* module context */
    ngx_mlsec_service_commands,            /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


const ngx_mlsec_service_t *
ngx_mlsec_service_get(ngx_http_upstream_srv_conf_t *uscf)
{
    return ngx_http_conf_upstream_srv_conf(uscf, ngx_mlsec_service_module);
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
    ngx_mlsec_service_t  *service = conf;

    ngx_str_t   *value;
    ngx_uint_t   i;

    if (service->name.len) {
        return "is duplicate";
    }

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
    ngx_str_t  value;

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
                       "expected \"timeout=\" or \"host=\"", arg);

    return NGX_ERROR;
}


static void *
ngx_mlsec_service_create_srv_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_service_t));
}
