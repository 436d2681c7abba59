# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /dashboard/metrics: the figures on top of the dashboard.
#
# Parts: models (model-api), jobs (training), results (red-team), summary
# (analytics), and health.jq's. What is missing counts as none.
# -> {total_models, active_jobs, total_attacks, detection_rate (0-100),
#     system_health (0-100), last_updated}

services as $services
| {total_models: (part("models") | .models | object | length),
   active_jobs: ([.jobs | jobs[]
                  | select(.status == "running" or .status == "pending")]
                 | length),
   total_attacks: (.results | attacks | length),
   detection_rate: (.summary | summary_rows | detection_rate),
   system_health: ($services | health_percent)}
| updated
