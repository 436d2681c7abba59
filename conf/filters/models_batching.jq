# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /models/batching/stats.
#
# Part: stats (model-api): {enabled, strategy, configuration}, and figures in
# "statistics" once it has made batches.
# -> {batching_enabled, average_batch_size, total_batches_processed,
#     batching_efficiency (0-100, of the size that a batch may have),
#     strategy, configuration, timestamp}

part("stats")
| (.statistics // .stats | object) as $figures
| ($figures.average_batch_size // $figures.avg_batch_size | number(0))
    as $size
| {batching_enabled: (.enabled // false), average_batch_size: ($size | round),
   total_batches_processed: ($figures.total_batches_processed
                             // $figures.total_batches | number(0)),
   batching_efficiency: pct($size; .configuration | object
                             | .max_batch_size | number(0)),
   strategy, configuration}
| finished
