# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /anonymize.
#
# Part: reply (data-privacy), required.
# -> what data-privacy answers + {anonymized_text, timestamp}

.reply | object | . + {anonymized_text: .anonymized_data.text?} | finished
