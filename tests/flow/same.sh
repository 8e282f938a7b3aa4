#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# same: one recipe gives one set of weights, bit for bit, wherever its batches come from and whatever
# happens on the way: a private loader, two daemons, one of them killed, a stop and a resume.
#   same.sh LOADERD TRAINER SYNTH
set -eu
. "$(dirname "$0")/run.sh"
sed -i 's/epochs: 6/epochs: 30/' "$dir/recipe.yaml" # 300 steps: enough to be in the middle of

train embedded
train one-worker --set data.workers=1
same embedded one-worker
train other --set run.seed=2
data "$dir/runs/other/backbone.safetensors" >"$dir/one"
data "$dir/runs/embedded/backbone.safetensors" >"$dir/two"
! cmp -s "$dir/one" "$dir/two" || fail 'another seed gives the same weights: nothing is compared here'

# Two daemons share the work.
start_loader a
first=$pid
start_loader b
two="data.loaders=['ipc://$dir/a.sock', 'ipc://$dir/b.sock']"
train two --set "$two"
same embedded two

# One of them is killed when the run is under way, while the trainer looks away.
"$trainer" "$dir/recipe.yaml" --run-dir "$dir/runs/killed" --set "$two" >"$dir/killed.out" \
    2>"$dir/killed.err" &
run=$!
pids="$pids $run"
wait_step killed 20 "$run"
kill -STOP "$run"
kill -9 "$first"
wait "$first" 2>/dev/null || true
kill -CONT "$run"
wait "$run" || { cat "$dir/killed.err"; fail 'the run did not survive its loader'; }
grep -q ' 1 disconnects' "$dir/killed.out" || { cat "$dir/killed.out"; fail 'no loader was lost'; }
same embedded killed

# Stopped by a signal in the middle, then resumed; twice. recipe and folder are the same, so the
# whole checkpoint is, byte for byte.
train stopped
mv "$dir/runs/stopped" "$dir/runs/whole"
for step in 20 120; do
    "$trainer" "$dir/recipe.yaml" --run-dir "$dir/runs/stopped" $([ "$step" = 20 ] || echo --resume) \
        >"$dir/stopped.out" 2>"$dir/stopped.err" &
    run=$!
    pids="$pids $run"
    wait_step stopped "$step" "$run"
    kill -TERM "$run" # twice, as timeout does: the process, then its group
    kill -TERM "$run" 2>/dev/null || true
    wait "$run" || { cat "$dir/stopped.err"; fail 'a stopped run must end with 0'; }
done
grep -q 'stopped; --resume goes on' "$dir/stopped.out" || fail 'it was not stopped in time'
train stopped --resume
cmp "$dir/runs/whole/checkpoints/step-00000300.safetensors" \
    "$dir/runs/stopped/checkpoints/step-00000300.safetensors"
cmp "$dir/runs/whole/backbone.safetensors" "$dir/runs/stopped/backbone.safetensors"
losses() { # each step once, whatever its speed was
    sed 's/,"images_per_s".*//' "$dir/runs/$1/metrics.jsonl"
}
losses whole >"$dir/one"
losses stopped >"$dir/two"
cmp "$dir/one" "$dir/two"

# --steps ends early with the whole run's schedule; --resume takes it to the end.
train steps --steps 125
grep -q '^steps   125 of 300 (stopped; --resume goes on)' "$dir/steps.out"
train steps --resume
same embedded steps
