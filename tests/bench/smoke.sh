#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# smoke: bench_render on a handful of made images, one pass: every figure is there once, as
# `name value unit`, and positive. Says nothing about speed.
#   smoke.sh BENCH_RENDER SYNTH
set -eu
bench=$1
synth=$2

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$synth" --out "$dir/flowers" --train 2 --test 0 --size 40 >/dev/null
"$bench" --passes 1 --cores 2 --size 24 --prefix t_ "$dir/flowers/train" >"$dir/said"
for name in decode_ms task_a_ms task_a_views_per_s task_a_decodes task_b_ms task_b_views_per_s \
    task_b_decodes omega_draw_us omega_record_us omega_draw_cost omega_cost decode_per_s_all decode_scaling_2 \
    task_a_views_per_s_all task_b_views_per_s_all scaling_2 task_b_scaling_2; do
    awk -v name="t_$name" '$1 == name { n++; good = NF == 3 && $2 > 0 && $2 < 1e9 }
        END { exit !(n == 1 && good) }' "$dir/said" || {
        echo "$name: not there once as a positive number:"
        cat "$dir/said"
        exit 1
    }
done

# A tar is taken as its folder is, and what holds no picture is refused.
tar -cf "$dir/flowers.tar" -C "$dir" flowers
"$bench" --passes 1 --cores 1 --size 24 "$dir/flowers.tar" >"$dir/said" 2>"$dir/noted"
grep -q '^task_a_ms ' "$dir/said"
grep -q 'one core only' "$dir/noted"
mkdir "$dir/empty"
if "$bench" "$dir/empty" >"$dir/said" 2>&1; then
    echo "an empty folder was measured"
    exit 1
fi
grep -q 'no JPEG files' "$dir/said"
