# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /analytics/system/performance: what the gateway's calls come to, all
# services together.
#
# Parts: services (gateway.jq), system (system.jq). Calls are those since the
# zone was made; the time is that of the peers' moving averages.
# -> {performance: {total_calls, failed_calls, error_rate (0-100 or null),
#     average_response_time_ms, inflight, total_requests, cpu_usage,
#     slowest: {service, response_time_ms}}, source, timestamp}

[known[] | taking_part | . as $s | .peers | rows[]
 | {service: $s.name, calls: (.calls | object),
    ms: (.latency_us | number(0) / 1000)}] as $peers
| def sum(f): [$peers[] | .calls | f | number(0)] | add // 0;
  (sum(.status) + sum(.connect) + sum(.timeout) + sum(.reset)) as $bad
| ($bad + sum(.ok)) as $total
| [$peers[] | select(.ms > 0)] as $timed
| {performance: {
    total_calls: $total, failed_calls: $bad,
    error_rate: (if $total > 0 then pct($bad; $total) | round2 else null end),
    average_response_time_ms: (if ($timed | length) > 0
        then $timed | map(.ms) | mean | round2 else null end),
    inflight: ([known[] | .inflight | number(0)] | add // 0),
    total_requests: (machine | .requests), cpu_usage: cpu_percent,
    slowest: ($timed | if length > 0 then max_by(.ms)
        | {service, response_time_ms: (.ms | round2)} else null end)},
   source: "gateway"}
| finished
