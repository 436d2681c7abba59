/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * What must not leave in an answer: members by their place, personal data by
 * what it looks like.
 *
 * ngx_mlsec_redact_module.c  directives
 * ngx_mlsec_redact_filter.c  header and body filter
 */


#ifndef _NGX_MLSEC_REDACT_H_INCLUDED_
#define _NGX_MLSEC_REDACT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_conf.h>
#include <lib/redact/mlsec_redact.h>


typedef struct {
    const mlsec_redact_t  *redact;         /* NULL: nothing is redacted */
    ngx_uint_t             off;            /* 1: "mlsec_redact off" */
    size_t                 max_size;       /* bytes of an answer */
} ngx_mlsec_redact_loc_conf_t;


/*
 * Puts the filters in front of those that are there: the postconfiguration of
 * the module.
 *
 * NGX_OK always.
 */
ngx_int_t ngx_mlsec_redact_filter_init(ngx_conf_t *cf);


extern ngx_module_t  ngx_mlsec_redact_filter_module;


#endif /* _NGX_MLSEC_REDACT_H_INCLUDED_ */
