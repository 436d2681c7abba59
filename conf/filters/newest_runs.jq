# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# After lib.jq: registered models with the run that the newest version of each
# came from; for /mlflow/models/compare. Of all, or of "models=a,b".

(argument("models") | if . == null then null else split(",") end) as $asked
| [object | .registered_models | rows[]
   | select($asked == null or (.name as $name | any($asked[]; . == $name)))
   | (.latest_versions | rows | max_by(.version | number(0))) as $newest
   | select($newest != null and ($newest.run_id | type) == "string")
   | {name, version: $newest.version, stage: $newest.current_stage,
      run_id: $newest.run_id}]
| {models: ., run_ids: map(.run_id)}
