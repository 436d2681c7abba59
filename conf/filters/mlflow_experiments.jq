# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /mlflow/experiments.
#
# Part: found (mlflow), required.
# -> {experiments: [experiment], count}

.found | experiments | {experiments: ., count: length}
