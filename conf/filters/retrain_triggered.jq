# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /analytics/auto-retrain/trigger/NAME.
#
# Part: result (analytics), required: {message, event_id, job_id, status}.
# -> {status, message, model_name, result, timestamp}

{status: "success",
 message: (part("result") | .message // "Retraining triggered"),
 model_name: $captures.id, result}
| finished
