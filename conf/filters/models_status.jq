# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /models/status: how much is loaded.
#
# Parts: status (model-api), required; cache (model-cache).
# -> {total_available, total_loaded, load_percentage, status, services:
#     {model_api, model_cache}, timestamp}

(part("status") | .total_models | number(0)) as $total
| (part("status") | .loaded_models | number(0)) as $loaded
| {total_available: $total, total_loaded: $loaded,
   load_percentage: pct($loaded; $total),
   status: (if $loaded > 0 then "healthy" else "no_models_loaded" end),
   services: {model_api: (if .status == null then "unhealthy"
                          else "healthy" end),
              model_cache: (if .cache == null then "unhealthy"
                            else "healthy" end)}}
| finished
