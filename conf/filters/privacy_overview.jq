# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /dashboard/data-privacy/overview, GET /data-privacy/overview.
#
# Part: report (data-privacy).
# -> {total_checks, passed_checks, failed_checks, compliance_score (0-100),
#     privacy_violations, data_anonymization_rate (0-100), last_updated,
#     timestamp}

part("report")
| (.total_datasets | number(0)) as $total
| (.compliant_datasets | number(0)) as $passed
| (.non_compliant_datasets | number(0)) as $open
| {total_checks: $total, passed_checks: $passed, failed_checks: $open,
   compliance_score: (.compliance_percentage | number(0)),
   privacy_violations: (.violations | list | length),
   data_anonymization_rate: ([pct($passed + $open; $total), 100] | min),
   last_updated: stamp}
| finished
