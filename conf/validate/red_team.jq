# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /red-team/start, /red-team/test: what to attack, and how. The page sends
# nothing at all when it means everything.

[if . == null then empty
 else bad_object, bad_text("model_name"), bad_texts("attack_categories"),
      bad_whole("num_attacks"; 1; 100000), bad_map("config") end]
