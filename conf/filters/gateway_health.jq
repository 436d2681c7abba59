# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /health: the gateway is up, and how what it needs is doing.
#
# Parts: about (name, version, uptime), services (gateway.jq).
# -> {status, service, version, uptime_seconds, score (0-100), timestamp}

verdict as $v
| {status: $v.status} + part("about") + {score: $v.score} | finished
