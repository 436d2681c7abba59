# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /training/data/augmentation/preview.
#
# Parts: asked (preview_body.jq), reply (training), required.
# -> {original_text, original_label, augmented_samples: {original,
#     augmented_samples: [sample], count}, timestamp}

part("asked") as $asked
| {original_text: $asked.text, original_label: $asked.label,
   augmented_samples: .reply}
| finished
