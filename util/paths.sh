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

# Files that the environment names and that only nginx looks into. It complains
# of their paths: blame TEXT says which variables that means.
is_any_file_named() {
    [ -n "${JWT_KEY_FILE-}${JWT_REVOKED_FILE-}${API_KEYS_FILE-}" ] \
        || [ -n "${UPSTREAM_TOKEN_KEY_FILE-}${UPSTREAM_CA_FILE-}" ] \
        || [ -n "${UPSTREAM_CERT_FILE-}${AUDIT_LOG-}" ]
}

blame() {
    for name in JWT_KEY_FILE JWT_REVOKED_FILE API_KEYS_FILE \
                UPSTREAM_TOKEN_KEY_FILE UPSTREAM_CA_FILE UPSTREAM_CERT_FILE \
                UPSTREAM_KEY_FILE AUDIT_LOG ACCESS_LOG ERROR_LOG
    do
        eval "path=\${$name-}"
        [ -n "$path" ] || continue
        case $1 in
            *\""$path"\"*|*\""$PWD/$path"\"*|*\""$(readlink -f "$path")"\"*)
                say "$name=\"$path\": this is what nginx does not take" ;;
        esac
    done
}
