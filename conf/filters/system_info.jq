# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /system/info: the gateway and the machine it runs on.
#
# Parts: about (name, version, uptime), system (system.jq).
# -> {service, version, uptime_seconds, gateway, connections, requests,
#     processes, cpu, memory, cgroup, disk, timestamp}

part("about") + (machine
    | {gateway, connections, requests, processes, cpu, memory, cgroup, disk})
| finished
