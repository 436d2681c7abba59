/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_allow.h>
#include <core/ngx_mlsec_conf.h>
#include <core/ngx_mlsec_error.h>


#define NGX_MLSEC_ALLOW_ANY     ((ngx_uint_t) -1)
#define NGX_MLSEC_ALLOW_NAMES   "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


/*
 * A list that a location has from the server says what the routes there are
 * like.  It must not turn the 404 of a location that is no route into a 405,
 * so it counts only where there is a content handler; nginx's file serving,
 * which is none, refuses methods by itself.
 */

typedef struct {
    ngx_uint_t    methods;           /* NGX_HTTP_GET|..., 0: not set */
    ngx_str_t     header;            /* the same as text */
    ngx_uint_t    here;              /* 1: set in this very location */
    ngx_uint_t    enforced;          /* 1: others get 405 */
    ngx_array_t  *rules;             /* ngx_mlsec_allow_rule_t, NULL: none */
} ngx_mlsec_allow_loc_conf_t;


typedef struct {
    ngx_str_t     name;
    ngx_uint_t    method;
} ngx_mlsec_allow_method_t;


static mlsec_rare ngx_int_t ngx_mlsec_allow_refuse(ngx_http_request_t *r,
    const ngx_str_t *allow);
static char *ngx_mlsec_allow(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static ngx_int_t ngx_mlsec_allow_list(ngx_conf_t *cf, ngx_str_t *list,
    ngx_uint_t *methods);
static ngx_array_t *ngx_mlsec_allow_roles(ngx_conf_t *cf);
static ngx_uint_t ngx_mlsec_allow_method(u_char *name, size_t len);
static ngx_int_t ngx_mlsec_allow_text(ngx_conf_t *cf,
    ngx_mlsec_allow_loc_conf_t *lcf);
static void *ngx_mlsec_allow_create_loc_conf(ngx_conf_t *cf);
static char *ngx_mlsec_allow_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);


/* in the order in which Allow names them */

static const ngx_mlsec_allow_method_t  ngx_mlsec_allow_methods[] = {
    { ngx_string("GET"), NGX_HTTP_GET },
    { ngx_string("HEAD"), NGX_HTTP_HEAD },
    { ngx_string("POST"), NGX_HTTP_POST },
    { ngx_string("PUT"), NGX_HTTP_PUT },
    { ngx_string("PATCH"), NGX_HTTP_PATCH },
    { ngx_string("DELETE"), NGX_HTTP_DELETE },
    { ngx_string("OPTIONS"), NGX_HTTP_OPTIONS },
    { ngx_null_string, 0 }
};


static const ngx_str_t  ngx_mlsec_allow_default = ngx_string("GET, HEAD");


static ngx_command_t  ngx_mlsec_allow_commands[] = {

    { ngx_string("mlsec_allow"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_mlsec_allow,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_mlsec_allow_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_mlsec_allow_create_loc_conf,       /* create location configuration */
    ngx_mlsec_allow_merge_loc_conf         /* merge location configuration */
};


ngx_module_t  ngx_mlsec_allow_module = {
    NGX_MODULE_V1,
    &ngx_mlsec_allow_module_ctx,           /* module context */
    ngx_mlsec_allow_commands,              /* module directives */
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


ngx_int_t
ngx_mlsec_allow_rewrite(ngx_http_request_t *r)
{
    const ngx_mlsec_allow_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_allow_module);

    /*
     * A part of an aggregate has the method that the configuration gave it,
     * and a page for an error is shown whatever the client's method was.
     */

    if (!lcf->enforced
        || (r->method & lcf->methods)
        || r != r->main
        || r->err_status)
    {
        return NGX_DECLINED;
    }

    return ngx_mlsec_allow_refuse(r, &lcf->header);
}


static ngx_int_t
ngx_mlsec_allow_refuse(ngx_http_request_t *r, const ngx_str_t *allow)
{
    ngx_mlsec_error_t  error;

    ngx_memzero(&error, sizeof(ngx_mlsec_error_t));
    error.status = NGX_HTTP_NOT_ALLOWED;
    error.policy = "mlsec_allow";
    error.allow = *allow;
    ngx_str_set(&error.reason, "the location does not have the method");

    (void) ngx_mlsec_error_set(r, &error);

    return NGX_HTTP_NOT_ALLOWED;
}


const ngx_str_t *
ngx_mlsec_allow_header(ngx_http_request_t *r)
{
    const ngx_str_t  *named;

    named = ngx_mlsec_allow_named(r);

    return named != NULL ? named : &ngx_mlsec_allow_default;
}


const ngx_str_t *
ngx_mlsec_allow_named(ngx_http_request_t *r)
{
    const ngx_mlsec_allow_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_allow_module);

    return lcf->enforced ? &lcf->header : NULL;
}


ngx_uint_t
ngx_mlsec_allow_taken(ngx_http_request_t *r)
{
    const ngx_mlsec_allow_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_allow_module);

    if (lcf->methods) {
        return (r->method & lcf->methods) != 0;
    }

    return (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) != 0;
}


const ngx_array_t *
ngx_mlsec_allow_rules(ngx_conf_t *cf)
{
    const ngx_mlsec_allow_loc_conf_t  *lcf;

    lcf = ngx_http_conf_get_module_loc_conf(cf, ngx_mlsec_allow_module);

    return lcf->rules;
}


static char *
ngx_mlsec_allow(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_allow_loc_conf_t  *lcf = conf;

    ngx_str_t               *value;
    ngx_mlsec_allow_rule_t  *rule;

    value = cf->args->elts;
    lcf->here = 1;

    if (lcf->rules == NULL) {
        lcf->rules = ngx_array_create(cf->pool, 2,
                                      sizeof(ngx_mlsec_allow_rule_t));
        if (lcf->rules == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    rule = ngx_array_push(lcf->rules);
    if (rule == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(rule, sizeof(ngx_mlsec_allow_rule_t));
    ngx_mlsec_conf_here(cf, &rule->place);

    if (ngx_mlsec_allow_list(cf, &value[1], &rule->methods) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts > 2) {
        rule->roles = ngx_mlsec_allow_roles(cf);
        if (rule->roles == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    lcf->methods |= rule->methods;

    return ngx_mlsec_allow_text(cf, lcf) == NGX_OK ? NGX_CONF_OK
                                                   : NGX_CONF_ERROR;
}


static ngx_int_t
ngx_mlsec_allow_list(ngx_conf_t *cf, ngx_str_t *list, ngx_uint_t *methods)
{
    u_char      *p, *last, *comma;
    ngx_str_t    name;
    ngx_uint_t   method;

    if (ngx_strcmp(list->data, "any") == 0) {
        *methods = NGX_MLSEC_ALLOW_ANY;
        return NGX_OK;
    }

    p = list->data;
    last = p + list->len;

    for ( ;; ) {
        comma = ngx_strlchr(p, last, ',');
        name.data = p;
        name.len = (comma ? comma : last) - p;

        method = ngx_mlsec_allow_method(name.data, name.len);

        if (method == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown method \"%V\" in \"mlsec_allow\", "
                               "expected \"any\" or a comma list out of "
                               NGX_MLSEC_ALLOW_NAMES, &name);
            return NGX_ERROR;
        }

        *methods |= method;

        if (comma == NULL) {
            return NGX_OK;
        }

        p = comma + 1;
    }
}


static ngx_array_t *
ngx_mlsec_allow_roles(ngx_conf_t *cf)
{
    ngx_str_t    *value, *role;
    ngx_uint_t    i;
    ngx_array_t  *roles;

    value = cf->args->elts;
    roles = ngx_array_create(cf->pool, cf->args->nelts - 2,
                             sizeof(ngx_str_t));
    if (roles == NULL) {
        return NULL;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        /* "GET POST" is meant to be "GET,POST" */

        if (ngx_mlsec_allow_method(value[i].data, value[i].len)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" in \"mlsec_allow\" is a method where "
                               "a role is expected, put commas between "
                               "methods", &value[i]);
            return NULL;
        }

        if (!ngx_mlsec_conf_is_word(&value[i])) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid role \"%V\" in \"mlsec_allow\", "
                               "expected letters, digits and . _ : -",
                               &value[i]);
            return NULL;
        }

        role = ngx_array_push(roles);
        if (role == NULL) {
            return NULL;
        }

        *role = value[i];
    }

    return roles;
}


static ngx_uint_t
ngx_mlsec_allow_method(u_char *name, size_t len)
{
    const ngx_mlsec_allow_method_t  *m;

    for (m = ngx_mlsec_allow_methods; m->name.len; m++) {

        if (m->name.len == len && ngx_memcmp(m->name.data, name, len) == 0) {

            /* RFC 9110, 9.3.2: what can be read can be asked about */

            return m->method == NGX_HTTP_GET ? NGX_HTTP_GET|NGX_HTTP_HEAD
                                             : m->method;
        }
    }

    return 0;
}


static ngx_int_t
ngx_mlsec_allow_text(ngx_conf_t *cf, ngx_mlsec_allow_loc_conf_t *lcf)
{
    u_char                          *p;
    const ngx_mlsec_allow_method_t  *m;

    p = ngx_pnalloc(cf->pool, sizeof(NGX_MLSEC_ALLOW_NAMES));
    if (p == NULL) {
        return NGX_ERROR;
    }

    lcf->header.data = p;

    for (m = ngx_mlsec_allow_methods; m->name.len; m++) {

        if (lcf->methods & m->method) {

            if (p != lcf->header.data) {
                *p++ = ',';
                *p++ = ' ';
            }

            p = ngx_cpymem(p, m->name.data, m->name.len);
        }
    }

    lcf->header.len = p - lcf->header.data;

    return NGX_OK;
}


static void *
ngx_mlsec_allow_create_loc_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_allow_loc_conf_t));
}


static char *
ngx_mlsec_allow_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_mlsec_allow_loc_conf_t  *prev = parent;
    ngx_mlsec_allow_loc_conf_t  *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (conf->methods == 0) {
        conf->methods = prev->methods;
        conf->header = prev->header;
        conf->rules = prev->rules;

        /* an "if" or "limit_except" inside the location is the location */

        if (clcf->noname || clcf->lmt_excpt) {
            conf->here = prev->here;
            conf->enforced = prev->enforced;
            return NGX_CONF_OK;
        }
    }

    conf->enforced = conf->methods != 0
                     && conf->methods != NGX_MLSEC_ALLOW_ANY
                     && (conf->here || clcf->handler != NULL);

    if (conf->enforced) {
        ngx_mlsec_conf_use(cf, &ngx_mlsec_allow_module);
    }

    return NGX_CONF_OK;
}
