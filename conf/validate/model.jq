# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /unload, /models/unload: {model_name}

[bad_object, bad_name("model_name")]
