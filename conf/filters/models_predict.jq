# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /models/predict, /models/predict/trained.
#
# Part: reply (model-cache or model-api), required.
# -> {text, prediction, confidence, probabilities, model_name,
#     processing_time_ms, timestamp, model_predictions, from_cache}

.reply | prediction
