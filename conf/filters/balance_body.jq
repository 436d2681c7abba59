# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /data/datasets/ID/balance: the data set. training balances all labels
# evenly; a distribution that the client wishes is not something it knows.
#
# $parts: file, the data set as text.

refuse_if([if . == null then empty else bad_object end])
| $parts.file | records | {texts: texts, labels: labels}
