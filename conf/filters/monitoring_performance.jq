# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /monitoring/performance: what the calls of the gateway come to.
#
# Part: services (gateway.jq). Calls are those since the zone was made.
# -> {performance_metrics: {name: {service, circuit_breaker, connection_pool,
#     timeout_settings, retry_settings, cache, calls, latency_ms}}, timestamp}

def calls:
    [.peers | rows[] | .calls | object] as $all
    | def sum(f): [$all[] | f | number(0)] | add // 0;
      {ok: sum(.ok), status: sum(.status), connect: sum(.connect),
       timeout: sum(.timeout), reset: sum(.reset), aborted: sum(.aborted)}
    | . + {total: (.ok + .status + .connect + .timeout + .reset)}
    | . + {success_rate: (if .total > 0 then pct(.ok; .total) | round2
                          else null end)};

# of peers that have been called, the mean of their moving averages
def latency:
    [.peers | rows[] | .latency_us | number(0) | select(. > 0)]
    | if length > 0 then mean / 1000 | round2 else null end;

{performance_metrics: ([known[] | taking_part
    | {key: word,
       value: {service: .name,
               circuit_breaker: (if .breaker == null then null
                                 else circuit_breaker end),
               connection_pool: {inflight: (.inflight | number(0)),
                                 max_inflight,
                                 peers: (peers_in | length),
                                 peers_up: (peers_in
                                     | map(select(.state == "up"))
                                     | length)},
               timeout_settings: {timeout_ms},
               retry_settings: (.retry // {}), cache: {},
               calls: calls, latency_ms: latency}}] | from_entries)}
| finished
