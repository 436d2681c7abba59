# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /business-metrics/dashboard.
#
# Parts: kpis, costs, effectiveness (all business-metrics). What is missing is
# null.
# -> {dashboard: {kpis, cost_metrics, performance_metrics, timestamp}}

{dashboard: {kpis, cost_metrics: .costs, performance_metrics: .effectiveness,
             timestamp: stamp}}
| with_errors
