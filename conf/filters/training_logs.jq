# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /training/logs?limit=100: lines of the last jobs, newest first.
#
# Parts: jobs (training, recent_jobs.jq), required; logs (training), the log
# of each of them.
# -> {logs: [line], count}

refuse_if([bad_integer("limit"; 1; 1000)]) | asked("jobs")
| [.logs | rows[] | .logs | rows[]]
| sort_by(.timestamp // "") | reverse | .[:integer("limit"; "100")]
| {logs: ., count: length}
| with_errors
