# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /data/dashboard.
#
# Parts: statistics, fresh, used (all training). What is missing is null.
# -> {dashboard: {statistics, recent_fresh_data: [file], recent_used_data:
#     [file], timestamp}}

def recent: if . == null then null else object | .files | list | .[:10] end;

{dashboard: {statistics, recent_fresh_data: (.fresh | recent),
             recent_used_data: (.used | recent), timestamp: stamp}}
| with_errors
