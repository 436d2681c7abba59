/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <ngx_sha1.h>

#include <redis/ngx_mlsec_redis_client.h>


#define NGX_MLSEC_REDIS_CONNECT      1000    /* ms */
#define NGX_MLSEC_REDIS_TIMEOUT      1000    /* ms */
#define NGX_MLSEC_REDIS_QUEUE        1024    /* calls */
#define NGX_MLSEC_REDIS_QUEUE_MAX    65536
#define NGX_MLSEC_REDIS_REPLY        (1024 * 1024)           /* bytes */
#define NGX_MLSEC_REDIS_REPLY_MIN    1024
#define NGX_MLSEC_REDIS_REPLY_MAX    (512 * 1024 * 1024)


typedef struct {
    const char     *name;            /* with its "=" */
    ngx_int_t     (*set)(ngx_conf_t *cf, ngx_mlsec_redis_t *redis,
                         ngx_str_t *value, size_t offset);
    size_t          offset;
} ngx_mlsec_redis_param_t;


static char *ngx_mlsec_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static ngx_int_t ngx_mlsec_redis_param(ngx_conf_t *cf,
    ngx_mlsec_redis_t *redis, ngx_str_t *arg);
static ngx_int_t ngx_mlsec_redis_set_nothing(ngx_conf_t *cf,
    ngx_mlsec_redis_t *redis, ngx_str_t *value, size_t offset);
static ngx_int_t ngx_mlsec_redis_set_text(ngx_conf_t *cf,
    ngx_mlsec_redis_t *redis, ngx_str_t *value, size_t offset);
static ngx_int_t ngx_mlsec_redis_set_password(ngx_conf_t *cf,
    ngx_mlsec_redis_t *redis, ngx_str_t *value, size_t offset);
static ngx_int_t ngx_mlsec_redis_set_time(ngx_conf_t *cf,
    ngx_mlsec_redis_t *redis, ngx_str_t *value, size_t offset);
static ngx_int_t ngx_mlsec_redis_set_queue(ngx_conf_t *cf,
    ngx_mlsec_redis_t *redis, ngx_str_t *value, size_t offset);
static ngx_int_t ngx_mlsec_redis_set_reply(ngx_conf_t *cf,
    ngx_mlsec_redis_t *redis, ngx_str_t *value, size_t offset);
static ngx_int_t ngx_mlsec_redis_set_verify(ngx_conf_t *cf,
    ngx_mlsec_redis_t *redis, ngx_str_t *value, size_t offset);
static ngx_int_t ngx_mlsec_redis_check(ngx_conf_t *cf,
    const ngx_mlsec_redis_t *redis);
static ngx_mlsec_redis_t *ngx_mlsec_redis_find(ngx_conf_t *cf,
    const ngx_str_t *name);
static char *ngx_mlsec_redis_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_mlsec_redis_status_checks(ngx_conf_t *cf,
    ngx_mlsec_redis_loc_conf_t *lcf, ngx_str_t *value);
static void *ngx_mlsec_redis_create_main_conf(ngx_conf_t *cf);
static char *ngx_mlsec_redis_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_mlsec_redis_create_loc_conf(ngx_conf_t *cf);
static char *ngx_mlsec_redis_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_mlsec_redis_postconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_mlsec_redis_init_process(ngx_cycle_t *cycle);
static void ngx_mlsec_redis_exit_process(ngx_cycle_t *cycle);


static const ngx_mlsec_redis_param_t  ngx_mlsec_redis_params[] = {
    { "name=", ngx_mlsec_redis_set_nothing, 0 },       /* was read before */
    { "password_file=", ngx_mlsec_redis_set_password, 0 },
    { "connect_timeout=", ngx_mlsec_redis_set_time,
      offsetof(ngx_mlsec_redis_t, connect_timeout) },
    { "timeout=", ngx_mlsec_redis_set_time,
      offsetof(ngx_mlsec_redis_t, timeout) },
    { "queue=", ngx_mlsec_redis_set_queue, 0 },
    { "max_reply=", ngx_mlsec_redis_set_reply, 0 },
    { "trusted=", ngx_mlsec_redis_set_text,
      offsetof(ngx_mlsec_redis_t, trusted) },
    { "sni=", ngx_mlsec_redis_set_text, offsetof(ngx_mlsec_redis_t, sni) },
    { "verify=", ngx_mlsec_redis_set_verify, 0 },
    { NULL, NULL, 0 }
};


static ngx_command_t  ngx_mlsec_redis_commands[] = {

    { ngx_string("mlsec_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_mlsec_redis,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_redis_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_ANY,
      ngx_mlsec_redis_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_mlsec_redis_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_mlsec_redis_postconfiguration,     /* postconfiguration */

    ngx_mlsec_redis_create_main_conf,      /* create main configuration */
    ngx_mlsec_redis_init_main_conf,        /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_mlsec_redis_create_loc_conf,       /* create location configuration */
    ngx_mlsec_redis_merge_loc_conf         /* merge location configuration */
};


ngx_module_t  ngx_mlsec_redis_module = {
    NGX_MODULE_V1,
    &ngx_mlsec_redis_module_ctx,           /* module context */
    ngx_mlsec_redis_commands,              /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_mlsec_redis_init_process,          /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_mlsec_redis_exit_process,          /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static char *
ngx_mlsec_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t          *value, name;
    ngx_uint_t          i;
    ngx_mlsec_redis_t  *redis;

    value = cf->args->elts;

    ngx_str_null(&name);

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_mlsec_conf_param(&value[i], "name=", &name)
            && !ngx_mlsec_conf_is_word(&name))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid value \"%V\" of \"name=\" in "
                               "\"mlsec_redis\", expected a word such as "
                               "\"limits\"", &name);
            return NGX_CONF_ERROR;
        }
    }

    redis = ngx_mlsec_redis_find(cf, &name);

    if (redis == NULL) {
        return NGX_CONF_ERROR;
    }

    if (redis->defined) {
        return name.len ? "with this name is duplicate"
                        : "is duplicate, give one of them a \"name=\"";
    }

    redis->defined = 1;
    redis->connect_timeout = NGX_MLSEC_REDIS_CONNECT;
    redis->timeout = NGX_MLSEC_REDIS_TIMEOUT;
    redis->queue = NGX_MLSEC_REDIS_QUEUE;
    redis->max_reply = NGX_MLSEC_REDIS_REPLY;

    ngx_mlsec_conf_here(cf, &redis->place);

    if (ngx_mlsec_redis_server_url(cf, redis, &value[1]) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_mlsec_redis_param(cf, redis, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return ngx_mlsec_redis_check(cf, redis) == NGX_OK ? NGX_CONF_OK
                                                      : NGX_CONF_ERROR;
}


static ngx_int_t
ngx_mlsec_redis_param(ngx_conf_t *cf, ngx_mlsec_redis_t *redis,
    ngx_str_t *arg)
{
    ngx_str_t                       value;
    const ngx_mlsec_redis_param_t  *param;

    for (param = ngx_mlsec_redis_params; param->name != NULL; param++) {

        if (!ngx_mlsec_conf_param(arg, param->name, &value)) {
            continue;
        }

        if (value.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "no value of \"%s\" in \"mlsec_redis\"",
                               param->name);
            return NGX_ERROR;
        }

        return param->set(cf, redis, &value, param->offset);
    }

    value = ngx_mlsec_conf_param_name(arg);

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown parameter \"%V\" in \"mlsec_redis\", expected "
                       "\"name=\", \"password_file=\", \"connect_timeout=\", "
                       "\"timeout=\", \"queue=\", \"max_reply=\", "
                       "\"trusted=\", \"sni=\" or \"verify=\"", &value);

    return NGX_ERROR;
}


static ngx_int_t
ngx_mlsec_redis_set_nothing(ngx_conf_t *cf, ngx_mlsec_redis_t *redis,
    ngx_str_t *value, size_t offset)
{
    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_redis_set_text(ngx_conf_t *cf, ngx_mlsec_redis_t *redis,
    ngx_str_t *value, size_t offset)
{
    ngx_str_t  *field;

    field = (ngx_str_t *) ((u_char *) redis + offset);

    field->len = value->len;
    field->data = ngx_pnalloc(cf->pool, value->len + 1);

    if (field->data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(field->data, value->data, value->len + 1);

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_redis_set_password(ngx_conf_t *cf, ngx_mlsec_redis_t *redis,
    ngx_str_t *value, size_t offset)
{
    if (redis->password.len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"password_file=\" in \"mlsec_redis\" and a "
                           "password in the URL, expected one of them");
        return NGX_ERROR;
    }

    return ngx_mlsec_redis_server_password(cf, redis, value);
}


static ngx_int_t
ngx_mlsec_redis_set_time(ngx_conf_t *cf, ngx_mlsec_redis_t *redis,
    ngx_str_t *value, size_t offset)
{
    return ngx_mlsec_conf_msec(cf, offset == offsetof(ngx_mlsec_redis_t,
                                                      timeout)
                                   ? "\"timeout=\" of \"mlsec_redis\""
                                   : "\"connect_timeout=\" of "
                                     "\"mlsec_redis\"",
                               value,
                               (ngx_msec_t *) ((u_char *) redis + offset));
}


static ngx_int_t
ngx_mlsec_redis_set_queue(ngx_conf_t *cf, ngx_mlsec_redis_t *redis,
    ngx_str_t *value, size_t offset)
{
    ngx_int_t  n;

    n = ngx_atoi(value->data, value->len);

    if (n < 1 || n > NGX_MLSEC_REDIS_QUEUE_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" of \"queue=\" in "
                           "\"mlsec_redis\", expected a number of calls, "
                           "1-%d", value, NGX_MLSEC_REDIS_QUEUE_MAX);
        return NGX_ERROR;
    }

    redis->queue = n;

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_redis_set_reply(ngx_conf_t *cf, ngx_mlsec_redis_t *redis,
    ngx_str_t *value, size_t offset)
{
    ssize_t  size;

    size = ngx_parse_size(value);

    if (size < NGX_MLSEC_REDIS_REPLY_MIN || size > NGX_MLSEC_REDIS_REPLY_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" of \"max_reply=\" in "
                           "\"mlsec_redis\", expected a size, 1k-512m",
                           value);
        return NGX_ERROR;
    }

    redis->max_reply = size;

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_redis_set_verify(ngx_conf_t *cf, ngx_mlsec_redis_t *redis,
    ngx_str_t *value, size_t offset)
{
    if (value->len == 2 && ngx_strncmp(value->data, "on", 2) == 0) {
        redis->unverified = 0;
        return NGX_OK;
    }

    if (value->len == 3 && ngx_strncmp(value->data, "off", 3) == 0) {
        redis->unverified = 1;
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" of \"verify=\" in "
                       "\"mlsec_redis\", expected \"on\" or \"off\"", value);

    return NGX_ERROR;
}


static ngx_int_t
ngx_mlsec_redis_check(ngx_conf_t *cf, const ngx_mlsec_redis_t *redis)
{
    const char  *only;

    if (redis->user.len && redis->password.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a user without a password in \"mlsec_redis\", add "
                           "\"password_file=PATH\"");
        return NGX_ERROR;
    }

    if (redis->url.tls) {
        return NGX_OK;
    }

    only = redis->trusted.len ? "trusted=" : redis->sni.len ? "sni="
           : redis->unverified ? "verify=" : NULL;

    if (only != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%s\" in \"mlsec_redis\" without TLS, expected a "
                           "URL such as \"rediss://HOST\"", only);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* The client with a name; makes it when there is none yet. */

static ngx_mlsec_redis_t *
ngx_mlsec_redis_find(ngx_conf_t *cf, const ngx_str_t *name)
{
    ngx_uint_t                    i;
    ngx_mlsec_redis_t           **slot;
    ngx_mlsec_redis_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_mlsec_redis_module);
    slot = mcf->servers.elts;

    for (i = 0; i < mcf->servers.nelts; i++) {

        if (ngx_mlsec_conf_same(&slot[i]->name, name)) {
            return slot[i];
        }
    }

    slot = ngx_array_push(&mcf->servers);
    if (slot == NULL) {
        return NULL;
    }

    *slot = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_redis_t));

    if (*slot != NULL) {
        (*slot)->name = *name;
    }

    return *slot;
}


ngx_mlsec_redis_t *
ngx_mlsec_redis_use(ngx_conf_t *cf, const ngx_str_t *name,
    const char *directive)
{
    ngx_mlsec_redis_t  *redis;

    redis = ngx_mlsec_redis_find(cf, name);

    if (redis != NULL && redis->user_of == NULL) {
        redis->user_of = directive;
        ngx_mlsec_conf_here(cf, &redis->user_place);
    }

    return redis;
}


void
ngx_mlsec_redis_script(ngx_mlsec_redis_script_t *script,
    const ngx_str_t *text)
{
    u_char      digest[20];
    ngx_sha1_t  sha1;

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, text->data, text->len);
    ngx_sha1_final(digest, &sha1);

    script->text = *text;
    (void) ngx_hex_dump(script->sha, digest, sizeof(digest));
}


static char *
ngx_mlsec_redis_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_redis_loc_conf_t  *lcf = conf;

    ngx_str_t   *value, name, checks;
    ngx_uint_t   i;

    if (lcf->status) {
        return "is duplicate";
    }

    value = cf->args->elts;
    lcf->checks = NGX_MLSEC_REDIS_CHECK_PING;

    ngx_str_null(&name);

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_mlsec_conf_param(&value[i], "name=", &name)) {
            continue;
        }

        if (!ngx_mlsec_conf_param(&value[i], "check=", &checks)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown parameter \"%V\" in "
                               "\"mlsec_redis_status\", expected \"name=\" or "
                               "\"check=\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        if (ngx_mlsec_redis_status_checks(cf, lcf, &checks) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    ngx_mlsec_conf_here(cf, &lcf->place);

    lcf->status = ngx_mlsec_redis_use(cf, &name, "mlsec_redis_status");

    if (lcf->status == NULL
        || ngx_mlsec_conf_set_handler(cf, "mlsec_redis_status",
                                      ngx_mlsec_redis_status_handler)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mlsec_redis_status_checks(ngx_conf_t *cf, ngx_mlsec_redis_loc_conf_t *lcf,
    ngx_str_t *value)
{
    u_char      *p, *last, *end;
    size_t       len;
    ngx_uint_t   i;

    static const ngx_str_t  words[] = {
        ngx_string("ping"), ngx_string("write"), ngx_string("pubsub")
    };

    lcf->checks = 0;

    if (value->len == 3 && ngx_strncmp(value->data, "off", 3) == 0) {
        return NGX_OK;
    }

    last = value->data + value->len;

    for (p = value->data; p <= last; p = end + 1) {

        end = ngx_strlchr(p, last, ',');
        end = end ? end : last;
        len = end - p;

        for (i = 0; i < 3; i++) {

            if (len == words[i].len
                && ngx_strncmp(p, words[i].data, len) == 0)
            {
                lcf->checks |= 1 << i;
                break;
            }
        }

        if (i == 3) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid value \"%V\" of \"check=\" in "
                               "\"mlsec_redis_status\", expected \"off\" or a "
                               "list of \"ping\", \"write\" and \"pubsub\"",
                               value);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void *
ngx_mlsec_redis_create_main_conf(ngx_conf_t *cf)
{
    ngx_mlsec_redis_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_redis_main_conf_t));

    if (mcf == NULL
        || ngx_array_init(&mcf->servers, cf->pool, 2, sizeof(void *))
           != NGX_OK)
    {
        return NULL;
    }

    return mcf;
}


static char *
ngx_mlsec_redis_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_mlsec_redis_main_conf_t  *mcf = conf;

    ngx_uint_t           i;
    ngx_mlsec_redis_t  **redis;

    redis = mcf->servers.elts;

    for (i = 0; i < mcf->servers.nelts; i++) {

        if (!redis[i]->defined) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"%s\" in %V:%ui needs \"mlsec_redis URL%s%V;\" in "
                          "\"http\"", redis[i]->user_of,
                          &redis[i]->user_place.file,
                          redis[i]->user_place.line,
                          redis[i]->name.len ? " name=" : "",
                          &redis[i]->name);
            return NGX_CONF_ERROR;
        }

        if (ngx_mlsec_redis_server_prepare(cf, redis[i]) != NGX_OK
            || ngx_mlsec_redis_shared_zone(cf, redis[i]) != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static void *
ngx_mlsec_redis_create_loc_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_redis_loc_conf_t));
}


static char *
ngx_mlsec_redis_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_mlsec_redis_loc_conf_t  *conf = child;

    if (conf->status
        && ngx_mlsec_conf_check_handler(cf, "mlsec_redis_status",
                                        ngx_mlsec_redis_status_handler,
                                        &conf->place)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mlsec_redis_postconfiguration(ngx_conf_t *cf)
{
    ngx_uint_t                    i;
    ngx_mlsec_redis_t           **redis;
    ngx_mlsec_redis_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_mlsec_redis_module);
    redis = mcf->servers.elts;

    for (i = 0; i < mcf->servers.nelts; i++) {

        if (ngx_mlsec_redis_metrics(cf, redis[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_redis_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                    i;
    ngx_mlsec_redis_t           **redis;
    ngx_mlsec_redis_main_conf_t  *mcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_mlsec_redis_module);

    if (mcf == NULL) {
        return NGX_OK;
    }

    redis = mcf->servers.elts;

    for (i = 0; i < mcf->servers.nelts; i++) {

        if (ngx_mlsec_redis_client_begin(cycle, redis[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_mlsec_redis_exit_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                    i;
    ngx_mlsec_redis_t           **redis;
    ngx_mlsec_redis_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_mlsec_redis_module);

    if (mcf == NULL) {
        return;
    }

    redis = mcf->servers.elts;

    for (i = 0; i < mcf->servers.nelts; i++) {
        ngx_mlsec_redis_client_end(redis[i]);
    }
}
