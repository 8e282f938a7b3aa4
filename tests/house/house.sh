#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# house: the rules of the house that a machine can hold. Prints each breach with the rule it guards;
# exit 1 when there is one.
#   house.sh ROOT
set -eu
cd "$1"
breaches=$(mktemp)
trap 'rm -f "$breaches"' EXIT

# breach RULE: every line of standard input breaks RULE.
breach() {
    RULE=$1 awk '{ print ENVIRON["RULE"] ": " $0 }' >>"$breaches"
}

sources() {
    find "$@" -type f \( -name '*.c' -o -name '*.h' -o -name '*.cu' \) 2>/dev/null | sort
}
all=$(sources common proto loaderd trainer tools tests)

# Includes of our own rooms: room, then the rooms it may not see.
forbid() {
    room=$1
    shift
    for other in "$@"; do
        # shellcheck disable=SC2046
        set -- $(sources "$room")
        [ $# -eq 0 ] || grep -n -H "#include \"$other/" "$@" | breach "$room never includes $other" || true
    done
}
forbid common proto loaderd trainer tools tests
forbid proto loaderd trainer tools tests
forbid loaderd trainer tools tests
forbid trainer loaderd tools tests
forbid trainer/ops trainer/method trainer/net trainer/model trainer/recipe

# One library, one door: header, then the files that may include it (extended regular expression).
door() {
    # shellcheck disable=SC2086
    grep -n -H -E "#include [<\"]$1[>\"]" $all | grep -v -E "^($2)" | breach "door of $1 is $2" || true
}
door 'uv\.h' 'loaderd/'
door 'vips/vips\.h' 'loaderd/decode'
door 'jpeglib\.h' 'loaderd/decode|tests/'
door 'jpegint\.h' 'loaderd/decode/jpeg_huffman\.c'
door 'turbojpeg\.h' 'loaderd/decode|tools/synth/jpeg\.c|tests/'
door 'png\.h' 'trainer/watch/picture\.c|tests/'
door 'zmq\.h' 'proto/link|tests/unit/(test_link(_message)?\.c|link_pair\.h)'
door '.*pb-c\.h' 'proto/wire'
door 'protobuf-c/.*' 'proto/wire'
door '(oneapi/dnnl/|dnnl).*' 'trainer/ops/onednn'
door '(cudnn|cublas|cuda|nccl|mpi).*' 'trainer/ops/cudnn|trainer/comm'
door 'libfyaml\.h' 'common/conf'
door 'sodium\.h' 'common/digest\.c|proto/link'
door 'zstd\.h' 'proto/record_|tests/unit/test_record_read\.c|tests/fuzz/fuzz_record\.c'
door 'microhttpd\.h' 'tools/inspect/serve/site\.c'
door 'linear\.h' 'tools/evaluate/ovr\.c'
door 'matio\.h' 'tools/evaluate/manifest/mat_read\.c|tests/unit/mat_make\.h'
door 'lbfgs\.h' 'tools/evaluate/minimise\.c'
door 'jansson\.h' 'trainer/safetensors|loaderd/source/tar\.c|tools/|tests/'

for file in $all; do
    head -n 1 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' ||
        echo "$file" | breach 'a file opens with its SPDX line'
    lines=$(wc -l <"$file")
    [ "$lines" -le 600 ] || echo "$file: $lines lines" | breach 'a file over about 500 lines is two'
done

# shellcheck disable=SC2086
{
    grep -n -H -E '.{101,}' $all | cut -c1-80 | breach 'lines have at most 100 columns' || true
    grep -n -H -P '\t' $all | breach 'no tabs' || true
    grep -n -H -E '\b(atoi|atol|atof|strcpy|strcat|sprintf|gets)\(' $all |
        breach 'numbers are parsed and strings copied with bounds' || true
    grep -n -H -E '^ *typedef ' $all | grep -v -E '\(|_fn;' | breach 'no typedef but function types' || true
    # _exit(127): a forked child that could not exec, as the shell says it
    grep -n -H -E '\b(exit|abort|_exit)\(' $all |
        grep -v -E '^(tests/|[a-z/]*main\.c|[a-z/]*_main\.c)|\b_exit\(127\);' |
        breach 'no exit or abort below main' || true
    grep -n -H -i -E '\b(TODO|FIXME|XXX)\b' $all | breach 'nothing is left for later in the code' || true
}

# A source file of the four rooms has its unit test. Mains and the tools' verbs have flow tests.
for file in $(sources common proto loaderd trainer | grep '\.c$'); do
    name=$(basename "$file" .c)
    case "$file" in
    */main.c | *_main.c) continue ;;
    esac
    [ -f "tests/unit/test_$name.c" ] || echo "$file" | breach 'every .c has tests/unit/test_<same>.c'
done

# A test that no meson.build names is never built, and so never fails.
for file in $(sources tests | grep '/test_[^/]*\.c$'); do
    name=$(basename "$file" .c)
    grep -q -s -E "'(${name#test_}|$name\.c)'" "$(dirname "$file")/meson.build" ||
        echo "$file" | breach 'every test is in its meson.build'
done

if [ -s "$breaches" ]; then
    cat "$breaches"
    exit 1
fi
echo "house: $(echo "$all" | wc -l) files hold the rules"
