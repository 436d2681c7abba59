/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_mem.h>
#include <redact/ngx_mlsec_redact.h>


#define NGX_MLSEC_REDACT_MAX_SIZE   (1024 * 1024)      /* bytes */


static char *ngx_mlsec_redact(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static ngx_int_t ngx_mlsec_redact_masks(ngx_conf_t *cf, ngx_str_t *list,
    unsigned *masks);
static unsigned ngx_mlsec_redact_mask(const u_char *name, size_t len);
static void ngx_mlsec_redact_complain(ngx_conf_t *cf,
    const mlsec_str_t *paths, size_t bad);
static void *ngx_mlsec_redact_create_loc_conf(ngx_conf_t *cf);
static char *ngx_mlsec_redact_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);


static ngx_command_t  ngx_mlsec_redact_commands[] = {

    { ngx_string("mlsec_redact"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_mlsec_redact,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mlsec_redact_max_size"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_mlsec_redact_loc_conf_t, max_size),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_mlsec_redact_filter_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_mlsec_redact_filter_init,          /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_mlsec_redact_create_loc_conf,      /* create location configuration */
    ngx_mlsec_redact_merge_loc_conf        /* merge location configuration */
};


ngx_module_t  ngx_mlsec_redact_filter_module = {
    NGX_MODULE_V1,
    &ngx_mlsec_redact_filter_module_ctx,   /* module context */
    ngx_mlsec_redact_commands,             /* module directives */
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
ngx_mlsec_redact(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_redact_loc_conf_t  *lcf = conf;

    int              rc;
    size_t           n, bad;
    unsigned         masks;
    ngx_str_t       *value, list;
    ngx_uint_t       i;
    mlsec_mem_t      mem;
    mlsec_str_t     *paths;
    mlsec_redact_t  *redact;

    if (lcf->redact != NULL || lcf->off) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        lcf->off = 1;
        return NGX_CONF_OK;
    }

    paths = ngx_palloc(cf->temp_pool, cf->args->nelts * sizeof(mlsec_str_t));
    if (paths == NULL) {
        return NGX_CONF_ERROR;
    }

    n = 0;
    masks = 0;

    for (i = 1; i < cf->args->nelts; i++) {

        if (!ngx_mlsec_conf_param(&value[i], "mask=", &list)) {
            paths[n].data = value[i].data;
            paths[n++].len = value[i].len;

        } else if (ngx_mlsec_redact_masks(cf, &list, &masks) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    mem = ngx_mlsec_mem(cf->pool);

    rc = mlsec_redact_compile(&mem, paths, n, masks, &redact, &bad);

    if (rc != MLSEC_OK) {

        if (rc == MLSEC_INVALID) {
            ngx_mlsec_redact_complain(cf, paths, bad);
        }

        return NGX_CONF_ERROR;
    }

    lcf->redact = redact;
    ngx_mlsec_conf_use(cf, &ngx_mlsec_redact_filter_module);

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mlsec_redact_masks(ngx_conf_t *cf, ngx_str_t *list, unsigned *masks)
{
    u_char     *p, *last, *comma;
    unsigned    mask;
    ngx_str_t   name;

    last = list->data + list->len;

    for (p = list->data; p <= last; p = comma + 1) {

        comma = ngx_strlchr(p, last, ',');
        comma = (comma != NULL) ? comma : last;

        mask = ngx_mlsec_redact_mask(p, comma - p);

        if (mask == 0) {
            name.data = p;
            name.len = comma - p;

            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown mask \"%V\" in \"mlsec_redact\", "
                               "expected a comma list out of email, card, "
                               "phone", &name);
            return NGX_ERROR;
        }

        *masks |= mask;
    }

    return NGX_OK;
}


/* 0: there is none of this name */

static unsigned
ngx_mlsec_redact_mask(const u_char *name, size_t len)
{
    ngx_uint_t  i;

    static const struct {
        const char   *name;
        unsigned      mask;
    } masks[] = {
        { "email", MLSEC_REDACT_EMAIL },
        { "card", MLSEC_REDACT_CARD },
        { "phone", MLSEC_REDACT_PHONE }
    };

    for (i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {

        if (ngx_strlen(masks[i].name) == len
            && ngx_memcmp(masks[i].name, name, len) == 0)
        {
            return masks[i].mask;
        }
    }

    return 0;
}


static void
ngx_mlsec_redact_complain(ngx_conf_t *cf, const mlsec_str_t *paths,
    size_t bad)
{
    ngx_str_t  path;

    if (bad == MLSEC_REDACT_MAX_PATHS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "too many paths in \"mlsec_redact\", expected at "
                           "most %d", MLSEC_REDACT_MAX_PATHS);
        return;
    }

    path.data = (u_char *) paths[bad].data;
    path.len = paths[bad].len;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid path \"%V\" in \"mlsec_redact\", "
                       "expected names with dots between them such as "
                       "\"user.token\", \"*\" for any name, \"**.token\" "
                       "for one at any depth, or \"mask=\"", &path);
}


static void *
ngx_mlsec_redact_create_loc_conf(ngx_conf_t *cf)
{
    ngx_mlsec_redact_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_redact_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    conf->max_size = NGX_CONF_UNSET_SIZE;

    return conf;
}


static char *
ngx_mlsec_redact_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_mlsec_redact_loc_conf_t  *prev = parent;
    ngx_mlsec_redact_loc_conf_t  *conf = child;

    if (conf->redact == NULL && !conf->off) {
        conf->redact = prev->redact;
        conf->off = prev->off;
    }

    ngx_conf_merge_size_value(conf->max_size, prev->max_size,
                              NGX_MLSEC_REDACT_MAX_SIZE);

    return NGX_CONF_OK;
}
