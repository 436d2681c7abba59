# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /training/jobs.
#
# Part: jobs (training), required.
# -> {jobs: [job], count}

.jobs | jobs | {jobs: ., count: length}
