# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET, PUT /analytics/auto-retrain/config: reading and changing go to one
# path; a change is answered by {message, config}.
#
# Part: config (analytics), required.
# -> GET {auto_retrain_config, timestamp}
#    PUT {status, message, config, result, timestamp}

.config
| if type == "object" and has("message") and has("config")
  then {status: "success", message, config, result: .}
  else {auto_retrain_config: .} end
| finished
