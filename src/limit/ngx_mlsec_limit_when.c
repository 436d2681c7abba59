/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * when= and unless=: which requests a limit is for.  A rate that is "off" for
 * some of them can say so too, but then it is text that is read for each
 * request, and a map for each limit that hardly any request has to do with.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <limit/ngx_mlsec_limit_conf.h>


static ngx_int_t ngx_mlsec_limit_when_words(ngx_mlsec_limit_when_t *when,
    const ngx_str_t *value, ngx_str_t *name);


ngx_int_t
ngx_mlsec_limit_when(ngx_conf_t *cf, ngx_mlsec_limit_t *limit,
    ngx_str_t *arg)
{
    ngx_str_t                value, name;
    ngx_mlsec_limit_when_t  *when;

    if (!ngx_mlsec_conf_param(arg, "when=", &value)
        && !ngx_mlsec_conf_param(arg, "unless=", &value))
    {
        return NGX_DECLINED;
    }

    if (limit->when != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" in \"%s\" beside another \"when=\" or "
                           "\"unless=\", expected one of them", arg,
                           ngx_mlsec_limit_directive(limit));
        return NGX_ERROR;
    }

    when = ngx_palloc(cf->pool, sizeof(ngx_mlsec_limit_when_t));

    if (when == NULL
        || ngx_array_init(&when->words, cf->pool, 4, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    when->unless = (arg->data[0] == 'u');
    limit->when = when;

    if (ngx_mlsec_limit_when_words(when, &value, &name) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"%V\" in \"%s\", expected a variable "
                           "and its values such as "
                           "\"%s=$request_method:PUT,POST\"", arg,
                           ngx_mlsec_limit_directive(limit),
                           when->unless ? "unless" : "when");
        return NGX_ERROR;
    }

    when->index = ngx_http_get_variable_index(cf, &name);

    return when->index == NGX_ERROR ? NGX_ERROR : NGX_OK;
}


/* "$VARIABLE:VALUE,VALUE" */

static ngx_int_t
ngx_mlsec_limit_when_words(ngx_mlsec_limit_when_t *when,
    const ngx_str_t *value, ngx_str_t *name)
{
    u_char     *p, *last;
    ngx_str_t  *word;

    last = value->data + value->len;
    p = ngx_strlchr(value->data, last, ':');

    if (p == NULL || value->data[0] != '$' || p == value->data + 1) {
        return NGX_ERROR;
    }

    name->data = value->data + 1;
    name->len = p - name->data;

    do {
        word = ngx_array_push(&when->words);
        if (word == NULL) {
            return NGX_ERROR;
        }

        word->data = ++p;
        p = ngx_strlchr(p, last, ',');
        p = p ? p : last;
        word->len = p - word->data;

        if (word->len == 0) {
            return NGX_ERROR;
        }

    } while (p < last);

    return NGX_OK;
}


ngx_uint_t
ngx_mlsec_limit_applies(ngx_http_request_t *r,
    const ngx_mlsec_limit_when_t *when)
{
    ngx_uint_t                        i;
    const ngx_str_t                  *word;
    const ngx_http_variable_value_t  *vv;

    vv = ngx_http_get_flushed_variable(r, when->index);

    if (vv == NULL || vv->not_found) {
        return when->unless;
    }

    word = when->words.elts;

    for (i = 0; i < when->words.nelts; i++) {

        if (word[i].len == vv->len
            && ngx_memcmp(word[i].data, vv->data, vv->len) == 0)
        {
            return !when->unless;
        }
    }

    return when->unless;
}
