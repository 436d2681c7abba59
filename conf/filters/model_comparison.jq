# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /analytics/model-comparison?model_name=&days=30.
#
# Part: comparison (analytics), required.
# -> {model_comparison: {model_name, pretrained, trained, improvement},
#     model_name, days, timestamp}

refuse_if([bad_required("model_name"), bad_integer("days"; 1; 365)])
| asked("comparison")
| {model_comparison: .comparison, model_name: argument("model_name"),
   days: integer("days"; "30")}
| finished
