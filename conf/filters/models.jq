# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# After lib.jq: what model-api says of its models, in both of its forms.
#
#   nested  {"models": {"distilbert": {"pretrained": {...}, "trained": {...}}}}
#   flat    {"models": {"distilbert_trained": {"type": "trained", ...}}}

def flat_type:
    if .model_source == "MLflow" then "trained"
    elif .model_source == "Hugging Face" then "pretrained"
    else .type // "unknown" end;

def variants: [.models | object | to_entries[] | .key as $base | .value
    | object
    | if has("pretrained") or has("trained")
      then to_entries[] | select(.key == "pretrained" or .key == "trained")
          | .key as $type | .value | object
          | {base: $base, type: $type, loaded: (.loaded // false), info: .,
             name: (.name | text("\($base)_\($type)"))}
      else {base: $base, type: flat_type, loaded: (.loaded // false), info: .,
            name: (.name | text($base))}
      end];
