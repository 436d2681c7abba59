# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /data/datasets/ID/balance. training does it while the client waits.
#
# Parts: file (training), the data set; result (training), both required.
# -> {dataset_id, target_distribution: {label: count}, status, message, result,
#     timestamp}

part("result") as $result
| {dataset_id: $captures.id,
   target_distribution: ($result.balanced_distribution | object),
   status: "balancing_completed",
   message: ("\($result.original_count // 0) samples became "
             + "\($result.balanced_count // 0)"),
   result: $result}
| finished
