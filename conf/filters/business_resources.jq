# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /business/resource-utilization: how much of what there is is in use.
#
# Parts: queue (training), models (model-api); system (system.jq). What a part
# does not say is null, also when it failed.
# -> {resource_utilization: {training_workers: {active, total, used_percent,
#     waiting_jobs}, models: {loaded, total, used_percent, memory_mb}, gateway:
#     {cpu_percent, memory_percent, disk_percent}}, timestamp}

def share($used; $all):
    if $used == null or $all == null or $all <= 0 then null
    else pct($used; $all) | round2 end;

(part("queue") | .active_workers | number(null)) as $active
| (part("queue") | .max_workers | number(null)) as $workers
| (.models | if . == null then null else object | variants end) as $models
| (if $models == null then null
   else [$models[] | select(.loaded)] end) as $loaded
| {resource_utilization: {
       training_workers: {
           active: $active, total: $workers,
           used_percent: share($active; $workers),
           waiting_jobs: (part("queue") | .pending_jobs | number(null))},
       models: (if $models == null
                then {loaded: null, total: null, used_percent: null,
                      memory_mb: null}
                else {loaded: ($loaded | length), total: ($models | length),
                      used_percent: share($loaded | length;
                                          $models | length),
                      memory_mb: ($loaded
                          | map(.info.memory_usage_mb | numbers_of)
                          | if length > 0 then add | round2
                            else null end)} end),
       gateway: resource_usage}}
| finished
