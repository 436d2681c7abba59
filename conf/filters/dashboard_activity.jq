# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /dashboard/activity/recent?limit=10: the last jobs and attacks together.
#
# Parts: jobs (training), results (red-team). A job that has not started has
# no time yet; it stands last.
# -> [{type, id, description, timestamp, status}]

refuse_if([bad_integer("limit"; 1; 1000)]) | asked("jobs")
| [.jobs | jobs[:5][]
   | {type: "training", id: (.job_id // "unknown"),
      description: ("Training job \(.model_name // "unknown") - "
                    + "\(.status // "unknown")"),
      timestamp: .start_time, status: (.status // "unknown")}]
  + [.results | attacks[:5][]
     | {type: "red_team", id: (.attack_id // "unknown"),
        description: "Red team test - \(.category // "unknown") attack",
        timestamp,
        status: (if .success then "success" else "failed" end)}]
| sort_by(.timestamp // "") | reverse | .[:integer("limit"; "10")]
