/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_conf.h>


ngx_uint_t
ngx_mlsec_conf_param(ngx_str_t *arg, const char *name, ngx_str_t *value)
{
    size_t  len;

    len = ngx_strlen(name);

    if (arg->len < len || ngx_strncmp(arg->data, name, len) != 0) {
        return 0;
    }

    value->data = arg->data + len;
    value->len = arg->len - len;

    return 1;
}


ngx_str_t
ngx_mlsec_conf_param_name(ngx_str_t *arg)
{
    u_char     *p;
    ngx_str_t   name;

    name = *arg;
    p = ngx_strlchr(arg->data, arg->data + arg->len, '=');

    if (p != NULL) {
        name.len = p - arg->data;
    }

    return name;
}


ngx_int_t
ngx_mlsec_conf_msec(ngx_conf_t *cf, const char *parameter, ngx_str_t *value,
    ngx_msec_t *msec)
{
    ngx_int_t  n;

    n = ngx_parse_time(value, 0);

    if (n == NGX_ERROR || n == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid time \"%V\" in %s, "
                           "expected a time such as \"3s\" or \"250ms\"",
                           value, parameter);
        return NGX_ERROR;
    }

    *msec = n;

    return NGX_OK;
}


ngx_int_t
ngx_mlsec_conf_set_handler(ngx_conf_t *cf, const char *directive,
    ngx_http_handler_pt handler)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler != NULL && clcf->handler != handler) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%s\" in location \"%V\" that already has "
                           "a content handler, "
                           "use one of them or a location of its own",
                           directive, &clcf->name);
        return NGX_ERROR;
    }

    clcf->handler = handler;

    return NGX_OK;
}


ngx_int_t
ngx_mlsec_conf_check_handler(ngx_conf_t *cf, const char *directive,
    ngx_http_handler_pt handler, const ngx_mlsec_conf_place_t *place)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler == handler) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"%s\" in location \"%V\" that also has another "
                  "content handler, use one of them or a location "
                  "of its own in %V:%ui",
                  directive, &clcf->name, &place->file, place->line);

    return NGX_ERROR;
}


void
ngx_mlsec_conf_here(ngx_conf_t *cf, ngx_mlsec_conf_place_t *place)
{
    place->file = cf->conf_file->file.name;
    place->line = cf->conf_file->line;
}
