# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# The body of POST /models/predict and /models/predict/trained.
# {text, model_name?, ensemble?} -> {models?, text, ensemble,
# return_probabilities}, which model-cache and model-api both take. "models"
# stands first: that is how predict.conf sees that there are any.

refuse_if([bad_object, needed("text"), bad_text("text"),
           bad_text("model_name"), bad_flag("ensemble")])
| (if (.model_name // "") != "" then {models: [.model_name]} else {} end)
    + {text, ensemble: (.ensemble // false), return_probabilities: true}
