# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /training/experiments/analytics.
#
# Parts: analytics (training), required: runs by model; models (training,
# /models/models), for what they scored.
# -> {experiment_analytics, summary: {total_experiments, success_rate (0-100),
#     average_accuracy (0-1), best_model}, timestamp}

[part("models") | .models | object | to_entries[]
 | .key as $name | .value | object | .performance | object
 | {name: $name, accuracy: (.accuracy | number(null)),
    score: (.f1_score | number(null))}
 | select(.accuracy != null or .score != null)] as $scored
| part("analytics")
| [.model_experiments | object | .[] | objects] as $experiments
| {experiment_analytics: .,
   summary: {
       total_experiments: (.total_experiments
                           | number($experiments | length)),
       success_rate: pct($experiments | map(.successful_runs | number(0))
                         | add // 0;
                         $experiments | map(.total_runs | number(0))
                         | add // 0),
       average_accuracy: ($scored | map(.accuracy | values) | mean),
       best_model: (if ($scored | length) > 0
                    then $scored | max_by(.score // .accuracy) | .name
                    else "none" end)}}
| finished
