# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /data/datasets?data_type=: up to 100 files of each kind.
#
# Parts: fresh, used (training); staged (training, only with data_type): fresh
# files do not say their type, the list of staged files does.
# -> {datasets: {fresh: [file], used: [file], total_fresh, total_used},
#     timestamp}

argument("data_type") as $type
| (reduce (part("staged") | .files | rows[]) as $file ({};
       .[$file.file_id | text("")] = $file.data_type)) as $types
| def kept: if . == null then null
      else object | .files | rows
          | map(select($type == null or $type == ""
                       or (.data_type // $types[.file_id | text("")]) == $type))
          | .[:100] end;
  (.fresh | kept) as $fresh | (.used | kept) as $used
| {datasets: {fresh: $fresh, used: $used, total_fresh: ($fresh | length),
              total_used: ($used | length)}}
| finished
