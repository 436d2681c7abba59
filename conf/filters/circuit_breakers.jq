# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /monitoring/circuit-breakers.
#
# Part: services (gateway.jq). Looking changes no breaker.
# -> {circuit_breakers: {name: {service, state: closed, open or half_open,
#     failure_count (of calls since the zone was made), last_failure_time (s
#     since 1970 or null), can_execute, ...}}, timestamp}

{circuit_breakers: circuit_breakers} | finished
