# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""Tracing :8009. It has no more than this."""

from fixtures import static
from server import Routes


def routes(fixtures, speed):
    table = Routes()
    static(table, fixtures, {'GET /': 'root', 'GET /health': 'health'})
    return table
