# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /red-team/results, /red-team/results/store: what came of a test, with
# its figures beside the names, or all in "results".

[bad_object, bad_name("test_id"), bad_name("model_name"),
 bad_map("results"), bad_text("timestamp"), bad_text("model_type"),
 bad_text("model_version"), bad_text("model_source"),
 bad_whole("total_attacks"; 0; 1000000000),
 bad_whole("vulnerabilities_found"; 0; 1000000000),
 bad_number("detection_rate"), bad_texts("attack_categories"),
 bad_list("attack_results")]
