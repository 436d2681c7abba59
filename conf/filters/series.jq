# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# After lib.jq: points of business-metrics, {metric_name, value, timestamp}.

def points($name; $days): [(if type == "object" then .data_points // .metrics
                            else . end) | rows[]
    | select((.value | type) == "number"
             and ($name == null or .metric_name == $name)
             and (.timestamp | since($days)))
    | .timestamp |= text("")]
    | sort_by(.timestamp);

# by the first digits of the time: 10 are the day, 13 the hour
def buckets($digits): group_by(.timestamp[:$digits])
    | map({date: (.[0].timestamp[:$digits]), count: length,
           average: (map(.value) | mean), sum: (map(.value) | add),
           min: (map(.value) | min), max: (map(.value) | max)});

def deviation: mean as $mean
    | if length > 1
      then (map((. - $mean) * (. - $mean)) | add) / length | sqrt
      else 0 end;
