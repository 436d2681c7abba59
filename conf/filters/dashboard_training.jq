# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /dashboard/training/overview.
#
# Part: jobs (training).
# -> {total_jobs, running_jobs, completed_jobs, failed_jobs, pending_jobs,
#     average_progress (0-100, of those that run), jobs, last_updated}

.jobs | jobs
| {total_jobs: length, running_jobs: with_status("running"),
   completed_jobs: with_status("completed"),
   failed_jobs: with_status("failed"),
   pending_jobs: with_status("pending"),
   average_progress: (map(select(.status == "running")
                          | .progress | number(0)) | mean),
   jobs: .}
| updated
