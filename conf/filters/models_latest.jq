# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /models/latest: the newest version of each registered model.
#
# Part: registry (mlflow, registered-models/search).
# -> {latest_models: {name: version}, count, timestamp}

[part("registry") | .registered_models | rows[]
 | {key: (.name | text("")),
    value: (.latest_versions | rows | max_by(.version | number(0)))}
 | select(.value != null)]
| {latest_models: from_entries, count: length}
| finished
