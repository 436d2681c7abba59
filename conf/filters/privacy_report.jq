# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# After lib.jq: what a compliance report says. It is about data sets and knows
# no laws: where a set is not compliant, no law is kept.

def is_compliant:
    (.non_compliant_datasets | number(0)) == 0
    and (.violations | list | length) == 0;
def compliance:
    is_compliant as $all
    | {gdpr_compliant: $all, ccpa_compliant: $all, hipaa_compliant: $all,
       overall_compliance: (if $all then "compliant" else "non_compliant"
                            end),
       compliance_percentage: (.compliance_percentage | number(0)),
       last_audit: .generated_at};
