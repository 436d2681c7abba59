# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /analytics/performance/trends?days=30&model_name=.
#
# Part: trends (analytics), required.
# -> {performance_trends: {trends: [row]}, model_name, days, timestamp}

argument("model_name") as $model
| refuse_if([bad_integer("days"; 1; 365)]) | asked("trends")
| {performance_trends: {trends: [part("trends") | .trends | rows[]
       | select($model == null or .model_name == $model)]},
   model_name: $model, days: integer("days"; "30")}
| finished
