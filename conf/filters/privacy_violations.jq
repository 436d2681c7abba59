# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /data-privacy/violations. One with a privacy score below 0.4 is
# critical.
#
# Part: report (data-privacy), required.
# -> {violations: [violation], total_violations, critical_violations,
#     timestamp}

[part("report") | .violations | rows[]]
| {violations: ., total_violations: length,
   critical_violations: (map(select((.privacy_score | number(1)) < 0.4))
                         | length)}
| finished
