# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /predict/batch: 1 to 100 of them.

[if type != "array"
 then problem(["body"]; "list_type"; "Input should be a valid list"; .)
 elif length == 0 or length > 100
 then problem(["body"]; "list_length"; "List should have 1 to 100 items";
              length)
 else indexed[] | .key as $i | .value | bad_request
      | .loc |= ["body", $i] + .[1:] end]
