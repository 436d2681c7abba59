/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <core/ngx_mlsec_respond.h>
#include <service/ngx_mlsec_service_conf.h>
#include <service/ngx_mlsec_service_resolve.h>


/* in the order of mlsec_outcome_e */

static const char  *ngx_mlsec_outcomes[] = {
    "ok", "status", "connect", "timeout", "reset", "aborted"
};

/* in the order of mlsec_breaker_state_e */

static const char  *ngx_mlsec_breaker_states[] = {
    "closed", "open", "half_open"
};

/* in the order of mlsec_health_e */

static const char  *ngx_mlsec_health_states[] = {
    "unknown", "up", "down"
};


/* in the order of mlsec_lookup_e */

static const char  *ngx_mlsec_lookups[] = {
    "never", "ok", "empty", "failed"
};


static void ngx_mlsec_services_write(ngx_http_request_t *r,
    ngx_mlsec_json_t *w);
static void ngx_mlsec_services_places(const ngx_mlsec_service_conf_t *conf,
    ngx_mlsec_json_t *w);
static void ngx_mlsec_services_one(ngx_http_request_t *r,
    const ngx_mlsec_service_conf_t *conf, ngx_mlsec_json_t *w);
static const char *ngx_mlsec_breaker_name(const mlsec_breaker_view_t *view);
static void ngx_mlsec_services_breaker(const ngx_mlsec_service_conf_t *conf,
    ngx_mlsec_json_t *w);
static void ngx_mlsec_services_resolve(const ngx_mlsec_service_conf_t *conf,
    ngx_mlsec_json_t *w);
static void ngx_mlsec_services_peer(const ngx_mlsec_service_conf_t *conf,
    const ngx_mlsec_peer_view_t *peer, ngx_mlsec_json_t *w);
static void ngx_mlsec_services_health(const mlsec_peer_slot_t *slot,
    const mlsec_health_view_t *health, ngx_mlsec_json_t *w);
static void ngx_mlsec_services_word(ngx_mlsec_json_t *w, const char *word);
static void ngx_mlsec_services_flag(ngx_mlsec_json_t *w, ngx_uint_t value);
static void ngx_mlsec_services_number(ngx_mlsec_json_t *w, const char *name,
    uint64_t value);


char *
ngx_mlsec_services(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_mlsec_service_loc_conf_t  *lcf = conf;

    ngx_str_t                      *value;
    ngx_mlsec_service_main_conf_t  *mcf;

    if (lcf->services) {
        return "is duplicate";
    }

    lcf->services = ngx_mlsec_services_handler;
    ngx_mlsec_conf_here(cf, &lcf->place);

    if (cf->args->nelts == 2) {
        value = cf->args->elts;

        lcf->services = ngx_mlsec_admin_handler;
        lcf->any = (ngx_strcmp(value[1].data, "admin=any") == 0);

        if (!lcf->any && ngx_strcmp(value[1].data, "admin") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown parameter \"%V\" in "
                               "\"mlsec_services\", expected \"admin\" or "
                               "\"admin=any\"", &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_mlsec_service_module);

    if (mcf->zone == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"mlsec_services\" without \"mlsec_zone\", "
                           "add \"mlsec_zone mlsec:32m;\" to \"http\" before "
                           "its servers");
        return NGX_CONF_ERROR;
    }

    if (ngx_mlsec_conf_set_handler(cf, "mlsec_services", lcf->services)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_mlsec_services_handler(ngx_http_request_t *r)
{
    ngx_int_t         rc;
    ngx_mlsec_json_t  w;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    (void) ngx_mlsec_json_init(&w, r->pool, 4096);

    ngx_mlsec_services_write(r, &w);

    return ngx_mlsec_services_send(r, &w);
}


ngx_int_t
ngx_mlsec_services_respond(ngx_http_request_t *r,
    const ngx_mlsec_service_conf_t *conf)
{
    ngx_mlsec_json_t  w;

    (void) ngx_mlsec_json_init(&w, r->pool, 1024);

    ngx_mlsec_services_one(r, conf, &w);

    return ngx_mlsec_services_send(r, &w);
}


ngx_int_t
ngx_mlsec_services_send(ngx_http_request_t *r, ngx_mlsec_json_t *w)
{
    ngx_str_t  text;

    if (ngx_mlsec_json_text(w, &text) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_mlsec_respond_text(r, &text);
}


static void
ngx_mlsec_services_write(ngx_http_request_t *r, ngx_mlsec_json_t *w)
{
    ngx_uint_t                      i;
    ngx_mlsec_service_conf_t      **conf;
    ngx_mlsec_service_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_service_module);
    conf = mcf->services.elts;

    ngx_mlsec_json_lit(w, "{\"services\":[");

    for (i = 0; i < mcf->services.nelts; i++) {

        if (i) {
            ngx_mlsec_json_lit(w, ",");
        }

        ngx_mlsec_services_one(r, conf[i], w);
    }

    ngx_mlsec_json_lit(w, "]}");
}


static void
ngx_mlsec_services_places(const ngx_mlsec_service_conf_t *conf,
    ngx_mlsec_json_t *w)
{
    const mlsec_atomic_t  *waited;

    waited = conf->live->slot->waited;

    ngx_mlsec_services_number(w, "max_inflight", conf->max_inflight);
    ngx_mlsec_services_number(w, "shed",
                              mlsec_atomic_load(&conf->live->slot->shed));

    if (conf->queue == 0) {
        return;
    }

    ngx_mlsec_json_lit(w, ",\"queue\":{\"waiting\":");
    ngx_mlsec_json_int(w, mlsec_gate_waiting(conf->main->registry,
                                             conf->live->index));
    ngx_mlsec_services_number(w, "max", conf->queue);
    ngx_mlsec_services_number(w, "wait_ms", conf->wait);
    ngx_mlsec_services_number(w, "called",
                              mlsec_atomic_load(&waited[MLSEC_WAIT_CALLED]));
    ngx_mlsec_services_number(w, "expired",
                              mlsec_atomic_load(&waited[MLSEC_WAIT_EXPIRED]));
    ngx_mlsec_services_number(w, "crowded_out",
                              mlsec_atomic_load(
                                        &waited[MLSEC_WAIT_CROWDED_OUT]));
    ngx_mlsec_services_number(w, "aborted",
                              mlsec_atomic_load(&waited[MLSEC_WAIT_ABORTED]));
    ngx_mlsec_json_lit(w, "}");
}


static void
ngx_mlsec_services_one(ngx_http_request_t *r,
    const ngx_mlsec_service_conf_t *conf, ngx_mlsec_json_t *w)
{
    ngx_uint_t              i, n;
    mlsec_budget_t         *budget;
    mlsec_process_t         process;
    mlsec_budget_live_t     live;
    ngx_mlsec_peer_view_t  *peers;

    ngx_mlsec_process(&process);
    mlsec_registry_bury(conf->main->registry, &process);

    ngx_mlsec_json_lit(w, "{\"name\":");
    ngx_mlsec_json_string(w, ngx_mlsec_service_name(conf));
    ngx_mlsec_json_lit(w, ",\"upstream\":");
    ngx_mlsec_json_string(w, &conf->upstream->host);

    ngx_mlsec_services_number(w, "weight", conf->service.weight);
    ngx_mlsec_json_lit(w, ",\"critical\":");
    ngx_mlsec_services_flag(w, conf->service.critical);
    ngx_mlsec_services_number(w, "timeout_ms", conf->service.timeout
                                               ? conf->service.timeout
                                               : NGX_MLSEC_SERVICE_TIMEOUT);
    ngx_mlsec_services_number(w, "inflight",
                              mlsec_registry_inflight(conf->main->registry,
                                                      conf->live->index));

    if (conf->max_inflight) {
        ngx_mlsec_services_places(conf, w);
    }

    ngx_mlsec_json_lit(w, ",\"breaker\":");

    if (conf->breaks) {
        ngx_mlsec_services_breaker(conf, w);

    } else {
        ngx_mlsec_json_lit(w, "null");
    }

    if (conf->retries) {
        mlsec_registry_live(conf->main->registry, conf->live->index, &live);

        budget = &conf->live->slot->budget;

        ngx_mlsec_json_lit(w, ",\"retries\":{\"now\":");
        ngx_mlsec_json_int(w, live.retries);
        ngx_mlsec_services_number(w, "made", mlsec_atomic_load(&budget->made));
        ngx_mlsec_services_number(w, "refused",
                                  mlsec_atomic_load(&budget->refused));
        ngx_mlsec_json_lit(w, "}");
    }

    if (conf->resolve) {
        ngx_mlsec_services_resolve(conf, w);
    }

    ngx_mlsec_json_lit(w, ",\"peers\":[");

    if (ngx_mlsec_service_collect(conf, r->pool, &peers, &n) != NGX_OK) {
        w->failed = 1;
        return;
    }

    for (i = 0; i < n; i++) {

        if (i) {
            ngx_mlsec_json_lit(w, ",");
        }

        ngx_mlsec_services_peer(conf, &peers[i], w);
    }

    ngx_mlsec_json_lit(w, "]}");
}


static const char *
ngx_mlsec_breaker_name(const mlsec_breaker_view_t *view)
{
    return (view->force == MLSEC_FORCE_OPEN) ? "forced_open"
           : (view->force == MLSEC_FORCE_CLOSED) ? "forced_closed"
           : ngx_mlsec_breaker_states[view->state];
}


const char *
ngx_mlsec_service_breaker(ngx_http_upstream_srv_conf_t *uscf)
{
    mlsec_breaker_view_t             view;
    const ngx_mlsec_service_conf_t  *conf;

    conf = ngx_mlsec_service_conf(uscf);

    if (!conf->breaks) {
        return NULL;
    }

    mlsec_breaker_view(&conf->live->slot->breaker, &conf->breaker, NULL,
                       ngx_current_msec, &view);

    return ngx_mlsec_breaker_name(&view);
}


static void
ngx_mlsec_services_breaker(const ngx_mlsec_service_conf_t *conf,
    ngx_mlsec_json_t *w)
{
    uint64_t              failed;
    mlsec_breaker_view_t  view;

    mlsec_breaker_view(&conf->live->slot->breaker, &conf->breaker,
                       &conf->live->goods, ngx_current_msec, &view);

    ngx_mlsec_json_lit(w, "{\"state\":");
    ngx_mlsec_services_word(w, ngx_mlsec_breaker_name(&view));
    ngx_mlsec_services_number(w, "admitted_percent", view.share);
    ngx_mlsec_services_number(w, "retry_after_ms", view.wait);
    ngx_mlsec_services_number(w, "window_calls", view.failures.total);
    ngx_mlsec_services_number(w, "window_failed", view.failures.bad);
    ngx_mlsec_services_number(w, "window_slow", view.slow.bad);
    ngx_mlsec_services_number(w, "opened",
                              mlsec_atomic_load(&conf->live->slot->opened));
    ngx_mlsec_services_number(w, "recovered",
                              mlsec_atomic_load(&conf->live->slot->recovered));
    ngx_mlsec_services_number(w, "refused",
                              mlsec_atomic_load(&conf->live->slot->refused));

    failed = mlsec_atomic_load(&conf->live->slot->failed);

    if (failed) {
        ngx_mlsec_services_number(w, "last_failure_ms",
                                  ngx_current_msec - failed);
    }

    ngx_mlsec_json_lit(w, "}");
}


static void
ngx_mlsec_services_resolve(const ngx_mlsec_service_conf_t *conf,
    ngx_mlsec_json_t *w)
{
    uint64_t                 due;
    mlsec_discovery_view_t   view;
    mlsec_service_slot_t    *slot;

    slot = conf->live->slot;

    mlsec_discovery_view(&slot->lookup, &view);

    ngx_mlsec_json_lit(w, ",\"resolve\":{\"name\":");
    ngx_mlsec_json_string(w, &conf->resolve->name);
    ngx_mlsec_json_lit(w, ",\"last\":");
    ngx_mlsec_services_word(w, ngx_mlsec_lookups[view.last]);

    if (view.last == MLSEC_LOOKUP_FAILED) {
        ngx_mlsec_json_lit(w, ",\"reason\":");
        ngx_mlsec_services_word(w, ngx_mlsec_lookup_reason(view.code));
    }

    ngx_mlsec_json_lit(w, ",\"age_ms\":");

    if (view.good) {
        ngx_mlsec_json_int(w, ngx_current_msec - view.good);

    } else {
        ngx_mlsec_json_lit(w, "null");
    }

    due = mlsec_atomic_load(&slot->due);

    ngx_mlsec_services_number(w, "next_ms", due > ngx_current_msec
                                            ? due - ngx_current_msec : 0);
    ngx_mlsec_services_number(w, "empty_in_a_row", view.empties);
    ngx_mlsec_services_number(w, "failed_in_a_row", view.failures);
    ngx_mlsec_json_lit(w, "}");
}


static void
ngx_mlsec_services_peer(const ngx_mlsec_service_conf_t *conf,
    const ngx_mlsec_peer_view_t *peer, ngx_mlsec_json_t *w)
{
    ngx_str_t              address;
    ngx_uint_t             i;
    const char            *state;
    mlsec_peer_slot_t     *slot;
    mlsec_health_view_t    health;
    mlsec_outlier_view_t   outlier;

    slot = peer->slot;

    address.data = slot->slot.name;
    address.len = slot->slot.len;

    mlsec_outlier_view(&slot->outlier, &conf->outlier, &outlier);

    mlsec_health_view(&slot->health, &health);

    state = peer->marked ? "down"
            : mlsec_atomic_load(&slot->drain) ? "drained"
            : (conf->probes && health.state == MLSEC_HEALTH_DOWN) ? "unhealthy"
            : (conf->ejects && outlier.ejected) ? "ejected" : "up";

    ngx_mlsec_json_lit(w, "{\"address\":");
    ngx_mlsec_json_string(w, &address);
    ngx_mlsec_json_lit(w, ",\"state\":");
    ngx_mlsec_services_word(w, state);
    ngx_mlsec_json_lit(w, ",\"left_out\":");
    ngx_mlsec_services_flag(w, peer->left_out);

    if (peer->backup) {
        ngx_mlsec_json_lit(w, ",\"backup\":true");
    }

    ngx_mlsec_services_number(w, "latency_us",
                              mlsec_atomic_load(&slot->latency));
    ngx_mlsec_services_number(w, "failures_in_a_row", outlier.consecutive);
    ngx_mlsec_services_number(w, "ejections",
                              mlsec_atomic_load(&slot->ejected));

    if (conf->probes) {
        ngx_mlsec_services_health(slot, &health, w);
    }

    ngx_mlsec_json_lit(w, ",\"calls\":{");

    for (i = 0; i < MLSEC_OUTCOMES; i++) {

        if (i) {
            ngx_mlsec_json_lit(w, ",");
        }

        ngx_mlsec_services_word(w, ngx_mlsec_outcomes[i]);
        ngx_mlsec_json_lit(w, ":");
        ngx_mlsec_json_int(w, mlsec_registry_calls(conf->main->registry,
                                                  slot, i));
    }

    ngx_mlsec_json_lit(w, "}}");
}


static void
ngx_mlsec_services_health(const mlsec_peer_slot_t *slot,
    const mlsec_health_view_t *health, ngx_mlsec_json_t *w)
{
    uint64_t  probe, probed;

    probe = mlsec_atomic_load(&slot->probe);
    probed = mlsec_atomic_load(&slot->probed);

    ngx_mlsec_json_lit(w, ",\"health\":{\"state\":");
    ngx_mlsec_services_word(w, ngx_mlsec_health_states[health->state]);
    ngx_mlsec_services_number(w, "passes", health->passes);
    ngx_mlsec_services_number(w, "fails", health->fails);

    if (probed) {
        ngx_mlsec_services_number(w, "last_status", probe & 0xffff);
        ngx_mlsec_services_number(w, "last_ms", probe >> 16);
        ngx_mlsec_services_number(w, "age_ms", ngx_current_msec - probed);
    }

    ngx_mlsec_json_lit(w, "}");
}


/* A JSON string of a word that needs no escaping. */

static void
ngx_mlsec_services_word(ngx_mlsec_json_t *w, const char *word)
{
    ngx_mlsec_json_lit(w, "\"");
    ngx_mlsec_json_raw(w, (const u_char *) word, ngx_strlen(word));
    ngx_mlsec_json_lit(w, "\"");
}


static void
ngx_mlsec_services_flag(ngx_mlsec_json_t *w, ngx_uint_t value)
{
    if (value) {
        ngx_mlsec_json_lit(w, "true");

    } else {
        ngx_mlsec_json_lit(w, "false");
    }
}


/* A member that is not the first. */

static void
ngx_mlsec_services_number(ngx_mlsec_json_t *w, const char *name,
    uint64_t value)
{
    ngx_mlsec_json_lit(w, ",");
    ngx_mlsec_services_word(w, name);
    ngx_mlsec_json_lit(w, ":");
    ngx_mlsec_json_int(w, value);
}
