/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <auth/ngx_mlsec_auth_keys.h>
#include <core/ngx_mlsec_conf.h>


#define NGX_MLSEC_AUTH_MAX_LEEWAY  300         /* seconds */


static char *ngx_mlsec_jwt_leeway(ngx_conf_t *cf, void *post, void *data);
static ngx_int_t ngx_mlsec_auth_preconfiguration(ngx_conf_t *cf);
static void *ngx_mlsec_auth_create_main_conf(ngx_conf_t *cf);
static char *ngx_mlsec_auth_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_mlsec_auth_create_srv_conf(ngx_conf_t *cf);
static char *ngx_mlsec_auth_merge_srv_conf(ngx_conf_t *cf, void *parent,
    void *child);
static void *ngx_mlsec_auth_create_loc_conf(ngx_conf_t *cf);
static char *ngx_mlsec_auth_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static void ngx_mlsec_auth_inherit(ngx_mlsec_auth_loc_conf_t *prev,
    ngx_mlsec_auth_loc_conf_t *conf);
static void ngx_mlsec_auth_kin(ngx_mlsec_auth_loc_conf_t *prev,
    ngx_mlsec_auth_loc_conf_t *conf);
static ngx_int_t ngx_mlsec_auth_check(ngx_conf_t *cf,
    const ngx_mlsec_auth_loc_conf_t *conf);
static void ngx_mlsec_auth_policy(ngx_mlsec_auth_loc_conf_t *conf);
static ngx_int_t ngx_mlsec_auth_init_process(ngx_cycle_t *cycle);
static void ngx_mlsec_auth_exit_process(ngx_cycle_t *cycle);


static ngx_conf_post_t  ngx_mlsec_jwt_leeway_post = { ngx_mlsec_jwt_leeway };


static ngx_command_t  ngx_mlsec_auth_commands[] = {

    { ngx_string("mlsec_auth"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_mlsec_auth,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_role"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_mlsec_role,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_mtls"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_mlsec_mtls,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_jwt_cache"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_mlsec_jwt_cache,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_jwt_key_file"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_mlsec_jwt_key_file,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_jwt_key_uri"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_mlsec_jwt_key_uri,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_jwt_alg"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_mlsec_jwt_alg,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_jwt_issuer"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_mlsec_jwt_names,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_mlsec_auth_loc_conf_t, issuers),
      NULL },

    { ngx_string("mlsec_jwt_audience"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_mlsec_jwt_names,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_mlsec_auth_loc_conf_t, audiences),
      NULL },

    { ngx_string("mlsec_jwt_leeway"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_mlsec_auth_loc_conf_t, leeway),
      &ngx_mlsec_jwt_leeway_post },

    { ngx_string("mlsec_jwt_max_age"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_mlsec_auth_loc_conf_t, max_age),
      NULL },

    { ngx_string("mlsec_jwt_source"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_mlsec_jwt_source,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_jwt_claim"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE2,
      ngx_mlsec_jwt_claim,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_jwt_require"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_2MORE,
      ngx_mlsec_jwt_require,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_jwt_revoke"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_mlsec_jwt_revoke,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_upstream_token"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_mlsec_upstream_token,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_api_key"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_mlsec_api_key,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_mlsec_auth_module_ctx = {
    ngx_mlsec_auth_preconfiguration,       /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_mlsec_auth_create_main_conf,       /* create main configuration */
    ngx_mlsec_auth_init_main_conf,         /* init main configuration */

    ngx_mlsec_auth_create_srv_conf,        /* create server configuration */
    ngx_mlsec_auth_merge_srv_conf,         /* merge server configuration */

    ngx_mlsec_auth_create_loc_conf,        /* create location configuration */
    ngx_mlsec_auth_merge_loc_conf          /* merge location configuration */
};


ngx_module_t  ngx_mlsec_auth_module = {
    NGX_MODULE_V1,
    &ngx_mlsec_auth_module_ctx,            /* module context */
    ngx_mlsec_auth_commands,               /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_mlsec_auth_init_process,           /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_mlsec_auth_exit_process,           /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static char *
ngx_mlsec_jwt_leeway(ngx_conf_t *cf, void *post, void *data)
{
    time_t  *leeway = data;

    if (*leeway > NGX_MLSEC_AUTH_MAX_LEEWAY) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"mlsec_jwt_leeway\" is too long, expected at "
                           "most \"%ds\"", NGX_MLSEC_AUTH_MAX_LEEWAY);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mlsec_auth_preconfiguration(ngx_conf_t *cf)
{
    if (ngx_mlsec_auth_variables_add(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_mlsec_auth_metrics(cf);
}


static void *
ngx_mlsec_auth_create_main_conf(ngx_conf_t *cf)
{
    ngx_mlsec_auth_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_auth_main_conf_t));

    if (mcf == NULL
        || ngx_array_init(&mcf->files, cf->pool, 4,
                          sizeof(ngx_mlsec_auth_file_t *))
           != NGX_OK
        || ngx_array_init(&mcf->uris, cf->pool, 4,
                          sizeof(ngx_mlsec_keys_uri_t *))
           != NGX_OK
        || ngx_array_init(&mcf->roles, cf->pool, 8, sizeof(ngx_mlsec_role_t))
           != NGX_OK
        || ngx_array_init(&mcf->mtls, cf->pool, 4, sizeof(ngx_mlsec_mtls_t))
           != NGX_OK)
    {
        return NULL;
    }

    return mcf;
}


static char *
ngx_mlsec_auth_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_mlsec_auth_main_conf_t *mcf = conf;

    mcf->rewrite = ngx_mlsec_conf_module(cf, "ngx_http_rewrite_module");

    return ngx_mlsec_role_finish(cf, conf) == NGX_OK ? NGX_CONF_OK
                                                     : NGX_CONF_ERROR;
}


static void *
ngx_mlsec_auth_create_srv_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_auth_srv_conf_t));
}


static char *
ngx_mlsec_auth_merge_srv_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_mlsec_auth_srv_conf_t  *prev = parent;
    ngx_mlsec_auth_srv_conf_t  *conf = child;

    conf->used |= prev->used;

    return NGX_CONF_OK;
}


static void *
ngx_mlsec_auth_create_loc_conf(ngx_conf_t *cf)
{
    ngx_mlsec_auth_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_auth_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    conf->leeway = NGX_CONF_UNSET;
    conf->max_age = NGX_CONF_UNSET;

    return conf;
}


static char *
ngx_mlsec_auth_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_mlsec_auth_loc_conf_t  *prev = parent;
    ngx_mlsec_auth_loc_conf_t  *conf = child;

    ngx_http_core_loc_conf_t    *clcf;
    ngx_mlsec_auth_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_mlsec_auth_module);
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    ngx_mlsec_auth_inherit(prev, conf);
    ngx_mlsec_auth_policy(conf);

    if (ngx_mlsec_role_rules(cf, mcf, &conf->rules) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (conf->methods == 0 || conf->methods == NGX_MLSEC_AUTH_OFF) {
        return NGX_CONF_OK;
    }

    if (ngx_mlsec_auth_check(cf, conf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (conf->rules == NULL && clcf->name.len && !clcf->noname
        && !clcf->lmt_excpt)
    {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "mlsec auth: location \"%V\" refuses everything, it "
                      "has no \"mlsec_allow\" and no \"mlsec_auth off\"",
                      &clcf->name);
    }

    return NGX_CONF_OK;
}


static void
ngx_mlsec_auth_inherit(ngx_mlsec_auth_loc_conf_t *prev,
    ngx_mlsec_auth_loc_conf_t *conf)
{
    ngx_mlsec_auth_kin(prev, conf);

    if (conf->methods == 0) {
        conf->methods = prev->methods;
    }

    if (conf->algs == 0) {
        conf->algs = prev->algs ? prev->algs : MLSEC_ALG_DEFAULT;
    }

    if (conf->sources == 0) {
        conf->sources = prev->sources ? prev->sources
                                      : NGX_MLSEC_SOURCE_BEARER;
        conf->cookie = prev->cookie;
        conf->query = prev->query;
    }

    if (conf->claim_sub.n == 0) {
        conf->claim_sub = prev->claim_sub;
    }

    if (conf->claim_roles.n == 0) {
        conf->claim_roles = prev->claim_roles;
    }

    if (conf->claim_tenant.n == 0) {
        conf->claim_tenant = prev->claim_tenant;
    }

    if (conf->api_keys == NULL) {
        conf->api_keys = prev->api_keys;
        conf->api_key_header = prev->api_key_header;
    }

    if (conf->api_key_header.len == 0) {
        ngx_str_set(&conf->api_key_header, "x-api-key");
    }

    if (conf->keys == NULL && conf->uris == NULL) {
        conf->keys = prev->keys;
        conf->uris = prev->uris;
    }

    conf->mint = conf->mint ? conf->mint : prev->mint;
    conf->issuers = conf->issuers ? conf->issuers : prev->issuers;
    conf->audiences = conf->audiences ? conf->audiences : prev->audiences;
    conf->require = conf->require ? conf->require : prev->require;
    conf->revoked = conf->revoked ? conf->revoked : prev->revoked;

    ngx_conf_merge_value(conf->leeway, prev->leeway, 30);
    ngx_conf_merge_value(conf->max_age, prev->max_age, 0);
}


/*
 * Before anything is inherited.  The numbers of a configuration before this
 * one are not used again: of a process that reads several, a worker of
 * "master_process off", the table of tokens lives on.
 */

static void
ngx_mlsec_auth_kin(ngx_mlsec_auth_loc_conf_t *prev,
    ngx_mlsec_auth_loc_conf_t *conf)
{
    static ngx_uint_t  last;

    if (prev->kin == 0) {
        prev->kin = ++last;
    }

    conf->kin = (conf->issuers || conf->audiences || conf->claim_sub.n
                 || conf->claim_roles.n || conf->claim_tenant.n)
                ? ++last : prev->kin;
}


static void
ngx_mlsec_auth_policy(ngx_mlsec_auth_loc_conf_t *conf)
{
    conf->policy.algs = conf->algs;
    conf->policy.leeway = conf->leeway;
    conf->policy.max_age = conf->max_age;

    if (conf->issuers != NULL) {
        conf->policy.issuers = conf->issuers->elts;
        conf->policy.nissuers = conf->issuers->nelts;
    }

    if (conf->audiences != NULL) {
        conf->policy.audiences = conf->audiences->elts;
        conf->policy.naudiences = conf->audiences->nelts;
    }
}


static ngx_int_t
ngx_mlsec_auth_check(ngx_conf_t *cf, const ngx_mlsec_auth_loc_conf_t *conf)
{
    const char  *missing;

    missing = NULL;

    if (conf->methods & NGX_MLSEC_AUTH_JWT) {

        if (conf->keys == NULL && conf->uris == NULL) {
            missing = "\"mlsec_auth jwt\" without \"mlsec_jwt_key_file\" "
                      "or \"mlsec_jwt_key_uri\"";

        } else if (conf->issuers == NULL) {
            missing = "\"mlsec_auth jwt\" without \"mlsec_jwt_issuer\", "
                      "name who issues tokens or write \"any\"";

        } else if (conf->audiences == NULL) {
            missing = "\"mlsec_auth jwt\" without \"mlsec_jwt_audience\", "
                      "name who tokens are for or write \"any\"";
        }
    }

    if ((conf->methods & NGX_MLSEC_AUTH_API_KEY) && conf->api_keys == NULL) {
        missing = "\"mlsec_auth api_key\" without \"mlsec_api_key\"";
    }

#if !(NGX_HTTP_SSL)
    if (conf->methods & NGX_MLSEC_AUTH_MTLS) {
        missing = "\"mlsec_auth mtls\" in a server without TLS";
    }
#endif

    if (missing != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s", missing);
        return NGX_ERROR;
    }

    return (conf->methods & NGX_MLSEC_AUTH_JWT) && conf->uris != NULL
           ? ngx_mlsec_keys_prepare(cf, conf->uris) : NGX_OK;
}


static ngx_int_t
ngx_mlsec_auth_init_process(ngx_cycle_t *cycle)
{
    ngx_mlsec_auth_files_watch(cycle);
    ngx_mlsec_keys_begin(cycle);

    return ngx_mlsec_mint_init_worker();
}


static void
ngx_mlsec_auth_exit_process(ngx_cycle_t *cycle)
{
    ngx_mlsec_keys_end(cycle);
}
