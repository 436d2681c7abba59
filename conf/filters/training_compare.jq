# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /training/experiments/compare?model_names=a,b.
#
# Part: reply (training), required: the latest runs of each model.
# -> {comparison, models_compared, insights: {best_performing (best F1),
#     fastest_training, most_efficient (F1 for the time)}, timestamp}

refuse_if([bad_required("model_names")]) | asked("reply")
| (argument("model_names") | split(",")
   | map(sub("^\\s+"; "") | sub("\\s+$"; "") | select(. != ""))) as $names
| part("reply")
| [.comparison | object | to_entries[] | .key as $name
   | [.value | object | .latest_runs | rows[]
      | .metrics |= object | select((.status // "FINISHED") == "FINISHED")]
   | {name: $name,
      f1: (map(.metrics.eval_f1 | numbers_of) | max),
      seconds: (map((.metrics.training_time | number(null))
                    // (if (.end_time | type) == "number"
                           and (.start_time | type) == "number"
                        then (.end_time - .start_time) / 1000
                        else empty end)) | min)}] as $models
| {comparison: (.comparison | object), models_compared: $names,
   insights: {
       best_performing: ($models | map(select(.f1 != null))
           | if length > 0 then max_by(.f1) | .name else "none" end),
       fastest_training: ($models | map(select(.seconds != null))
           | if length > 0 then min_by(.seconds) | .name else "none" end),
       most_efficient: ($models
           | map(select(.f1 != null and .seconds != null and .seconds > 0))
           | if length > 0 then max_by(.f1 / .seconds) | .name
             else "none" end)}}
| finished
