/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <service/ngx_mlsec_service_conf.h>
#include <service/ngx_mlsec_service_health.h>


/*
 * One probe is one exchange with the peer: until the status is known, with
 * "match=" to the end of the body.
 */


static ngx_int_t ngx_mlsec_probe_status(ngx_mlsec_exchange_t *x,
    const char **error);
static void ngx_mlsec_probe_done(ngx_mlsec_exchange_t *x, const char *error);


void
ngx_mlsec_probe_start(ngx_mlsec_probe_t *probe)
{
    ngx_mlsec_exchange_t      *x;
    const ngx_mlsec_health_t  *health;

    health = &probe->conf->health;
    x = &probe->exchange;

    probe->started = ngx_current_msec;

    x->sockaddr = &probe->sockaddr.sockaddr;
    x->socklen = probe->socklen;
    x->name = &probe->name;
    x->request = &health->request;
    x->tls = health->tls.ssl != NULL ? &health->tls : NULL;
    x->timeout = (ngx_msec_t) health->timeout;
    x->max = NGX_MLSEC_MATCH_BODY;
    x->status = ngx_mlsec_probe_status;
    x->done = ngx_mlsec_probe_done;
    x->data = probe;

    ngx_mlsec_exchange_start(x);
}


void
ngx_mlsec_probe_stop(ngx_mlsec_probe_t *probe)
{
    ngx_mlsec_exchange_stop(&probe->exchange);
}


static ngx_int_t
ngx_mlsec_probe_status(ngx_mlsec_exchange_t *x, const char **error)
{
    ngx_mlsec_probe_t         *probe;
    const ngx_mlsec_health_t  *health;

    probe = x->data;
    health = &probe->conf->health;

    if (!ngx_mlsec_conf_status_in(health->expect,
                                  ngx_mlsec_exchange_status(x)))
    {
        *error = "status not expected";
        return NGX_OK;
    }

    return health->program != NULL ? NGX_AGAIN : NGX_OK;
}


static void
ngx_mlsec_probe_done(ngx_mlsec_exchange_t *x, const char *error)
{
    ngx_uint_t                 status;
    ngx_mlsec_probe_t         *probe;
    const ngx_mlsec_health_t  *health;

    probe = x->data;
    health = &probe->conf->health;
    status = ngx_mlsec_exchange_status(x);

    if (error == NULL && health->program != NULL) {
        error = ngx_mlsec_match(health, status, x->body.data, x->body.len);
    }

    ngx_mlsec_health_found(probe, error, ngx_current_msec - probe->started,
                           status);
}
