# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /data/datasets/ID/validate: what training is to look at. The client may
# send {model_type, custom_thresholds} or nothing.
#
# $parts: file, the data set as text.

refuse_if([if . == null then empty else bad_object, bad_text("model_type"),
           bad_field("custom_thresholds"; "object"; "dict") end])
| object as $asked
| $parts.file | records
| {texts: texts, labels: labels, model_type: ($asked.model_type // "security")}
    + (if $asked.custom_thresholds == null then {}
       else {custom_thresholds: $asked.custom_thresholds} end)
