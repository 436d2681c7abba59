# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /models/batching/configure.
#
# Parts: asked (batching_body.jq), reply (model-api).
# -> {status, message, config, result, timestamp}

part("reply") as $reply
| {status: ($reply.status // "success"),
   message: ($reply.message // "Batching configured"),
   config: .asked, result: .reply}
| finished
