# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /data/quality-thresholds?model_type=security.
#
# Part: reply (training), required: {model_type, thresholds}.
# -> {model_type, thresholds, timestamp}

refuse_if([bad_word("model_type"; "^[0-9A-Za-z_.-]{1,64}$")]) | asked("reply")
| part("reply")
| {model_type: (.model_type // argument("model_type"; "security")),
   thresholds: (.thresholds | object)}
| finished
