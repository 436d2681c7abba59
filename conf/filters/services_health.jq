# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /services/health: a list of health records.
#
# Parts: health.jq's.
# -> [{name, status, response_time (s), response_time_ms, last_check, details}]

services
