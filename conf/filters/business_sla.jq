# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /business-metrics/sla-metrics?time_range=30d.
#
# Part: effectiveness (business-metrics), required. Nobody says what was
# promised: these are the figures that a promise would be about.
# -> {sla_metrics: {availability_percent, downtime_minutes, response_time_p95
#     (ms), error_rate (0-100, of all that is looked at)}, time_range,
#     timestamp}

refuse_if([bad_range]) | asked("effectiveness") | range_days("30d") as $days
| .effectiveness | object
| (.availability_percent | number(null)) as $available
| {sla_metrics: {
       availability_percent: $available,
       downtime_minutes: (if $available == null then null
           else (100 - $available) / 100 * $days * 1440 | round2 end),
       response_time_p95: (.response_time_p95 | number(null)),
       error_rate: (.detection_accuracy | number(null)
                    | if . == null then null
                      else 100 * (1 - .) | round2 end)},
   time_range: argument("time_range"; "30d")}
| finished
