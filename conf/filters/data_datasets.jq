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
| (reduce (.staged.files | list | .[] | objects) as $file ({};
       .[$file.file_id // ""] = $file.data_type)) as $types
| def kept: if . == null then null
      else .files | list
          | map(select($type == null or $type == ""
                       or (.data_type // $types[.file_id // ""]) == $type))
          | .[:100] end;
  (.fresh | kept) as $fresh | (.used | kept) as $used
| {datasets: {fresh: $fresh, used: $used, total_fresh: ($fresh | length),
              total_used: ($used | length)}}
| finished
