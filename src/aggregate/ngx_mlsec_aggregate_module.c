/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <aggregate/ngx_mlsec_aggregate.h>
#include <aggregate/ngx_mlsec_aggregate_chain.h>


static char *ngx_mlsec_merge(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_mlsec_deadline(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_mlsec_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_mlsec_max_calls(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_mlsec_parts(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static ngx_int_t ngx_mlsec_aggregate_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_mlsec_aggregate_postconfiguration(ngx_conf_t *cf);
static void *ngx_mlsec_aggregate_create_main_conf(ngx_conf_t *cf);
static void *ngx_mlsec_aggregate_create_srv_conf(ngx_conf_t *cf);
static void *ngx_mlsec_aggregate_create_loc_conf(ngx_conf_t *cf);
static char *ngx_mlsec_aggregate_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_mlsec_aggregate_check(ngx_conf_t *cf,
    ngx_mlsec_aggregate_loc_conf_t *conf);
static ngx_int_t ngx_mlsec_aggregate_check_fallback(ngx_conf_t *cf,
    ngx_mlsec_aggregate_loc_conf_t *conf);


static ngx_command_t  ngx_mlsec_aggregate_commands[] = {

    { ngx_string("mlsec_call"),
      NGX_HTTP_LOC_CONF|NGX_CONF_2MORE,
      ngx_mlsec_call,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_merge"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_mlsec_merge,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_deadline"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_mlsec_deadline,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_on_partial"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_mlsec_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_mlsec_aggregate_loc_conf_t, on_partial),
      NULL },

    { ngx_string("mlsec_on_failure"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_mlsec_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_mlsec_aggregate_loc_conf_t, on_failure),
      NULL },

    { ngx_string("mlsec_call_max_size"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_mlsec_aggregate_loc_conf_t, call_max),
      NULL },

    { ngx_string("mlsec_total_max_size"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_mlsec_aggregate_loc_conf_t, total_max),
      NULL },

    { ngx_string("mlsec_max_calls"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_mlsec_max_calls,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_mlsec_aggregate_loc_conf_t, max_calls),
      NULL },

    { ngx_string("mlsec_explain"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_mlsec_explain,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_server_timing"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_mlsec_aggregate_loc_conf_t, server_timing),
      NULL },

    { ngx_string("mlsec_parts"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_mlsec_parts,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_mlsec_aggregate_module_ctx = {
    ngx_mlsec_aggregate_preconfiguration,  /* preconfiguration */
    ngx_mlsec_aggregate_postconfiguration, /* postconfiguration */

    ngx_mlsec_aggregate_create_main_conf,  /* create main configuration */
    NULL,                                  /* init main configuration */

    ngx_mlsec_aggregate_create_srv_conf,   /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_mlsec_aggregate_create_loc_conf,   /* create location configuration */
    ngx_mlsec_aggregate_merge_loc_conf     /* merge location configuration */
};


ngx_module_t  ngx_mlsec_aggregate_module = {
    NGX_MODULE_V1,
    &ngx_mlsec_aggregate_module_ctx,       /* module context */
    ngx_mlsec_aggregate_commands,          /* module directives */
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


static const struct {
    const char              *name;
    mlsec_merge_mode_e       mode;
} ngx_mlsec_merge_modes[] = {
    { "namespace", MLSEC_MERGE_NAMESPACE },
    { "flat", MLSEC_MERGE_FLAT },
    { "array", MLSEC_MERGE_ARRAY },
    { "concat", MLSEC_MERGE_CONCAT },
    { NULL, 0 }
};


static const struct {
    const char              *name;
    mlsec_merge_conflict_e   on_conflict;
} ngx_mlsec_merge_conflicts[] = {
    { "first", MLSEC_CONFLICT_FIRST },
    { "last", MLSEC_CONFLICT_LAST },
    { "error", MLSEC_CONFLICT_ERROR },
    { NULL, 0 }
};


static char *
ngx_mlsec_merge(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_aggregate_loc_conf_t  *lcf = conf;

    ngx_str_t   *value, arg;
    ngx_uint_t   i;

    if (lcf->merge.set) {
        return "is duplicate";
    }

    lcf->merge.set = 1;
    value = cf->args->elts;

    for (i = 0; ngx_mlsec_merge_modes[i].name; i++) {
        if (ngx_strcmp(value[1].data, ngx_mlsec_merge_modes[i].name) == 0) {
            lcf->merge.mode = ngx_mlsec_merge_modes[i].mode;
            break;
        }
    }

    if (ngx_mlsec_merge_modes[i].name == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid mode \"%V\" in \"mlsec_merge\", expected "
                           "\"namespace\", \"flat\", \"array\" or \"concat\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (!ngx_mlsec_conf_param(&value[2], "on_conflict=", &arg)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown parameter \"%V\" in \"mlsec_merge\", "
                           "expected \"on_conflict=\"", &value[2]);
        return NGX_CONF_ERROR;
    }

    if (lcf->merge.mode != MLSEC_MERGE_FLAT) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"on_conflict=\" in \"mlsec_merge %V\", "
                           "only \"flat\" can have conflicts", &value[1]);
        return NGX_CONF_ERROR;
    }

    for (i = 0; ngx_mlsec_merge_conflicts[i].name; i++) {
        if (ngx_strcmp(arg.data, ngx_mlsec_merge_conflicts[i].name) == 0) {
            lcf->merge.on_conflict = ngx_mlsec_merge_conflicts[i].on_conflict;
            return NGX_CONF_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" of \"on_conflict=\" in "
                       "\"mlsec_merge\", expected \"first\", \"last\" or "
                       "\"error\"", &arg);

    return NGX_CONF_ERROR;
}


static char *
ngx_mlsec_deadline(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_aggregate_loc_conf_t  *lcf = conf;

    ngx_str_t  *value, arg;

    if (lcf->deadline != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_mlsec_conf_msec(cf, "\"mlsec_deadline\"", &value[1],
                            &lcf->deadline)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    lcf->soft = 0;

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    if (!ngx_mlsec_conf_param(&value[2], "soft=", &arg)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown parameter \"%V\" in \"mlsec_deadline\", "
                           "expected \"soft=\"", &value[2]);
        return NGX_CONF_ERROR;
    }

    if (ngx_mlsec_conf_msec(cf, "\"soft=\" of \"mlsec_deadline\"", &arg,
                            &lcf->soft)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (lcf->soft >= lcf->deadline) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"soft=%V\" is not below the deadline of \"%V\"",
                           &arg, &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_mlsec_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_int_t    status;
    ngx_str_t   *value;
    ngx_uint_t  *field, failure;

    field = (ngx_uint_t *) (p + cmd->offset);

    if (*field != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    status = ngx_atoi(value[1].data, value[1].len);

    failure = (cmd->offset
               == offsetof(ngx_mlsec_aggregate_loc_conf_t, on_failure));

    if (failure
        ? (status < 400 || status > 599 || status == 444 || status == 499)
        : (status < 200 || status > 599 || (status > 299 && status < 400)
           || status == 204 || status == 444 || status == 499))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid status \"%V\" in \"%V\", expected %s",
                           &value[1], &cmd->name,
                           failure ? "400-599 but 444 and 499"
                                   : "200-299 but 204, or 400-599 but 444 "
                                     "and 499");
        return NGX_CONF_ERROR;
    }

    *field = status;

    return NGX_CONF_OK;
}


static char *
ngx_mlsec_max_calls(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_aggregate_loc_conf_t  *lcf = conf;

    ngx_int_t   n;
    ngx_str_t  *value;

    if (lcf->max_calls != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    n = ngx_atoi(value[1].data, value[1].len);

    if (n < 1 || n > 1000) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number \"%V\" in \"mlsec_max_calls\", "
                           "expected 1-1000", &value[1]);
        return NGX_CONF_ERROR;
    }

    lcf->max_calls = n;

    return NGX_CONF_OK;
}


static char *
ngx_mlsec_parts(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_aggregate_srv_conf_t  *scf = conf;

    ngx_http_core_loc_conf_t  *clcf;

    if (scf->parts != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"mlsec_parts\" is given twice in one server, "
                           "include mlsec_parts.conf once");
        return NGX_CONF_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (!clcf->named) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"mlsec_parts\" in location \"%V\", expected "
                           "a named location such as \"@mlsec_parts\"",
                           &clcf->name);
        return NGX_CONF_ERROR;
    }

    scf->parts = clcf;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mlsec_aggregate_preconfiguration(ngx_conf_t *cf)
{
    ngx_mlsec_aggregate_headers_init();

    return ngx_mlsec_aggregate_variables_add(cf);
}


static ngx_int_t
ngx_mlsec_aggregate_postconfiguration(ngx_conf_t *cf)
{
    return ngx_mlsec_call_resolve(cf);
}


static void *
ngx_mlsec_aggregate_create_main_conf(ngx_conf_t *cf)
{
    ngx_mlsec_aggregate_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_aggregate_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&mcf->calls, cf->pool, 16, 3 * sizeof(void *))
        != NGX_OK)
    {
        return NULL;
    }

    return mcf;
}


static void *
ngx_mlsec_aggregate_create_srv_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_aggregate_srv_conf_t));
}


static void *
ngx_mlsec_aggregate_create_loc_conf(ngx_conf_t *cf)
{
    ngx_mlsec_aggregate_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_aggregate_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    conf->merge.mode = MLSEC_MERGE_NAMESPACE;
    conf->merge.on_conflict = MLSEC_CONFLICT_ERROR;
    conf->deadline = NGX_CONF_UNSET_MSEC;
    conf->on_partial = NGX_CONF_UNSET_UINT;
    conf->on_failure = NGX_CONF_UNSET_UINT;
    conf->call_max = NGX_CONF_UNSET_SIZE;
    conf->total_max = NGX_CONF_UNSET_SIZE;
    conf->max_calls = NGX_CONF_UNSET_UINT;
    conf->explain = NGX_CONF_UNSET_PTR;
    conf->server_timing = NGX_CONF_UNSET;

    return conf;
}


static char *
ngx_mlsec_aggregate_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_mlsec_aggregate_loc_conf_t  *prev = parent;
    ngx_mlsec_aggregate_loc_conf_t  *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    if (conf->deadline == NGX_CONF_UNSET_MSEC) {
        conf->deadline = (prev->deadline == NGX_CONF_UNSET_MSEC)
                         ? 30000 : prev->deadline;
        conf->soft = prev->soft;
    }

    ngx_conf_merge_uint_value(conf->on_partial, prev->on_partial, NGX_HTTP_OK);
    ngx_conf_merge_uint_value(conf->on_failure, prev->on_failure, 0);
    ngx_conf_merge_size_value(conf->call_max, prev->call_max, 1024 * 1024);
    ngx_conf_merge_size_value(conf->total_max, prev->total_max,
                              8 * 1024 * 1024);
    ngx_conf_merge_uint_value(conf->max_calls, prev->max_calls, 16);
    ngx_conf_merge_value(conf->server_timing, prev->server_timing, 0);
    ngx_conf_merge_ptr_value(conf->explain, prev->explain, NULL);

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /*
     * Parts are not inherited by nested locations, but an "if" or a
     * "limit_except" inside a location is the location still.
     */

    if ((clcf->noname || clcf->lmt_excpt) && conf->calls == NULL
        && prev->calls != NULL)
    {
        conf->calls = prev->calls;
        conf->chain = prev->chain;
        conf->merge = prev->merge;
        conf->filter = prev->filter;
        conf->body = prev->body;
        conf->metrics = prev->metrics;

        if (clcf->lmt_excpt && clcf->handler == NULL) {
            clcf->handler = ngx_mlsec_aggregate_handler;
        }

        return NGX_CONF_OK;
    }

    return ngx_mlsec_aggregate_check(cf, conf);
}


static char *
ngx_mlsec_aggregate_check(ngx_conf_t *cf, ngx_mlsec_aggregate_loc_conf_t *conf)
{
    ngx_mlsec_call_t          *call;
    ngx_http_core_loc_conf_t  *clcf;

    if (ngx_mlsec_aggregate_filter_conf(cf, conf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (conf->calls == NULL) {

        if (conf->merge.set) {
            clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"mlsec_merge\" in location \"%V\" without "
                          "\"mlsec_call\"", &clcf->name);
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    call = conf->calls->elts;

    if (ngx_mlsec_conf_check_handler(cf, "mlsec_call",
                                     ngx_mlsec_aggregate_handler,
                                     &call[0].place)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_mlsec_chain_resolve(cf, conf) != NGX_OK
        || ngx_mlsec_aggregate_metrics(cf, conf) != NGX_OK
        || ngx_mlsec_aggregate_check_fallback(cf, conf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (conf->calls->nelts > conf->max_calls) {
        call += conf->max_calls;

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "%ui calls in one location, over \"mlsec_max_calls %ui\""
                      " in %V:%ui",
                      conf->calls->nelts, conf->max_calls,
                      &call->place.file, call->place.line);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mlsec_aggregate_check_fallback(ngx_conf_t *cf,
    ngx_mlsec_aggregate_loc_conf_t *conf)
{
    ngx_uint_t         i, flat;
    mlsec_str_t        json;
    ngx_mlsec_call_t  *call;

    call = conf->calls->elts;
    flat = (conf->merge.mode == MLSEC_MERGE_FLAT);

    for (i = 0; i < conf->calls->nelts; i++) {

        /* that of a list stands for one of its elements, which may be any */

        if (call[i].fallback != NGX_MLSEC_FALLBACK_JSON
            || ngx_mlsec_chain_foreach(&call[i]))
        {
            continue;
        }

        json.data = call[i].fallback_json.data;
        json.len = call[i].fallback_json.len;

        if (mlsec_merge_check(conf->merge.mode, json) != MLSEC_OK) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"fallback=\" of part \"%V\" does not fit "
                          "\"mlsec_merge %s\", expected %s in %V:%ui",
                          &call[i].name, flat ? "flat" : "concat",
                          flat ? "an object" : "an array",
                          &call[i].place.file, call[i].place.line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
