/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <aggregate/ngx_mlsec_aggregate.h>
#include <aggregate/ngx_mlsec_aggregate_chain.h>
#include <metrics/ngx_mlsec_metrics.h>


#define NGX_MLSEC_ERRORS           (NGX_MLSEC_ERR_FILTER + 1)

/* words of a service */

#define NGX_MLSEC_PARTS_ERRORS     0
#define NGX_MLSEC_PARTS_LATENCY    NGX_MLSEC_ERRORS
#define NGX_MLSEC_PARTS_ATTEMPTS   (NGX_MLSEC_PARTS_LATENCY                   \
                                    + MLSEC_HISTOGRAM_WORDS)
#define NGX_MLSEC_PARTS_FALLBACKS  (NGX_MLSEC_PARTS_ATTEMPTS + 1)
#define NGX_MLSEC_PARTS_WORDS      (NGX_MLSEC_PARTS_ATTEMPTS + 2)


static void ngx_mlsec_parts_json(ngx_mlsec_json_t *w, const uint64_t *words);
static void ngx_mlsec_aggregates_json(ngx_mlsec_json_t *w,
    const uint64_t *words);


/* in the order of ngx_mlsec_err_e */

static const char *const  ngx_mlsec_parts_labels[NGX_MLSEC_ERRORS] = {
    "error_type=\"none\"", "error_type=\"connect\"",
    "error_type=\"connection_timeout\"", "error_type=\"timeout\"",
    "error_type=\"reset\"", "error_type=\"upstream_status\"",
    "error_type=\"circuit_open\"", "error_type=\"shed\"",
    "error_type=\"no_peer\"", "error_type=\"too_large\"",
    "error_type=\"bad_json\"", "error_type=\"bad_type\"",
    "error_type=\"dns\"", "error_type=\"canceled\"",
    "error_type=\"conflict\"", "error_type=\"dependency\"",
    "error_type=\"filter\""
};

static const char *const  ngx_mlsec_parts_names[NGX_MLSEC_ERRORS] = {
    "none", "connect", "connection_timeout", "timeout", "reset",
    "upstream_status", "circuit_open", "shed", "no_peer", "too_large",
    "bad_json", "bad_type", "dns", "canceled", "conflict", "dependency",
    "filter"
};


static const ngx_mlsec_family_t  ngx_mlsec_parts_families[] = {

    { NGX_MLSEC_COUNTER, "mlsec_aggregate_parts",
      "Parts of aggregates that have ended, by what they failed with.",
      NGX_MLSEC_PARTS_ERRORS, NGX_MLSEC_ERRORS, ngx_mlsec_parts_labels, 1, 0 },

    { NGX_MLSEC_HISTOGRAM, "mlsec_aggregate_part_duration_seconds",
      "Time of a part, with all of its attempts.",
      NGX_MLSEC_PARTS_LATENCY, 0, NULL, 1000, 0 },

    { NGX_MLSEC_COUNTER, "mlsec_aggregate_part_attempts",
      "Attempts that parts have made to reach a peer.",
      NGX_MLSEC_PARTS_ATTEMPTS, 1, NULL, 1, 0 },

    { NGX_MLSEC_COUNTER, "mlsec_aggregate_part_fallbacks",
      "Parts that have failed and were replaced by their fallback.",
      NGX_MLSEC_PARTS_FALLBACKS, 1, NULL, 1, 0 }
};


static const ngx_mlsec_kind_t  ngx_mlsec_parts_kind = {
    "parts",
    ngx_mlsec_parts_families,
    sizeof(ngx_mlsec_parts_families) / sizeof(ngx_mlsec_family_t),
    NGX_MLSEC_PARTS_WORDS,
    ngx_mlsec_parts_json
};


/* in the order of ngx_mlsec_aggregate_outcome_e */

static const char *const  ngx_mlsec_aggregates_labels[] = {
    "outcome=\"complete\"", "outcome=\"partial\"", "outcome=\"failed\""
};

static const char *const  ngx_mlsec_aggregates_names[] = {
    "complete", "partial", "failed"
};


static const ngx_mlsec_family_t  ngx_mlsec_aggregates_families[] = {

    { NGX_MLSEC_COUNTER, "mlsec_aggregate_results",
      "Aggregates that were answered, by how much of them had come.",
      0, NGX_MLSEC_AGGREGATE_OUTCOMES, ngx_mlsec_aggregates_labels, 1, 0 }
};


static const ngx_mlsec_kind_t  ngx_mlsec_aggregates_kind = {
    "aggregates",
    ngx_mlsec_aggregates_families,
    sizeof(ngx_mlsec_aggregates_families) / sizeof(ngx_mlsec_family_t),
    NGX_MLSEC_AGGREGATE_OUTCOMES,
    ngx_mlsec_aggregates_json
};


ngx_int_t
ngx_mlsec_call_metrics(ngx_conf_t *cf, ngx_mlsec_call_t *call)
{
    ngx_mlsec_label_t  label;

    label.name = "service";
    label.value = call->service;

    return ngx_mlsec_metrics_series(cf, &ngx_mlsec_parts_kind, &label, 1,
                                    &call->metrics);
}


ngx_int_t
ngx_mlsec_aggregate_metrics(ngx_conf_t *cf,
    ngx_mlsec_aggregate_loc_conf_t *conf)
{
    ngx_mlsec_label_t          label;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    label.name = "route";
    label.value = clcf->name;

    return ngx_mlsec_metrics_series(cf, &ngx_mlsec_aggregates_kind, &label, 1,
                                    &conf->metrics);
}


/*
 * The part with a foreach= is no call itself, its items are; it counts only if
 * it has come to none.
 */

void
ngx_mlsec_part_count(const ngx_mlsec_part_t *part)
{
    const ngx_mlsec_call_t  *call;

    call = part->call;

    if (part->error == NGX_MLSEC_ERR_NONE && ngx_mlsec_chain_foreach(call)
        && !part->link->item)
    {
        return;
    }

    ngx_mlsec_metrics_add(call->metrics, NGX_MLSEC_PARTS_ERRORS + part->error,
                          1);
    ngx_mlsec_metrics_add(call->metrics, NGX_MLSEC_PARTS_ATTEMPTS,
                          part->attempts);
    ngx_mlsec_metrics_observe(call->metrics, NGX_MLSEC_PARTS_LATENCY,
                              part->elapsed);

    if (part->error && call->fallback != NGX_MLSEC_FALLBACK_NONE) {
        ngx_mlsec_metrics_add(call->metrics, NGX_MLSEC_PARTS_FALLBACKS, 1);
    }
}


void
ngx_mlsec_aggregate_count(const ngx_mlsec_aggregate_t *a,
    ngx_mlsec_aggregate_outcome_e outcome)
{
    ngx_mlsec_metrics_add(a->conf->metrics, outcome, 1);
}


static void
ngx_mlsec_parts_json(ngx_mlsec_json_t *w, const uint64_t *words)
{
    uint64_t    total;
    ngx_uint_t  i;

    total = 0;

    for (i = 0; i < NGX_MLSEC_ERRORS; i++) {
        total += words[i];
    }

    ngx_mlsec_metrics_json_number(w, "requests", total);
    ngx_mlsec_metrics_json_number(w, "errors", total - words[0]);
    ngx_mlsec_metrics_json_rate(w, total - words[0], total);
    ngx_mlsec_metrics_json_words(w, "by_error_type", ngx_mlsec_parts_names,
                                 words, NGX_MLSEC_ERRORS);
    ngx_mlsec_metrics_json_latency(w, words + NGX_MLSEC_PARTS_LATENCY);
    ngx_mlsec_metrics_json_number(w, "attempts",
                                  words[NGX_MLSEC_PARTS_ATTEMPTS]);
    ngx_mlsec_metrics_json_number(w, "fallbacks",
                                  words[NGX_MLSEC_PARTS_FALLBACKS]);
}


static void
ngx_mlsec_aggregates_json(ngx_mlsec_json_t *w, const uint64_t *words)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_MLSEC_AGGREGATE_OUTCOMES; i++) {
        ngx_mlsec_metrics_json_number(w, ngx_mlsec_aggregates_names[i],
                                      words[i]);
    }
}
