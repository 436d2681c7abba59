# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# DELETE /data/cleanup-failed-uploads?hours_old=24

[bad_integer("hours_old"; 0; 100000)]
