# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /analytics/system/resources: what there is and how much is used, on the
# machine or in the container that the gateway runs in.
#
# Part: system (system.jq). What is not known is null.
# -> {resources: {cpu: {cores, limit, used_percent, gateway_percent}, memory:
#     {total_bytes, used_bytes, used_percent, gateway_bytes}, disk: {total_bytes,
#     used_bytes, available_bytes, used_percent}}, source, timestamp}

{resources: {
    cpu: {cores: (cpu | .cpus), limit: (cgroup | .cpu_limit | figure),
          used_percent: cpu_percent,
          gateway_percent: (cpu | .gateway_percent | figure)},
    memory: {total_bytes: memory_limit, used_bytes: memory_used,
             used_percent: memory_percent,
             gateway_bytes: (machine | .rss_bytes | figure)},
    disk: (disk | {total_bytes, used_bytes, available_bytes, used_percent})},
 source: "gateway"}
| finished
