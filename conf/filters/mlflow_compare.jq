# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /mlflow/models/compare: the newest versions side by side.
#
# Parts: found (mlflow, newest_runs.jq), required; runs: a run for each of
# them, null for one that failed.
# -> {models: [{name, version, stage, run_id, metrics: {name: value}}], metrics:
#     {name: {highest_model, highest_value, values: {model: value}}}, count, timestamp}

(.runs | list) as $runs
| [part("found") | .models | rows | indexed[]
   | .key as $i
   | .value + {metrics: ($runs[$i] | object | .run | run | .metrics)}]
    as $models
| [$models[] | .metrics | keys[]] | unique
| map(. as $name
    | [$models[] | (.name | text("")) as $model | .metrics[$name]
       | numbers_of | {key: $model, value: .}] as $values
    | select(($values | length) > 0)
    | ($values | max_by(.value)) as $best
    | {key: $name, value: {highest_model: $best.key,
                           highest_value: $best.value,
                           values: ($values | from_entries)}})
| {models: $models, metrics: from_entries, count: ($models | length)}
| finished
