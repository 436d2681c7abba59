# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /status, /system/status: the platform in one word.
#
# Parts: health.jq's; gateway: about the gateway itself.
# -> {status, overall_health_percentage, healthy_services, total_services,
#     services: [record], timestamp, version, uptime_seconds}

part("gateway") as $gateway | services
| health_percent as $percent
| {status: (if $percent >= 80 then "healthy" elif $percent >= 50
            then "degraded" else "unhealthy" end),
   overall_health_percentage: ($percent | round2),
   healthy_services: healthy, total_services: length, services: .,
   version: $gateway.version, uptime_seconds: $gateway.uptime_seconds}
| finished
