# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /business-metrics/trend-analysis?metric_name=&time_range=30d: by day,
# the first half next to the second.
#
# Part: metrics (business-metrics), required.
# -> {trend_analysis: {points, buckets: [{date, count, average, sum, min,
#     max}], average, change_percent, trend}, metric_name, time_range,
#     timestamp}

refuse_if([bad_required("metric_name"), bad_range]) | asked("metrics")
| argument("metric_name") as $name
| (.metrics | points($name; range_days("30d"))) as $points
| ($points | map(.value)) as $values
| ($values | length / 2 | floor) as $half
| ($values[:$half] | mean) as $before | ($values[$half:] | mean) as $after
| (if $half == 0 or $before == 0 then null
   else 100 * ($after - $before) / (if $before < 0 then -$before
                                    else $before end) end) as $change
| {trend_analysis: {points: ($points | length),
       buckets: ($points | buckets(10)), average: ($values | mean),
       change_percent: $change,
       trend: (if $change == null then "unknown" elif $change > 5 then
               "increasing" elif $change < -5 then "decreasing"
               else "stable" end)},
   metric_name: $name, time_range: argument("time_range"; "30d")}
| finished
