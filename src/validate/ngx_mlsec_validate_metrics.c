/*
 * SPDX-FileCopyrightText: The ngx_mlsec_module authors
 * SPDX-License-Identifier: Apache-2.0
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <validate/ngx_mlsec_validate_conf.h>


static void ngx_mlsec_validate_json_words(ngx_mlsec_json_t *w,
    const uint64_t *words);


/* in the order of ngx_mlsec_validate_e */

static const char *const
ngx_mlsec_validate_labels[NGX_MLSEC_VALIDATE_RESULTS] = {
    "result=\"passed\"", "result=\"query\"", "result=\"args\"",
    "result=\"args_size\"", "result=\"headers\"", "result=\"content_type\"",
    "result=\"size\"", "result=\"json\"", "result=\"depth\"",
    "result=\"duplicate\"", "result=\"rules\"", "result=\"failed\""
};

static const char *const
ngx_mlsec_validate_names[NGX_MLSEC_VALIDATE_RESULTS] = {
    "passed", "query", "args", "args_size", "headers", "content_type", "size",
    "json", "depth", "duplicate", "rules", "failed"
};


static const ngx_mlsec_family_t  ngx_mlsec_validate_families[] = {

    { NGX_MLSEC_COUNTER, "mlsec_validations",
      "Requests that were validated, by what was found.",
      0, NGX_MLSEC_VALIDATE_RESULTS, ngx_mlsec_validate_labels, 1, 1 }
};


static const ngx_mlsec_kind_t  ngx_mlsec_validate_kind = {
    "validations",
    ngx_mlsec_validate_families,
    sizeof(ngx_mlsec_validate_families) / sizeof(ngx_mlsec_family_t),
    NGX_MLSEC_VALIDATE_RESULTS,
    ngx_mlsec_validate_json_words
};


ngx_int_t
ngx_mlsec_validate_metrics(ngx_conf_t *cf,
    ngx_mlsec_validate_loc_conf_t *conf)
{
    ngx_mlsec_label_t          labels[2];
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    labels[0].name = "route";
    labels[0].value = clcf->name;
    labels[1].name = "mode";

    if (conf->terms.report) {
        ngx_str_set(&labels[1].value, "report");

    } else {
        ngx_str_set(&labels[1].value, "refuse");
    }

    return ngx_mlsec_metrics_series(cf, &ngx_mlsec_validate_kind, labels, 2,
                                    &conf->metrics);
}


static void
ngx_mlsec_validate_json_words(ngx_mlsec_json_t *w, const uint64_t *words)
{
    ngx_mlsec_metrics_json_words(w, "results", ngx_mlsec_validate_names,
                                 words, NGX_MLSEC_VALIDATE_RESULTS);
}
