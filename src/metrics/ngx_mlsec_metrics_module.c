/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <metrics/ngx_mlsec_metrics_conf.h>


#define NGX_MLSEC_METRICS_SIZE      (32 * 1024 * 1024)      /* bytes */
#define NGX_MLSEC_METRICS_SIZE_MIN  (1024 * 1024)


static char *ngx_mlsec_metrics(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_mlsec_metrics_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_mlsec_series_t *ngx_mlsec_metrics_find(
    const ngx_mlsec_metrics_main_conf_t *mcf, const ngx_mlsec_kind_t *kind,
    const ngx_str_t *labels);
static ngx_int_t ngx_mlsec_metrics_kind(ngx_mlsec_metrics_main_conf_t *mcf,
    const ngx_mlsec_kind_t *kind);
static void *ngx_mlsec_metrics_create_main_conf(ngx_conf_t *cf);
static void *ngx_mlsec_metrics_create_loc_conf(ngx_conf_t *cf);
static char *ngx_mlsec_metrics_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_mlsec_metrics_postconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_mlsec_metrics_init_module(ngx_cycle_t *cycle);


static ngx_command_t  ngx_mlsec_metrics_commands[] = {

    { ngx_string("mlsec_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_mlsec_metrics,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_metrics_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_mlsec_metrics_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_mlsec_metrics_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_mlsec_metrics_postconfiguration,   /* postconfiguration */

    ngx_mlsec_metrics_create_main_conf,    /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_mlsec_metrics_create_loc_conf,     /* create location configuration */
    ngx_mlsec_metrics_merge_loc_conf       /* merge location configuration */
};


ngx_module_t  ngx_mlsec_metrics_module = {
    NGX_MODULE_V1,
    &ngx_mlsec_metrics_module_ctx,         /* module context */
    ngx_mlsec_metrics_commands,            /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_mlsec_metrics_init_module,         /* init module */
    ngx_mlsec_metrics_init_worker,         /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_mlsec_metrics_exit_worker,         /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static char *
ngx_mlsec_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_metrics_loc_conf_t  *lcf = conf;

    ngx_str_t                      *value;
    ngx_mlsec_metrics_main_conf_t  *mcf;

    if (lcf->handler) {
        return "is duplicate";
    }

    lcf->handler = ngx_mlsec_metrics_text_handler;
    ngx_mlsec_conf_here(cf, &lcf->place);

    if (cf->args->nelts == 2) {
        value = cf->args->elts;

        if (ngx_strcmp(value[1].data, "json") == 0) {
            lcf->handler = ngx_mlsec_metrics_json_handler;

        } else if (ngx_strcmp(value[1].data, "prometheus") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown format \"%V\" in \"mlsec_metrics\", "
                               "expected \"prometheus\" or \"json\"",
                               &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_mlsec_metrics_module);
    mcf->used = 1;
    ngx_mlsec_conf_use(cf, &ngx_mlsec_metrics_module);

    if (ngx_mlsec_conf_set_handler(cf, "mlsec_metrics", lcf->handler)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_mlsec_metrics_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_metrics_main_conf_t  *mcf = conf;

    ngx_str_t  *value;

    if (mcf->size) {
        return "is duplicate";
    }

    value = cf->args->elts;
    mcf->size = ngx_parse_size(&value[1]);

    if (mcf->size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid size \"%V\" in \"mlsec_metrics_zone\", "
                           "expected one such as \"32m\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (mcf->size < NGX_MLSEC_METRICS_SIZE_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "size \"%V\" in \"mlsec_metrics_zone\" is too "
                           "small, expected at least \"1m\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_mlsec_metrics_series(ngx_conf_t *cf, const ngx_mlsec_kind_t *kind,
    const ngx_mlsec_label_t *labels, ngx_uint_t n,
    ngx_mlsec_series_t **series)
{
    ngx_str_t                        text;
    ngx_uint_t                       i;
    ngx_mlsec_json_t                 w;
    ngx_mlsec_series_t             **slot;
    ngx_mlsec_metrics_main_conf_t   *mcf;

    *series = NULL;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_mlsec_metrics_module);

    if (!mcf->used) {
        return NGX_OK;
    }

    if (ngx_mlsec_metrics_labels(cf->pool, labels, n, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    *series = ngx_mlsec_metrics_find(mcf, kind, &text);

    if (*series != NULL) {
        return NGX_OK;
    }

    slot = ngx_array_push(&mcf->series);
    if (slot == NULL || ngx_mlsec_metrics_kind(mcf, kind) != NGX_OK) {
        return NGX_ERROR;
    }

    *slot = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_series_t));
    if (*slot == NULL) {
        return NGX_ERROR;
    }

    (*slot)->kind = kind;
    (*slot)->labels = text;

    (void) ngx_mlsec_json_init(&w, cf->pool, 64);

    for (i = 0; i < n; i++) {
        ngx_mlsec_json_raw(&w, (u_char *) (i ? ",\"" : "\""), 1 + (i > 0));
        ngx_mlsec_json_raw(&w, (u_char *) labels[i].name,
                           ngx_strlen(labels[i].name));
        ngx_mlsec_json_lit(&w, "\":");
        ngx_mlsec_json_string(&w, &labels[i].value);
    }

    *series = *slot;

    return ngx_mlsec_json_text(&w, &(*slot)->json);
}


static ngx_mlsec_series_t *
ngx_mlsec_metrics_find(const ngx_mlsec_metrics_main_conf_t *mcf,
    const ngx_mlsec_kind_t *kind, const ngx_str_t *labels)
{
    ngx_uint_t            i;
    ngx_mlsec_series_t  **series;

    series = mcf->series.elts;

    for (i = 0; i < mcf->series.nelts; i++) {

        if (series[i]->kind == kind && series[i]->labels.len == labels->len
            && ngx_memcmp(series[i]->labels.data, labels->data, labels->len)
               == 0)
        {
            return series[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_mlsec_metrics_kind(ngx_mlsec_metrics_main_conf_t *mcf,
    const ngx_mlsec_kind_t *kind)
{
    ngx_uint_t                i;
    const ngx_mlsec_kind_t  **known;

    known = mcf->kinds.elts;

    for (i = 0; i < mcf->kinds.nelts; i++) {

        if (known[i] == kind) {
            return NGX_OK;
        }
    }

    known = ngx_array_push(&mcf->kinds);
    if (known == NULL) {
        return NGX_ERROR;
    }

    *known = kind;

    return NGX_OK;
}


ngx_int_t
ngx_mlsec_metrics_collector(ngx_conf_t *cf, ngx_mlsec_collector_pt collector)
{
    ngx_mlsec_collector_pt         *slot;
    ngx_mlsec_metrics_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_mlsec_metrics_module);

    slot = ngx_array_push(&mcf->collectors);
    if (slot == NULL) {
        return NGX_ERROR;
    }

    *slot = collector;

    return NGX_OK;
}


ngx_int_t
ngx_mlsec_metrics_labels(ngx_pool_t *pool, const ngx_mlsec_label_t *labels,
    ngx_uint_t n, ngx_str_t *text)
{
    u_char       *p;
    size_t        len;
    ngx_uint_t    i;
    mlsec_str_t   value;

    len = 1;

    for (i = 0; i < n; i++) {
        value.data = labels[i].value.data;
        value.len = labels[i].value.len;

        len += ngx_strlen(labels[i].name) + sizeof("=\"\",") - 1
               + mlsec_exposition_escaped_len(value);
    }

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;

    for (i = 0; i < n; i++) {
        value.data = labels[i].value.data;
        value.len = labels[i].value.len;

        p = ngx_sprintf(p, "%s%s=\"", i ? "," : "", labels[i].name);
        p = mlsec_exposition_escape(p, value);
        *p++ = '"';
    }

    text->len = p - text->data;

    return NGX_OK;
}


static void *
ngx_mlsec_metrics_create_main_conf(ngx_conf_t *cf)
{
    ngx_mlsec_metrics_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_metrics_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&mcf->series, cf->pool, 64, sizeof(void *)) != NGX_OK
        || ngx_array_init(&mcf->kinds, cf->pool, 4, sizeof(void *)) != NGX_OK
        || ngx_array_init(&mcf->collectors, cf->pool, 4,
                          sizeof(ngx_mlsec_collector_pt))
           != NGX_OK)
    {
        return NULL;
    }

    return mcf;
}


static void *
ngx_mlsec_metrics_create_loc_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_metrics_loc_conf_t));
}


static char *
ngx_mlsec_metrics_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_mlsec_metrics_loc_conf_t  *conf = child;

    if (conf->handler
        && ngx_mlsec_conf_check_handler(cf, "mlsec_metrics", conf->handler,
                                        &conf->place)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_mlsec_metrics_route(cf, conf) == NGX_OK ? NGX_CONF_OK
                                                       : NGX_CONF_ERROR;
}


static ngx_int_t
ngx_mlsec_metrics_postconfiguration(ngx_conf_t *cf)
{
    ngx_mlsec_metrics_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_mlsec_metrics_module);

    if (!mcf->used) {
        return NGX_OK;
    }

    if (mcf->size == 0) {
        mcf->size = NGX_MLSEC_METRICS_SIZE;
    }

    return ngx_mlsec_metrics_zone_add(cf, mcf);
}


/*
 * When a configuration is in force: the time is the same in all its workers.
 */

static ngx_int_t
ngx_mlsec_metrics_init_module(ngx_cycle_t *cycle)
{
    ngx_mlsec_metrics_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_mlsec_metrics_module);

    if (mcf != NULL) {
        mcf->loaded = ngx_time();
    }

    return NGX_OK;
}
