# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /training/experiments/NAME/runs?limit=50.
#
# Part: reply (training), required.
# -> {model_name, runs: [run], total_runs, experiment_id, experiment_name,
#     timestamp}

refuse_if([bad_integer("limit"; 1; 1000)]) | asked("reply")
| part("reply")
| (.runs | list | .[:integer("limit"; "50")]) as $runs
| {model_name: $captures.id, runs: $runs, total_runs: ($runs | length),
   experiment_id, experiment_name}
| finished
