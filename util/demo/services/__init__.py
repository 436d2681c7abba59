# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""One module a demo service: routes(fixtures, speed) -> Routes."""
