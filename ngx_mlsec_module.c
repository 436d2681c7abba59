/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */

/*
 * The table of contents: what the shared object consists of.
 *
 *   ngx_mlsec_module                 this file
 *   ngx_mlsec_allow_module           src/core/ngx_mlsec_allow.c
 *   ngx_mlsec_endpoint_module        src/core/ngx_mlsec_endpoint.c
 *   ngx_mlsec_respond_module         src/core/ngx_mlsec_respond.c
 *   ngx_mlsec_metrics_module         src/metrics/ngx_mlsec_metrics_module.c
 *   ngx_mlsec_redis_module           src/redis/ngx_mlsec_redis_module.c
 *   ngx_mlsec_service_module         src/service/ngx_mlsec_service.c
 *   ngx_mlsec_filter_module          src/filter/ngx_mlsec_filter_module.c
 *   ngx_mlsec_auth_module            src/auth/ngx_mlsec_auth_module.c
 *   ngx_mlsec_limit_module           src/limit/ngx_mlsec_limit_module.c
 *   ngx_mlsec_audit_module           src/audit/ngx_mlsec_audit_module.c
 *   ngx_mlsec_validate_module        src/validate/ngx_mlsec_validate_module.c
 *   ngx_mlsec_edge_filter_module     src/edge/ngx_mlsec_edge_module.c
 *   ngx_mlsec_aggregate_module       src/aggregate/ngx_mlsec_aggregate_module.c
 *   ngx_mlsec_redact_filter_module   src/redact/ngx_mlsec_redact_module.c
 *   ngx_mlsec_error_filter_module    src/core/ngx_mlsec_error.c
 *   ngx_mlsec_capture_filter_module  src/core/ngx_mlsec_capture.c
 *
 * The order of the filters is that of "config", the phase handlers are listed
 * below; content handlers belong to their locations.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <audit/ngx_mlsec_audit.h>
#include <auth/ngx_mlsec_auth.h>
#include <core/ngx_mlsec_allow.h>
#include <core/ngx_mlsec_capture.h>
#include <core/ngx_mlsec_conf.h>
#include <core/ngx_mlsec_deadline.h>
#include <core/ngx_mlsec_error.h>
#include <core/ngx_mlsec_variables.h>
#include <edge/ngx_mlsec_edge.h>
#include <limit/ngx_mlsec_limit.h>
#include <metrics/ngx_mlsec_metrics.h>
#include <service/ngx_mlsec_service.h>
#include <validate/ngx_mlsec_validate.h>


static mlsec_hot ngx_int_t ngx_mlsec_strict(ngx_http_request_t *r);
static ngx_int_t ngx_mlsec_preflight(ngx_http_request_t *r);
static mlsec_hot ngx_int_t ngx_mlsec_access(ngx_http_request_t *r);
static ngx_int_t ngx_mlsec_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_mlsec_postconfiguration(ngx_conf_t *cf);
static void ngx_mlsec_request_pool(ngx_conf_t *cf);
static ngx_uint_t ngx_mlsec_is_needed(ngx_conf_t *cf,
    ngx_http_handler_pt handler);
static ngx_int_t ngx_mlsec_init_process(ngx_cycle_t *cycle);


/* bytes of a request's pool: nginx's default, and what is made of that */

#define NGX_MLSEC_POOL_DEFAULT  4096
#define NGX_MLSEC_POOL          12288


/*
 * THE list of phase handlers.  nginx runs the handlers of a phase in the
 * reverse order of their registration; here they stand in the order in which
 * they run, and are registered from the end.
 */

static const struct {
    ngx_http_phases       phase;
    ngx_http_handler_pt   handler;
} ngx_mlsec_phases[] = {
    { NGX_HTTP_POST_READ_PHASE, ngx_mlsec_metrics_begin },
    { NGX_HTTP_SERVER_REWRITE_PHASE, ngx_mlsec_auth_rewrite },
    { NGX_HTTP_SERVER_REWRITE_PHASE, ngx_mlsec_error_rewrite },
    { NGX_HTTP_SERVER_REWRITE_PHASE, ngx_mlsec_strict },
    { NGX_HTTP_REWRITE_PHASE, ngx_mlsec_error_rewrite },
    { NGX_HTTP_REWRITE_PHASE, ngx_mlsec_auth_conceal },
    { NGX_HTTP_REWRITE_PHASE, ngx_mlsec_https_rewrite },
    { NGX_HTTP_REWRITE_PHASE, ngx_mlsec_preflight },
    { NGX_HTTP_REWRITE_PHASE, ngx_mlsec_auth_closed },
    { NGX_HTTP_REWRITE_PHASE, ngx_mlsec_allow_rewrite },
    { NGX_HTTP_PREACCESS_PHASE, ngx_mlsec_limit_address },
    { NGX_HTTP_ACCESS_PHASE, ngx_mlsec_access },
    { NGX_HTTP_PRECONTENT_PHASE, ngx_mlsec_auth_passed },
    { NGX_HTTP_PRECONTENT_PHASE, ngx_mlsec_limit_identity },
    { NGX_HTTP_PRECONTENT_PHASE, ngx_mlsec_validate_handler },
    { NGX_HTTP_PRECONTENT_PHASE, ngx_mlsec_service_via },
    { NGX_HTTP_PRECONTENT_PHASE, ngx_mlsec_audit_precontent },
    { NGX_HTTP_LOG_PHASE, ngx_mlsec_limit_log },
    { NGX_HTTP_LOG_PHASE, ngx_mlsec_audit_log },
    { NGX_HTTP_LOG_PHASE, ngx_mlsec_metrics_log }
};


/*
 * Those that nginx calls for nothing unless the configuration has what they
 * are for: then they are not registered at all.
 */

static const struct {
    ngx_http_handler_pt   handler;
    const ngx_module_t   *used;
    const ngx_module_t   *or_used;         /* or NULL */
} ngx_mlsec_needs[] = {
    { ngx_mlsec_metrics_begin, &ngx_mlsec_metrics_module, NULL },
    { ngx_mlsec_metrics_log, &ngx_mlsec_metrics_module, NULL },
    { ngx_mlsec_error_rewrite, &ngx_mlsec_error_filter_module, NULL },
    { ngx_mlsec_auth_rewrite, &ngx_mlsec_auth_module, NULL },
    { ngx_mlsec_strict, &ngx_mlsec_edge_filter_module,
      &ngx_mlsec_auth_module },
    { ngx_mlsec_auth_conceal, &ngx_mlsec_auth_module, NULL },
    { ngx_mlsec_auth_closed, &ngx_mlsec_auth_module, NULL },
    { ngx_mlsec_https_rewrite, &ngx_mlsec_edge_filter_module, NULL },
    { ngx_mlsec_preflight, &ngx_mlsec_edge_filter_module, NULL },
    { ngx_mlsec_allow_rewrite, &ngx_mlsec_allow_module, NULL },
    { ngx_mlsec_limit_address, &ngx_mlsec_limit_module, NULL },
    { ngx_mlsec_access, &ngx_mlsec_auth_module, &ngx_mlsec_limit_module },
    { ngx_mlsec_auth_passed, &ngx_mlsec_auth_module, NULL },
    { ngx_mlsec_limit_identity, &ngx_mlsec_limit_module, NULL },
    { ngx_mlsec_validate_handler, &ngx_mlsec_validate_module, NULL },
    { ngx_mlsec_service_via, &ngx_mlsec_service_module, NULL },
    { ngx_mlsec_audit_precontent, &ngx_mlsec_audit_module, NULL },
    { ngx_mlsec_limit_log, &ngx_mlsec_limit_module, NULL },
    { ngx_mlsec_audit_log, &ngx_mlsec_audit_module, NULL }
};


static ngx_http_module_t  ngx_mlsec_module_ctx = {
    ngx_mlsec_preconfiguration,            /* preconfiguration */
    ngx_mlsec_postconfiguration,           /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_mlsec_module = {
    NGX_MODULE_V1,
    &ngx_mlsec_module_ctx,                 /* module context */
    NULL,                                  /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_mlsec_init_process,                /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


/*
 * What follows is where capabilities meet, since they do not know each other.
 *
 * A server that asks who somebody is decides by paths, so there they have to
 * mean one thing, unless it says otherwise.
 */

static ngx_int_t
ngx_mlsec_strict(ngx_http_request_t *r)
{
    return ngx_mlsec_edge_strict(r, ngx_mlsec_auth_used(r));
}


/*
 * A preflight is answered before anybody asks who it is, and before the
 * location says anything about methods; but it counts for its address.
 */

static ngx_int_t
ngx_mlsec_preflight(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_mlsec_cors_preflight(r);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_mlsec_limit_address(r);

    if (rc == NGX_DECLINED) {
        return ngx_mlsec_cors_answer(r);
    }

    /* a limit that waits is run again from here; this phase says it so */

    return rc == NGX_AGAIN ? NGX_DONE : rc;
}


/*
 * THE access handler: who it is, whether it may, then how often.  One, since
 * with "satisfy any" nginx asks no other handler once one has said OK; what a
 * stock handler has let in without this one is counted in the precontent
 * phase.
 */

static ngx_int_t
ngx_mlsec_access(ngx_http_request_t *r)
{
    ngx_int_t  rc, limit;

    rc = ngx_mlsec_auth_access(r);

    if (rc != NGX_OK && rc != NGX_DECLINED) {
        return rc;
    }

    limit = ngx_mlsec_limit_identity(r);

    return limit == NGX_DECLINED ? rc : limit;
}


static ngx_int_t
ngx_mlsec_preconfiguration(ngx_conf_t *cf)
{
    if (ngx_mlsec_deadline_add(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_mlsec_variables_add(cf);
}


static ngx_int_t
ngx_mlsec_postconfiguration(ngx_conf_t *cf)
{
    ngx_uint_t                  i;
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    for (i = sizeof(ngx_mlsec_phases) / sizeof(ngx_mlsec_phases[0]); i; i--) {

        if (!ngx_mlsec_is_needed(cf, ngx_mlsec_phases[i - 1].handler)) {
            continue;
        }

        h = ngx_array_push(
                &cmcf->phases[ngx_mlsec_phases[i - 1].phase].handlers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        *h = ngx_mlsec_phases[i - 1].handler;
    }

    ngx_mlsec_request_pool(cf);

    return NGX_OK;
}


/*
 * A proxied request needs 8 kB from its pool with nginx alone, and 9 or more
 * with the headers that clients send.  By default a pool has 4, so each request
 * has one or two further blocks allocated and freed, and one costs half of what
 * all of this module does for it.  What is said to be 4k cannot be told from
 * what is not said; any other size is the operator's word.
 */

static void
ngx_mlsec_request_pool(ngx_conf_t *cf)
{
    ngx_uint_t                   i;
    ngx_http_core_srv_conf_t   **cscf;
    ngx_http_core_main_conf_t   *cmcf;

    if (!ngx_mlsec_conf_used(cf, &ngx_mlsec_service_module)
        && !ngx_mlsec_conf_used(cf, &ngx_mlsec_auth_module)
        && !ngx_mlsec_conf_used(cf, &ngx_mlsec_capture_filter_module))
    {
        return;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    cscf = cmcf->servers.elts;

    for (i = 0; i < cmcf->servers.nelts; i++) {

        if (cscf[i]->request_pool_size == NGX_MLSEC_POOL_DEFAULT) {
            cscf[i]->request_pool_size = NGX_MLSEC_POOL;
        }
    }
}


static ngx_uint_t
ngx_mlsec_is_needed(ngx_conf_t *cf, ngx_http_handler_pt handler)
{
    ngx_uint_t  i;

    for (i = 0; i < sizeof(ngx_mlsec_needs) / sizeof(ngx_mlsec_needs[0]); i++)
    {
        if (ngx_mlsec_needs[i].handler == handler) {
            return ngx_mlsec_conf_used(cf, ngx_mlsec_needs[i].used)
                   || ngx_mlsec_conf_used(cf, ngx_mlsec_needs[i].or_used);
        }
    }

    return 1;
}


static ngx_int_t
ngx_mlsec_init_process(ngx_cycle_t *cycle)
{
    return ngx_mlsec_variables_init_worker(cycle);
}
