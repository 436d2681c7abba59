# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /training/train, /training/start, /training/train/loaded-model,
# /training/retrain: {model_name, training_data_path, config?}. Of "config" the
# types; which of them are needed is training's to say.

[bad_object, bad_name("model_name"), bad_name("training_data_path"),
 bad_text("priority"), bad_flag("retrain"), bad_map("config"),
 inside("config";
     bad_text("model_name"), bad_text("evaluation_strategy"),
     bad_text("metric_for_best_model"),
     bad_whole("max_length"; 1; 1000000), bad_whole("batch_size"; 1; 100000),
     bad_whole("num_epochs"; 1; 100000),
     bad_whole("warmup_steps"; 0; 1000000000),
     bad_whole("eval_steps"; 1; 1000000000),
     bad_whole("save_steps"; 1; 1000000000),
     bad_number("learning_rate"), bad_number("weight_decay"),
     bad_flag("load_best_model_at_end"), bad_flag("greater_is_better"))]
