# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# After lib.jq: bodies of MLflow. It has metrics, params and tags as lists of
# {key, value} and times in milliseconds.

def pairs: [rows[] | {key: (.key // "" | tostring), value}]
    | from_entries;
def experiments: object | .experiments | rows
    | map(.experiment_id |= text(""));
def with_members: .info |= object | .data |= object
    | .info.experiment_id |= text("");
def runs: object | .runs | rows | map(with_members);
def run:
    object | with_members
    | {run_id: .info.run_id, run_name: .info.run_name,
     experiment_id: .info.experiment_id, status: .info.status,
     start_time: (.info.start_time | from_ms),
     end_time: (.info.end_time | from_ms),
     metrics: (.data.metrics | pairs), params: (.data.params | pairs),
     tags: (.data.tags | pairs)};
