#!/bin/sh
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# The memory test at length, run by hand: a million requests, good ones,
# failures, timeouts and clients that leave, against one worker.
#
#   t/gateway/soak.sh [REQUESTS [SECONDS]]     default 1000000, at most 1800 s
#
# TEST_NGINX_BINARY and TEST_NGINX_LOAD_MODULES as for the other tests.

set -eu

cd "$(dirname "$0")/../.."

MLSEC_MEMORY_REQUESTS=${1:-1000000}
export MLSEC_MEMORY_REQUESTS

exec timeout "${2:-1800}" prove -v t/aggregate/memory.t
