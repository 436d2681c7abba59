# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /dashboard/system/health.
#
# Parts: health.jq's.
# -> {overall_health (0-100), healthy_services, total_services,
#     average_response_time (s, of those that answered),
#     services: [record], last_updated}

services
| {overall_health: health_percent, healthy_services: healthy,
   total_services: length,
   average_response_time: (response_times | mean), services: .}
| updated
