# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /data/datasets/ID/augment. training does it while the client waits, so
# it has been done when this answers.
#
# Parts: file (training), the data set; result (training), both required.
# -> {dataset_id, augmentation_config, status, message, result: {original_count,
#     augmented_count, augmentation_factor, augmented_texts,
#     augmented_labels}, timestamp}

part("result") as $result
| {dataset_id: $captures.id,
   augmentation_config: {augmentation_factor: $result.augmentation_factor},
   status: "augmentation_completed",
   message: ("\($result.original_count // 0) samples became "
             + "\($result.augmented_count // 0)"),
   result: $result}
| finished
