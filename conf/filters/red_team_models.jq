# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /red-team/models: what can be tested.
#
# Part: models (model-api), required.
# -> {models: {name: model}, count}

part("models") | .models | object | {models: ., count: length}
