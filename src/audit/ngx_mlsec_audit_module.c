/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <audit/ngx_mlsec_audit.h>


#define NGX_MLSEC_AUDIT_BUFFER      (64 * 1024)            /* bytes */
#define NGX_MLSEC_AUDIT_BUFFER_MIN  (2 * MLSEC_AUDIT_LINE)
#define NGX_MLSEC_AUDIT_FLUSH       1000                   /* ms */


static char *ngx_mlsec_audit_log_line(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_mlsec_audit_params(ngx_conf_t *cf,
    ngx_mlsec_audit_file_t *params, ngx_flag_t *block);
static ngx_int_t ngx_mlsec_audit_buffer(ngx_conf_t *cf, ngx_str_t *value,
    size_t *size);
static ngx_mlsec_audit_file_t *ngx_mlsec_audit_file(ngx_conf_t *cf,
    ngx_str_t *path, const ngx_mlsec_audit_file_t *params);
static ngx_int_t ngx_mlsec_audit_same(ngx_conf_t *cf,
    ngx_mlsec_audit_file_t *file, const ngx_mlsec_audit_file_t *params);
static void *ngx_mlsec_audit_create_main_conf(ngx_conf_t *cf);
static void *ngx_mlsec_audit_create_loc_conf(ngx_conf_t *cf);
static char *ngx_mlsec_audit_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);


static ngx_command_t  ngx_mlsec_audit_commands[] = {

    { ngx_string("mlsec_audit_log"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_mlsec_audit_log_line,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_mlsec_audit_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_mlsec_audit_create_main_conf,      /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_mlsec_audit_create_loc_conf,       /* create location configuration */
    ngx_mlsec_audit_merge_loc_conf         /* merge location configuration */
};


ngx_module_t  ngx_mlsec_audit_module = {
    NGX_MODULE_V1,
    &ngx_mlsec_audit_module_ctx,           /* module context */
    ngx_mlsec_audit_commands,              /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_mlsec_audit_init_worker,           /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_mlsec_audit_exit_worker,           /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static char *
ngx_mlsec_audit_log_line(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_audit_loc_conf_t  *lcf = conf;

    ngx_str_t               *value;
    ngx_mlsec_audit_file_t   params;

    if (lcf->file != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {

        if (cf->args->nelts > 2) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"mlsec_audit_log off\" has no parameters");
            return NGX_CONF_ERROR;
        }

        lcf->file = NULL;
        return NGX_CONF_OK;
    }

    if (value[1].len == 0
        || ngx_strchr(value[1].data, '$') != NULL
        || ngx_strncmp(value[1].data, "syslog:", sizeof("syslog:") - 1) == 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid path \"%V\" in \"mlsec_audit_log\", "
                           "expected a file, without variables, or \"off\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    if (ngx_mlsec_audit_params(cf, &params, &lcf->block) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    lcf->file = ngx_mlsec_audit_file(cf, &value[1], &params);

    return lcf->file != NULL ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static ngx_int_t
ngx_mlsec_audit_params(ngx_conf_t *cf, ngx_mlsec_audit_file_t *params,
    ngx_flag_t *block)
{
    ngx_str_t   *arg, value, name;
    ngx_uint_t   i;

    ngx_memzero(params, sizeof(ngx_mlsec_audit_file_t));
    params->buffer = NGX_CONF_UNSET_SIZE;
    params->flush = NGX_CONF_UNSET_MSEC;
    *block = 0;
    arg = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_mlsec_conf_param(&arg[i], "buffer=", &value)) {

            if (ngx_mlsec_audit_buffer(cf, &value, &params->buffer)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

        } else if (ngx_strcmp(arg[i].data, "flush=0") == 0) {
            params->flush = 0;

        } else if (ngx_mlsec_conf_param(&arg[i], "flush=", &value)) {

            if (ngx_mlsec_conf_msec(cf, "\"flush=\" of \"mlsec_audit_log\"",
                                    &value, &params->flush)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

        } else if (ngx_strcmp(arg[i].data, "block") == 0) {
            *block = 1;

        } else {
            name = ngx_mlsec_conf_param_name(&arg[i]);
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown parameter \"%V\" in "
                               "\"mlsec_audit_log\", expected \"buffer=\", "
                               "\"flush=\" or \"block\"", &name);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_audit_buffer(ngx_conf_t *cf, ngx_str_t *value, size_t *size)
{
    ssize_t  n;

    n = ngx_parse_size(value);

    if (n == NGX_ERROR || n < NGX_MLSEC_AUDIT_BUFFER_MIN) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid size \"%V\" of \"buffer=\" in "
                           "\"mlsec_audit_log\", expected one such as "
                           "\"64k\", at least \"8k\"", value);
        return NGX_ERROR;
    }

    *size = n;

    return NGX_OK;
}


/* NULL after an [emerg] */

static ngx_mlsec_audit_file_t *
ngx_mlsec_audit_file(ngx_conf_t *cf, ngx_str_t *path,
    const ngx_mlsec_audit_file_t *params)
{
    ngx_uint_t                    i;
    ngx_open_file_t              *opened;
    ngx_mlsec_audit_file_t       *file, **files;
    ngx_mlsec_audit_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_mlsec_audit_module);

    opened = ngx_conf_open_file(cf->cycle, path);
    if (opened == NULL) {
        return NULL;
    }

    files = mcf->files.elts;

    for (i = 0; i < mcf->files.nelts; i++) {

        if (files[i]->file == opened) {
            return ngx_mlsec_audit_same(cf, files[i], params) == NGX_OK
                   ? files[i] : NULL;
        }
    }

    if (opened->data != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" in \"mlsec_audit_log\" is another log, "
                           "too, expected a file of its own",
                           &opened->name);
        return NULL;
    }

    file = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_audit_file_t));
    files = ngx_array_push(&mcf->files);

    if (file == NULL || files == NULL) {
        return NULL;
    }

    ngx_mlsec_conf_use(cf, &ngx_mlsec_audit_module);

    *files = file;
    *file = *params;
    file->file = opened;
    ngx_mlsec_conf_here(cf, &file->place);

    opened->flush = ngx_mlsec_audit_reopen;
    opened->data = file;

    return ngx_mlsec_audit_zone_add(cf, file) == NGX_OK ? file : NULL;
}


/* Parameters of a log may be left out where it is named again. */

static ngx_int_t
ngx_mlsec_audit_same(ngx_conf_t *cf, ngx_mlsec_audit_file_t *file,
    const ngx_mlsec_audit_file_t *params)
{
    if ((params->buffer != NGX_CONF_UNSET_SIZE
         && params->buffer != file->buffer)
        || (params->flush != NGX_CONF_UNSET_MSEC
            && params->flush != file->flush))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"buffer=\" and \"flush=\" of \"%V\" in "
                           "\"mlsec_audit_log\" are others than in %V:%ui",
                           &file->file->name, &file->place.file,
                           file->place.line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void *
ngx_mlsec_audit_create_main_conf(ngx_conf_t *cf)
{
    ngx_mlsec_audit_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_audit_main_conf_t));

    if (mcf == NULL
        || ngx_array_init(&mcf->files, cf->pool, 1,
                          sizeof(ngx_mlsec_audit_file_t *))
           != NGX_OK)
    {
        return NULL;
    }

    return mcf;
}


static void *
ngx_mlsec_audit_create_loc_conf(ngx_conf_t *cf)
{
    ngx_mlsec_audit_loc_conf_t  *lcf;

    lcf = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_audit_loc_conf_t));
    if (lcf == NULL) {
        return NULL;
    }

    lcf->file = NGX_CONF_UNSET_PTR;

    return lcf;
}


static char *
ngx_mlsec_audit_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_mlsec_audit_loc_conf_t  *prev = parent;
    ngx_mlsec_audit_loc_conf_t  *conf = child;

    if (conf->file == NGX_CONF_UNSET_PTR) {
        conf->file = prev->file == NGX_CONF_UNSET_PTR ? NULL : prev->file;
        conf->block = prev->block;
    }

    if (conf->file == NULL) {
        return NGX_CONF_OK;
    }

    if (conf->file->buffer == NGX_CONF_UNSET_SIZE) {
        conf->file->buffer = NGX_MLSEC_AUDIT_BUFFER;
    }

    if (conf->file->flush == NGX_CONF_UNSET_MSEC) {
        conf->file->flush = NGX_MLSEC_AUDIT_FLUSH;
    }

    return ngx_mlsec_audit_count(cf, conf->file) == NGX_OK ? NGX_CONF_OK
                                                           : NGX_CONF_ERROR;
}
