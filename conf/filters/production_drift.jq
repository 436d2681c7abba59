# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /analytics/production/drift-check?model_name=&hours=24.
#
# Part: result (analytics), required.
# -> {drift_check_result, model_name, hours, timestamp}

refuse_if([bad_required("model_name"), bad_integer("hours"; 1; 8760)])
| asked("result")
| {drift_check_result: .result, model_name: argument("model_name"),
   hours: integer("hours"; "24")}
| finished
