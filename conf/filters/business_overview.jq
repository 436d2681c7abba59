# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /dashboard/business-metrics/overview, GET /business-metrics/overview.
#
# Parts: business_figures.jq's.
# -> {total_models, active_models, inactive_models, total_predictions,
#     successful_predictions, failed_predictions, cost_per_prediction (USD),
#     average_response_time (ms), last_updated, timestamp}

business_figures
    + {cost_per_prediction: (part("kpis") | .cost_metrics | object
                             | .cost_per_prediction | number(0)),
       last_updated: stamp}
| .inactive_models = .total_models - .active_models
| finished
