# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /data/datasets/ID/augment: the data set and what to do with it. The
# client may send {techniques, augmentation_factor, config} or nothing.
#
# $parts: file, the data set as text.

refuse_if([if . == null then empty else bad_object, bad_list("techniques"),
           bad_field("augmentation_factor"; "number"; "number"),
           bad_field("config"; "object"; "dict") end])
| object as $asked
| $parts.file | records
| {texts: texts, labels: labels,
   augmentation_factor: ($asked.augmentation_factor // 2)}
    + (if $asked.config == null then {} else {config: $asked.config} end)
