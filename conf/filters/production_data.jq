# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /analytics/production/inference-data?hours=24&model_name=.
#
# Part: data (analytics), required.
# -> {production_data, hours, model_name, timestamp}

refuse_if([bad_integer("hours"; 1; 8760)]) | asked("data")
| {production_data: .data, hours: integer("hours"; "24"),
   model_name: argument("model_name")}
| finished
