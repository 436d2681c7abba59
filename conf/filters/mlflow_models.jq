# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /mlflow/models.
#
# Part: registry (mlflow), required.
# -> {models: [registered model], count}

part("registry") | .registered_models | list | {models: ., count: length}
