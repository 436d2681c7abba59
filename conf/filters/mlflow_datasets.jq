# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /mlflow/datasets: the data sets that runs were made with, each once. A run
# names them when its program has logged them.
#
# Parts: found (mlflow), required; runs (mlflow), of all experiments.
# -> {datasets: [{name, digest, source_type, source, contexts, run_count,
#     run_ids: the newest 10, last_used}] or null, count, timestamp}

def inputs: .inputs | object | .dataset_inputs | rows;

(if .runs == null then null
 else [.runs | runs[] | .info as $run | inputs[]
       | (.tags | pairs) as $tags | .dataset | objects
       | {name: (.name | text("")), digest: (.digest | text("")),
          source_type, source, context: $tags["mlflow.data.context"],
          run_id: $run.run_id, at: ($run.start_time | number(0))}]
     | group_by([.name, .digest])
     | map(sort_by(-.at)
           | {name: .[0].name, digest: .[0].digest,
              source_type: .[0].source_type, source: .[0].source,
              contexts: (map(.context | strings) | unique),
              run_count: (map(.run_id) | unique | length),
              run_ids: (map(.run_id) | .[:10]),
              last_used: (if .[0].at > 0 then .[0].at | from_ms
                          else null end)})
 end) as $datasets
| {datasets: $datasets,
   count: (if $datasets == null then null else $datasets | length end)}
| finished
