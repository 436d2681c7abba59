/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <auth/ngx_mlsec_auth_keys.h>
#include <core/ngx_mlsec_conf.h>


static ngx_int_t ngx_mlsec_auth_shown_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_mlsec_auth_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_mlsec_auth_claim_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_mlsec_auth_age_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_mlsec_auth_claim_text(ngx_http_request_t *r,
    const json_t *claim, ngx_str_t *text);


#define NGX_MLSEC_AUTH_IDENTITY  0
#define NGX_MLSEC_AUTH_ROLES     1
#define NGX_MLSEC_AUTH_TENANT    2
#define NGX_MLSEC_AUTH_CLAIMS    3
#define NGX_MLSEC_AUTH_MINTED    4
#define NGX_MLSEC_AUTH_PROTOCOL  5


/* Not to be kept: a redirect inside of nginx may change who it is. */

static ngx_http_variable_t  ngx_mlsec_auth_variables[] = {

    { ngx_string("mlsec_identity"), NULL, ngx_mlsec_auth_variable,
      NGX_MLSEC_AUTH_IDENTITY, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mlsec_roles"), NULL, ngx_mlsec_auth_variable,
      NGX_MLSEC_AUTH_ROLES, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mlsec_tenant"), NULL, ngx_mlsec_auth_variable,
      NGX_MLSEC_AUTH_TENANT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mlsec_claims"), NULL, ngx_mlsec_auth_variable,
      NGX_MLSEC_AUTH_CLAIMS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mlsec_upstream_token"), NULL, ngx_mlsec_auth_variable,
      NGX_MLSEC_AUTH_MINTED, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mlsec_jwt_claim_"), NULL, ngx_mlsec_auth_claim_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

    { ngx_string("mlsec_jwt_protocol"), NULL, ngx_mlsec_auth_variable,
      NGX_MLSEC_AUTH_PROTOCOL, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mlsec_jwt_query"), NULL, ngx_mlsec_auth_shown_variable,
      NGX_MLSEC_AUTH_JWT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mlsec_api_key_sent"), NULL, ngx_mlsec_auth_shown_variable,
      NGX_MLSEC_AUTH_API_KEY, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("mlsec_jwt_keys_age"), NULL, ngx_mlsec_auth_age_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_mlsec_auth_variables_add(ngx_conf_t *cf)
{
    return ngx_mlsec_conf_variables(cf, ngx_mlsec_auth_variables);
}


/* Before anybody is known, and for https before anybody is asked. */

static ngx_int_t
ngx_mlsec_auth_shown_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    v->not_found = data == NGX_MLSEC_AUTH_JWT
                   ? !ngx_mlsec_jwt_concealed(r->main)
                   : !ngx_mlsec_auth_api_key_sent(r->main);

    if (v->not_found) {
        return NGX_OK;
    }

    v->data = (u_char *) "1";
    v->len = 1;
    v->valid = 1;
    v->no_cacheable = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_auth_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t                    text;
    const ngx_mlsec_auth_ctx_t  *ctx;

    v->not_found = 1;
    ctx = ngx_mlsec_auth_ctx(r);

    if (ctx == NULL) {
        return NGX_OK;
    }

    switch (data) {

    case NGX_MLSEC_AUTH_IDENTITY:
        text = ctx->identity;
        break;

    case NGX_MLSEC_AUTH_ROLES:
        if (ngx_mlsec_role_names(r, ctx->roles, &text) != NGX_OK) {
            return NGX_ERROR;
        }

        break;

    case NGX_MLSEC_AUTH_TENANT:
        text = ctx->tenant;
        break;

    case NGX_MLSEC_AUTH_PROTOCOL:
        text = ngx_mlsec_jwt_protocol(r->main);
        break;

    case NGX_MLSEC_AUTH_MINTED:
        text = ctx->minted;
        break;

    default: /* NGX_MLSEC_AUTH_CLAIMS */
        text = ctx->claims;
        break;
    }

    if (text.len == 0) {
        return NGX_OK;
    }

    v->data = text.data;
    v->len = text.len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


/* $mlsec_jwt_claim_NAME: a member of the payload */

static ngx_int_t
ngx_mlsec_auth_claim_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    char                        *key;
    size_t                       len;
    ngx_str_t                   *name, text;
    const json_t                *claim;
    const ngx_mlsec_auth_ctx_t  *ctx;

    name = (ngx_str_t *) data;
    len = name->len - (sizeof("mlsec_jwt_claim_") - 1);
    v->not_found = 1;
    ctx = ngx_mlsec_auth_ctx(r);

    if (ctx == NULL || ctx->jwt.claims == NULL) {
        return NGX_OK;
    }

    key = ngx_pnalloc(r->pool, len + 1);
    if (key == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn((u_char *) key,
                       name->data + sizeof("mlsec_jwt_claim_") - 1, len + 1);

    claim = json_object_get(ctx->jwt.claims, key);

    if (claim == NULL) {
        return NGX_OK;
    }

    if (ngx_mlsec_auth_claim_text(r, claim, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    v->data = text.data;
    v->len = text.len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


/* Seconds since the oldest set of the location was fetched. */

static ngx_int_t
ngx_mlsec_auth_age_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    uint64_t                             age, oldest;
    ngx_uint_t                           i;
    const ngx_mlsec_keys_uri_t *const   *uris;
    const ngx_mlsec_auth_loc_conf_t     *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_auth_module);
    v->not_found = 1;

    if (lcf->uris == NULL) {
        return NGX_OK;
    }

    oldest = 0;
    uris = lcf->uris->elts;

    for (i = 0; i < lcf->uris->nelts; i++) {

        if (!ngx_mlsec_keys_age(uris[i], &age)) {
            return NGX_OK;
        }

        oldest = ngx_max(oldest, age);
    }

    v->data = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (v->data == NULL) {
        return NGX_ERROR;
    }

    v->len = ngx_sprintf(v->data, "%uL", oldest / 1000) - v->data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


/* A string as it may stand in a header; anything else as JSON in ASCII. */

static ngx_int_t
ngx_mlsec_auth_claim_text(ngx_http_request_t *r, const json_t *claim,
    ngx_str_t *text)
{
    size_t       size;
    mlsec_str_t  str;

    static const size_t  flags = JSON_ENCODE_ANY|JSON_COMPACT
                                 |JSON_ENSURE_ASCII;

    if (json_is_string(claim)) {
        str.data = (const u_char *) json_string_value(claim);
        str.len = json_string_length(claim);

        return ngx_mlsec_auth_printable(r, &str, text);
    }

    size = json_dumpb(claim, NULL, 0, flags);

    text->data = ngx_pnalloc(r->pool, size + 1);
    if (text->data == NULL || size == 0) {
        return NGX_ERROR;
    }

    text->len = json_dumpb(claim, (char *) text->data, size, flags);

    return NGX_OK;
}
