# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /models/reload: unloaded, if it was loaded, and loaded again.
#
# Parts: unload (model-api; 400 and 404 are answers: it was not loaded), load
# (model-api), both required.
# -> {status, message, timestamp, data: {unload, load}}

part("load") as $load
| {status: ($load.status // "success"),
   message: "Model \($load.model_name // "") reloaded",
   data: {unload, load}}
| finished
