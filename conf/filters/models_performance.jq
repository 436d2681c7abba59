# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /models/NAME/performance, /analytics/model/performance/NAME.
#
# Part: comparison (analytics), required: the pretrained and the trained model
# next to each other.
# -> {model_name, performance: {pretrained, trained, improvement,
#     detection_rate: {pretrained, trained} (0-100)}, timestamp}

def percent: object | .avg_detection_rate | number(null)
    | if . == null then null else . * 100 end;

refuse_if([bad_integer("days"; 1; 365)]) | asked("comparison")
| {model_name: $captures.id,
   performance: (.comparison | object | . + {detection_rate: {
       pretrained: (.pretrained | percent), trained: (.trained | percent)}})}
| finished
