# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /mlflow/experiments/detailed.
#
# Parts: found (mlflow), required; runs (mlflow), of all experiments. Without
# them their number is not known.
# -> {experiments: [experiment + {run_count, last_run_time, tags: {key:
#     value}, description}], count}

(if .runs == null then null
 else .runs | runs | group_by(.info.experiment_id)
     | map({key: .[0].info.experiment_id,
            value: {count: length,
                    last: (map(.info.start_time | numbers) | max)}})
     | from_entries end) as $by
| .found | experiments
| map((.tags | pairs) as $tags
    | $by[.experiment_id] as $runs
    | . + {run_count: (if $by == null then null else $runs.count // 0 end),
           last_run_time: ($runs.last | from_ms), tags: $tags,
           description: ($tags["mlflow.note.content"] // "")})
| {experiments: ., count: length}
| with_errors
