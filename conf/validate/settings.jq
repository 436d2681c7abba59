# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# An object: POST /data/quality-thresholds, PUT /analytics/auto-retrain/config.

[if $method == "GET" or $method == "HEAD" then empty else bad_object end]
