#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# resume: for every method, a run that is killed at some step and resumed, and one that is stopped and
# resumed, end with the whole state of a run that nothing happened to, bit for bit.
#   resume.sh LOADERD TRAINER SYNTH [CUTS [SEED [METHOD]]]
# CUTS (1): how many random cuts for each method, or for METHOD alone. The suite `long` has the long
# form: 20 cuts.
set -eu
. "$(dirname "$0")/run.sh"
cuts=${4:-1}
seed=${5:-1}
only=${6:-}
steps=60 # six epochs of ten batches

# A random number in 1..$1.
random() {
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    echo $((seed / 65536 % $1 + 1))
}

# Everything of the last checkpoint but the recipe's run.name, and the losses of each step.
same_end() {
    for run in "$1" "$2"; do
        [ -f "$dir/runs/$run/checkpoints/step-$(printf %08d $3).safetensors" ] ||
            fail "run $run has no checkpoint of step $3"
        sed 's/,"images_per_s".*//' "$dir/runs/$run/metrics.jsonl" >"$dir/$run.losses"
    done
    same "$1" "$2"
    cmp "$dir/$1.losses" "$dir/$2.losses" || fail "runs $1 and $2 tell different losses"
}

methods=0
while read -r method sets; do
    [ -z "$only" ] || [ "$only" = "$method" ] || continue
    methods=$((methods + 1))
    set --
    for option in $sets; do set -- "$@" --set "$option"; done
    finish=$steps
    case "$sets" in *accumulate=3*) finish=$((steps / 3)) ;; esac
    train "$method" "$@"
    cut=0
    while [ "$cut" -lt "$cuts" ]; do
        cut=$((cut + 1))
        # Killed without a word, checkpoints every four steps: what came after the last one is done again.
        step=$(random $((finish - 1)))
        "$trainer" "$dir/recipe.yaml" --run-dir "$dir/runs/$method-killed" --set checkpoint.every=4 "$@" \
            >"$dir/killed.out" 2>"$dir/killed.err" &
        run=$!
        pids="$pids $run"
        wait_step "$method-killed" "$step" "$run"
        kill -9 "$run" 2>/dev/null || true # it may be done already
        wait "$run" 2>/dev/null || true
        [ -f "$dir/runs/$method-killed/backbone.safetensors" ] ||
            train "$method-killed" --set checkpoint.every=4 "$@" --resume
        same_end "$method" "$method-killed" "$finish"
        # Ended in good order.
        step=$(random $((finish - 1)))
        train "$method-ended" --steps "$step" "$@"
        train "$method-ended" --resume "$@"
        same_end "$method" "$method-ended" "$finish"
        rm -r "$dir/runs/$method-killed" "$dir/runs/$method-ended"
        echo "$method: cut $cut of $cuts: the same"
    done
done <<'END'
simsiam method.name=simsiam
moco method.name=moco method.queue.size=36
moco-accumulate method.name=moco method.queue.size=36 optim.accumulate=3
simclr method.name=simclr optim.name=lars
byol method.name=byol augself.flip=1
byol-conditioned method.name=byol method.condition.dim=8
swav method.name=swav method.prototypes.frozen=25 views.small.count=2 views.small.size=16
supervised method.name=supervised method.classes=12 optim.warmup=2 optim.decay=weights
augself-only augself.only=true
END
[ "$methods" -gt 0 ] || fail "there is no method $only"
