/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <aggregate/ngx_mlsec_aggregate.h>
#include <service/ngx_mlsec_service.h>


/* a call as it waits for the end of the configuration */

typedef struct {
    ngx_mlsec_aggregate_loc_conf_t  *lcf;
    ngx_mlsec_aggregate_srv_conf_t  *scf;
    ngx_uint_t                       index;      /* in lcf->calls */
} ngx_mlsec_call_ref_t;


static ngx_int_t ngx_mlsec_call_resolve_one(ngx_conf_t *cf,
    ngx_mlsec_call_t *call, ngx_mlsec_aggregate_srv_conf_t *scf);


ngx_int_t
ngx_mlsec_call_register(ngx_conf_t *cf, ngx_mlsec_aggregate_loc_conf_t *lcf,
    ngx_uint_t index)
{
    ngx_mlsec_call_ref_t             *ref;
    ngx_mlsec_aggregate_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_mlsec_aggregate_module);

    ref = ngx_array_push(&mcf->calls);
    if (ref == NULL) {
        return NGX_ERROR;
    }

    ref->lcf = lcf;
    ref->scf = ngx_http_conf_get_module_srv_conf(cf,
                                                 ngx_mlsec_aggregate_module);
    ref->index = index;

    return NGX_OK;
}


ngx_int_t
ngx_mlsec_call_resolve(ngx_conf_t *cf)
{
    ngx_uint_t                        i;
    ngx_mlsec_call_t                 *call;
    ngx_mlsec_call_ref_t             *ref;
    ngx_mlsec_aggregate_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_mlsec_aggregate_module);
    ref = mcf->calls.elts;

    for (i = 0; i < mcf->calls.nelts; i++) {
        call = ref[i].lcf->calls->elts;
        call += ref[i].index;

        if (ngx_mlsec_call_resolve_one(cf, call, ref[i].scf) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_call_resolve_one(ngx_conf_t *cf, ngx_mlsec_call_t *call,
    ngx_mlsec_aggregate_srv_conf_t *scf)
{
    const ngx_mlsec_service_t  *service;

    if (call->uri.upstream.len == 0) {

        if (call->timeout == 0) {
            call->timeout = NGX_MLSEC_SERVICE_TIMEOUT;
        }

        if (call->service.len == 0) {
            call->service = call->name;
        }

        return NGX_OK;
    }

    call->upstream = ngx_mlsec_service_find(cf, &call->uri.upstream);

    if (call->upstream == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "unknown upstream \"%V\" in \"mlsec_call\", expected "
                      "the name of an \"upstream\" block in %V:%ui",
                      &call->uri.upstream, &call->place.file,
                      call->place.line);
        return NGX_ERROR;
    }

    if (scf->parts == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"mlsec_call\" to an upstream in a server without "
                      "\"mlsec_parts\", add \"include mlsec_parts.conf;\" to "
                      "the server in %V:%ui",
                      &call->place.file, call->place.line);
        return NGX_ERROR;
    }

    service = ngx_mlsec_service_get(call->upstream);

    if (call->timeout == 0) {
        call->timeout = service->timeout ? service->timeout
                                         : NGX_MLSEC_SERVICE_TIMEOUT;
    }

    if (call->service.len == 0) {
        call->service = service->name.len ? service->name
                                          : call->upstream->host;
    }

    call->host = service->host.len ? service->host : call->upstream->host;

    call->parts = scf->parts;

    call->location.len = sizeof("/_mlsec_part/") - 1 + call->name.len;
    call->location.data = ngx_pnalloc(cf->pool, call->location.len);

    if (call->location.data == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(call->location.data, "/_mlsec_part/%V", &call->name);

    return NGX_OK;
}
