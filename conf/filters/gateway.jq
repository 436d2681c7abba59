# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# After answer.jq: what the gateway knows of services. Part: services
# (mlsec_services). No service is asked for it.

def known: part("services") | .services | rows | map(.name |= text(""));
def word: .name | gsub("-"; "_");
def peers_in: .peers | rows | map(select(.state != "down"));

# A service that the configuration has no address of is none, one whose name
# has none at the moment is; the page is not.
def taking_part:
    select(.upstream != "dashboard"
           and ((peers_in | length) > 0 or .resolve != null));

def breaker_state:
    (.breaker | object | .state) as $state
    | if ($state | type) != "string" then null
      elif $state | startswith("forced_") then $state[7:] else $state end;

def failed_calls:
    [.peers | rows[] | .calls | object | .status, .connect, .timeout, .reset
     | number(0)] | add // 0;
def circuit_breaker:
    . as $service | (.breaker | object) as $b | breaker_state as $state
    | {service: .name, state: $state,
       failure_count: failed_calls,
       window_failures: ($b.window_failed | number(0)),
       last_failure_time: (if ($b.last_failure_ms | type) == "number"
                           then $now - $b.last_failure_ms / 1000 | floor
                           else null end),
       # one that an operator has opened lets nothing through, ever
       can_execute: ($state != "open"
                     or ($b.state == "open" and $b.retry_after_ms == 0)),
       forced: ($b.state | text("") | startswith("forced_")),
       window_calls: ($b.window_calls | number(0)),
       retry_after_ms: ($b.retry_after_ms | number(0)),
       opened: ($b.opened | number(0)), recovered: ($b.recovered | number(0)),
       refused: ($b.refused | number(0))};
def circuit_breakers:
    [known[] | taking_part | select(.breaker != null)
     | {key: word, value: circuit_breaker}] | from_entries;

# ---- one figure for all of them ----
#
# A service scores the share of its peers that are up, 0 while its breaker is
# open, at most 50 while that is being tried. The platform scores their mean by
# weight; a critical one with 0 caps it at 49. Without services it is 100: there
# is nothing that could be missing.

def reason($state; $up; $all):
    if $all == 0 then "no address"
    elif $state == "open" then "circuit breaker is open"
    elif $up < $all then "\($up) of \($all) peers are up"
    elif $state == "half_open" then "circuit breaker is being tried"
    else null end;
def judged:
    peers_in as $peers | breaker_state as $state
    | ($peers | map(select(.state == "up")) | length) as $up
    | pct($up; $peers | length)
    | (if $state == "open" then 0
       elif $state == "half_open" then [., 50] | min else . end) as $score
    | {score: ($score | round2), reason: reason($state; $up; $peers | length)};
def judged_services:
    [known[] | taking_part
     | {service: .name, weight: (.weight | number(1)),
        critical: (.critical == true)} + judged];
def weighed: map(.weight) | add // 0;
def verdict:
    judged_services as $all | ($all | weighed) as $weight
    | (if $weight > 0
       then ($all | map(.weight * .score) | add) / $weight | round2
       else 100 end) as $mean
    | ([$all[] | select(.critical and .score == 0) | .service]) as $missing
    | (if ($missing | length) > 0 then [$mean, 49] | min else $mean end)
        as $score
    | {score: $score,
       status: (if $score >= 80 then "healthy" elif $score >= 50
                then "degraded" else "unhealthy" end),
       arithmetic: ((if $weight > 0
           then "(" + ($all | map("\(.weight) * \(.score)") | join(" + "))
               + ") / \($weight) = \($mean)"
           else "no services, 100" end)
           + (if ($missing | length) > 0
              then "; \($missing | join(", ")) is critical: at most 49"
              else "" end)),
       services: $all};
