# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /training/start, /training/train, /training/train/loaded-model,
# /training/retrain: the body that training takes, of one that validate/ has
# taken. A configuration is none when nothing is in it, and has to name the model
# again.

if type != "object" then .
elif (.config | object | length) == 0 then del(.config)
else .model_name as $model | .config.model_name |= (. // $model) end
