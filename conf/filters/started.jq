# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /startupz: 503 until each peer that is probed has been so once.
#
# Part: services (gateway.jq).
# -> {status: started, probed: number of peers, timestamp}

[known[] | .name as $name | .peers | rows[]
 | select(.state != "down" and (.health | type) == "object")
 | {service: $name, address, waits: (.health.age_ms == null)}] as $peers
| [$peers[] | select(.waits) | .service] as $waiting
| if ($waiting | length) > 0
  then error({status: 503, error_type: "starting",
              message: ("Waiting for the first probe of "
                        + ($waiting | unique | join(", ")))})
  else {status: "started", probed: ($peers | length)} end
| finished
