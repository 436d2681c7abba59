# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /mlflow/experiment/summary.
#
# Parts: found (mlflow), required; runs (mlflow), of all experiments.
# -> {total_experiments, total_runs, runs_by_status: {status: count},
#     success_rate (0-100), best_run, last_run_time, timestamp}

(.found | experiments | length) as $experiments
| if .runs == null
  then {total_experiments: $experiments, total_runs: null,
        runs_by_status: null, success_rate: null, best_run: null,
        last_run_time: null}
  else .runs | runs | map(run)
  | {total_experiments: $experiments, total_runs: length,
     runs_by_status: (reduce .[] as $run ({};
         .[$run.status // "UNKNOWN" | tostring] += 1)),
     success_rate: pct(map(select(.status == "FINISHED")) | length; length),
     best_run: (map(select((.metrics.eval_f1 | type) == "number"))
                | max_by(.metrics.eval_f1)),
     last_run_time: (map(.start_time | strings) | max)}
  end
| finished
