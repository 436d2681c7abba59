/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <auth/ngx_mlsec_auth.h>
#include <core/ngx_mlsec_conf.h>
#include <core/ngx_mlsec_mem.h>


static ngx_uint_t ngx_mlsec_auth_op(ngx_str_t *word);
static ngx_int_t ngx_mlsec_auth_word(ngx_mlsec_auth_loc_conf_t *lcf,
    ngx_str_t *word);


char *
ngx_mlsec_auth(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_auth_loc_conf_t  *lcf = conf;

    ngx_str_t                  *value;
    ngx_uint_t                  i;
    ngx_mlsec_auth_srv_conf_t  *scf;

    if (lcf->methods) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        lcf->methods = NGX_MLSEC_AUTH_OFF;
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_mlsec_auth_word(lcf, &value[i]) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid value \"%V\" in \"mlsec_auth\", "
                               "expected \"off\" or a list of \"jwt\", "
                               "\"api_key\", \"mtls\", which \"any\" or "
                               "\"all\" may end", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    if (!(lcf->methods & ~NGX_MLSEC_AUTH_ALL)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"mlsec_auth\" names no way to authenticate, "
                           "expected \"jwt\", \"api_key\" or \"mtls\"");
        return NGX_CONF_ERROR;
    }

    scf = ngx_http_conf_get_module_srv_conf(cf, ngx_mlsec_auth_module);
    scf->used = 1;
    ngx_mlsec_conf_use(cf, &ngx_mlsec_auth_module);

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mlsec_auth_word(ngx_mlsec_auth_loc_conf_t *lcf, ngx_str_t *word)
{
    if (ngx_strcmp(word->data, "jwt") == 0) {
        lcf->methods |= NGX_MLSEC_AUTH_JWT;

    } else if (ngx_strcmp(word->data, "api_key") == 0) {
        lcf->methods |= NGX_MLSEC_AUTH_API_KEY;

    } else if (ngx_strcmp(word->data, "mtls") == 0) {
        lcf->methods |= NGX_MLSEC_AUTH_MTLS;

    } else if (ngx_strcmp(word->data, "all") == 0) {
        lcf->methods |= NGX_MLSEC_AUTH_ALL;

    } else if (ngx_strcmp(word->data, "any") != 0) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


char *
ngx_mlsec_jwt_key_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_auth_loc_conf_t  *lcf = conf;

    ngx_str_t              *value;
    ngx_uint_t              i;
    ngx_mlsec_auth_file_t  *file, **slot;

    if (lcf->keys == NULL) {
        lcf->keys = ngx_array_create(cf->pool, 1,
                                     sizeof(ngx_mlsec_auth_file_t *));
        if (lcf->keys == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        file = ngx_mlsec_auth_file(cf, "mlsec_jwt_key_file", &value[i],
                                   NGX_MLSEC_FILE_KEYS);
        slot = ngx_array_push(lcf->keys);

        if (file == NULL || slot == NULL) {
            return NGX_CONF_ERROR;
        }

        *slot = file;
    }

    return NGX_CONF_OK;
}


char *
ngx_mlsec_jwt_alg(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_auth_loc_conf_t  *lcf = conf;

    int          alg;
    ngx_str_t   *value;
    ngx_uint_t   i;
    mlsec_str_t  name;

    if (lcf->algs) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        name.data = value[i].data;
        name.len = value[i].len;
        alg = mlsec_alg_find(name);

        if (alg < 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown algorithm \"%V\" in "
                               "\"mlsec_jwt_alg\", expected a list out of "
                               "RS256 RS384 RS512 PS256 PS384 PS512 ES256 "
                               "ES384 ES512 EdDSA HS256 HS384 HS512",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        lcf->algs |= mlsec_alg_bit(alg);
    }

    return NGX_CONF_OK;
}


/* mlsec_jwt_issuer and mlsec_jwt_audience: names, or "any" */

char *
ngx_mlsec_jwt_names(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t     *value;
    ngx_uint_t     i;
    ngx_array_t  **list;
    mlsec_str_t   *name;

    list = (ngx_array_t **) ((char *) conf + cmd->offset);

    if (*list != NULL) {
        return "is duplicate";
    }

    *list = ngx_array_create(cf->pool, cf->args->nelts, sizeof(mlsec_str_t));
    if (*list == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "any") == 0) {
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (value[i].len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "empty name in \"%V\", expected \"any\" or "
                               "names", &cmd->name);
            return NGX_CONF_ERROR;
        }

        name = ngx_array_push(*list);
        if (name == NULL) {
            return NGX_CONF_ERROR;
        }

        name->data = value[i].data;
        name->len = value[i].len;
    }

    return NGX_CONF_OK;
}


char *
ngx_mlsec_jwt_source(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_auth_loc_conf_t  *lcf = conf;

    ngx_str_t   *value;
    ngx_uint_t   i;

    if (lcf->sources) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "bearer") == 0) {
            lcf->sources |= NGX_MLSEC_SOURCE_BEARER;

        } else if (ngx_strcmp(value[i].data, "websocket") == 0) {
            lcf->sources |= NGX_MLSEC_SOURCE_WEBSOCKET;

        } else if (ngx_mlsec_conf_param(&value[i], "cookie=", &lcf->cookie)
                   && lcf->cookie.len)
        {
            lcf->sources |= NGX_MLSEC_SOURCE_COOKIE;

        } else if (ngx_mlsec_conf_param(&value[i], "query=", &lcf->query)
                   && lcf->query.len)
        {
            lcf->sources |= NGX_MLSEC_SOURCE_QUERY;

        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid value \"%V\" in "
                               "\"mlsec_jwt_source\", expected a list of "
                               "\"bearer\", \"websocket\", \"cookie=NAME\", "
                               "\"query=NAME\"", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


char *
ngx_mlsec_jwt_claim(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_auth_loc_conf_t  *lcf = conf;

    ngx_str_t            *value;
    mlsec_claims_path_t  *path;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "identity") == 0) {
        path = &lcf->claim_sub;

    } else if (ngx_strcmp(value[1].data, "roles") == 0) {
        path = &lcf->claim_roles;

    } else if (ngx_strcmp(value[1].data, "tenant") == 0) {
        path = &lcf->claim_tenant;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"mlsec_jwt_claim\", "
                           "expected \"identity\", \"roles\" or \"tenant\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    if (path->n) {
        return "is duplicate";
    }

    return ngx_mlsec_auth_path(cf, "mlsec_jwt_claim", &value[2], path)
           == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


ngx_int_t
ngx_mlsec_auth_path(ngx_conf_t *cf, const char *directive, ngx_str_t *text,
    mlsec_claims_path_t *path)
{
    mlsec_mem_t  mem;
    mlsec_str_t  str;

    mem = ngx_mlsec_mem(cf->pool);
    str.data = text->data;
    str.len = text->len;

    if (mlsec_claims_path(&mem, str, path) != MLSEC_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid path \"%V\" in \"%s\", expected up to "
                           "8 names with dots between, or a JSON pointer",
                           text, directive);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_mlsec_auth_op(ngx_str_t *word)
{
    ngx_uint_t  op;

    static const char *const  ops[NGX_MLSEC_OPS] = {
        "exists", "eq", "ne", "in", "has", "gt", "ge", "lt", "le"
    };

    for (op = 0; op < NGX_MLSEC_OPS; op++) {
        if (ngx_strcmp(word->data, ops[op]) == 0) {
            break;
        }
    }

    return op;
}


char *
ngx_mlsec_jwt_require(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_auth_loc_conf_t  *lcf = conf;

    ngx_str_t                          *value, text;
    ngx_uint_t                          n, op;
    ngx_mlsec_require_t                *req;
    ngx_http_compile_complex_value_t    ccv;

    if (lcf->require == NULL) {
        lcf->require = ngx_array_create(cf->pool, 2,
                                        sizeof(ngx_mlsec_require_t));
    }

    req = lcf->require == NULL ? NULL : ngx_array_push(lcf->require);
    if (req == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(req, sizeof(ngx_mlsec_require_t));
    req->status = NGX_HTTP_FORBIDDEN;
    value = cf->args->elts;
    n = cf->args->nelts;

    if (ngx_mlsec_conf_param(&value[n - 1], "error=", &text)) {
        req->status = ngx_strcmp(text.data, "401") == 0
                      ? NGX_HTTP_UNAUTHORIZED : NGX_HTTP_FORBIDDEN;

        if (req->status == NGX_HTTP_FORBIDDEN
            && ngx_strcmp(text.data, "403") != 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid value \"%V\" in "
                               "\"mlsec_jwt_require\", expected "
                               "\"error=401\" or \"error=403\"",
                               &value[n - 1]);
            return NGX_CONF_ERROR;
        }

        n--;
    }

    op = ngx_mlsec_auth_op(&value[2]);

    if (op == NGX_MLSEC_OPS || n != (op == NGX_MLSEC_OP_EXISTS ? 3 : 4)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"mlsec_jwt_require\", expected PATH "
                           "\"exists\", or PATH, one of \"eq\", \"ne\", "
                           "\"in\", \"has\", \"gt\", \"ge\", \"lt\", "
                           "\"le\", and a value");
        return NGX_CONF_ERROR;
    }

    req->op = op;

    if (ngx_mlsec_auth_path(cf, "mlsec_jwt_require", &value[1], &req->path)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (op == NGX_MLSEC_OP_EXISTS) {
        return NGX_CONF_OK;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));
    ccv.cf = cf;
    ccv.value = &value[3];
    ccv.complex_value = &req->value;

    return ngx_http_compile_complex_value(&ccv) == NGX_OK ? NGX_CONF_OK
                                                          : NGX_CONF_ERROR;
}


char *
ngx_mlsec_jwt_revoke(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_auth_loc_conf_t  *lcf = conf;

    ngx_str_t  *value;

    if (lcf->revoked != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;
    lcf->revoked = ngx_mlsec_auth_file(cf, "mlsec_jwt_revoke", &value[1],
                                       NGX_MLSEC_FILE_REVOKED);

    return lcf->revoked != NULL ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ngx_mlsec_api_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_auth_loc_conf_t  *lcf = conf;

    ngx_str_t  *value, header;

    if (lcf->api_keys != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 3) {

        if (!ngx_mlsec_conf_param(&value[2], "header=", &header)
            || !ngx_mlsec_conf_is_word(&header))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\" in "
                               "\"mlsec_api_key\", expected "
                               "\"header=NAME\"", &value[2]);
            return NGX_CONF_ERROR;
        }

        ngx_strlow(header.data, header.data, header.len);
        lcf->api_key_header = header;
    }

    lcf->api_keys = ngx_mlsec_auth_file(cf, "mlsec_api_key", &value[1],
                                        NGX_MLSEC_FILE_API_KEYS);

    return lcf->api_keys != NULL ? NGX_CONF_OK : NGX_CONF_ERROR;
}
