# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /mlflow/experiments/ID/runs.
#
# Part: found (mlflow), required.
# -> {experiment_id, runs: [{run_id, run_name, experiment_id, status,
#     start_time, end_time, metrics, params, tags}], count, timestamp}

{experiment_id: $captures.id, runs: (.found | runs | map(run))}
| .count = (.runs | length)
| finished
