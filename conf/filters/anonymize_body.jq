# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /anonymize?text=, or with {"text": ...}, or with the body that
# data-privacy itself takes: {data, policy_id, fields_to_anonymize,
# anonymization_method}.

refuse_if([if . == null then empty else bad_object, bad_text("text"),
           bad_field("data"; "object"; "dict"),
           bad_list("fields_to_anonymize") end])
| object as $asked | (argument("text") // $asked.text) as $text
| if $asked.data != null
  then $asked | {data}
      + with_entries(select(.value != null and ([.key] | inside(["policy_id",
            "fields_to_anonymize", "anonymization_method"]))))
  elif ($text // "") != ""
  then {data: {text: $text}, fields_to_anonymize: ["text"]}
  else refuse_if([missing(["query", "text"])]) end
