/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <edge/ngx_mlsec_edge.h>
#include <core/ngx_mlsec_conf.h>


static char *ngx_mlsec_browser_headers(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_mlsec_browser_param(ngx_conf_t *cf,
    ngx_mlsec_browser_t *browser, ngx_str_t *word);
static ngx_int_t ngx_mlsec_edge_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_mlsec_edge_preconfiguration(ngx_conf_t *cf);
static void *ngx_mlsec_edge_create_srv_conf(ngx_conf_t *cf);
static char *ngx_mlsec_edge_merge_srv_conf(ngx_conf_t *cf, void *parent,
    void *child);
static void *ngx_mlsec_edge_create_loc_conf(ngx_conf_t *cf);
static char *ngx_mlsec_edge_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);


static ngx_command_t  ngx_mlsec_edge_commands[] = {

    { ngx_string("mlsec_cors"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_mlsec_cors,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_https"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_mlsec_https,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_browser_headers"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_mlsec_browser_headers,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_uri_strict"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_SRV_CONF_OFFSET,
      offsetof(ngx_mlsec_edge_srv_conf_t, strict),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_mlsec_edge_filter_module_ctx = {
    ngx_mlsec_edge_preconfiguration,       /* preconfiguration */
    ngx_mlsec_edge_filter_init,            /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    ngx_mlsec_edge_create_srv_conf,        /* create server configuration */
    ngx_mlsec_edge_merge_srv_conf,         /* merge server configuration */

    ngx_mlsec_edge_create_loc_conf,        /* create location configuration */
    ngx_mlsec_edge_merge_loc_conf          /* merge location configuration */
};


ngx_module_t  ngx_mlsec_edge_filter_module = {
    NGX_MODULE_V1,
    &ngx_mlsec_edge_filter_module_ctx,     /* module context */
    ngx_mlsec_edge_commands,               /* module directives */
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


static ngx_http_variable_t  ngx_mlsec_edge_variables[] = {

    { ngx_string("mlsec_origin"), NULL, ngx_mlsec_edge_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


/* in the order of ngx_mlsec_origin_e */

static const ngx_str_t  ngx_mlsec_edge_origins[] = {
    ngx_null_string,
    ngx_string("same"),
    ngx_string("listed"),
    ngx_string("any"),
    ngx_string("foreign")
};


/* what counts where nothing is configured */

static ngx_mlsec_cors_t     ngx_mlsec_edge_no_cors;
static ngx_mlsec_browser_t  ngx_mlsec_edge_no_browser;
static ngx_mlsec_https_t    ngx_mlsec_edge_no_https = {
    NGX_MLSEC_HTTPS_OFF, 0, ngx_null_string
};


static char *
ngx_mlsec_browser_headers(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_edge_loc_conf_t  *lcf = conf;

    ngx_str_t            *value;
    ngx_uint_t            i;
    ngx_mlsec_browser_t  *browser;

    if (lcf->browser != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    browser = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_browser_t));
    if (browser == NULL) {
        return NGX_CONF_ERROR;
    }

    lcf->browser = browser;
    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0 && cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value[1].data, "on") != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"mlsec_browser_headers\""
                           ", expected \"on\" with parameters, or \"off\" "
                           "alone", &value[1]);
        return NGX_CONF_ERROR;
    }

    browser->on = 1;
    ngx_str_set(&browser->csp, "frame-ancestors 'none'");
    ngx_str_set(&browser->referrer, "same-origin");

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_mlsec_browser_param(cf, browser, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mlsec_browser_param(ngx_conf_t *cf, ngx_mlsec_browser_t *browser,
    ngx_str_t *word)
{
    size_t      i;
    ngx_str_t  *slot, value;

    slot = ngx_mlsec_conf_param(word, "csp=", &value) ? &browser->csp
           : ngx_mlsec_conf_param(word, "referrer=", &value)
             ? &browser->referrer : NULL;

    for (i = 0; slot != NULL && i < value.len; i++) {
        if (value.data[i] < ' ' || value.data[i] > '~') {
            slot = NULL;
        }
    }

    if (slot == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" in "
                           "\"mlsec_browser_headers\", expected \"csp=POLICY\""
                           " or \"referrer=POLICY\"", word);
        return NGX_ERROR;
    }

    *slot = value;

    if (ngx_strcmp(value.data, "off") == 0) {
        slot->len = 0;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_edge_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t         origin;
    const ngx_str_t  *word;

    word = &ngx_mlsec_edge_origins[ngx_mlsec_cors_origin(r, &origin)];

    v->data = word->data;
    v->len = word->len;
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_edge_preconfiguration(ngx_conf_t *cf)
{
    return ngx_mlsec_conf_variables(cf, ngx_mlsec_edge_variables);
}


static void *
ngx_mlsec_edge_create_srv_conf(ngx_conf_t *cf)
{
    ngx_mlsec_edge_srv_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_edge_srv_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    conf->strict = NGX_CONF_UNSET;

    return conf;
}


/* that it is still unset means something: see ngx_mlsec_edge_strict() */

static char *
ngx_mlsec_edge_merge_srv_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_mlsec_edge_srv_conf_t  *prev = parent;
    ngx_mlsec_edge_srv_conf_t  *conf = child;

    if (conf->strict == NGX_CONF_UNSET) {
        conf->strict = prev->strict;
    }

    if (conf->strict == 1) {
        ngx_mlsec_conf_use(cf, &ngx_mlsec_edge_filter_module);
    }

    return NGX_CONF_OK;
}


static void *
ngx_mlsec_edge_create_loc_conf(ngx_conf_t *cf)
{
    ngx_mlsec_edge_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_edge_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    conf->cors = NGX_CONF_UNSET_PTR;
    conf->https = NGX_CONF_UNSET_PTR;
    conf->browser = NGX_CONF_UNSET_PTR;

    return conf;
}


static char *
ngx_mlsec_edge_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_mlsec_edge_loc_conf_t  *prev = parent;
    ngx_mlsec_edge_loc_conf_t  *conf = child;

    ngx_conf_merge_ptr_value(conf->cors, prev->cors, &ngx_mlsec_edge_no_cors);
    ngx_conf_merge_ptr_value(conf->https, prev->https,
                             &ngx_mlsec_edge_no_https);
    ngx_conf_merge_ptr_value(conf->browser, prev->browser,
                             &ngx_mlsec_edge_no_browser);

    if (conf->cors->on || conf->browser->on
        || conf->https != &ngx_mlsec_edge_no_https)
    {
        ngx_mlsec_conf_use(cf, &ngx_mlsec_edge_filter_module);
    }

    return NGX_CONF_OK;
}
