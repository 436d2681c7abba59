/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_deadline.h>
#include <core/ngx_mlsec_conf.h>
#include <lib/mlsec_deadline.h>


static ngx_int_t ngx_mlsec_deadline_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


static ngx_http_variable_t  ngx_mlsec_deadline_variables[] = {

    { ngx_string("mlsec_deadline_ms"), NULL, ngx_mlsec_deadline_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_msec_t
ngx_mlsec_deadline(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_msec_t        ms, least;
    mlsec_str_t       text;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    least = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len != sizeof(NGX_MLSEC_DEADLINE_HEADER) - 1
                || ngx_strncasecmp(h[i].key.data,
                                   (u_char *) NGX_MLSEC_DEADLINE_HEADER,
                                   h[i].key.len)
                   != 0)
            {
                continue;
            }

            text.data = h[i].value.data;
            text.len = h[i].value.len;

            ms = (ngx_msec_t) mlsec_deadline_parse(text);

            if (ms != 0 && (least == 0 || ms < least)) {
                least = ms;
            }
        }
    }

    return least;
}


ngx_int_t
ngx_mlsec_deadline_add(ngx_conf_t *cf)
{
    return ngx_mlsec_conf_variables(cf, ngx_mlsec_deadline_variables);
}


static ngx_int_t
ngx_mlsec_deadline_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char          *p;
    ngx_msec_t       ms;
    ngx_time_t      *tp;
    ngx_msec_int_t   left;

    ms = ngx_mlsec_deadline(r);

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->len = 0;
    v->data = (u_char *) "";

    if (ms == 0) {
        return NGX_OK;
    }

    tp = ngx_timeofday();

    left = (ngx_msec_int_t) ms
           - (ngx_msec_int_t) ((tp->sec - r->start_sec) * 1000
                               + (tp->msec - r->start_msec));

    /* a clock that was set does not make it longer */

    left = ngx_max(left, 1);
    left = ngx_min(left, (ngx_msec_int_t) ms);

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->data = p;
    v->len = ngx_sprintf(p, "%M", (ngx_msec_t) left) - p;

    return NGX_OK;
}
