# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /dashboard/analytics/overview, GET /analytics/overview.
#
# Part: summary (analytics): rows of tests by model. An analysis is a test; a
# row without a rate has tests that gave no result.
# -> {total_analyses, successful_analyses, failed_analyses,
#     average_processing_time (ms, null where the rows have none),
#     detection_rate (0-100), last_updated, timestamp}

.summary | summary_rows
| (map(select(.rate != null)) | total_tests) as $successful
| {total_analyses: total_tests, successful_analyses: $successful,
   failed_analyses: (total_tests - $successful),
   average_processing_time: (map(.avg_processing_time | numbers_of)
       | if length > 0 then mean else null end),
   detection_rate: detection_rate, last_updated: stamp}
| finished
