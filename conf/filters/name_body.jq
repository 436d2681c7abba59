# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# The body of routes that name a model: {"model_name": text}, sent on as it
# is (/models/reload, /model-cache/preload).

refuse_if([bad_object, bad_name("model_name")])
