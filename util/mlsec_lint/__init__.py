# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""What the checkers in util/ share: the tree, C sources, nginx, pages."""
