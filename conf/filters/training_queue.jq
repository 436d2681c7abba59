# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /training/queue/status.
#
# Part: queue (training), required.
# -> {queue_status: {pending_jobs, running_jobs, ..., recent_jobs}, timestamp}

{queue_status: .queue}
| finished
