# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /models/NAME/status.
#
# Parts: api (model-api, status of the model), required; cache (model-cache,
# /stats).
# -> {model_name, loaded, cache_status, api_info, timestamp}

$captures.id as $name | part("api") as $api
| (if .cache == null then null else part("cache") end) as $cache
| (if $cache == null then null
   else any($cache.models_loaded | list | .[]; . == $name) end) as $cached
| {model_name: $name,
   loaded: (if $cached == null then ($api.loaded // false) else $cached end),
   cache_status: (if $cache == null then null
                  else {loaded: $cached,
                        models_loaded: ($cache.models_loaded | list)} end),
   api_info: .api}
| finished
