# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /training/data/augmentation/preview: what the client has sent becomes
# arguments at training. {text, label, num_samples}

refuse_if([bad_object, bad_text("text"), bad_text("label"),
           bad_whole("num_samples"; 1; 50)])
| {text: (.text // ""), label: (.label // ""),
   num_samples: (.num_samples // 5)}
