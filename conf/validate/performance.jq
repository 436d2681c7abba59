# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /model/performance, /analytics/performance/store: how good a model is,
# with its figures beside the name, or in "metrics".

[bad_object, bad_name("model_name"), bad_text("model_type"),
 bad_text("version"), bad_text("model_version"), bad_map("metrics"),
 bad_text("test_data_path"), bad_text("timestamp"),
 bad_number("accuracy"), bad_number("precision"), bad_number("recall"),
 bad_number("f1_score")]
