# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# An object, or nothing: POST /data/process-file/ID.

[if . == null then empty else bad_object end]
