# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# After answer.jq, for whoever looks at the health of all services. There is a
# part for each of them, named as it is here. $elapsed has milliseconds.

def service_names: ["model_api", "training", "model_cache",
    "business_metrics", "analytics", "data_privacy", "tracing", "mlflow"];

# A service that answers is healthy unless it says otherwise of itself.
def said_healthy:
    if type == "object"
    then (.status // "healthy" | tostring | ascii_downcase) as $said
        | any("healthy", "ok", "up", "running", "ready", "alive";
              . == $said)
    else . != null end;

def details($entry):
    if type == "object" then .
    elif . != null then {response: (tostring | rtrimstr("\n"))}
    elif $entry == null then null
    else {error: $entry.error_type, status_code: $entry.status_code} end;

def services:
    . as $parts | service_names | map(. as $name | $parts[$name]
    | ([failed[] | select(.part == $name)] | .[0]) as $entry
    | (if . == null then 0 else ($elapsed[$name] // 0) end) as $ms
    | {name: $name,
       status: (if said_healthy then "healthy" else "unhealthy" end),
       response_time: ($ms / 1000), response_time_ms: $ms,
       last_check: stamp, details: details($entry)});

def healthy: map(select(.status == "healthy")) | length;
def health_percent: pct(healthy; length);
def response_times: map(.response_time | select(. > 0));

def overall:
    if healthy == length then "healthy"
    elif healthy > 0 then "degraded" else "unhealthy" end;

def system_health:
    {overall_status: overall, healthy_services: healthy,
     total_services: length,
     services: (map({key: .name, value: .}) | from_entries),
     timestamp: stamp};

# states: of the circuit breakers by service, null where there are none
def alerts($states):
    map(select(.status != "healthy")
        | {type: "service_unhealthy", service: .name, status,
           message: "Service \(.name) is \(.status)", timestamp: stamp,
           severity: "warning"})
    + [$states | object | to_entries[] | select(.value | objects | .state == "open")
        | {type: "circuit_breaker_open", service: .key, status: "open",
           message: "Circuit breaker of \(.key) is open", timestamp: stamp,
           severity: "critical"}];
