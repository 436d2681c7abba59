# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /dashboard/performance/trends?hours=24.
#
# Part: trends (analytics), for as many days as the hours begin; rates of it
# are 0-1. There is a point for each day, so the day in which the time begins
# counts whole. Nobody keeps the health of the past.
# -> {time_range_hours, detection_rate_trend: [{date, detection_rate (0-100),
#     test_count}], model_performance_trend: [{date, model_name, model_type,
#     detection_rate, test_count}], system_health_trend: [],
#     attack_frequency_trend: [{date, count}], last_updated}

refuse_if([bad_integer("hours"; 1; 8760)]) | asked("trends")
| integer("hours"; "24") as $hours
| ($now - $hours * 3600 | todate | .[:10]) as $first
| [part("trends") | .trends | rows[]
   | select((.test_date | text("")) >= $first)
   | {date: .test_date, model_name, model_type,
      detection_rate: (.avg_detection_rate | number(null)
                       | if . == null then null else . * 100 end),
      test_count: (.test_count | number(0))}]
| sort_by(.date, .model_name, .model_type)
| (group_by(.date) | map({date: .[0].date, count: (map(.test_count) | add),
    measured: map(select(.detection_rate != null))})) as $days
| {time_range_hours: $hours,
   detection_rate_trend: [$days[] | (.measured | map(.test_count) | add // 0)
       as $tests | select($tests > 0)
       | {date, detection_rate: ((.measured
              | map(.detection_rate * .test_count) | add) / $tests),
          test_count: $tests}],
   model_performance_trend: ., system_health_trend: [],
   attack_frequency_trend: ($days | map({date, count}))}
| updated
