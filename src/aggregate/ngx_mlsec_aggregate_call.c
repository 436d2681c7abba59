/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <aggregate/ngx_mlsec_aggregate.h>
#include <aggregate/ngx_mlsec_aggregate_chain.h>
#include <core/ngx_mlsec_mem.h>
#include <core/ngx_mlsec_template.h>


#define NGX_MLSEC_CALL_NAME_MAX  64


typedef ngx_int_t (*ngx_mlsec_call_param_pt)(ngx_conf_t *cf,
    ngx_mlsec_call_t *call, ngx_str_t *value);


static ngx_int_t ngx_mlsec_call_check_name(ngx_conf_t *cf,
    ngx_mlsec_aggregate_loc_conf_t *lcf, ngx_str_t *name);
static ngx_int_t ngx_mlsec_call_parameter(ngx_conf_t *cf,
    ngx_mlsec_call_t *call, ngx_str_t *arg);
static ngx_int_t ngx_mlsec_call_timeout(ngx_conf_t *cf,
    ngx_mlsec_call_t *call, ngx_str_t *value);
static ngx_int_t ngx_mlsec_call_method(ngx_conf_t *cf,
    ngx_mlsec_call_t *call, ngx_str_t *value);
static ngx_int_t ngx_mlsec_call_body(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value);
static ngx_int_t ngx_mlsec_call_header(ngx_conf_t *cf,
    ngx_mlsec_call_t *call, ngx_str_t *value);
static ngx_int_t ngx_mlsec_call_args(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value);
static ngx_int_t ngx_mlsec_call_ok(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value);
static ngx_int_t ngx_mlsec_call_fallback(ngx_conf_t *cf,
    ngx_mlsec_call_t *call, ngx_str_t *value);
static ngx_int_t ngx_mlsec_call_target(ngx_conf_t *cf,
    ngx_mlsec_call_t *call, ngx_str_t *value);
static ngx_int_t ngx_mlsec_call_pick(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value);
static ngx_int_t ngx_mlsec_call_drop(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value);
static ngx_int_t ngx_mlsec_call_paths(ngx_conf_t *cf, const char *name,
    ngx_str_t *value, mlsec_paths_t **paths);
static ngx_int_t ngx_mlsec_call_as(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value);
static ngx_int_t ngx_mlsec_call_if(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value);
static ngx_int_t ngx_mlsec_call_service(ngx_conf_t *cf,
    ngx_mlsec_call_t *call, ngx_str_t *value);
static ngx_int_t ngx_mlsec_call_check(ngx_conf_t *cf, ngx_mlsec_call_t *call);


static const struct {
    const char               *name;
    ngx_mlsec_call_param_pt   handler;
} ngx_mlsec_call_params[] = {
    { "timeout=", ngx_mlsec_call_timeout },
    { "method=", ngx_mlsec_call_method },
    { "body=", ngx_mlsec_call_body },
    { "header=", ngx_mlsec_call_header },
    { "args=", ngx_mlsec_call_args },
    { "ok=", ngx_mlsec_call_ok },
    { "fallback=", ngx_mlsec_call_fallback },
    { "target=", ngx_mlsec_call_target },
    { "pick=", ngx_mlsec_call_pick },
    { "drop=", ngx_mlsec_call_drop },
    { "as=", ngx_mlsec_call_as },
    { "filter=", ngx_mlsec_call_filter },
    { "filter_file=", ngx_mlsec_call_filter_file },
    { "if=", ngx_mlsec_call_if },
    { "service=", ngx_mlsec_call_service },
    { "after=", ngx_mlsec_call_after },
    { "foreach=", ngx_mlsec_call_foreach },
    { "max=", ngx_mlsec_call_max },
    { "concurrency=", ngx_mlsec_call_concurrency },
    { NULL, NULL }
};


static const struct {
    const char               *name;
    ngx_uint_t                method;
} ngx_mlsec_call_methods[] = {
    { "GET", NGX_HTTP_GET },
    { "POST", NGX_HTTP_POST },
    { "PUT", NGX_HTTP_PUT },
    { "PATCH", NGX_HTTP_PATCH },
    { "DELETE", NGX_HTTP_DELETE },
    { NULL, 0 }
};


char *
ngx_mlsec_call(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_aggregate_loc_conf_t  *lcf = conf;

    ngx_str_t         *value;
    ngx_uint_t         i;
    ngx_mlsec_call_t  *call;

    if (ngx_mlsec_conf_set_handler(cf, "mlsec_call",
                                   ngx_mlsec_aggregate_handler)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_mlsec_conf_use(cf, &ngx_mlsec_capture_filter_module);

    if (lcf->calls == NULL) {
        lcf->calls = ngx_array_create(cf->pool, 4, sizeof(ngx_mlsec_call_t));
        if (lcf->calls == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;

    if (ngx_mlsec_call_check_name(cf, lcf, &value[1]) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    call = ngx_array_push(lcf->calls);
    if (call == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(call, sizeof(ngx_mlsec_call_t));

    call->name = value[1];
    ngx_mlsec_conf_here(cf, &call->place);

    if (ngx_mlsec_call_uri_compile(cf, &value[2], call) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    for (i = 3; i < cf->args->nelts; i++) {
        if (ngx_mlsec_call_parameter(cf, call, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_mlsec_call_check(cf, call) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    lcf->body |= call->body;

    if (ngx_mlsec_call_register(cf, lcf, lcf->calls->nelts - 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_mlsec_call_check_name(ngx_conf_t *cf, ngx_mlsec_aggregate_loc_conf_t *lcf,
    ngx_str_t *name)
{
    size_t             i;
    u_char             ch, c;
    ngx_uint_t         n;
    ngx_mlsec_call_t  *call;

    for (i = 0; i < name->len; i++) {
        ch = name->data[i];
        c = (u_char) (ch | 0x20);

        if (!((c >= 'a' && c <= 'z') || (ch >= '0' && ch <= '9')
              || ch == '_' || ch == '-'))
        {
            break;
        }
    }

    if (i < name->len || i == 0 || i > NGX_MLSEC_CALL_NAME_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid part name \"%V\" in \"mlsec_call\", "
                           "expected 1-64 letters, digits, \"_\" or \"-\"",
                           name);
        return NGX_ERROR;
    }

    if (name->len == sizeof("errors") - 1
        && ngx_strncmp(name->data, "errors", name->len) == 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a part cannot be named \"errors\" in "
                           "\"mlsec_call\", that member lists failed parts");
        return NGX_ERROR;
    }

    call = lcf->calls->elts;

    for (n = 0; n < lcf->calls->nelts; n++) {

        if (call[n].name.len == name->len
            && ngx_strncmp(call[n].name.data, name->data, name->len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate part name \"%V\" in \"mlsec_call\"",
                               name);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_call_parameter(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *arg)
{
    ngx_str_t   value;
    ngx_uint_t  i;

    if (ngx_strcmp(arg->data, "required") == 0) {
        call->required = 1;
        return NGX_OK;
    }

    if (ngx_strcmp(arg->data, "optional") == 0) {
        call->required = 0;
        return NGX_OK;
    }

    for (i = 0; ngx_mlsec_call_params[i].name; i++) {

        if (ngx_mlsec_conf_param(arg, ngx_mlsec_call_params[i].name, &value)) {
            return ngx_mlsec_call_params[i].handler(cf, call, &value);
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown parameter \"%V\" in \"mlsec_call\"", arg);

    return NGX_ERROR;
}


static ngx_int_t
ngx_mlsec_call_timeout(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value)
{
    return ngx_mlsec_conf_msec(cf, "\"timeout=\" of \"mlsec_call\"", value,
                               &call->timeout);
}


static ngx_int_t
ngx_mlsec_call_method(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value)
{
    ngx_uint_t  i;

    for (i = 0; ngx_mlsec_call_methods[i].name; i++) {

        if (ngx_strcmp(value->data, ngx_mlsec_call_methods[i].name) == 0) {
            call->method = ngx_mlsec_call_methods[i].method;
            call->method_name = *value;
            return NGX_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid method \"%V\" in \"mlsec_call\", expected "
                       "\"GET\", \"POST\", \"PUT\", \"PATCH\" or \"DELETE\"",
                       value);

    return NGX_ERROR;
}


static ngx_int_t
ngx_mlsec_call_body(ngx_conf_t *cf, ngx_mlsec_call_t *call, ngx_str_t *value)
{
    ngx_int_t  rc;

    if (ngx_strcmp(value->data, "on") == 0) {
        call->body = 1;
        return NGX_OK;
    }

    if (ngx_strcmp(value->data, "off") == 0) {
        call->body = 0;
        return NGX_OK;
    }

    rc = ngx_mlsec_call_body_filter(cf, call, value);

    if (rc == NGX_OK) {
        call->body = 1;
    }

    if (rc == NGX_DECLINED) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" of \"body=\" in "
                           "\"mlsec_call\", expected \"on\", \"off\", "
                           "\"filter:PROGRAM\" or \"file:PATH\"", value);
    }

    return (rc == NGX_OK) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_mlsec_call_header(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value)
{
    u_char                   *p, *colon, *last;
    ngx_str_t                 name, text;
    ngx_uint_t                i;
    ngx_array_t              *pieces, *plain;
    ngx_mlsec_call_header_t  *header;

    last = value->data + value->len;
    colon = ngx_mlsec_conf_header_colon(value);

    if (colon == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid header \"%V\" in \"mlsec_call\", "
                           "expected \"header=Name: value\"", value);
        return NGX_ERROR;
    }

    name.data = value->data;
    name.len = colon - value->data;

    for (p = colon + 1; p < last && *p == ' '; p++) { /* void */ }

    text.data = p;
    text.len = last - p;

    pieces = ngx_mlsec_template_compile(cf, "mlsec_call", &text);
    plain = pieces;

    if (pieces == NULL
        || ngx_mlsec_chain_split(cf, call, &pieces, 1) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (call->headers == NULL) {
        call->headers = ngx_array_create(cf->pool, 2,
                                         sizeof(ngx_mlsec_call_header_t));
        if (call->headers == NULL) {
            return NGX_ERROR;
        }
    }

    /* given again, it replaces */

    header = call->headers->elts;

    for (i = 0; i < call->headers->nelts; i++) {

        if (header[i].name.len == name.len
            && ngx_strncasecmp(header[i].name.data, name.data, name.len) == 0)
        {
            header[i].value = pieces;
            header[i].needs = (pieces != plain);
            return NGX_OK;
        }
    }

    header = ngx_array_push(call->headers);
    if (header == NULL) {
        return NGX_ERROR;
    }

    header->name = name;
    header->value = pieces;
    header->needs = (pieces != plain);
    header->lowcase = ngx_pnalloc(cf->pool, name.len);

    if (header->lowcase == NULL) {
        return NGX_ERROR;
    }

    header->hash = ngx_hash_strlow(header->lowcase, name.data, name.len);

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_call_args(ngx_conf_t *cf, ngx_mlsec_call_t *call, ngx_str_t *value)
{
    return ngx_mlsec_call_args_compile(cf, value, &call->uri);
}


static ngx_int_t
ngx_mlsec_call_ok(ngx_conf_t *cf, ngx_mlsec_call_t *call, ngx_str_t *value)
{
    return ngx_mlsec_conf_statuses(cf, "\"ok=\" in \"mlsec_call\"", value,
                                   &call->ok);
}


static ngx_int_t
ngx_mlsec_call_fallback(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value)
{
    int          rc;
    ngx_str_t    json;
    mlsec_str_t  text;

    if (ngx_strcmp(value->data, "omit") == 0) {
        call->fallback = NGX_MLSEC_FALLBACK_OMIT;
        return NGX_OK;
    }

    call->fallback = NGX_MLSEC_FALLBACK_JSON;

    if (ngx_strcmp(value->data, "null") == 0) {
        call->fallback_json = *value;
        return NGX_OK;
    }

    if (!ngx_mlsec_conf_param(value, "json:", &json)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" of \"fallback=\" in "
                           "\"mlsec_call\", expected \"json:...\", \"null\" "
                           "or \"omit\"", value);
        return NGX_ERROR;
    }

    text.data = json.data;
    text.len = json.len;

    rc = mlsec_json_scan(text, MLSEC_JSON_DEFAULT_DEPTH, NULL, NULL);

    if (rc != MLSEC_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid JSON \"%V\" of \"fallback=\" in "
                           "\"mlsec_call\": %s",
                           &json, mlsec_json_strerror(rc));
        return NGX_ERROR;
    }

    call->fallback_json = json;

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_call_target(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value)
{
    size_t       error;
    mlsec_str_t  path;

    path.data = value->data;
    path.len = value->len;

    if (mlsec_shape_check_target(path, &error) != MLSEC_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid path at byte %uz of \"target=%V\" in "
                           "\"mlsec_call\", expected one path such as "
                           "\"a.b\"", error, value);
        return NGX_ERROR;
    }

    call->target = path;

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_call_pick(ngx_conf_t *cf, ngx_mlsec_call_t *call, ngx_str_t *value)
{
    return ngx_mlsec_call_paths(cf, "pick=", value, &call->pick);
}


static ngx_int_t
ngx_mlsec_call_drop(ngx_conf_t *cf, ngx_mlsec_call_t *call, ngx_str_t *value)
{
    return ngx_mlsec_call_paths(cf, "drop=", value, &call->drop);
}


static ngx_int_t
ngx_mlsec_call_paths(ngx_conf_t *cf, const char *name, ngx_str_t *value,
    mlsec_paths_t **paths)
{
    int          rc;
    size_t       error;
    mlsec_mem_t  mem;
    mlsec_str_t  text;

    mem = ngx_mlsec_mem(cf->pool);

    text.data = value->data;
    text.len = value->len;

    rc = mlsec_paths_compile(&mem, text, paths, &error);

    if (rc == MLSEC_OK) {
        return NGX_OK;
    }

    if (rc != MLSEC_NOMEM) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid path at byte %uz of \"%s%V\" in "
                           "\"mlsec_call\", expected paths such as "
                           "\"a,b.c\"", error, name, value);
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_mlsec_call_as(ngx_conf_t *cf, ngx_mlsec_call_t *call, ngx_str_t *value)
{
    if (ngx_strcmp(value->data, "text") == 0) {
        call->text = 1;
        return NGX_OK;
    }

    if (ngx_strcmp(value->data, "json") == 0) {
        call->text = 0;
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" of \"as=\" in \"mlsec_call\", "
                       "expected \"text\" or \"json\"", value);

    return NGX_ERROR;
}


static ngx_int_t
ngx_mlsec_call_if(ngx_conf_t *cf, ngx_mlsec_call_t *call, ngx_str_t *value)
{
    if (value->len == 0 || value->data[0] != '$') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid condition \"%V\" of \"if=\" in "
                           "\"mlsec_call\", expected a variable such as "
                           "\"if=$arg_full\"", value);
        return NGX_ERROR;
    }

    call->condition = ngx_mlsec_template_compile(cf, "mlsec_call", value);

    return (call->condition != NULL) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_mlsec_call_service(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_str_t *value)
{
    if (value->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "empty \"service=\" in \"mlsec_call\", "
                           "expected a name for logs and errors");
        return NGX_ERROR;
    }

    call->service = *value;

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_call_check(ngx_conf_t *cf, ngx_mlsec_call_t *call)
{
    const char  *other;

    other = call->target.len ? "target="
            : call->pick ? "pick="
            : call->drop ? "drop=" : NULL;

    if (call->text && other != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"as=text\" with \"%s\" in \"mlsec_call\", "
                           "a text has no members", other);
        return NGX_ERROR;
    }

    return ngx_mlsec_chain_check(cf, call);
}
