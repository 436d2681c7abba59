# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /analytics/drift?time_range=7d&model_name=.
#
# Parts: summary (analytics), required; history (analytics).
# -> {drift_analysis: {..., history: [check]}, model_name, time_range,
#     timestamp}

argument("model_name") as $model
| refuse_if([bad_range]) | asked("summary")
| {drift_analysis: (part("summary")
       + {history: (if .history == null then null
                    else [part("history") | .history | rows[]
                          | select($model == null or .model_name == $model)]
                    end)}),
   model_name: $model, time_range: argument("time_range"; "7d")}
| finished
