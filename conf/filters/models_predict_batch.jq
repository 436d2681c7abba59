# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /models/predict/batch: in the order of the texts; one that failed keeps
# its place and says why.
#
# Part: replies (model-api), required: a list, or {"predictions": [...]}.
# -> {predictions: [prediction or {text, error}], total_processing_time_ms,
#     timestamp}

.replies | (if type == "object" then .predictions // .results else . end)
| list
| map(if type == "object" and .prediction != null then prediction
      else {text: (.text? // null),
            error: ((.error? // .detail? // "no prediction"))} end)
| {predictions: .,
   total_processing_time_ms: (map(.processing_time_ms | number(0))
                              | add // 0)}
| finished
