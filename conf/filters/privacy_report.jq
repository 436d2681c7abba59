# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# After lib.jq: what a compliance report says. It is about data sets and knows
# no laws: where a set is not compliant no law is kept; where all are, that a
# law is kept is not known (null). Compliant is who has data sets, all of them
# looked at.

def overall:
    (.total_datasets | number(0)) as $total
    | if (.non_compliant_datasets | number(0)) > 0
         or (.violations | list | length) > 0 then "non_compliant"
      elif $total > 0 and (.compliant_datasets | number(0)) >= $total
      then "compliant"
      else "unknown" end;
def compliance:
    overall as $overall
    | (if $overall == "non_compliant" then false else null end) as $law
    | {gdpr_compliant: $law, ccpa_compliant: $law, hipaa_compliant: $law,
       overall_compliance: $overall,
       compliance_percentage: (.compliance_percentage | number(0)),
       last_audit: .generated_at};
