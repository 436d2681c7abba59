# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /training/start, /training/train, /training/train/loaded-model,
# /training/retrain.
#
# Part: reply (training), required: {status, message, job_id, model_name}.
# -> the reply + {data: the reply, timestamp}

part("reply")
| {timestamp: stamp} + . + {data: .}
| with_errors
