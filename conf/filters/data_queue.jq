# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /data/processing/queue.
#
# Part: staged (training), required: files with their status; by_status counts
# all of them. How long it takes is not known.
# -> {queue_status: {pending, processing, completed, failed,
#     estimated_wait_minutes: null}, current_jobs: [{file_id, status, progress
#     (0-100), started_at}], timestamp}

part("staged") | (.by_status | object) as $count
| def sum_of($names): [$count[$names[]] | number(0)] | add;
  {queue_status: {
       pending: sum_of(["pending", "uploading", "uploaded"]),
       processing: sum_of(["processing"]),
       completed: sum_of(["completed", "processed", "fresh", "used"]),
       failed: sum_of(["failed"]), estimated_wait_minutes: null},
   current_jobs: [.files | rows[]
       | select(.status == "processing" or .status == "uploading")
       | {file_id, status, progress: (.processing_progress | number(0)),
          started_at: .upload_time}]}
| finished
