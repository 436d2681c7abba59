# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# The body of routes that name a model: {"model_name": text}, sent on as it
# is (/models/reload, /model-cache/preload).

refuse_if([bad_object, needed("model_name"), bad_text("model_name")])
| if .model_name == "" then refuse_if([problem(["body", "model_name"];
      "string_too_short"; "String should have at least 1 character"; "")])
  else . end
