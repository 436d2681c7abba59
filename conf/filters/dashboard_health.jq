# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /dashboard/system/health.
#
# Parts: health.jq's; system (system.jq).
# -> {overall_health (0-100), healthy_services, total_services,
#     average_response_time (s, of those that answered),
#     services: [record], resource_usage: {cpu_percent, memory_percent,
#     disk_percent}, last_updated}

resource_usage as $usage | services
| {overall_health: health_percent, healthy_services: healthy,
   total_services: length,
   average_response_time: (response_times | mean), services: .,
   resource_usage: $usage}
| updated
