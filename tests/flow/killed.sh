#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# killed: a trainer that is killed cannot clear up after itself: its loader ends with it, and the next trainer
# removes the folder of its sockets, but none of a trainer that lives.
#   killed.sh LOADERD TRAINER SYNTH
set -eu
. "$(dirname "$0")/run.sh"
TMPDIR=$dir/tmp
export TMPDIR
mkdir "$TMPDIR"

begin() { # NAME: a long run in the background; its process id in $run
    "$trainer" "$dir/recipe.yaml" --run-dir "$dir/runs/$1" --set optim.epochs=100000 >"$dir/$1.out" 2>"$dir/$1.err" &
    run=$!
    pids="$pids $run"
    wait_step "$1" 2 "$run"
}
folders() { find "$TMPDIR" -mindepth 1 -maxdepth 1 | wc -l; }

begin dead
dead=$run
begin living
[ "$(folders)" = 2 ] || fail "$(folders) folders of two runs"
loader=$(cut -d ' ' -f 1 "/proc/$dead/task/$dead/children")
[ -n "$loader" ] || fail 'no loader of its own'
kill -9 "$dead"
wait "$dead" 2>/dev/null || true
[ "$(folders)" = 2 ] || fail 'who was killed has cleared up'
train next --steps 2
[ "$(folders)" = 1 ] || { ls "$TMPDIR"; fail "$(folders) folders in place of the living run's"; }
tries=0
while kill -0 "$loader" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || fail 'its loader has outlived it'
    sleep 0.05
done
kill -TERM "$run"
wait "$run" || true
[ "$(folders)" = 0 ] || { ls "$TMPDIR"; fail 'a run that ended has left something'; }
if grep -i 'error' "$dir/living.err"; then fail 'the living run was harmed'; fi
