# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /analytics/drift/check?model_name=: checked, and retrained if need be.
#
# Part: result (analytics), required.
# -> {status, message, model_name, result, timestamp}

refuse_if([bad_required("model_name")]) | asked("result")
| {status: "success", message: (part("result") | .message // "Drift checked"),
   model_name: argument("model_name"), result}
| finished
