# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# The days that the hours of /dashboard/performance/trends begin, for
# analytics, which counts in days: ?hours=24 -> {"days": 1}.

{days: (integer("hours"; "24") / 24 | ceil)}
