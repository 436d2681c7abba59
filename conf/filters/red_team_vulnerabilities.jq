# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /red-team/vulnerabilities: the attacks that came through, worst first.
#
# Part: results (red-team), required.
# -> {vulnerabilities: [attack], count, by_category: {category: count},
#     by_risk: {risk: count}, timestamp}

def histogram(of): reduce .[] as $x ({}; .[$x | of // "unknown" | tostring]
                                         += 1);

[.results | attacks[] | select(.success == true)]
| sort_by(-(.severity | number(0)), .attack_id)
| {vulnerabilities: ., count: length, by_category: histogram(.category),
   by_risk: histogram(.security_risk)}
| finished
