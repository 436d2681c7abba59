# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /monitoring/metrics: all about the platform in one answer.
#
# Parts: health.jq's; stats (model-cache), business (business-metrics);
# gateway: about the gateway itself; breakers as in monitoring_health.jq; system
# (system.jq).
# There are no logs: the tracing service lists no traces.
# -> {system_health, system_metrics: {system_health (0-100), cache_statistics,
#     uptime, resource_usage, active_connections, total_requests,
#     last_updated}, alerts, logs: [], performance:
#     {service_availability, response_time, cache_performance,
#     business_metrics, data_source, calculation_timestamp, note},
#     data_source, last_updated}

def uptime: if type == "number"
    then (. / 3600 | floor) as $hours | "\($hours)h \((. - $hours * 3600)
                                                      / 60 | floor)m"
    else null end;
def speed: if . == null then "unknown" elif . < 1 then "good"
    elif . < 5 then "degraded" else "poor" end;

resource_usage as $usage
| (machine | {active_connections: (.connections | object | .active),
              total_requests: .requests}) as $traffic
| services as $services | (part("breakers") | .circuit_breakers) as $states
| (.stats | if . == null then null else object end) as $stats
| part("gateway") as $gateway
| (if $stats == null then null else
       ($stats.cache_hits | number(0)) as $hits
       | ($stats.cache_misses | number(0)) as $misses
       | {hits: $hits, misses: $misses, hit_rate: pct($hits; $hits + $misses),
          models_loaded: ($stats.models_loaded | list | length),
          total_predictions: ($stats.total_predictions | number(0))} end)
    as $cache
| (.business | if . == null then null
               else object
                   | {total_metrics_24h: (.total_metrics_24h | number(0)),
                      metrics_by_type: (.metrics_by_type | object),
                      time_range} end) as $business
| ($services | response_times) as $times
| ($services | health_percent) as $percent
| {system_health: ($services | system_health),
   system_metrics: ({system_health: $percent, cache_statistics: $cache,
                    uptime: ($gateway.uptime_seconds | uptime),
                    resource_usage: $usage, last_updated: stamp}
                    + $traffic),
   alerts: ($services | alerts($states)), logs: [],
   performance: {
       service_availability: {
           percentage: ($percent | round2),
           healthy_services: ($services | healthy),
           total_services: ($services | length),
           unhealthy_services: ($services | length - healthy)},
       response_time: {average_ms: ($times | mean * 1000),
                       samples: ($times | length),
                       status: ($times | if length == 0 then null else mean
                                         end | speed)},
       cache_performance: $cache, business_metrics: $business,
       data_source: "services", calculation_timestamp: stamp,
       note: "response times are those of the health checks"},
   data_source: "services"}
| updated
