/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_endpoint.h>
#include <core/ngx_mlsec_json.h>


typedef struct {
    ngx_array_t    names;        /* ngx_str_t */
    ngx_str_t      json;
} ngx_mlsec_endpoint_srv_conf_t;


static void *ngx_mlsec_endpoint_create_srv_conf(ngx_conf_t *cf);
static void *ngx_mlsec_endpoint_create_loc_conf(ngx_conf_t *cf);
static char *ngx_mlsec_endpoint_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_mlsec_endpoint_postconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_mlsec_endpoint_write(ngx_conf_t *cf,
    ngx_mlsec_endpoint_srv_conf_t *escf);
static int ngx_libc_cdecl ngx_mlsec_endpoint_cmp(const void *one,
    const void *two);


static ngx_http_module_t  ngx_mlsec_endpoint_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_mlsec_endpoint_postconfiguration,  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    ngx_mlsec_endpoint_create_srv_conf,    /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_mlsec_endpoint_create_loc_conf,    /* create location configuration */
    ngx_mlsec_endpoint_merge_loc_conf      /* merge location configuration */
};


ngx_module_t  ngx_mlsec_endpoint_module = {
    NGX_MODULE_V1,
    &ngx_mlsec_endpoint_module_ctx,        /* module context */
    NULL,                                  /* module directives */
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


ngx_str_t *
ngx_mlsec_endpoint_list(ngx_http_request_t *r)
{
    ngx_mlsec_endpoint_srv_conf_t  *escf;

    escf = ngx_http_get_module_srv_conf(r, ngx_mlsec_endpoint_module);

    return &escf->json;
}


static void *
ngx_mlsec_endpoint_create_srv_conf(ngx_conf_t *cf)
{
    ngx_mlsec_endpoint_srv_conf_t  *escf;

    escf = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_endpoint_srv_conf_t));
    if (escf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&escf->names, cf->pool, 8, sizeof(ngx_str_t))
        != NGX_OK)
    {
        return NULL;
    }

    ngx_str_set(&escf->json, "[]");

    return escf;
}


/*
 * Nothing is configured by location: the structure exists because nginx
 * merges, and so shows, each location only to modules that have one.
 */

static void *
ngx_mlsec_endpoint_create_loc_conf(ngx_conf_t *cf)
{
    return ngx_palloc(cf->pool, 1);
}


static char *
ngx_mlsec_endpoint_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_str_t                      *name;
    ngx_http_core_loc_conf_t       *clcf;
    ngx_mlsec_endpoint_srv_conf_t  *escf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler == NULL || clcf->name.len == 0
        || clcf->noname || clcf->lmt_excpt || clcf->named || clcf->internal)
    {
        return NGX_CONF_OK;
    }

#if (NGX_PCRE)
    if (clcf->regex) {
        return NGX_CONF_OK;
    }
#endif

    escf = ngx_http_conf_get_module_srv_conf(cf, ngx_mlsec_endpoint_module);

    name = ngx_array_push(&escf->names);
    if (name == NULL) {
        return NGX_CONF_ERROR;
    }

    *name = clcf->name;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mlsec_endpoint_postconfiguration(ngx_conf_t *cf)
{
    ngx_uint_t                       i;
    ngx_http_core_srv_conf_t       **cscf;
    ngx_http_core_main_conf_t       *cmcf;
    ngx_mlsec_endpoint_srv_conf_t   *escf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    cscf = cmcf->servers.elts;

    for (i = 0; i < cmcf->servers.nelts; i++) {
        escf = cscf[i]->ctx->srv_conf[ngx_mlsec_endpoint_module.ctx_index];

        if (ngx_mlsec_endpoint_write(cf, escf) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_endpoint_write(ngx_conf_t *cf, ngx_mlsec_endpoint_srv_conf_t *escf)
{
    ngx_str_t         *name;
    ngx_uint_t         i;
    ngx_mlsec_json_t   w;

    name = escf->names.elts;

    ngx_qsort(name, escf->names.nelts, sizeof(ngx_str_t),
              ngx_mlsec_endpoint_cmp);

    (void) ngx_mlsec_json_init(&w, cf->pool, 256);

    ngx_mlsec_json_lit(&w, "[");

    for (i = 0; i < escf->names.nelts && i < NGX_MLSEC_ENDPOINT_MAX; i++) {

        if (i > 0) {
            ngx_mlsec_json_lit(&w, ",");
        }

        ngx_mlsec_json_string(&w, &name[i]);
    }

    ngx_mlsec_json_lit(&w, "]");

    return ngx_mlsec_json_text(&w, &escf->json);
}


static int ngx_libc_cdecl
ngx_mlsec_endpoint_cmp(const void *one, const void *two)
{
    size_t            len;
    ngx_int_t         rc;
    const ngx_str_t  *a = one;
    const ngx_str_t  *b = two;

    len = ngx_min(a->len, b->len);
    rc = ngx_memcmp(a->data, b->data, len);

    if (rc == 0) {
        rc = (a->len > b->len) - (a->len < b->len);
    }

    return (int) rc;
}
