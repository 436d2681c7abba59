# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /business-metrics/cost-analysis?time_range=30d.
#
# Part: costs (business-metrics), required, of the days of the range.
# -> {cost_analysis, time_range, timestamp}

refuse_if([bad_range]) | asked("costs")
| {cost_analysis: .costs, time_range: argument("time_range"; "30d")}
| finished
