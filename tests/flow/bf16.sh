#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bf16: a run with device.dtype bf16 learns; killed and resumed, or stopped and resumed, it ends bit for
# bit as a run that nothing happened to; its checkpoint goes on in fp32. Exit 77 where there is no bf16.
#   bf16.sh LOADERD TRAINER SYNTH
set -eu
. "$(dirname "$0")/run.sh"

# ref never has it, and says so in one line.
if "$trainer" "$dir/recipe.yaml" --set device.ops=ref --set device.dtype=bf16 --run-dir "$dir/runs/ref" \
    2>"$dir/ref.err"; then fail 'ref trains in bf16'; fi
[ "$(wc -l <"$dir/ref.err")" -eq 1 ] && grep -q 'device.dtype: no bf16: the back end ref' "$dir/ref.err" ||
    fail "ref says: $(cat "$dir/ref.err")"
[ ! -e "$dir/runs/ref" ] || fail 'a run that cannot be left a folder'

set -- --set device.dtype=bf16 --set model.width=16 --set checkpoint.every=10 --set checkpoint.keep=9
"$trainer" "$dir/recipe.yaml" --run-dir "$dir/runs/whole" --steps 60 "$@" >"$dir/whole.out" \
    2>"$dir/whole.err" || {
    grep 'device.dtype: no bf16: ' "$dir/whole.err" && exit 77
    cat "$dir/whole.err"
    fail 'no run in bf16'
}

mean() {
    sed -n 's/^{"step":\([0-9]*\),.*"loss":\([-0-9.e]*\),.*/\1 \2/p' "$dir/runs/whole/metrics.jsonl" |
        awk -v a="$1" -v b="$2" '$1 >= a && $1 <= b { sum += $2; n++ } END { print sum / n }'
}
awk -v a="$(mean 1 10)" -v b="$(mean 51 60)" 'BEGIN { exit !(a - b > .1) }' ||
    fail "the loss did not fall by .1: $(mean 1 10), later $(mean 51 60)"
grep -q 'dtype: bf16' "$dir/runs/whole/recipe.yaml" || fail 'recipe.yaml does not say bf16'

"$trainer" "$dir/recipe.yaml" --run-dir "$dir/runs/killed" "$@" >/dev/null 2>"$dir/killed.err" &
run=$!
pids="$pids $run"
wait_step killed 24 "$run"
kill -9 "$run" 2>/dev/null || true # it may be done already
wait "$run" 2>/dev/null || true
[ -f "$dir/runs/killed/backbone.safetensors" ] || train killed "$@" --resume
same whole killed
train ended --steps 37 "$@"
train ended --resume "$@"
same whole ended

# What is kept is fp32.
train other --steps 37 "$@"
train other --resume "$@" --set device.dtype=fp32
grep -q '^steps   60 of 60' "$dir/other.out"
