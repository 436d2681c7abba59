# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /data/datasets/ID/validate.
#
# Parts: file (training), the data set; result (training), both required.
# -> {dataset_id, validation_result, timestamp}

{dataset_id: $captures.id, validation_result: .result}
| finished
