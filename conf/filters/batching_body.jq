# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /models/batching/configure: what the client has sent becomes arguments
# at model-api. What is left out is as the service has it by default.
# {enable | batching_enabled, strategy, max_batch_size, max_wait_time_ms}

refuse_if([bad_object, bad_flag("enable"), bad_flag("batching_enabled"),
           bad_text("strategy"),
           bad_whole("max_batch_size"; 1; 1024),
           bad_whole("max_wait_time_ms"; 0; 60000)])
| {enable: (if .enable != null then .enable
            elif .batching_enabled != null then .batching_enabled
            else true end),
   strategy: (.strategy // "dynamic"), max_batch_size: (.max_batch_size // 32),
   max_wait_time_ms: (.max_wait_time_ms // 50)}
