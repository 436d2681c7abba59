# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /data/storage/usage. training knows what it has stored; nobody says how
# much room there is, or what models and logs take.
#
# Part: metrics (training), required.
# -> {storage_usage: {total_size_gb: null, used_size_gb, available_size_gb:
#     null, usage_percentage: null, breakdown: {training_data, models: null,
#     logs: null, artifacts: null}, files, files_by_type}, timestamp}

part("metrics")
| (((.total_size_bytes | number(null)) // ((.total_size_mb | number(0))
    * 1048576)) / 1073741824) as $used
| {storage_usage: {
       total_size_gb: null, used_size_gb: $used, available_size_gb: null,
       usage_percentage: null,
       breakdown: {training_data: $used, models: null, logs: null,
                   artifacts: null},
       files: (.total_files | number(0)), files_by_type: (.by_type | object)}}
| finished
