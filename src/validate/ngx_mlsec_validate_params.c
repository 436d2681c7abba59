/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <lib/json/mlsec_json.h>
#include <validate/ngx_mlsec_validate_conf.h>


#define NGX_MLSEC_VALIDATE_MAX  1000000


typedef struct {
    const char   *name;                    /* with its "=" */
    ngx_int_t   (*set)(ngx_conf_t *cf, const char *name, ngx_str_t *value,
                       void *field);
    size_t        offset;                  /* of the field */
} ngx_mlsec_validate_param_t;


static ngx_int_t ngx_mlsec_validate_param(ngx_conf_t *cf,
    ngx_mlsec_validate_terms_t *terms, ngx_str_t *arg);
static ngx_int_t ngx_mlsec_validate_types(ngx_conf_t *cf, const char *name,
    ngx_str_t *value, void *field);
static ngx_int_t ngx_mlsec_validate_type(ngx_conf_t *cf,
    ngx_mlsec_validate_terms_t *terms, u_char *p, size_t len);
static ngx_int_t ngx_mlsec_validate_number(ngx_conf_t *cf, const char *name,
    ngx_str_t *value, void *field);
static ngx_int_t ngx_mlsec_validate_length(ngx_conf_t *cf, const char *name,
    ngx_str_t *value, void *field);
static ngx_int_t ngx_mlsec_validate_offset(ngx_conf_t *cf, const char *name,
    ngx_str_t *value, void *field);
static ngx_int_t ngx_mlsec_validate_levels(ngx_conf_t *cf, const char *name,
    ngx_str_t *value, void *field);
static ngx_int_t ngx_mlsec_validate_twice(ngx_conf_t *cf, const char *name,
    ngx_str_t *value, void *field);
static ngx_int_t ngx_mlsec_validate_invalid(ngx_conf_t *cf, const char *name,
    ngx_str_t *value, const char *expected);


#define ngx_mlsec_validate_field(name)                                        \
    offsetof(ngx_mlsec_validate_terms_t, name)

static const ngx_mlsec_validate_param_t  ngx_mlsec_validate_table[] = {
    { "content_type=", ngx_mlsec_validate_types, 0 },
    { "max_size=", ngx_mlsec_validate_offset,
      ngx_mlsec_validate_field(max_size) },
    { "depth=", ngx_mlsec_validate_levels, ngx_mlsec_validate_field(depth) },
    { "duplicates=", ngx_mlsec_validate_twice,
      ngx_mlsec_validate_field(duplicates) },
    { "args=", ngx_mlsec_validate_number, ngx_mlsec_validate_field(args) },
    { "args_size=", ngx_mlsec_validate_length,
      ngx_mlsec_validate_field(args_size) },
    { "headers=", ngx_mlsec_validate_number,
      ngx_mlsec_validate_field(headers) },
    { "header_size=", ngx_mlsec_validate_length,
      ngx_mlsec_validate_field(header_size) },
    { NULL, NULL, 0 }
};


ngx_int_t
ngx_mlsec_validate_params(ngx_conf_t *cf, ngx_mlsec_validate_terms_t *terms)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "report") == 0) {
            terms->report = 1;
            continue;
        }

        if (ngx_mlsec_validate_param(cf, terms, &value[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_validate_param(ngx_conf_t *cf, ngx_mlsec_validate_terms_t *terms,
    ngx_str_t *arg)
{
    ngx_str_t                          name, value;
    const ngx_mlsec_validate_param_t  *param;

    for (param = ngx_mlsec_validate_table; param->name != NULL; param++) {

        if (ngx_mlsec_conf_param(arg, param->name, &value)) {
            return param->set(cf, param->name, &value,
                              (u_char *) terms + param->offset);
        }
    }

    name = ngx_mlsec_conf_param_name(arg);

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown parameter \"%V\" in \"mlsec_validate\", "
                       "expected content_type=, max_size=, depth=, "
                       "duplicates=, args=, args_size=, headers=, "
                       "header_size= or report, or \"off\" alone", &name);

    return NGX_ERROR;
}


static ngx_int_t
ngx_mlsec_validate_types(ngx_conf_t *cf, const char *name, ngx_str_t *value,
    void *field)
{
    ngx_mlsec_validate_terms_t *terms = field;

    u_char  *p, *last, *comma;

    if (ngx_strcmp(value->data, "any") == 0) {
        terms->any = 1;
        return NGX_OK;
    }

    terms->types = ngx_array_create(cf->pool, 2, sizeof(ngx_str_t));
    if (terms->types == NULL) {
        return NGX_ERROR;
    }

    last = value->data + value->len;

    for (p = value->data; p <= last; p = comma + 1) {
        comma = ngx_strlchr(p, last, ',');
        comma = (comma != NULL) ? comma : last;

        if (ngx_mlsec_validate_type(cf, terms, p, comma - p) != NGX_OK) {
            return ngx_mlsec_validate_invalid(cf, name, value, "types such "
                              "as \"application/json,text/csv\", or \"any\"");
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_validate_type(ngx_conf_t *cf, ngx_mlsec_validate_terms_t *terms,
    u_char *p, size_t len)
{
    u_char     *slash;
    ngx_str_t  *type;

    slash = ngx_strlchr(p, p + len, '/');

    if (slash == NULL || slash == p || slash == p + len - 1
        || ngx_strlchr(p, p + len, ';') != NULL
        || ngx_strlchr(p, p + len, ' ') != NULL)
    {
        return NGX_ERROR;
    }

    type = ngx_array_push(terms->types);
    if (type == NULL) {
        return NGX_ERROR;
    }

    type->data = p;
    type->len = len;
    ngx_strlow(p, p, len);

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_validate_number(ngx_conf_t *cf, const char *name, ngx_str_t *value,
    void *field)
{
    ngx_uint_t *number = field;

    ngx_int_t  n;

    n = ngx_atoi(value->data, value->len);

    if (n < 1 || n > NGX_MLSEC_VALIDATE_MAX) {
        return ngx_mlsec_validate_invalid(cf, name, value,
                                          "a number from 1 to 1000000");
    }

    *number = n;

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_validate_length(ngx_conf_t *cf, const char *name, ngx_str_t *value,
    void *field)
{
    size_t *length = field;

    ssize_t  size;

    size = ngx_parse_size(value);

    if (size <= 0) {
        return ngx_mlsec_validate_invalid(cf, name, value,
                                          "a size such as \"4k\"");
    }

    *length = size;

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_validate_offset(ngx_conf_t *cf, const char *name, ngx_str_t *value,
    void *field)
{
    off_t *length = field;

    off_t  size;

    size = ngx_parse_offset(value);

    if (size <= 0) {
        return ngx_mlsec_validate_invalid(cf, name, value,
                                          "a size such as \"64k\"");
    }

    *length = size;

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_validate_levels(ngx_conf_t *cf, const char *name, ngx_str_t *value,
    void *field)
{
    ngx_uint_t *levels = field;

    ngx_int_t  n;

    n = ngx_atoi(value->data, value->len);

    if (n < 1 || n > MLSEC_JSON_MAX_DEPTH) {
        return ngx_mlsec_validate_invalid(cf, name, value,
                                          "a number from 1 to 512");
    }

    *levels = n;

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_validate_twice(ngx_conf_t *cf, const char *name, ngx_str_t *value,
    void *field)
{
    ngx_uint_t *allowed = field;

    if (ngx_strcmp(value->data, "allow") == 0) {
        *allowed = 1;
        return NGX_OK;
    }

    if (ngx_strcmp(value->data, "reject") == 0) {
        *allowed = 0;
        return NGX_OK;
    }

    return ngx_mlsec_validate_invalid(cf, name, value,
                                      "\"reject\" or \"allow\"");
}


static ngx_int_t
ngx_mlsec_validate_invalid(ngx_conf_t *cf, const char *name, ngx_str_t *value,
    const char *expected)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" of \"%s\" in "
                       "\"mlsec_validate\", expected %s", value, name,
                       expected);

    return NGX_ERROR;
}
