# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /data/datasets/ID/preview?lines=10.
#
# Part: file (training), required: the file as text. A service that knows
# ranges sends its beginning alone (206): how many lines there are is then not
# known, and the last of those that came may be cut.
# -> {dataset_id, preview_lines, preview_data: [{line, content}], total_lines,
#     timestamp}

refuse_if([bad_integer("lines"; 1; 1000)]) | asked("file")
| ($status.file == 206) as $cut
| .file | text("") | split("\n") | if .[-1] == "" then .[:-1] else . end
| (if $cut and length > 1 then .[:-1] else . end) as $all
| [$all[:integer("lines"; "10")] | indexed[]
   | {line: (.key + 1), content: (.value | rtrimstr("\r"))}]
| {dataset_id: $captures.id, preview_lines: length, preview_data: .,
   total_lines: (if $cut then null else ($all | length) end)}
| finished
