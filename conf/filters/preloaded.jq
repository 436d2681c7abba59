# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /model-cache/preload: what model-cache has answered.
#
# Parts: asked (name_body.jq), reply (model-cache).

.reply
