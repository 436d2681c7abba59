# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /readyz: 200 or 503.
#
# Parts: system (mlsec_system), services (gateway.jq).
# -> {status: ready, score (0-100), health: healthy or degraded, arithmetic,
#     services: [{service, weight, critical, score, reason}], timestamp}

verdict as $v
| if part("system") | .gateway | object | .exiting == true
  then error({status: 503, message: "This worker is about to end",
              error_type: "draining"})
  elif $v.score < 50
  then error({status: 503, error_type: "not_ready", errors: $v.services,
              message: ("Score \($v.score) of 100, 50 are needed: "
                        + $v.arithmetic)})
  else {status: "ready", score: $v.score, health: $v.status,
        arithmetic: $v.arithmetic, services: $v.services} end
| finished
