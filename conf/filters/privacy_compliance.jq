# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /data-privacy/compliance.
#
# Part: report (data-privacy), required.
# -> {gdpr_compliant, ccpa_compliant, hipaa_compliant, overall_compliance,
#     compliance_percentage (0-100), last_audit, timestamp}

part("report") | compliance | finished
