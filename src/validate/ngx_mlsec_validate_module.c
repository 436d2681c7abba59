/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_conf.h>
#include <core/ngx_mlsec_content.h>
#include <lib/json/mlsec_json.h>
#include <validate/ngx_mlsec_validate_conf.h>


static char *ngx_mlsec_validate_line(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_mlsec_validate_file_line(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_mlsec_validate_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_mlsec_validate_variables(ngx_conf_t *cf);
static void *ngx_mlsec_validate_create_loc_conf(ngx_conf_t *cf);
static char *ngx_mlsec_validate_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_mlsec_validate_check_types(ngx_conf_t *cf,
    const ngx_mlsec_validate_loc_conf_t *conf);


static ngx_command_t  ngx_mlsec_validate_commands[] = {

    { ngx_string("mlsec_validate"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_ANY,
      ngx_mlsec_validate_line,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_validate_file"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_mlsec_validate_file_line,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_variable_t  ngx_mlsec_validate_vars[] = {

    { ngx_string("mlsec_validation"), NULL, ngx_mlsec_validate_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


static ngx_http_module_t  ngx_mlsec_validate_module_ctx = {
    ngx_mlsec_validate_variables,          /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_mlsec_validate_create_loc_conf,    /* create location configuration */
    ngx_mlsec_validate_merge_loc_conf      /* merge location configuration */
};


ngx_module_t  ngx_mlsec_validate_module = {
    NGX_MODULE_V1,
    &ngx_mlsec_validate_module_ctx,        /* module context */
    ngx_mlsec_validate_commands,           /* module directives */
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


static char *
ngx_mlsec_validate_line(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_validate_loc_conf_t  *lcf = conf;

    ngx_str_t  *value;

    if (lcf->set || lcf->off) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        lcf->off = 1;
        return NGX_CONF_OK;
    }

    lcf->set = 1;

    return ngx_mlsec_validate_params(cf, &lcf->terms) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_mlsec_validate_file_line(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_validate_loc_conf_t  *lcf = conf;

    ngx_str_t  *value;

    if (lcf->rules != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a second \"mlsec_validate_file\" at one level, "
                           "list the files in one");
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    lcf->rules = ngx_mlsec_filter_compile_files(cf, "mlsec_validate_file",
                                        &value[1], cf->args->nelts - 1, 0);
    if (lcf->rules == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_mlsec_conf_here(cf, &lcf->place);

    return NGX_CONF_OK;
}


/*
 * $mlsec_validation: what was found; not found where nothing is checked.
 */

static ngx_int_t
ngx_mlsec_validate_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    const ngx_mlsec_validate_t  *found;

    found = ngx_mlsec_validate_get(r);

    if (found == NULL || found->conf == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->data = (u_char *) ngx_mlsec_validate_name(found->result);
    v->len = ngx_strlen(v->data);
    v->valid = 1;
    v->no_cacheable = 1;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_validate_variables(ngx_conf_t *cf)
{
    return ngx_mlsec_conf_variables(cf, ngx_mlsec_validate_vars);
}


static void *
ngx_mlsec_validate_create_loc_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_validate_loc_conf_t));
}


static char *
ngx_mlsec_validate_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_mlsec_validate_loc_conf_t  *prev = parent;
    ngx_mlsec_validate_loc_conf_t  *conf = child;

    /* what turns off also turns off the rules that come from further out */

    if (conf->off) {
        return NGX_CONF_OK;
    }

    if (!conf->set) {
        conf->off = prev->off && conf->rules == NULL;
        conf->set = prev->set;
        conf->terms = prev->terms;
    }

    if (conf->rules == NULL) {
        conf->rules = prev->off ? NULL : prev->rules;
        conf->place = prev->place;
    }

    if (conf->rules != NULL) {
        conf->set = 1;
    }

    if (!conf->set) {
        return NGX_CONF_OK;
    }

    ngx_mlsec_conf_use(cf, &ngx_mlsec_validate_module);

    if (conf->terms.depth == 0) {
        conf->terms.depth = MLSEC_JSON_DEFAULT_DEPTH;
    }

    if (ngx_mlsec_validate_check_types(cf, conf) != NGX_OK
        || ngx_mlsec_validate_metrics(cf, conf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/*
 * A body of another type than JSON would go past the rules.
 */

static ngx_int_t
ngx_mlsec_validate_check_types(ngx_conf_t *cf,
    const ngx_mlsec_validate_loc_conf_t *conf)
{
    ngx_str_t   *type;
    ngx_uint_t   i;

    if (conf->rules == NULL) {
        return NGX_OK;
    }

    if (conf->terms.any) {
        goto failed;
    }

    if (conf->terms.types == NULL) {
        return NGX_OK;
    }

    type = conf->terms.types->elts;

    for (i = 0; i < conf->terms.types->nelts; i++) {

        if (!ngx_mlsec_content_is_json(&type[i])) {
            goto failed;
        }
    }

    return NGX_OK;

failed:

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"mlsec_validate_file\" with a \"content_type=\" of "
                  "\"mlsec_validate\" that is not JSON, which the rules would "
                  "not see, in %V:%ui", &conf->place.file, conf->place.line);

    return NGX_ERROR;
}
