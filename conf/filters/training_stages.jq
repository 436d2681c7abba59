# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /training/models/NAME/stages.
#
# Part: stages (training), required: {model_name, stages, total_versions}.
# -> {model_name, stages, timestamp}

{model_name: $captures.id, stages}
| finished
