# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /analytics/drift/alerts?days=7&severity=&model_name=.
#
# Part: alerts (analytics), required. Alerts that name no model are about all
# of them.
# -> {drift_alerts: {period_days, total_alerts, alerts: [alert]}, model_name,
#     severity_filter, timestamp}

argument("model_name") as $model | argument("severity") as $severity
| refuse_if([bad_integer("days"; 1; 30)]) | asked("alerts")
| part("alerts")
| [.alerts | rows[]
   | (.model_name // (.details | object | .model_name)) as $of
   | select(($severity == null or .severity == $severity)
            and ($model == null or $of == null or $of == $model))] as $kept
| {drift_alerts: {period_days: (.period_days
                                | number(integer("days"; "7"))),
                  total_alerts: ($kept | length), alerts: $kept},
   model_name: $model, severity_filter: $severity}
| finished
