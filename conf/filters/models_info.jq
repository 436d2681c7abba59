# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /models/info/NAME: a model, or one variant of it.
#
# Part: models (model-api), required.
# -> what model-api lists under this name

$captures.id as $name | part("models")
| (.models | object | .[$name])
  // first(variants[] | select(.name == $name) | .info) // null
| if . == null
  then error({status: 404, message: "Model \($name) not found"})
  else . end
