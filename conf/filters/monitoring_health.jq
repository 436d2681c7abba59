# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /monitoring/health/detailed.
#
# Parts: health.jq's; breakers: the gateway's circuit breakers
# (circuit_breakers.jq).
# -> {health: {overall_status, healthy_services, total_services, services:
#     {name: record}, timestamp}, circuit_breakers, timestamp}

(part("breakers") | .circuit_breakers | object) as $states
| {health: (services | system_health), circuit_breakers: $states}
| finished
