# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /models/best: the models in production, by what they scored.
#
# Parts: best (training, best-models): name, version, stage; models (training,
# /models/models): what each has scored, in performance. The names of best
# begin with "security_", those of models end with "_trained".
# -> {best_models: {name: {model_info, performance_score (0-1), accuracy
#     (0-1), rank, last_updated}}, count, ranking_criteria, timestamp}

(part("models") | .models | object) as $known
| [part("best") | .models | rows[]
   | (.name | text("") | ltrimstr("security_")) as $base
   | ($known["\($base)_trained"] | object | .performance | object)
       as $performance
   | {name: (.name | text("")), model_info: .,
      accuracy: ($performance.accuracy | number(null)),
      performance_score: ($performance.f1_score // $performance.accuracy
                          | number(null)),
      last_updated: (.last_updated_timestamp // .creation_timestamp
                     | from_ms)}]
| sort_by(-(.performance_score // -1), -(.accuracy // -1), .name)
| {best_models: (indexed
       | map({key: .value.name, value: (.value + {rank: (.key + 1)}
                                        | del(.name))})
       | from_entries),
   count: length, ranking_criteria: ["f1_score", "accuracy"]}
| finished
