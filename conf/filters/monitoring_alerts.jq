# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /monitoring/alerts.
#
# Parts: health.jq's; breakers: the gateway's circuit breakers
# (circuit_breakers.jq).
# -> {alerts: [{type, service, status, message, timestamp, severity}], count,
#     timestamp}

(part("breakers") | .circuit_breakers) as $states
| services | alerts($states) | {alerts: ., count: length}
| finished
