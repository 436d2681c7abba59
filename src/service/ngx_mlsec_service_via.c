/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_capture.h>
#include <core/ngx_mlsec_deadline.h>
#include <service/ngx_mlsec_service_gate.h>
#include <service/ngx_mlsec_service_peer.h>


/* ngx_mlsec_service_ctx_t.via */

#define NGX_MLSEC_VIA_NEW      0
#define NGX_MLSEC_VIA_READING  1
#define NGX_MLSEC_VIA_READ     2
#define NGX_MLSEC_VIA_WAITING  3
#define NGX_MLSEC_VIA_DECIDED  4


static ngx_int_t ngx_mlsec_via_find(ngx_conf_t *cf,
    ngx_mlsec_service_main_conf_t *mcf, ngx_mlsec_via_t *via);
static ngx_int_t ngx_mlsec_via_begin(ngx_http_request_t *r,
    const ngx_mlsec_via_t *via, ngx_mlsec_service_ctx_t *ctx);
static mlsec_apart ngx_int_t ngx_mlsec_via_read(ngx_http_request_t *r,
    const ngx_mlsec_via_t *via, ngx_mlsec_service_ctx_t *ctx);
static ngx_int_t ngx_mlsec_via_refuses(const ngx_mlsec_via_t *via,
    ngx_mlsec_service_ctx_t *ctx);
static ngx_uint_t ngx_mlsec_via_has_body(ngx_http_request_t *r);
static ngx_uint_t ngx_mlsec_via_reads(ngx_http_request_t *r,
    const ngx_mlsec_via_t *via);
static void ngx_mlsec_via_body(ngx_http_request_t *r);
static mlsec_hot ngx_int_t ngx_mlsec_via_ask(ngx_http_request_t *r,
    const ngx_mlsec_via_t *via, ngx_mlsec_service_ctx_t *ctx);
static ngx_uint_t ngx_mlsec_via_passes(const ngx_mlsec_service_conf_t *conf,
    ngx_mlsec_service_ctx_t *ctx);
static mlsec_apart ngx_int_t ngx_mlsec_via_admit(ngx_http_request_t *r,
    const ngx_mlsec_via_t *via, ngx_mlsec_service_ctx_t *ctx);
static void ngx_mlsec_via_admitted(void *data, ngx_int_t rc,
    time_t retry_after);
static void ngx_mlsec_via_look_again(ngx_http_request_t *r,
    ngx_mlsec_service_ctx_t *ctx);
static void ngx_mlsec_via_cancel(ngx_http_request_t *r);
static mlsec_apart ngx_int_t ngx_mlsec_via_answer(ngx_http_request_t *r,
    const ngx_mlsec_via_t *via, const ngx_mlsec_service_ctx_t *ctx);


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

    ngx_mlsec_conf_use(cf, &ngx_mlsec_service_module);

    value = cf->args->elts;

    lcf->via = ngx_pcalloc(cf->pool, sizeof(ngx_mlsec_via_t));
    if (lcf->via == NULL) {
        return NGX_CONF_ERROR;
    }

    lcf->via->name = value[1];
    lcf->via->loc_conf = ((ngx_http_conf_ctx_t *) cf->ctx)->loc_conf;
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


ngx_int_t
ngx_mlsec_via_begin_worker(ngx_mlsec_service_main_conf_t *mcf)
{
    ngx_uint_t        i;
    ngx_mlsec_via_t **via;

    via = mcf->vias.elts;

    for (i = 0; i < mcf->vias.nelts; i++) {

        if (ngx_mlsec_masks_begin(via[i]) != NGX_OK) {
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
    via->conf = conf;
    via->proxy = ngx_mlsec_conf_module(cf, "ngx_http_proxy_module");

    /* those of an upstream are the first thing in nginx's proxy module's */

    via->settings = (via->proxy != NULL)
                    ? via->loc_conf[via->proxy->ctx_index] : NULL;

    if (!conf->breaks && !conf->probes && conf->max_inflight == 0
        && !conf->ejects && !conf->follows && !conf->retries)
    {
        what = "there is no \"mlsec_breaker\", \"mlsec_health\", "
               "\"mlsec_max_inflight\", \"mlsec_outlier\", "
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


/*
 * Runs again when the request has its body, and when it has a place.
 */

ngx_int_t
ngx_mlsec_service_via(ngx_http_request_t *r)
{
    ngx_int_t                            rc;
    ngx_mlsec_service_ctx_t             *ctx;
    const ngx_mlsec_service_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_service_module);

    if (lcf->via == NULL) {
        return NGX_DECLINED;
    }

    ctx = ngx_mlsec_service_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    switch (ctx->via) {

    case NGX_MLSEC_VIA_NEW:
        ctx->since = ngx_current_msec;

        rc = ngx_mlsec_via_begin(r, lcf->via, ctx);

        if (rc != NGX_OK) {
            return rc;
        }

        break;

    case NGX_MLSEC_VIA_READ:
        ctx->rc = ngx_mlsec_via_ask(r, lcf->via, ctx);
        break;

    case NGX_MLSEC_VIA_DECIDED:
        break;

    default:
        return NGX_AGAIN;
    }

    if (ctx->rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    return (ctx->rc == NGX_OK) ? NGX_DECLINED
                               : ngx_mlsec_via_answer(r, lcf->via, ctx);
}


/*
 * A place is not held, nor a trial, while a client takes its time to send a
 * body: that is read first, unless the call is going to be refused anyway.
 * NGX_OK: ctx->rc is set.
 */

static ngx_int_t
ngx_mlsec_via_begin(ngx_http_request_t *r, const ngx_mlsec_via_t *via,
    ngx_mlsec_service_ctx_t *ctx)
{
    if (mlsec_likely(!ngx_mlsec_via_has_body(r))) {
        ctx->rc = ngx_mlsec_via_ask(r, via, ctx);
        return NGX_OK;
    }

    return ngx_mlsec_via_read(r, via, ctx);
}


static ngx_int_t
ngx_mlsec_via_read(ngx_http_request_t *r, const ngx_mlsec_via_t *via,
    ngx_mlsec_service_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (!ngx_mlsec_via_reads(r, via)) {
        ctx->rc = ngx_mlsec_via_ask(r, via, ctx);
        return NGX_OK;
    }

    ctx->rc = ngx_mlsec_via_refuses(via, ctx);

    if (ctx->rc != NGX_OK) {
        return NGX_OK;
    }

    ctx->via = NGX_MLSEC_VIA_READING;

    rc = ngx_http_read_client_request_body(r, ngx_mlsec_via_body);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}


/*
 * As ngx_mlsec_service_refuses(); NGX_ERROR: no peer takes requests.
 */

static ngx_int_t
ngx_mlsec_via_refuses(const ngx_mlsec_via_t *via, ngx_mlsec_service_ctx_t *ctx)
{
    return ngx_mlsec_service_nobody(via->conf, &ctx->retry_after)
           ? NGX_ERROR
           : ngx_mlsec_service_refuses(via->conf, &ctx->retry_after);
}


static ngx_uint_t
ngx_mlsec_via_has_body(ngx_http_request_t *r)
{
    return r->headers_in.content_length_n > 0 || r->headers_in.chunked;
}


/*
 * Whether the body is to come, and proxy_pass is going to read it before it
 * does anything else.  Of a proxy_pass with variables, and of other protocols,
 * that is not known.
 */

static ngx_uint_t
ngx_mlsec_via_reads(ngx_http_request_t *r, const ngx_mlsec_via_t *via)
{
    const ngx_http_upstream_conf_t  *proxy;

    if (r != r->main || r->request_body != NULL || r->discard_body
        || via->proxy == NULL)
    {
        return 0;
    }

    proxy = r->loc_conf[via->proxy->ctx_index];

    return proxy->upstream == via->upstream && proxy->request_buffering
           && proxy->pass_request_body;
}


static void
ngx_mlsec_via_body(ngx_http_request_t *r)
{
    ngx_mlsec_service_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_mlsec_service_module);

    ctx->via = NGX_MLSEC_VIA_READ;

    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);
}


static ngx_int_t
ngx_mlsec_via_ask(ngx_http_request_t *r, const ngx_mlsec_via_t *via,
    ngx_mlsec_service_ctx_t *ctx)
{
    ctx->deadline = ngx_mlsec_deadline(r);
    ctx->via = NGX_MLSEC_VIA_DECIDED;

    if (ngx_mlsec_service_nobody(via->conf, &ctx->retry_after)) {
        return NGX_ERROR;
    }

    return mlsec_likely(ngx_mlsec_via_passes(via->conf, ctx))
           ? NGX_OK : ngx_mlsec_via_admit(r, via, ctx);
}


/*
 * Whether the call is let through as nearly all are: no place is to be had, and
 * the breaker is closed.
 */

static ngx_uint_t
ngx_mlsec_via_passes(const ngx_mlsec_service_conf_t *conf,
    ngx_mlsec_service_ctx_t *ctx)
{
    if (conf->max_inflight || conf->resolve != NULL) {
        return 0;
    }

    if (conf->breaks) {

        if (!mlsec_breaker_passes(&conf->live->slot->breaker,
                                  ngx_current_msec, &ctx->own.ticket))
        {
            return 0;
        }

        ctx->own.conf = conf;
        ctx->own.waiter = NULL;
        ctx->own.placed = 0;
        ctx->own.used = 0;
        ctx->ticket = &ctx->own;
    }

    return 1;
}


static ngx_int_t
ngx_mlsec_via_admit(ngx_http_request_t *r, const ngx_mlsec_via_t *via,
    ngx_mlsec_service_ctx_t *ctx)
{
    ngx_int_t        rc;
    ngx_msec_int_t   left;
    ngx_mlsec_ask_t  ask;

    ask.pool = r->pool;
    ask.ticket = &ctx->own;
    ngx_memzero(ask.ticket, sizeof(ngx_mlsec_ticket_t));
    ask.upstream = via->upstream;
    ask.optional = 0;

    ask.left = ctx->deadline;
    ask.handler = ngx_mlsec_via_admitted;
    ask.data = r;

    if (ask.left) {
        left = (ngx_msec_int_t) (ctx->since + ask.left - ngx_current_msec);
        ask.left = ngx_max(left, 1);
    }

    rc = ngx_mlsec_service_admit(&ask, &ctx->ticket, &ctx->retry_after);

    if (rc != NGX_AGAIN) {
        return rc;
    }

    ctx->via = NGX_MLSEC_VIA_WAITING;

    /* a client that goes away is seen only when somebody looks */

    if (r == r->main) {
        r->read_event_handler = ngx_http_test_reading;
    }

    ngx_mlsec_capture_on_cancel(r, ngx_mlsec_via_cancel);

    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_AGAIN;
}


static void
ngx_mlsec_via_admitted(void *data, ngx_int_t rc, time_t retry_after)
{
    ngx_http_request_t *r = data;

    ngx_connection_t         *c;
    ngx_mlsec_service_ctx_t  *ctx;

    c = r->connection;
    ctx = ngx_http_get_module_ctx(r, ngx_mlsec_service_module);

    ngx_http_set_log_request(c->log, r);

    ctx->via = NGX_MLSEC_VIA_DECIDED;
    ctx->rc = rc;
    ctx->retry_after = retry_after;

    if (r == r->main) {
        r->read_event_handler = ngx_http_block_reading;
    }

    ngx_mlsec_capture_on_cancel(r, NULL);

    ngx_mlsec_via_look_again(r, ctx);

    r->write_event_handler = ngx_http_core_run_phases;
    ngx_http_core_run_phases(r);

    ngx_http_run_posted_requests(c);
}


/*
 * Peers may have gone while it waited.
 */

static void
ngx_mlsec_via_look_again(ngx_http_request_t *r, ngx_mlsec_service_ctx_t *ctx)
{
    const ngx_mlsec_service_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_mlsec_service_module);

    if (ctx->rc == NGX_OK
        && ngx_mlsec_service_nobody(lcf->via->conf, &ctx->retry_after))
    {
        ngx_mlsec_service_withdraw(ctx->ticket);
        ctx->rc = NGX_ERROR;
    }
}


static void
ngx_mlsec_via_cancel(ngx_http_request_t *r)
{
    ngx_mlsec_service_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_mlsec_service_module);

    ngx_mlsec_service_withdraw(ctx->ticket);
}


static ngx_int_t
ngx_mlsec_via_answer(ngx_http_request_t *r, const ngx_mlsec_via_t *via,
    const ngx_mlsec_service_ctx_t *ctx)
{
    ngx_uint_t                       status;
    const char                      *what;
    ngx_mlsec_error_t                error;
    ngx_mlsec_fault_e                fault;
    const ngx_mlsec_service_conf_t  *conf;

    conf = via->conf;
    status = NGX_HTTP_SERVICE_UNAVAILABLE;

    switch (ctx->rc) {

    case NGX_ABORT:
        what = "no address";
        fault = NGX_MLSEC_FAULT_NOWHERE;
        break;

    case NGX_ERROR:
        what = "no peer";
        fault = NGX_MLSEC_FAULT_NO_PEER;
        break;

    case NGX_BUSY:
        what = "too many calls";
        fault = NGX_MLSEC_FAULT_SHED;
        break;

    case NGX_DONE:
        what = "client's time is over";
        fault = NGX_MLSEC_FAULT_TIMEOUT;
        status = NGX_HTTP_GATEWAY_TIME_OUT;
        break;

    default:
        what = "breaker is open";
        fault = NGX_MLSEC_FAULT_OPEN;
    }

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "mlsec service: %s, service: \"%V\"", what,
                  ngx_mlsec_service_name(conf));

    if (ngx_mlsec_service_error(r, conf, fault, &error) == NGX_OK) {
        error.status = status;
        error.retry_after = (status == NGX_HTTP_SERVICE_UNAVAILABLE)
                            ? ctx->retry_after : 0;

        (void) ngx_mlsec_error_set(r, &error);
    }

    return status;
}
