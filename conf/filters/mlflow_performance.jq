# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /mlflow/models/performance/NAME: what the newest version has scored.
#
# Parts: model (mlflow, newest_run.jq), required; run (mlflow). Without the
# run, or what was logged with it, the tags of the model remain.
# -> {model_name, version, stage, run_id, metrics: {name: value}, params, tags,
#     timestamp}

part("model") as $model | (part("run") | .run | run) as $run
| {model_name: $captures.id, version: $model.version, stage: $model.stage,
   run_id: $model.run_id, metrics: $run.metrics, params: $run.params,
   tags: ($model.tags | pairs)}
| finished
