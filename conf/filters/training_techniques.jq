# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# GET /training/data/augmentation/techniques.
#
# Part: techniques (training), required.
# -> {techniques: {techniques: [technique], ...}, timestamp}

{techniques}
| finished
