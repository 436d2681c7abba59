# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /analytics/auto-retrain/trigger/NAME: the body that analytics needs.
# The client may send {reason, priority} or nothing.

refuse_if([if . == null then empty else bad_object, bad_text("reason"),
           bad_text("priority") end])
| {model_name: $captures.id, reason: (.reason? // "Manual trigger"),
   priority: (.priority? // "normal")}
