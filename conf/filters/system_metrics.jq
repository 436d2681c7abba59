# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /analytics/system/metrics: of the machine that the gateway runs on.
#
# Part: system (system.jq). What is not known is null.
# -> {metrics: {cpu_usage, memory_usage, disk_usage (0-100), load_average,
#     active_connections, total_requests, uptime_seconds}, source, timestamp}

{metrics: {cpu_usage: cpu_percent, memory_usage: memory_percent,
           disk_usage: disk_percent, load_average: (cpu | .load),
           active_connections: (machine | .connections | object | .active),
           total_requests: (machine | .requests),
           uptime_seconds: (machine | .gateway | object | .uptime_seconds)},
 source: "gateway"}
| finished
