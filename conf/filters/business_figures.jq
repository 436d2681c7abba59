# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# After models.jq, for the two overviews of the business.
#
# Parts: kpis (business-metrics), models and counters (model-api), stats
# (model-cache). The cache counts predictions; which of them failed is in the
# counters that model-api has for Prometheus.

def failed_predictions:
    [if type == "string" then . else "" end | split("\n")[]
     | select(startswith("model_api_predictions_total{"))
     | select(test("status=\"success\"") | not)
     | split(" ")[-1] | numbers_of] | add // 0;

def business_figures:
    (part("models") | variants) as $variants
    | (part("stats") | .total_predictions | number(0)) as $total
    | ([(.counters | failed_predictions), $total] | min) as $failed
    | {total_models: ($variants | length),
       active_models: ([$variants[] | select(.loaded)] | length),
       total_predictions: $total,
       successful_predictions: ($total - $failed),
       failed_predictions: $failed,
       average_response_time: (part("kpis") | .system_effectiveness
                               | object | .response_time_p95 | number(0))};
