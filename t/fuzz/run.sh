#!/bin/sh
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# run.sh TARGET SECONDS BUILD_DIR - fuzzes t/fuzz/fuzz_TARGET.c.
#
# New inputs are kept in BUILD_DIR/fuzz/TARGET, which the next run goes on
# from; the seeds in t/fuzz/corpus/TARGET are read only. A finding is written
# to BUILD_DIR/fuzz/TARGET-crash-*, and makes the run fail.
#
# LIBS, SIMD (2, 1, 0: see src/lib/json/mlsec_json_inline.h) come from the
# environment.

set -eu

usage="usage: run.sh TARGET SECONDS BUILD_DIR"
top=$(cd "$(dirname "$0")/../.." && pwd)
target=${1:?$usage}
seconds=${2:?$usage}
build=${3:?$usage}
src=$(find "$top/t/fuzz" -name "fuzz_$target.c")
simd=${SIMD:-2}
flags="-std=c11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror -I$top/src"
flags="$flags -DMLSEC_SIMD=$simd -fno-sanitize-recover=all"
obj=$build/fuzz.obj/simd$simd

if [ -z "$src" ]; then
    echo "run.sh: no t/fuzz/fuzz_$target.c" >&2
    exit 2
fi

mkdir -p "$build/fuzz/$target"
rm -rf "$obj"
mkdir -p "$obj"

find "$top/src/lib" -name '*.c' | sort | while read -r file; do
    clang $flags -fsanitize=fuzzer-no-link,address,undefined -c "$file" \
        -o "$obj/$(basename "$file" .c).o"
done

ar rcs "$obj/libmlsec.a" "$obj"/*.o

clang $flags -fsanitize=fuzzer,address,undefined "$src" \
    -o "$build/fuzz/fuzz_$target" "$obj/libmlsec.a" \
    ${LIBS:--lhiredis -ljansson -lcrypto -lpcre2-8 -lm}

exec "$build/fuzz/fuzz_$target" -max_total_time="$seconds" -max_len=8192 \
    -timeout=10 -print_final_stats=1 \
    -artifact_prefix="$build/fuzz/$target-" \
    "$build/fuzz/$target" "$top/t/fuzz/corpus/$target"
