# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /business-metrics/efficiency-metrics?time_range=30d.
#
# Part: effectiveness (business-metrics), required, of the days of the range.
# -> {efficiency_metrics, time_range, timestamp}

refuse_if([bad_range]) | asked("effectiveness")
| {efficiency_metrics: .effectiveness,
   time_range: argument("time_range"; "30d")}
| finished
