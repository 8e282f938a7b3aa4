#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# reach: a run whose loaders are out of reach or of no use says so at once and by name, keeps what it learned, and
# goes on where another loader can serve it.
#   reach.sh LOADERD TRAINER SYNTH
set -eu
. "$(dirname "$0")/run.sh"

# begin NAME ARGUMENTS...: a long run; its process id in $run.
begin() {
    name=$1
    shift
    "$trainer" "$dir/recipe.yaml" --run-dir "$dir/runs/$name" --set optim.epochs=100000 \
        --set checkpoint.every=1000000 "$@" >"$dir/$name.out" 2>"$dir/$name.err" &
    run=$!
    pids="$pids $run"
}
# ended NAME CODE TEXT: it ended with the code and its last line says the text; what it learned is there.
ended() {
    rc=0
    wait "$run" || rc=$?
    [ "$rc" -eq "$2" ] || { cat "$dir/$1.err"; fail "code $rc, expected $2"; }
    tail -n 1 "$dir/$1.err" | grep -q -- "$3" || { cat "$dir/$1.err"; fail "does not say '$3'"; }
    [ "$(ls "$dir/runs/$1/checkpoints" | wc -l)" -eq 2 ] || fail "$1: what was learned is lost"
}
children() {
    child=$(cut -d ' ' -f 1 "/proc/$1/task/$1/children")
    [ -n "$child" ] || fail "process $1 has no children"
    echo "$child"
}

# A loader of its own that dies ends the run, though data.retry is an hour.
begin embedded --set data.retry=3600
wait_step embedded 5 "$run"
kill -9 "$(children "$run")"
ended embedded 70 'error: embedded loader: ended by signal 9$'

# Two loaders: one comes back with other data, and the run goes on; then the other one goes, and it ends.
start_loader a
a=$pid
start_loader b
b=$pid
begin other --set "data.loaders=['ipc://$dir/a.sock', 'ipc://$dir/b.sock']" --set data.retry=3
wait_step other 5 "$run"
kill -9 "$b"
mkdir "$dir/more"
cp -r "$dir/flowers" "$dir/more/flowers"
rm "$(find "$dir/more/flowers/train" -name '*.jpg' | head -n 1)"
sed -i "s|$dir/flowers|$dir/more/flowers|" "$dir/b.yaml"
"$loaderd" --config "$dir/b.yaml" 2>"$dir/b.log" &
b=$!
pids="$pids $b"
until grep -q "warning: ipc://$dir/b.sock: its flowers .* is not the one of this run.*goes on without it" "$dir/other.err"; do
    kill -0 "$run" 2>/dev/null || { cat "$dir/other.err"; fail 'a loader with other data ended the run'; }
done
lines=$(wc -l <"$dir/runs/other/metrics.jsonl")
wait_step other "$((lines + 20))" "$run"
kill -9 "$a"
ended other 69 "no loader answered within 3 s; ipc://$dir/b.sock said: its flowers"
grep -q "warning: waiting for ipc://$dir/a.sock, ipc://$dir/b.sock; " "$dir/other.err" ||
    fail 'waits without a word'
kill -9 "$b"

# A worker that may open no file, and has no pictures in memory: the run ends with its words, and the loader warns.
start_loader c 'cache_mib: 0'
begin poor --set "data.loaders=[ipc://$dir/c.sock]"
wait_step poor 5 "$run"
prlimit --pid "$(children "$pid")" --nofile=5:5
ended poor 70 "error: ipc://$dir/c.sock: batch .* was refused 5 times: a worker cannot render sample .*: Too many open files"
grep -q 'warning: a request was refused (the 1. of this kind): a worker cannot render' "$dir/c.log" ||
    { cat "$dir/c.log"; fail 'the loader says nothing'; }
