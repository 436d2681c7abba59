# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /business-metrics/summary.
#
# Parts: business_figures.jq's.
# -> {total_models, active_models, total_predictions, successful_predictions,
#     failed_predictions, average_response_time (ms), detection_rate (0-100),
#     system_health (0-100), timestamp}

business_figures
    + (part("kpis") | .system_effectiveness | object
       | {detection_rate: (.detection_accuracy | number(0) * 100),
          system_health: (.availability_percent | number(0))})
| finished
