#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# nothing_lost: a disk that is full, or a terminal that is closed, costs a run nothing that was saved: the checkpoint
# stays, and the run goes on from it to the same end. Words that nobody reads cost it nothing at all.
#   nothing_lost.sh LOADERD TRAINER SYNTH
set -eu
. "$(dirname "$0")/run.sh"
start_loader a # not under the limit below
loaders="data.loaders=ipc://$dir/a.sock"
train whole --set "$loaders"
last=step-00000060.safetensors

# A limit of file sizes stands in for the full disk: writes fail in the same places, in any container.
train full --set "$loaders" --steps 25
kept=$dir/runs/full/checkpoints/step-00000025.safetensors
cp "$kept" "$dir/before"
bytes=$(wc -c <"$kept")
rc=0
(
    ulimit -f $((bytes / 512 - 2)) # just less than a checkpoint; the metrics are far smaller
    exec "$trainer" "$dir/recipe.yaml" --run-dir "$dir/runs/full" --set "$loaders" --resume
) >"$dir/out" 2>"$dir/err" || rc=$?
[ "$rc" -eq 69 ] || { cat "$dir/err"; fail "code $rc where a checkpoint cannot be written"; }
[ "$(grep -c 'error: ' "$dir/err")" -eq 1 ]
grep -q "checkpoints/step-00000030.safetensors: cannot write: File too large" "$dir/err" || { cat "$dir/err"; exit 1; }
cmp "$kept" "$dir/before" || fail 'the checkpoint changed'
[ "$(cd "$dir/runs/full/checkpoints" && echo *)" = "step-00000000.safetensors step-00000020.safetensors \
step-00000025.safetensors" ] || { ls "$dir/runs/full/checkpoints"; fail 'other files are left'; }
train full --set "$loaders" --resume
same whole full

# A real full disk, where this user may mount one of a few pages.
if unshare -rm true 2>/dev/null && unshare -rm sh -c "mkdir $dir/disk && mount -t tmpfs -o size=64k none $dir/disk" \
    2>/dev/null; then
    unshare -rm sh -c "
        mount -t tmpfs -o size=64k none $dir/disk
        '$trainer' '$dir/recipe.yaml' --run-dir '$dir/disk/run' --set '$loaders' --steps 1 2>'$dir/err'
        echo \$? >'$dir/code'
        ls '$dir/disk/run/checkpoints' >'$dir/left'"
    [ "$(cat "$dir/code")" -eq 69 ] || { cat "$dir/err"; fail "code $(cat "$dir/code") on a full disk"; }
    grep -q 'step-00000000.safetensors: cannot write: No space left on device' "$dir/err"
    [ ! -s "$dir/left" ] || fail 'half a checkpoint is left'
    echo 'a full tmpfs: refused well'
else
    echo 'no tmpfs may be mounted here: the limit of file sizes was the only full disk'
fi

# The terminal goes: as SIGTERM. Under nohup it does not matter.
"$trainer" "$dir/recipe.yaml" --run-dir "$dir/runs/hung" --set "$loaders" >"$dir/out" 2>"$dir/hung.err" &
run=$!
pids="$pids $run"
wait_step hung 5 "$run"
kill -HUP "$run" 2>/dev/null || true
wait "$run" || { cat "$dir/hung.err"; fail "SIGHUP ended the run with $?"; }
train hung --set "$loaders" --resume
same whole hung
(
    trap '' HUP
    exec "$trainer" "$dir/recipe.yaml" --run-dir "$dir/runs/nohup" --set "$loaders"
) >"$dir/out" 2>"$dir/nohup.err" &
run=$!
pids="$pids $run"
wait_step nohup 5 "$run"
kill -HUP "$run" 2>/dev/null || true
wait "$run" || { cat "$dir/nohup.err"; fail 'SIGHUP under nohup'; }
[ -f "$dir/runs/nohup/checkpoints/$last" ] || fail 'SIGHUP stopped a run under nohup'

# Whoever reads its words goes away: the run goes on to its end, with a loader of its own as well, whose words it
# passes on. That the last ones were not heard is told by the code.
cp -r "$dir/flowers" "$dir/spotted"
echo 'I am a flower' >"$(find "$dir/spotted/train" -name '*.jpg' | sort | sed -n 5p)"
mkdir "$dir/tmp"
train spotted --set "data.path=$dir/spotted/train"
{
    rc=0
    TMPDIR=$dir/tmp "$trainer" "$dir/recipe.yaml" --run-dir "$dir/runs/unread" --set "data.path=$dir/spotted/train" \
        2>&1 || rc=$?
    echo "$rc" >"$dir/rc"
} | head -n 1 >/dev/null
[ "$(cat "$dir/rc")" -eq 70 ] || fail "code $(cat "$dir/rc") where nobody reads"
[ -z "$(ls "$dir/tmp")" ] || fail 'the folder of its loader is left'
same spotted unread

# unheard ARGUMENTS...: what is to be said on standard output and cannot be written.
unheard() {
    rc=0
    "$trainer" "$@" >/dev/full 2>"$dir/err" || rc=$?
    [ "$rc" -eq 70 ] || { cat "$dir/err"; fail "code $rc: $*"; }
    grep -q 'error: standard output: cannot write' "$dir/err" || { cat "$dir/err"; fail "$*"; }
}
unheard --help
unheard --version
unheard "$dir/recipe.yaml" --dry-run
unheard "$dir/recipe.yaml" --run-dir "$dir/runs/unheard" --steps 1
[ -f "$dir/runs/unheard/backbone.safetensors" ] || fail 'a summary that could not be written cost the run'
