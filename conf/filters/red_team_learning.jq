# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /red-team/learning/status: what the red team's own status says of it.
# Vulnerabilities are collected until there are enough to retrain a model.
#
# Part: status (red-team), required.
# -> {learning_enabled, running, vulnerability_count, retraining_threshold,
#     progress_percent (0-100), retraining_due, last_test_time, timestamp}; what
#     the service does not say is null

part("status")
| (.vulnerability_count | number(null)) as $found
| (.retraining_threshold | number(null)) as $enough
| {learning_enabled, running, vulnerability_count: $found,
   retraining_threshold: $enough,
   progress_percent: (if $found == null or $enough == null or $enough <= 0
                      then null
                      else [pct($found; $enough), 100] | min end),
   retraining_due: (if $found == null or $enough == null then null
                    else $found >= $enough end),
   last_test_time}
| finished
