# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /red-team/metrics.
#
# Part: summary (analytics), required.
# -> {total_tests, detection_rate (0-100), vulnerability_rate (0-100),
#     last_test, timestamp}

.summary | summary_rows
| {total_tests: total_tests, detection_rate: detection_rate,
   vulnerability_rate: vulnerability_rate,
   last_test: (map(.last_test | strings) | max)}
| finished
