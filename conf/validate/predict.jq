# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
#
# POST /predict, /predict/trained: a text, what model-api takes.

[bad_request]
