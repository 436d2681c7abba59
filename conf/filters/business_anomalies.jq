# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /business-metrics/anomaly-detection?metric_name=&time_range=7d: points
# more than three standard deviations away from the mean.
#
# Part: metrics (business-metrics), required.
# -> {anomaly_detection: {points, mean, standard_deviation, threshold,
#     anomalies: [{timestamp, value, deviations, tags}], count}, metric_name,
#     time_range, timestamp}

refuse_if([bad_required("metric_name"), bad_range]) | asked("metrics")
| argument("metric_name") as $name
| (.metrics | points($name; range_days("7d"))) as $points
| ($points | map(.value) | mean) as $mean
| ($points | map(.value) | deviation) as $deviation
| [$points[] | select($deviation > 0)
   | ((.value - $mean) / $deviation) as $z | select($z > 3 or $z < -3)
   | {timestamp, value, deviations: ($z | round2), tags}] as $odd
| {anomaly_detection: {points: ($points | length), mean: $mean,
       standard_deviation: $deviation, threshold: 3, anomalies: $odd,
       count: ($odd | length)},
   metric_name: $name, time_range: argument("time_range"; "7d")}
| finished
