# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /compliance: the report, and what it comes to.
#
# Part: report (data-privacy), required.
# -> the report + {gdpr_compliant, ..., overall_compliance, timestamp}

part("report") | . + compliance | finished
