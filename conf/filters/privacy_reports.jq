# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /data-privacy/reports: the service keeps one report, the newest.
#
# Part: report (data-privacy), required.
# -> {reports: [report], count, timestamp}

{reports: [part("report")], count: 1} | finished
