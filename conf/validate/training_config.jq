# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# PUT /training/config/NAME: what is kept of a training.

[if $method != "PUT" then empty
 else bad_object, bad_text("training_data_path"), bad_map("hyperparameters"),
      bad_number("validation_split"), bad_number("test_split"),
      bad_flag("early_stopping"), bad_whole("patience"; 0; 1000000),
      bad_text("metric_for_best_model") end]
