/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <service/ngx_mlsec_service_conf.h>


/* words of an upstream */

#define NGX_MLSEC_UPSTREAM_OUTCOMES  0
#define NGX_MLSEC_UPSTREAM_LATENCY   MLSEC_OUTCOMES
#define NGX_MLSEC_UPSTREAM_WAIT      (NGX_MLSEC_UPSTREAM_LATENCY              \
                                      + MLSEC_HISTOGRAM_WORDS)
#define NGX_MLSEC_UPSTREAM_WORDS     (NGX_MLSEC_UPSTREAM_WAIT                 \
                                      + MLSEC_HISTOGRAM_WORDS)


static ngx_int_t ngx_mlsec_service_labels(ngx_pool_t *pool,
    const ngx_mlsec_service_conf_t *conf, ngx_str_t *peer, ngx_str_t *text);
static void ngx_mlsec_upstreams_json(ngx_mlsec_json_t *w,
    const uint64_t *words);
static void ngx_mlsec_service_collector(ngx_http_request_t *r,
    ngx_mlsec_exposition_t *e);
static ngx_uint_t ngx_mlsec_service_value(
    const ngx_mlsec_service_conf_t *conf, ngx_uint_t which, uint64_t *value);
static uint64_t ngx_mlsec_service_circuit(
    const ngx_mlsec_service_conf_t *conf);
static void ngx_mlsec_service_peers(ngx_http_request_t *r,
    const ngx_mlsec_service_conf_t *conf, ngx_uint_t which,
    ngx_mlsec_exposition_t *e);
static uint64_t ngx_mlsec_service_peer_value(
    const ngx_mlsec_service_conf_t *conf, const ngx_mlsec_peer_view_t *peer,
    ngx_uint_t which);


/* in the order of mlsec_outcome_e */

static const char *const  ngx_mlsec_upstream_labels[MLSEC_OUTCOMES] = {
    "outcome=\"ok\"", "outcome=\"status\"", "outcome=\"connect\"",
    "outcome=\"timeout\"", "outcome=\"reset\"", "outcome=\"aborted\""
};

static const char *const  ngx_mlsec_upstream_names[MLSEC_OUTCOMES] = {
    "ok", "status", "connect", "timeout", "reset", "aborted"
};


static const ngx_mlsec_family_t  ngx_mlsec_upstream_families[] = {

    { NGX_MLSEC_COUNTER, "mlsec_upstream_requests",
      "Attempts to have a request answered by a peer, by what came of them.",
      NGX_MLSEC_UPSTREAM_OUTCOMES, MLSEC_OUTCOMES, ngx_mlsec_upstream_labels,
      1, 0 },

    { NGX_MLSEC_HISTOGRAM, "mlsec_upstream_request_duration_seconds",
      "Time of an attempt until the answer began, or until it failed.",
      NGX_MLSEC_UPSTREAM_LATENCY, 0, NULL, 1000, 0 },

    { NGX_MLSEC_HISTOGRAM, "mlsec_upstream_wait_duration_seconds",
      "Time that calls have waited for a place among those in flight.",
      NGX_MLSEC_UPSTREAM_WAIT, 0, NULL, 1000, 0 }
};


static const ngx_mlsec_kind_t  ngx_mlsec_upstream_kind = {
    "upstreams",
    ngx_mlsec_upstream_families,
    sizeof(ngx_mlsec_upstream_families) / sizeof(ngx_mlsec_family_t),
    NGX_MLSEC_UPSTREAM_WORDS,
    ngx_mlsec_upstreams_json
};


/* what the registry knows of a service, see ngx_mlsec_service_value() */

static const char *const  ngx_mlsec_refused_labels[] = {
    "reason=\"circuit_open\"", "reason=\"shed\""
};

static const char *const  ngx_mlsec_retry_labels[] = {
    "decision=\"made\"", "decision=\"refused\""
};

static const char *const  ngx_mlsec_wait_labels[MLSEC_WAITS] = {
    "result=\"called\"", "result=\"expired\"", "result=\"crowded_out\"",
    "result=\"aborted\""
};

static const char *const  ngx_mlsec_transition_labels[] = {
    "to=\"open\"", "to=\"closed\""
};

static const ngx_mlsec_family_t  ngx_mlsec_service_families[] = {

    { NGX_MLSEC_GAUGE, "mlsec_upstream_requests_in_flight",
      "Calls that have begun and not ended.", 0, 1, NULL, 1, 0 },

    { NGX_MLSEC_GAUGE, "mlsec_circuit_state",
      "The circuit breaker: 0 closed, 1 half-open, 2 open.",
      1, 1, NULL, 1, 0 },

    { NGX_MLSEC_COUNTER, "mlsec_circuit_transitions",
      "Times that the circuit breaker has changed its state.",
      2, 2, ngx_mlsec_transition_labels, 1, 0 },

    { NGX_MLSEC_COUNTER, "mlsec_upstream_refused",
      "Calls that were not made, by why.",
      4, 2, ngx_mlsec_refused_labels, 1, 0 },

    { NGX_MLSEC_COUNTER, "mlsec_upstream_retries",
      "Further attempts: made, or refused since the budget was spent.",
      6, 2, ngx_mlsec_retry_labels, 1, 0 },

    { NGX_MLSEC_GAUGE, "mlsec_upstream_requests_waiting",
      "Calls that wait for a place among those in flight.", 8, 1, NULL, 1, 0 },

    { NGX_MLSEC_COUNTER, "mlsec_upstream_waits",
      "Calls that had to wait for a place, by how that has ended.",
      9, MLSEC_WAITS, ngx_mlsec_wait_labels, 1, 0 }
};


#define NGX_MLSEC_SERVICE_FAMILIES                                            \
    (sizeof(ngx_mlsec_service_families) / sizeof(ngx_mlsec_family_t))


/* what it knows of a peer, see ngx_mlsec_service_peer_value() */

static const ngx_mlsec_family_t  ngx_mlsec_peer_families[] = {

    { NGX_MLSEC_GAUGE, "mlsec_upstream_peer_up",
      "1 if a peer is called, 0 if it is left out.", 0, 1, NULL, 1, 0 },

    { NGX_MLSEC_GAUGE, "mlsec_upstream_peer_ejected",
      "1 if a peer is ejected for its failures.", 1, 1, NULL, 1, 0 },

    { NGX_MLSEC_GAUGE, "mlsec_upstream_peer_healthy",
      "What probes of a peer say: 1 up, 0 down; none before the first.",
      2, 1, NULL, 1, 0 }
};


ngx_int_t
ngx_mlsec_service_metrics(ngx_conf_t *cf, ngx_mlsec_service_conf_t *conf)
{
    ngx_mlsec_label_t  labels[2];

    labels[0].name = "service";
    labels[0].value = *ngx_mlsec_service_name(conf);
    labels[1].name = "upstream";
    labels[1].value = conf->upstream->host;

    return ngx_mlsec_metrics_series(cf, &ngx_mlsec_upstream_kind, labels, 2,
                                    &conf->metrics);
}


ngx_int_t
ngx_mlsec_service_metrics_begin(ngx_conf_t *cf)
{
    return ngx_mlsec_metrics_collector(cf, ngx_mlsec_service_collector);
}


void
ngx_mlsec_service_count(const ngx_mlsec_service_conf_t *conf,
    mlsec_outcome_e outcome, ngx_msec_t elapsed)
{
    ngx_uint_t       shared;
    mlsec_atomic_t  *words;

    if (conf->metrics == NULL || conf->metrics->words == NULL) {
        return;
    }

    words = conf->metrics->words;
    shared = conf->metrics->shared;

    ngx_mlsec_metrics_word_add(&words[NGX_MLSEC_UPSTREAM_OUTCOMES + outcome],
                               1, shared);
    ngx_mlsec_metrics_word_observe(&words[NGX_MLSEC_UPSTREAM_LATENCY], elapsed,
                                   shared);
}


void
ngx_mlsec_service_count_wait(const ngx_mlsec_service_conf_t *conf,
    ngx_msec_t elapsed)
{
    ngx_mlsec_metrics_observe(conf->metrics, NGX_MLSEC_UPSTREAM_WAIT, elapsed);
}


static void
ngx_mlsec_upstreams_json(ngx_mlsec_json_t *w, const uint64_t *words)
{
    uint64_t    total, errors;
    ngx_uint_t  i;

    total = 0;

    for (i = 0; i < MLSEC_OUTCOMES; i++) {
        total += words[i];
    }

    /* what nobody wanted any more is no error of the service */

    errors = total - words[MLSEC_OUTCOME_OK] - words[MLSEC_OUTCOME_ABORTED];

    ngx_mlsec_metrics_json_number(w, "requests", total);
    ngx_mlsec_metrics_json_number(w, "errors", errors);
    ngx_mlsec_metrics_json_rate(w, errors, total);
    ngx_mlsec_metrics_json_words(w, "by_outcome", ngx_mlsec_upstream_names,
                                 words, MLSEC_OUTCOMES);
    ngx_mlsec_metrics_json_latency(w, words + NGX_MLSEC_UPSTREAM_LATENCY);
}


static ngx_int_t
ngx_mlsec_service_labels(ngx_pool_t *pool,
    const ngx_mlsec_service_conf_t *conf, ngx_str_t *peer, ngx_str_t *text)
{
    ngx_mlsec_label_t  labels[3];

    labels[0].name = "service";
    labels[0].value = *ngx_mlsec_service_name(conf);
    labels[1].name = "upstream";
    labels[1].value = conf->upstream->host;

    if (peer != NULL) {
        labels[2].name = "peer";
        labels[2].value = *peer;
    }

    return ngx_mlsec_metrics_labels(pool, labels, peer ? 3 : 2, text);
}


/*
 * The samples of a family have to stand together, so the services are gone
 * through for each family.
 */

static void
ngx_mlsec_service_collector(ngx_http_request_t *r, ngx_mlsec_exposition_t *e)
{
    uint64_t                        value;
    ngx_str_t                       labels;
    ngx_uint_t                      i, f, n;
    const ngx_mlsec_family_t       *family;
    ngx_mlsec_service_conf_t      **conf;
    ngx_mlsec_service_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_service_module);

    if (mcf->zone == NULL) {
        return;
    }

    conf = mcf->services.elts;

    for (f = 0; f < NGX_MLSEC_SERVICE_FAMILIES; f++) {
        family = &ngx_mlsec_service_families[f];

        ngx_mlsec_metrics_family(e, family);

        for (i = 0; i < mcf->services.nelts; i++) {

            if (ngx_mlsec_service_labels(r->pool, conf[i], NULL, &labels)
                != NGX_OK)
            {
                e->text.failed = 1;
                return;
            }

            for (n = 0; n < family->n; n++) {

                if (ngx_mlsec_service_value(conf[i], family->word + n, &value))
                {
                    ngx_mlsec_metrics_sample(e, family, &labels,
                                             family->labels
                                             ? family->labels[n] : NULL,
                                             value);
                }
            }
        }
    }

    for (f = 0; f < 3; f++) {
        ngx_mlsec_metrics_family(e, &ngx_mlsec_peer_families[f]);

        for (i = 0; i < mcf->services.nelts; i++) {
            ngx_mlsec_service_peers(r, conf[i], f, e);
        }
    }
}


/* which: a word of ngx_mlsec_service_families; 0 if it has none. */

static ngx_uint_t
ngx_mlsec_service_value(const ngx_mlsec_service_conf_t *conf,
    ngx_uint_t which, uint64_t *value)
{
    const mlsec_service_slot_t  *slot;

    slot = conf->live->slot;

    switch (which) {

    case 0:
        *value = mlsec_registry_inflight(conf->main->registry,
                                         conf->live->index);
        return 1;

    case 1:
        *value = ngx_mlsec_service_circuit(conf);
        return conf->breaks;

    case 2:
        *value = mlsec_atomic_load(&slot->opened);
        return conf->breaks;

    case 3:
        *value = mlsec_atomic_load(&slot->recovered);
        return conf->breaks;

    case 4:
        *value = mlsec_atomic_load(&slot->refused);
        return conf->breaks;

    case 5:
        *value = mlsec_atomic_load(&slot->shed);
        return conf->max_inflight > 0;

    case 6:
        *value = mlsec_atomic_load(&slot->budget.made);
        return conf->retries;

    case 7:
        *value = mlsec_atomic_load(&slot->budget.refused);
        return conf->retries;

    case 8:
        *value = mlsec_gate_waiting(conf->main->registry, conf->live->index);
        return conf->queue > 0;

    default:
        *value = mlsec_atomic_load(&slot->waited[which - 9]);
        return conf->queue > 0;
    }
}


static uint64_t
ngx_mlsec_service_circuit(const ngx_mlsec_service_conf_t *conf)
{
    mlsec_breaker_view_t  view;

    if (!conf->breaks) {
        return 0;
    }

    mlsec_breaker_view(&conf->live->slot->breaker, &conf->breaker, NULL,
                       ngx_current_msec, &view);

    if (view.force != MLSEC_FORCE_NONE) {
        return (view.force == MLSEC_FORCE_OPEN) ? 2 : 0;
    }

    return (view.state == MLSEC_BREAKER_OPEN) ? 2
           : (view.state == MLSEC_BREAKER_HALF_OPEN) ? 1 : 0;
}


/*
 * A server that is listed twice is one peer here.
 */

static void
ngx_mlsec_service_peers(ngx_http_request_t *r,
    const ngx_mlsec_service_conf_t *conf, ngx_uint_t which,
    ngx_mlsec_exposition_t *e)
{
    ngx_str_t              address, labels;
    ngx_uint_t             i, k, n;
    ngx_mlsec_peer_view_t *peers;

    if ((which == 1 && !conf->ejects) || (which == 2 && !conf->probes)) {
        return;
    }

    if (ngx_mlsec_service_collect(conf, r->pool, &peers, &n) != NGX_OK) {
        e->text.failed = 1;
        return;
    }

    for (i = 0; i < n; i++) {

        for (k = 0; k < i && peers[k].slot != peers[i].slot; k++) {
            /* void */
        }

        address.data = peers[i].slot->slot.name;
        address.len = peers[i].slot->slot.len;

        if (k < i
            || (which == 2 && ngx_mlsec_service_peer_value(conf, &peers[i], 3)
                              == MLSEC_HEALTH_UNKNOWN))
        {
            continue;
        }

        if (ngx_mlsec_service_labels(r->pool, conf, &address, &labels)
            != NGX_OK)
        {
            e->text.failed = 1;
            return;
        }

        ngx_mlsec_metrics_sample(e, &ngx_mlsec_peer_families[which], &labels,
                                 NULL,
                                 ngx_mlsec_service_peer_value(conf, &peers[i],
                                                              which));
    }
}


/* which: a word of ngx_mlsec_peer_families; 3: its health as it is. */

static uint64_t
ngx_mlsec_service_peer_value(const ngx_mlsec_service_conf_t *conf,
    const ngx_mlsec_peer_view_t *peer, ngx_uint_t which)
{
    mlsec_health_view_t   health;
    mlsec_outlier_view_t  outlier;

    switch (which) {

    case 0:
        return !peer->left_out && !peer->marked;

    case 1:
        mlsec_outlier_view(&peer->slot->outlier, &conf->outlier, &outlier);
        return outlier.ejected;

    default:
        mlsec_health_view(&peer->slot->health, &health);
        return which == 2 ? health.state == MLSEC_HEALTH_UP
                          : (uint64_t) health.state;
    }
}
