# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /training/models/NAME/rollback?version=

[bad_required("version")]
