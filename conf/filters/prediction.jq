# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# After lib.jq: a prediction as the gateway gives it, from one of model-api or
# model-cache. They name the model, or have an answer for each.

def prediction:
    object | (.model_predictions | object | keys) as $models
    | {text, prediction, confidence, probabilities: (.probabilities | object),
       model_name: (if .ensemble_used == true then "ensemble"
                    else .model_name // $models[0] end),
       processing_time_ms: (.processing_time_ms | number(0)),
       timestamp: (if (.timestamp | type) == "number" then .timestamp | iso
                   else .timestamp // stamp end),
       model_predictions: (.model_predictions | object),
       from_cache: (.from_cache // false)};
