/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_json.h>
#include <service/ngx_mlsec_service_conf.h>


static const struct {
    ngx_uint_t      status;
    const char     *type;
    const char     *says;
} ngx_mlsec_faults[] = {

    /* in the order of ngx_mlsec_fault_e; the statuses are nginx's own */

    { NGX_HTTP_BAD_GATEWAY, "connect", NGX_MLSEC_SERVICE_CONNECT },
    { NGX_HTTP_GATEWAY_TIME_OUT, "connection_timeout",
      NGX_MLSEC_SERVICE_CONNECT_TIMEOUT },
    { NGX_HTTP_GATEWAY_TIME_OUT, "timeout", NGX_MLSEC_SERVICE_LATE },
    { NGX_HTTP_BAD_GATEWAY, "reset", NGX_MLSEC_SERVICE_RESET },
    { NGX_HTTP_BAD_GATEWAY, "reset", NGX_MLSEC_SERVICE_NO_HTTP },
    { NGX_HTTP_BAD_GATEWAY, "no_peer", NGX_MLSEC_SERVICE_NO_PEER },
    { NGX_HTTP_BAD_GATEWAY, "circuit_open", NGX_MLSEC_SERVICE_OPEN },
    { NGX_HTTP_BAD_GATEWAY, "shed", NGX_MLSEC_SERVICE_FULL },
    { NGX_HTTP_BAD_GATEWAY, "dns", NGX_MLSEC_SERVICE_NOWHERE }
};


ngx_int_t
ngx_mlsec_service_error(ngx_http_request_t *r,
    const ngx_mlsec_service_conf_t *conf, ngx_mlsec_fault_e fault,
    ngx_mlsec_error_t *error)
{
    u_char            *p;
    size_t             len;
    ngx_str_t          type;
    const ngx_str_t   *name;
    ngx_mlsec_json_t   w;

    name = ngx_mlsec_service_name(conf);

    ngx_memzero(error, sizeof(ngx_mlsec_error_t));

    len = sizeof("Service  ") + ngx_strlen(ngx_mlsec_faults[fault].says)
          + name->len;

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    error->status = ngx_mlsec_faults[fault].status;
    error->message.data = p;
    error->message.len = ngx_snprintf(p, len, "Service %V %s", name,
                                      ngx_mlsec_faults[fault].says)
                         - p;

    type.data = (u_char *) ngx_mlsec_faults[fault].type;
    type.len = ngx_strlen(type.data);

    (void) ngx_mlsec_json_init(&w, r->pool, 64 + name->len);

    ngx_mlsec_json_lit(&w, "\"service\":");
    ngx_mlsec_json_string(&w, name);
    ngx_mlsec_json_lit(&w, ",\"error_type\":");
    ngx_mlsec_json_string(&w, &type);

    return ngx_mlsec_json_text(&w, &error->details);
}


/*
 * A part of an aggregate has a place of its own for what became of it, and
 * what becomes of a subrequest is not what becomes of the request.
 */

void
ngx_mlsec_service_fault(ngx_http_request_t *r,
    const ngx_mlsec_service_conf_t *conf, ngx_mlsec_fault_e fault)
{
    ngx_mlsec_error_t  error;

    if (r != r->main) {
        return;
    }

    if (ngx_mlsec_service_error(r, conf, fault, &error) == NGX_OK) {
        ngx_mlsec_error_cause(r, &error);
    }
}
