# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /dashboard/red-team/overview.
#
# Parts: results (red-team), summary (analytics).
# -> {total_attacks, successful_attacks, detection_rate (0-100),
#     attack_categories: {category: count}, results: [attack],
#     analytics_summary, last_updated}

part("summary") as $summary
| .results | attacks
| attack_figures
    + {attack_categories: (reduce .[] as $attack ({};
           .[$attack.category // "unknown" | tostring] += 1)),
       results: ., analytics_summary: $summary}
| updated
