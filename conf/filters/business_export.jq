# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /business-metrics/metrics/export?metric_names=a,b&format=csv&start_time=
# &end_time=.
#
# Part: metrics (business-metrics), required, of the times; the names are
# picked here.
# -> {export_data: text, metric_names, start_time, end_time, format, count,
#     timestamp}

# a cell that a spreadsheet would take for a formula is made text
def cell: if type == "string" then (if test("^[=+@\t\r-]") then "'" + .
                                    else . end)
          elif type == "object" or type == "array" then tojson else . end;

refuse_if([bad_word("format"; "^(csv|json)$")])
| argument("format"; "csv") as $format
| [argument("metric_names"; "") | split(",")[] | sub("^\\s+"; "")
   | sub("\\s+$"; "") | select(. != "")] as $names
| argument("start_time") as $after | argument("end_time") as $before
| ($after | seconds) as $from | ($before | seconds) as $to
| [.metrics | points(null; 36500)[] | .metric_name as $name
   | (.timestamp | seconds) as $at
   | select(($names | length) == 0 or any($names[]; . == $name))
   | select($from == null or $at == null or $at >= $from)
   | select($to == null or $at == null or $at <= $to)]
| {export_data: (if $format == "json" then tojson else
       ([["timestamp", "metric_name", "value", "tags"]]
        + map([.timestamp, .metric_name, .value, (.tags | object)] | map(cell))
        | map(@csv + "\n") | join("")) end),
   metric_names: $names, start_time: $after, end_time: $before, format: $format,
   count: length}
| finished
