# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# After lib.jq: jobs of the training service, a bare list or {"jobs": [...]}.

def jobs: (if type == "object" then .jobs else . end)
    | rows;
def with_status($status): map(select(.status == $status)) | length;
