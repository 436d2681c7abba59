# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /business-metrics/correlation-analysis?metric1=&metric2=&time_range=30d:
# Pearson's coefficient of the two by the hour.
#
# Parts: first, second (business-metrics), both required.
# -> {correlation_analysis: {coefficient (-1 to 1, null where there is too
#     little), samples, strength}, metric1, metric2, time_range, timestamp}

def coefficient:
    (map(.x) | mean) as $mx | (map(.y) | mean) as $my
    | (map(.x) | deviation) as $sx | (map(.y) | deviation) as $sy
    | if length < 3 or $sx == 0 or $sy == 0 then null
      else (map((.x - $mx) * (.y - $my)) | mean) / ($sx * $sy)
          | [[., 1] | min, -1] | max end;

refuse_if([bad_required("metric1"), bad_required("metric2"), bad_range])
| asked("first")
| argument("metric1") as $one | argument("metric2") as $two
| range_days("30d") as $days
| (.second | points($two; $days) | buckets(13)
   | map({key: .date, value: .average}) | from_entries) as $other
| [.first | points($one; $days) | buckets(13) | .[]
   | select($other[.date] != null) | {x: .average, y: $other[.date]}]
| coefficient as $r
| {correlation_analysis: {coefficient: $r, samples: length,
       strength: (if $r == null then "unknown"
                  else (if $r < 0 then -$r else $r end)
                      | if . >= 0.7 then "strong" elif . >= 0.4
                        then "moderate" else "weak" end end)},
   metric1: $one, metric2: $two, time_range: argument("time_range"; "30d")}
| finished
