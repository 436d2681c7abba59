#!/bin/sh
# SPDX-FileCopyrightText: The ngx_mlsec_module authors
# SPDX-License-Identifier: Apache-2.0

# run.sh BUILD_DIR [san] - builds and runs the unit tests of src/lib.
#
# Each t/unit/lib/**/test_*.c becomes BUILD_DIR/unit/NAME, linked with what it
# uses of src/lib; "san" adds ASan and UBSan, in BUILD_DIR/unit-san. What is
# written with SIMD is tested as plain C and as SSE2 too (NAME-simd0, -simd1).
#
# CC, CFLAGS, LIBS, TESTS (names, default all) come from the environment.

set -eu

top=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:?usage: run.sh BUILD_DIR [san]}
kind=${2:-}
cc=${CC:-gcc}
libs=${LIBS:--ljwt -lhiredis -ljansson -lcrypto -lpcre2-8 -lm}
flags="-std=c11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Wshadow -Werror"
flags="$flags -I$top/src ${CFLAGS:-}"
out=$build/unit

if [ "$kind" = san ]; then
    flags="$flags -fsanitize=address,undefined -fno-sanitize-recover=all"
    out=$build/unit-san
elif [ -n "$kind" ]; then
    echo "run.sh: unknown kind \"$kind\"" >&2
    exit 2
fi

mkdir -p "$out"
rm -f "$out"/test_*

# library LEVEL SUFFIX - the archive of src/lib for one level of SIMD
library() {
    obj=$out.obj/simd$1
    rm -rf "$obj"
    mkdir -p "$obj"

    find "$top/src/lib" -name '*.c' | sort | while read -r src; do
        $cc $flags -DMLSEC_SIMD="$1" -c "$src" \
            -o "$obj/$(basename "$src" .c).o"
    done

    ar rcs "$obj/libmlsec.a" "$obj"/*.o
}

# program SOURCE LEVEL SUFFIX
program() {
    $cc $flags -DMLSEC_SIMD="$2" "$1" -o "$out/$(basename "$1" .c)$3" \
        "$out.obj/simd$2/libmlsec.a" $libs
}

library 2
library 1
library 0

for src in $(find "$top/t/unit/lib" -name 'test_*.c' | sort); do
    name=$(basename "$src" .c)

    case " ${TESTS:-$name} " in
    *" $name "*) ;;
    *) continue ;;
    esac

    program "$src" 2 ""

    case $name in
    test_json_*|test_text|test_shape|test_merge|test_items)
        program "$src" 1 -simd1
        program "$src" 0 -simd0
        ;;
    esac
done

exec prove --exec '' "$out"/test_*
