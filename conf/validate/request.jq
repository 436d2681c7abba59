# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# A request for a prediction, as model-api has it: in front of predict.jq and
# predict_batch.jq.

def bad_request:
    bad_object, needed("text"), bad_text("text"), bad_long("text"; 10000),
    bad_text("model_name"), bad_texts("models"), bad_flag("ensemble"),
    bad_flag("return_probabilities"), bad_flag("return_embeddings");
