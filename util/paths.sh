# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034

# Sourced by the scripts of util/: where things are, how they complain.
# Set before: TOP, the top of the tree.

BUILD=${BUILD_DIR:-$TOP/build}
RUN_DIR=${RUN_DIR:-$BUILD/run}
case $RUN_DIR in
    /*) ;;
    *) RUN_DIR=$PWD/$RUN_DIR ;;
esac

# Debian's own, where another one comes first in PATH.
PYTHON=/usr/bin/python3
[ -x "$PYTHON" ] || PYTHON=python3

say() {
    printf 'mlsec: %s\n' "$*"
}

# One line that says what is wrong and what to do about it.
die() {
    printf 'mlsec: %s\n' "$*" >&2
    exit 1
}
