# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /dashboard/models/overview.
#
# Part: models (model-api), in either form of models.jq.
# -> {total_models, pretrained_models, trained_models, loaded_models,
#     available_models: [name], mlflow_models: [name], models, last_updated}

part("models")
| variants as $variants
| {total_models: (.models | object | length),
   pretrained_models: ([$variants[] | select(.type == "pretrained")]
                       | length),
   trained_models: ([$variants[] | select(.type == "trained")] | length),
   loaded_models: ([$variants[] | select(.loaded)] | length),
   available_models: (.available_models
                      // [$variants[] | select(.loaded) | .name]),
   mlflow_models: (.mlflow_models
                   // [$variants[] | select(.type == "trained") | .name]),
   models: (.models | object)}
| updated
