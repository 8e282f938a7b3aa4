#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# smoke_start: bench_start on a small tree and on its shards: every figure is there once, and positive. Says
# nothing about speed.
#   smoke_start.sh BENCH_START SYNTH
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$2" --out "$dir/flowers" --train 2 --test 0 --size 40 >/dev/null
python3 "$(dirname "$0")/../../tools/bench/many.py" "$dir/flowers" "$dir/many" --classes 3 --each 20 --shards 2
for set in 'tree folder' 'shards tar'; do
    "$1" --path "$dir/many/${set% *}" --format "${set#* }" --passes 3 --batch 16 >"$dir/said"
    for name in cold_start_s warm_start_s samples index_bytes_per_sample; do
        awk -v name="$name" '$1 == name { n++; good = NF == 3 && $2 > 0 } END { exit !(n == 1 && good) }' "$dir/said" || {
            echo "$set: $name: not there once as a positive number:"
            cat "$dir/said"
            exit 1
        }
    done
    grep -q '^samples 60' "$dir/said"
done
