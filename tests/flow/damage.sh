#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# damage: a bit that is turned over between the loader and the trainer is seen by its CRC, the batch is
# asked for again, and the weights are those of an undisturbed run, bit for bit. Where every batch is
# damaged the run ends with 65 and says which one and why.
#   damage.sh LOADERD TRAINER SYNTH MEDDLE
set -eu
meddle=$4
. "$(dirname "$0")/run.sh"

train whole
start_loader a

# start_meddle NAME N
start_meddle() {
    "$meddle" "ipc://$dir/$1.sock" "ipc://$dir/a.sock" "$2" >"$dir/$1.out" 2>"$dir/$1.err" &
    meddler=$!
    pids="$pids $meddler"
}
# end_meddle NAME: how many batches it damaged, in $damaged.
end_meddle() {
    kill "$meddler"
    wait "$meddler" || { cat "$dir/$1.err"; fail "the relay ended with $?"; }
    damaged=$(sed -n 's/.* carried, \([0-9]*\) damaged$/\1/p' "$dir/$1.out")
}

start_meddle some 3
train damaged --set "data.loaders=ipc://$dir/some.sock"
end_meddle some
[ "$damaged" -ge 20 ] || fail "only $damaged batches were damaged: nothing is shown here"
grep -q " $damaged damaged" "$dir/damaged.out" ||
    { cat "$dir/damaged.out"; fail "the trainer does not count $damaged damaged batches"; }
same whole damaged

start_meddle all 1
rc=0
"$trainer" "$dir/recipe.yaml" --run-dir "$dir/runs/never" --set "data.loaders=ipc://$dir/all.sock" \
    >"$dir/never.out" 2>"$dir/never.err" || rc=$?
end_meddle all
[ "$rc" -eq 65 ] || { cat "$dir/never.err"; fail "code $rc, expected 65"; }
grep -q "ipc://$dir/all.sock: batch .* of epoch 0 has a wrong CRC (5 damaged answers)" "$dir/never.err" ||
    { cat "$dir/never.err"; fail 'the damage is not named'; }
