/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <service/ngx_mlsec_service_peer.h>


static ngx_int_t ngx_mlsec_via_find(ngx_conf_t *cf,
    ngx_mlsec_service_main_conf_t *mcf, ngx_mlsec_via_t *via);
static void ngx_mlsec_ticket_cleanup(void *data);
static time_t ngx_mlsec_service_seconds(uint64_t wait);


char *
ngx_mlsec_via(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_service_loc_conf_t  *lcf = conf;

    ngx_str_t                      *value;
    ngx_mlsec_via_t               **via;
    ngx_mlsec_service_main_conf_t  *mcf;

    if (lcf->via != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    lcf->via = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_via_t));
    if (lcf->via == NULL) {
        return NGX_CONF_ERROR;
    }

    lcf->via->name = value[1];
    ngx_mlsec_conf_here(cf, &lcf->via->place);

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_mlsec_service_module);

    via = ngx_array_push(&mcf->vias);
    if (via == NULL) {
        return NGX_CONF_ERROR;
    }

    *via = lcf->via;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_mlsec_via_resolve(ngx_conf_t *cf, ngx_mlsec_service_main_conf_t *mcf)
{
    ngx_uint_t        i;
    ngx_mlsec_via_t **via;

    via = mcf->vias.elts;

    for (i = 0; i < mcf->vias.nelts; i++) {

        if (ngx_mlsec_via_find(cf, mcf, via[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_mlsec_via_find(ngx_conf_t *cf, ngx_mlsec_service_main_conf_t *mcf,
    ngx_mlsec_via_t *via)
{
    ngx_uint_t                  i;
    const char                 *what;
    ngx_mlsec_service_conf_t   *conf, **scf;

    scf = mcf->services.elts;

    for (i = 0; i < mcf->services.nelts; i++) {

        if (scf[i]->service.name.len != via->name.len
            || ngx_strncmp(scf[i]->service.name.data, via->name.data,
                           via->name.len)
               != 0)
        {
            continue;
        }

        if (via->upstream != NULL) {
            what = "two services are called";
            goto failed;
        }

        via->upstream = scf[i]->upstream;
    }

    if (via->upstream == NULL) {
        via->upstream = ngx_mlsec_service_find(cf, &via->name);
    }

    if (via->upstream == NULL) {
        what = "no service or upstream is called";
        goto failed;
    }

    conf = ngx_mlsec_service_conf(via->upstream);

    if (!conf->breaks && conf->max_inflight == 0 && !conf->follows
        && !conf->retries)
    {
        what = "there is no \"mlsec_breaker\", \"mlsec_max_inflight\", "
               "\"mlsec_resolve\" or \"mlsec_retry\" in the upstream of";
        goto failed;
    }

    return NGX_OK;

failed:

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "%s \"%V\" in \"mlsec_via\" in %V:%ui", what, &via->name,
                  &via->place.file, via->place.line);

    return NGX_ERROR;
}


ngx_int_t
ngx_mlsec_service_ask(const ngx_mlsec_service_conf_t *conf,
    mlsec_breaker_ticket_t *ticket, uint64_t *wait)
{
    int  rc;

    /* a random number is drawn only where it matters */

    rc = mlsec_breaker_admit(&conf->live->slot->breaker, &conf->breaker,
                             ngx_current_msec, 0, ticket, wait);

    if (rc == MLSEC_OK && ticket->ramp) {
        rc = mlsec_breaker_admit(&conf->live->slot->breaker, &conf->breaker,
                                 ngx_current_msec,
                                 (unsigned) ngx_random() % 100, ticket, wait);
    }

    if (rc == MLSEC_OK) {
        return NGX_OK;
    }

    mlsec_atomic_add(&conf->live->slot->refused, 1);

    return NGX_DECLINED;
}


void
ngx_mlsec_service_tell(const ngx_mlsec_service_conf_t *conf,
    mlsec_breaker_ticket_t ticket, mlsec_call_e call, ngx_msec_t elapsed,
    ngx_log_t *log)
{
    mlsec_moment_t         at;
    mlsec_breaker_view_t   view;
    mlsec_breaker_event_e  event;

    /* a good call opens it too seldom for a number to be drawn each time */

    at.now = ngx_current_msec;
    at.random = (call == MLSEC_CALL_FAILED) ? (unsigned) ngx_random() % 100
                                            : (unsigned) at.now % 100;

    if (call == MLSEC_CALL_FAILED) {
        mlsec_atomic_store(&conf->live->slot->failed, at.now);
    }

    event = mlsec_breaker_report(&conf->live->slot->breaker, &conf->breaker,
                                 ticket, call, elapsed, at);

    if (event == MLSEC_BREAKER_NOTHING) {
        return;
    }

    if (event == MLSEC_BREAKER_RECOVERED) {
        mlsec_atomic_add(&conf->live->slot->recovered, 1);

        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "mlsec service: breaker closed, service: \"%V\"",
                      ngx_mlsec_service_name(conf));
        return;
    }

    mlsec_atomic_add(&conf->live->slot->opened, 1);

    mlsec_breaker_view(&conf->live->slot->breaker, &conf->breaker,
                       ngx_current_msec, &view);

    ngx_log_error(NGX_LOG_ERR, log, 0,
                  "mlsec service: breaker opened%s, service: \"%V\", "
                  "for %uL ms",
                  event == MLSEC_BREAKER_REOPENED ? " again" : "",
                  ngx_mlsec_service_name(conf), (uint64_t) view.wait);
}


/*
 * Optional parts may take four fifths of the places: a page loses its
 * ornaments before it is lost.
 *
 * Workers look at each other's cells and then write their own, so as many
 * calls as there are other workers can come on top.
 */

ngx_uint_t
ngx_mlsec_service_full(const ngx_mlsec_service_conf_t *conf,
    ngx_uint_t optional)
{
    ngx_uint_t       max;
    mlsec_process_t  process;

    max = conf->max_inflight;

    if (max == 0) {
        return 0;
    }

    if (optional && max > 1) {
        max = ngx_max(max * 4 / 5, 1);
    }

    if (mlsec_registry_inflight(conf->main->registry, conf->live->index)
        < max)
    {
        return 0;
    }

    /* nobody is refused for the calls of a worker that has died */

    ngx_mlsec_process(&process);
    mlsec_registry_bury(conf->main->registry, &process);

    if (mlsec_registry_inflight(conf->main->registry, conf->live->index)
        < max)
    {
        return 0;
    }

    mlsec_atomic_add(&conf->live->slot->shed, 1);

    return 1;
}


ngx_int_t
ngx_mlsec_service_admit(ngx_pool_t *pool, ngx_http_upstream_srv_conf_t *uscf,
    ngx_uint_t optional, ngx_mlsec_ticket_t **ticket, time_t *retry_after)
{
    uint64_t                   wait;
    ngx_pool_cleanup_t        *cln;
    mlsec_breaker_ticket_t     leave;
    const ngx_mlsec_service_conf_t  *conf;

    conf = ngx_mlsec_service_conf(uscf);

    *ticket = NULL;

    if (ngx_mlsec_places_none(conf, retry_after)) {
        return NGX_ABORT;
    }

    if (ngx_mlsec_service_full(conf, optional)) {
        *retry_after = 1;
        return NGX_BUSY;
    }

    if (!conf->breaks) {
        return NGX_OK;
    }

    if (ngx_mlsec_service_ask(conf, &leave, &wait) != NGX_OK) {
        *retry_after = ngx_mlsec_service_seconds(wait);
        return NGX_DECLINED;
    }

    if (!leave.trial && !leave.ramp) {
        return NGX_OK;
    }

    cln = ngx_pool_cleanup_add(pool, sizeof(ngx_mlsec_ticket_t));

    if (cln == NULL) {
        ngx_mlsec_service_tell(conf, leave, MLSEC_CALL_NEUTRAL, 0,
                               ngx_cycle->log);
        return NGX_OK;
    }

    cln->handler = ngx_mlsec_ticket_cleanup;

    *ticket = cln->data;

    (*ticket)->conf = conf;
    (*ticket)->ticket = leave;
    (*ticket)->used = 0;

    return NGX_OK;
}


static void
ngx_mlsec_ticket_cleanup(void *data)
{
    ngx_mlsec_ticket_t *ticket = data;

    if (!ticket->used) {
        ticket->used = 1;
        ngx_mlsec_service_tell(ticket->conf, ticket->ticket,
                               MLSEC_CALL_NEUTRAL, 0, ngx_cycle->log);
    }
}


/*
 * Without memory the balancer asks for a leave once more, and a part has one
 * attempt; both are no fault of the request.
 */

void
ngx_mlsec_service_attach(ngx_http_request_t *r, ngx_mlsec_ticket_t *ticket,
    ngx_mlsec_retry_t *retry)
{
    ngx_mlsec_service_ctx_t  *ctx;

    if (ticket == NULL && retry == NULL) {
        return;
    }

    ctx = ngx_palloc(r->pool, sizeof(ngx_mlsec_service_ctx_t));

    if (ctx != NULL) {
        ctx->ticket = ticket;
        ctx->retry = retry;

        ngx_http_set_ctx(r, ctx, ngx_mlsec_service_module);
    }
}


static time_t
ngx_mlsec_service_seconds(uint64_t wait)
{
    return (wait + 999) / 1000;
}


ngx_int_t
ngx_mlsec_service_via(ngx_http_request_t *r)
{
    time_t                               retry_after;
    ngx_int_t                            rc;
    ngx_mlsec_error_t                    error;
    ngx_mlsec_ticket_t                  *ticket;
    const ngx_mlsec_service_conf_t      *conf;
    const ngx_mlsec_service_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_service_module);

    if (lcf->via == NULL) {
        return NGX_DECLINED;
    }

    rc = ngx_mlsec_service_admit(r->pool, lcf->via->upstream, 0, &ticket,
                                 &retry_after);

    if (rc == NGX_OK) {
        ngx_mlsec_service_attach(r, ticket, NULL);
        return NGX_DECLINED;
    }

    conf = ngx_mlsec_service_conf(lcf->via->upstream);

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "mlsec service: %s, service: \"%V\"",
                  rc == NGX_ABORT ? "no address"
                  : rc == NGX_BUSY ? "too many calls" : "breaker is open",
                  ngx_mlsec_service_name(conf));

    if (ngx_mlsec_service_error(r, conf,
                                rc == NGX_ABORT ? NGX_MLSEC_FAULT_NOWHERE
                                : rc == NGX_BUSY ? NGX_MLSEC_FAULT_SHED
                                : NGX_MLSEC_FAULT_OPEN,
                                &error)
        == NGX_OK)
    {
        error.status = NGX_HTTP_SERVICE_UNAVAILABLE;
        error.retry_after = retry_after;

        (void) ngx_mlsec_error_set(r, &error);
    }

    return NGX_HTTP_SERVICE_UNAVAILABLE;
}
