# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
"""Paths, and numbers of the environment."""

import os
import shutil
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.path.join(TOP, "build")
MODULE = os.path.join(BUILD, "ngx_mlsec_module.so")
NGINX = os.environ.get("NGINX_BINARY", "/usr/sbin/nginx")


def number(name, default):
    """NAME of the environment: of the default's type, and more than 0."""
    text = os.environ.get(name, str(default))
    try:
        value = type(default)(text)
    except ValueError:
        value = 0
    if not value > 0:
        kind = "an integer" if isinstance(default, int) else "a number"
        sys.exit(f'bench: {name}="{text}": expected {kind} above 0')
    return value


def folder(name):
    """build/bench/NAME, empty; the workers may go into it."""
    where = os.path.join(BUILD, "bench", name)
    shutil.rmtree(where, ignore_errors=True)
    os.makedirs(where)
    os.chmod(where, 0o755)
    return where
