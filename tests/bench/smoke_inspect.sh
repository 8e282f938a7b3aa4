#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# smoke_inspect: bench_inspect on a few views: every figure is there once, as `name value unit`; a view
# takes as few bytes of a record as was promised. Says nothing about speed.
#   smoke_inspect.sh BENCH_INSPECT INSPECT
set -eu
bench=$1
inspect=$2

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$bench" --passes 1 --views 20000 "$inspect" >"$dir/said"
figure() { # NAME MOST
    awk -v name="$1" -v most="$2" '$1 == name { n++; good = NF == 3 && $2 > 0 && $2 < most }
        END { exit !(n == 1 && good) }' "$dir/said" || {
        echo "$1: not there once, above 0 and below $2:"
        cat "$dir/said"
        exit 1
    }
}
for name in stream_records_per_s stream_wall_records_per_s stream_csv_records_per_s \
    stream_table_records_per_s stream_file_records_per_s; do
    figure "$name" 1e9
done
figure record_bytes_per_view 300
figure compressed_bytes_per_view 100
figure record_us_per_batch 1e9

if "$bench" "$dir/no such program" >/dev/null 2>"$dir/err"; then
    echo 'what cannot be run was measured'
    exit 1
fi
grep -q 'does not end well' "$dir/err"
