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

jobs=$(nproc 2>/dev/null || echo 1)
obj=$out.obj
export cc flags libs out obj

# objects LEVEL: of the sources on stdin, as many at once as there are
# processors
objects() {
    level=$1
    export level
    mkdir -p "$obj/simd$level"

    # shellcheck disable=SC2016
    xargs -P "$jobs" -n 1 sh -ec 'name=$(basename "$1" .c)
        $cc $flags -DMLSEC_SIMD="$level" -MMD -c "$1" \
            -o "$obj/simd$level/$name.o"' object
}

# Nearly all of src/lib knows of no SIMD, and is the same at each level.
rm -rf "$obj"
find "$top/src/lib" -name '*.c' | sort | objects 2
ar rcs "$obj/simd2/libmlsec.a" "$obj"/simd2/*.o
grep -rl MLSEC_SIMD "$top/src/lib" | sed "s,.*/,/," > "$obj/simd"

for level in 1 0; do
    grep -lFf "$obj/simd" "$obj"/simd2/*.d \
        | sed 's,.*/\(.*\)\.d$,\1.c,' \
        | while read -r name; do find "$top/src/lib" -name "$name"; done \
        | objects "$level"
    cp "$obj/simd2/libmlsec.a" "$obj/simd$level/"
    ar rs "$obj/simd$level/libmlsec.a" "$obj/simd$level"/*.o
done

# source level suffix
find "$top/t/unit/lib" -name 'test_*.c' | sort | while read -r src; do
    name=$(basename "$src" .c)

    case " ${TESTS:-$name} " in
    *" $name "*) ;;
    *) continue ;;
    esac

    echo "$src 2"

    case $name in
    test_json_*|test_text|test_shape|test_merge|test_items)
        echo "$src 1 -simd1"
        echo "$src 0 -simd0"
        ;;
    esac
done > "$obj/programs"

# shellcheck disable=SC2016
xargs -P "$jobs" -L 1 sh -ec '
    $cc $flags -DMLSEC_SIMD="$2" "$1" -o "$out/$(basename "$1" .c)${3-}" \
        "$obj/simd$2/libmlsec.a" $libs' program < "$obj/programs"

exec prove -j"$jobs" --exec '' "$out"/test_*
