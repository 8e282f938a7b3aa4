#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# nemesis: one run on two loaders while these are hurt again and again, in an order that a seed fixes:
# workers killed, daemons killed and started anew, daemons stopped and let go on, noise on their sockets.
# The run ends, and with the weights of an undisturbed one, bit for bit. The next blow falls when the
# run has come ten steps further, so nothing here depends on how fast the machine is.
#   nemesis.sh LOADERD TRAINER SYNTH
set -eu
. "$(dirname "$0")/run.sh"
seed=${NEMESIS_SEED:-1}
echo "seed $seed"
sed -i 's/epochs: 6/epochs: 60/' "$dir/recipe.yaml" # 600 steps

train whole
start_loader a
a=$pid
start_loader b
b=$pid
"$trainer" "$dir/recipe.yaml" --run-dir "$dir/runs/hurt" --set data.deadline=1 --set data.retry=60 \
    --set "data.loaders=['ipc://$dir/a.sock', 'ipc://$dir/b.sock']" >"$dir/hurt.out" 2>"$dir/hurt.err" &
run=$!
pids="$pids $run"

# A number below $1, the next of the seed's.
dice() {
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    rolled=$((seed / 65536 % $1))
}

# A loader's worker; its only one may be between two lives.
worker_of() {
    cat "/proc/$1/task/$1/children" 2>/dev/null | cut -d ' ' -f 1
}

stopped=
step=0
blows=0
while [ "$step" -lt 580 ] && kill -0 "$run" 2>/dev/null; do
    step=$((step + 10))
    until grep -q "^{\"step\":$step,.*loss" "$dir/runs/hurt/metrics.jsonl" 2>/dev/null; do
        kill -0 "$run" 2>/dev/null || { cat "$dir/hurt.err"; fail "it ended before step $step"; }
    done
    if [ -n "$stopped" ]; then
        kill -CONT "$stopped"
        stopped=
    fi
    dice 2
    name=$([ "$rolled" -eq 0 ] && echo a || echo b)
    eval "victim=\$$name"
    dice 4
    case $rolled in
    0)
        worker=$(worker_of "$victim")
        [ -z "$worker" ] || kill -9 "$worker" 2>/dev/null || true
        ;;
    1)
        kill -9 "$victim"
        wait "$victim" 2>/dev/null || true
        start_loader "$name"
        eval "$name=$pid"
        ;;
    2)
        kill -STOP "$victim"
        stopped=$victim
        ;;
    3)
        "$trainer" --version | python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(sys.stdin.buffer.read() * 1000)' "$dir/$name.sock" 2>/dev/null || true
        ;;
    esac
    blows=$((blows + 1))
done
[ -z "$stopped" ] || kill -CONT "$stopped"
wait "$run" || { cat "$dir/hurt.err"; fail "the run did not survive seed ${NEMESIS_SEED:-1}"; }
[ "$blows" -ge 15 ] || fail "only $blows blows fell"
same whole hurt
for name in a b; do # the daemons that are left end well
    eval "victim=\$$name"
    kill "$victim"
    wait "$victim" || { cat "$dir/$name.log"; fail "loader $name ended with $?"; }
done
