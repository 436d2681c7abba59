# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /training/configs.
#
# Part: reply (training), required.
# -> {configs: [config], configurations (the same), count}

part("reply") | (.configurations // .configs | list)
| {configs: ., configurations: ., count: length}
