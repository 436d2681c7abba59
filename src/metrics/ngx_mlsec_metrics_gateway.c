/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <metrics/ngx_mlsec_metrics_conf.h>


static const ngx_str_t  ngx_mlsec_no_labels = ngx_null_string;


static const ngx_mlsec_family_t  ngx_mlsec_build_family = {
    NGX_MLSEC_GAUGE, "mlsec_build_info",
    "1, with the version of nginx that runs.", 0, 1, NULL, 1, 0
};

static const ngx_mlsec_family_t  ngx_mlsec_start_family = {
    NGX_MLSEC_GAUGE, "mlsec_start_time_seconds",
    "When counting began, since the epoch.", 0, 1, NULL, 1, 0
};

static const ngx_mlsec_family_t  ngx_mlsec_reload_family = {
    NGX_MLSEC_GAUGE, "mlsec_config_last_reload_timestamp_seconds",
    "When the configuration in force was loaded, since the epoch.",
    0, 1, NULL, 1, 0
};

static const ngx_mlsec_family_t  ngx_mlsec_workers_family = {
    NGX_MLSEC_GAUGE, "mlsec_workers",
    "Worker processes, with those that end after a reload.",
    0, 1, NULL, 1, 0
};

static const ngx_mlsec_family_t  ngx_mlsec_inflight_family = {
    NGX_MLSEC_GAUGE, "mlsec_http_requests_in_flight",
    "Requests of clients that have begun and not ended.", 0, 1, NULL, 1, 0
};

static const ngx_mlsec_family_t  ngx_mlsec_series_family = {
    NGX_MLSEC_GAUGE, "mlsec_metrics_words",
    "Room for counters, of one worker: used, and in all.", 0, 1, NULL, 1, 0
};

#if (NGX_STAT_STUB)

static const ngx_mlsec_family_t  ngx_mlsec_connections_family = {
    NGX_MLSEC_GAUGE, "mlsec_connections",
    "Connections of clients, by what they do.", 0, 1, NULL, 1, 0
};

static const ngx_mlsec_family_t  ngx_mlsec_accepted_family = {
    NGX_MLSEC_COUNTER, "mlsec_connections_opened",
    "Connections of clients.", 0, 1, NULL, 1, 0
};

#endif


static void ngx_mlsec_metrics_one(ngx_mlsec_exposition_t *e,
    const ngx_mlsec_family_t *family, uint64_t value);
#if (NGX_STAT_STUB)
static void ngx_mlsec_metrics_connections(ngx_mlsec_exposition_t *e);
#endif


void
ngx_mlsec_metrics_gateway(ngx_http_request_t *r, ngx_mlsec_exposition_t *e)
{
    const mlsec_counters_t               *c;
    const ngx_mlsec_metrics_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_mlsec_metrics_module);
    c = mcf->counters;

    ngx_mlsec_metrics_family(e, &ngx_mlsec_build_family);
    ngx_mlsec_metrics_sample(e, &ngx_mlsec_build_family, &ngx_mlsec_no_labels,
                             "nginx_version=\"" NGINX_VERSION "\"", 1);

    ngx_mlsec_metrics_one(e, &ngx_mlsec_start_family, c->started);
    ngx_mlsec_metrics_one(e, &ngx_mlsec_reload_family, mcf->loaded);
    ngx_mlsec_metrics_one(e, &ngx_mlsec_workers_family,
                          mlsec_counters_alive(c));
    ngx_mlsec_metrics_one(e, &ngx_mlsec_inflight_family,
                          mlsec_counters_moment(c,
                                              NGX_MLSEC_METRICS_IN_FLIGHT));

    ngx_mlsec_metrics_family(e, &ngx_mlsec_series_family);
    ngx_mlsec_metrics_sample(e, &ngx_mlsec_series_family,
                             &ngx_mlsec_no_labels, "state=\"used\"",
                             mlsec_atomic_load(&c->words));
    ngx_mlsec_metrics_sample(e, &ngx_mlsec_series_family,
                             &ngx_mlsec_no_labels, "state=\"all\"",
                             c->max_words);

#if (NGX_STAT_STUB)
    ngx_mlsec_metrics_connections(e);
#endif
}


static void
ngx_mlsec_metrics_one(ngx_mlsec_exposition_t *e,
    const ngx_mlsec_family_t *family, uint64_t value)
{
    ngx_mlsec_metrics_family(e, family);
    ngx_mlsec_metrics_sample(e, family, &ngx_mlsec_no_labels, NULL, value);
}


#if (NGX_STAT_STUB)

static void
ngx_mlsec_metrics_connections(ngx_mlsec_exposition_t *e)
{
    ngx_uint_t  i;

    const struct {
        const char         *label;
        const ngx_atomic_t *value;
    } states[] = {
        { "state=\"active\"", ngx_stat_active },
        { "state=\"reading\"", ngx_stat_reading },
        { "state=\"writing\"", ngx_stat_writing },
        { "state=\"waiting\"", ngx_stat_waiting }
    };

    ngx_mlsec_metrics_family(e, &ngx_mlsec_connections_family);

    for (i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        ngx_mlsec_metrics_sample(e, &ngx_mlsec_connections_family,
                                 &ngx_mlsec_no_labels, states[i].label,
                                 *states[i].value);
    }

    ngx_mlsec_metrics_family(e, &ngx_mlsec_accepted_family);
    ngx_mlsec_metrics_sample(e, &ngx_mlsec_accepted_family,
                             &ngx_mlsec_no_labels, "state=\"accepted\"",
                             *ngx_stat_accepted);
    ngx_mlsec_metrics_sample(e, &ngx_mlsec_accepted_family,
                             &ngx_mlsec_no_labels, "state=\"handled\"",
                             *ngx_stat_handled);
}

#endif
