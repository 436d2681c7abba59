# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /analytics/attack-patterns?time_range=7d: attacks by category.
#
# Part: results (red-team), required.
# -> {attack_patterns: {total_attacks, successful_attacks, detection_rate
#     (0-100), categories: {category: the same, average_severity (0-1), models:
#     [name]}}, time_range, timestamp}

refuse_if([bad_range]) | asked("results") | range_days("7d") as $days
| [.results | attacks[] | select(.timestamp | since($days))]
| {attack_patterns: (attack_figures + {categories:
       (group_by(.category // "unknown" | tostring)
        | map({key: (.[0].category // "unknown" | tostring),
               value: (attack_figures + {
                   average_severity: (map(.severity | numbers_of) | mean),
                   models: (map(.model_name | strings) | unique)})})
        | from_entries)}),
   time_range: argument("time_range"; "7d")}
| finished
