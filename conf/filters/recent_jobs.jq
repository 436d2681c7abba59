# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# Ids of the last ten jobs, for /training/logs.

jobs | map(.job_id | strings)[:10]
