# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /load, /models/load: {model_name, version?, model_type?, config?}

[bad_object, bad_name("model_name"), bad_text("version"),
 bad_text("model_type"), bad_map("config")]
