# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /anonymize.
#
# Part: reply (data-privacy), required.
# -> what data-privacy answers + {anonymized_text, timestamp}

part("reply")
| . + {anonymized_text: (.anonymized_data | object | .text)}
 | finished
