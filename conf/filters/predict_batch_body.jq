# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# The body of POST /models/predict/batch: {texts, model_name?, ensemble?} ->
# a request for each text.

refuse_if([bad_object, needed("texts"), bad_list("texts"),
           bad_text("model_name"), bad_flag("ensemble")])
| refuse_if([(if (.texts | length) == 0 or (.texts | length) > 100
              then problem(["body", "texts"]; "list_length";
                  "List should have 1 to 100 items"; .texts | length)
              else empty end),
             (.texts | indexed[]
              | if (.value | type) != "string"
                then problem(["body", "texts", .key]; "string_type";
                    "Input should be a valid string"; .value)
                elif (.value | length) > 10000
                then problem(["body", "texts", .key]; "string_too_long";
                    "String should have at most 10000 characters";
                    .value | length)
                else empty end)])
| ((if (.model_name // "") != "" then {models: [.model_name]} else {} end)
   + {ensemble: (.ensemble // false), return_probabilities: true}) as $common
| [.texts[] | $common + {text: .}]
