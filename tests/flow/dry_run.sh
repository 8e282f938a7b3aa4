#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dry_run: --dry-run says what a run would take, leaves nothing behind, and refuses what the run would.
#   dry_run.sh LOADERD TRAINER SYNTH
set -eu
. "$(dirname "$0")/run.sh"
r=$dir/recipe.yaml

# dry ARGUMENTS...: the plan in $dir/plan.
dry() {
    "$trainer" --dry-run "$@" >"$dir/plan" 2>"$dir/err" || { cat "$dir/err"; fail "code $?: $*"; }
    [ ! -s "$dir/err" ] || { cat "$dir/err"; fail "words on standard error: $*"; }
    [ ! -e "$dir/runs" ] || fail "a run folder is left: $*"
}
says() {
    grep -q -- "$1" "$dir/plan" || { cat "$dir/plan"; fail "does not say '$1'"; }
}

# A private loader counts the folder: 120 flowers, batches of 12.
dry "$r"
says '^data        flowers: 120 images, 10 steps an epoch, 60 in 6 epochs$'
says '^recipe      t: simsiam, AugSelf crop 1, color 1$'
dry "$r" --set optim.accumulate=4
says ' 2.5 steps an epoch, 15 in 6 epochs$'

dry "$r" --set method.name=moco --set method.queue.size=132
says '^warning     method.queue.size: 132 keys of the 120 images'

# A daemon tells; one that is not there does not, and that is no error.
start_loader a
dry "$r" --set "data.loaders=ipc://$dir/a.sock"
says ' 120 images, 10 steps an epoch'
dry "$r" --set "data.loaders=ipc://$dir/nobody.sock" --set data.retry=.2
says '^data        flowers: unknown, no loader answers'

# refused CODE TEXT ARGUMENTS...: as without --dry-run.
refused() {
    code=$1
    text=$2
    shift 2
    rc=0
    "$trainer" --dry-run "$@" >"$dir/plan" 2>"$dir/err" || rc=$?
    [ "$rc" -eq "$code" ] || { cat "$dir/err"; fail "code $rc, expected $code: $*"; }
    grep -q -- "$text" "$dir/err" || { cat "$dir/err"; fail "does not say '$text': $*"; }
    [ "$(wc -l <"$dir/err")" -eq 1 ] || { cat "$dir/err"; fail "more than one line: $*"; }
    [ ! -s "$dir/plan" ] || fail "a plan of what cannot be: $*"
}
refused 78 'views.sizes' "$r" --set views.sizes=3
refused 78 'abacus' "$r" --set device.ops=abacus
refused 65 "$dir/nosuch" "$r" --set "data.path=$dir/nosuch"
refused 65 'tulips' "$r" --set "data.loaders=ipc://$dir/a.sock" --set data.dataset=tulips
refused 65 '120 samples' "$r" --set data.batch=128
refused 78 'optim.accumulate: 40 batches; the run has only 10' "$r" --set optim.accumulate=40 --set optim.epochs=1
refused 78 'method.classes: 11; the dataset flowers has 12 classes' "$r" --set method.name=supervised \
    --set method.classes=11
