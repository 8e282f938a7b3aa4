#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# unheard: what a tool was to say on standard output and could not, on a disk that is full or to a reader that went
# away, is told by the exit code; what it wrote elsewhere is there.
#   unheard.sh LOADERD TRAINER SYNTH EVALUATE INSPECT
set -eu
synth=$3
evaluate=$4
inspect=$5
. "$(dirname "$0")/run.sh"
r=$dir/recipe.yaml
train one --steps 1
backbone=$dir/runs/one/backbone.safetensors
mkdir "$dir/tmp"
TMPDIR=$dir/tmp
export TMPDIR

# told RC COMMAND...: that the command failed with 70 and said why, in one line.
told() {
    rc=$1
    shift
    [ "$rc" -eq 70 ] || { cat "$dir/err"; fail "code $rc: $*"; }
    grep -q 'error: standard output' "$dir/err" || { cat "$dir/err"; fail "does not say why: $*"; }
    [ "$(grep -c 'error:' "$dir/err")" -eq 1 ] || { cat "$dir/err"; fail "more than one error: $*"; }
}
# unheard COMMAND...: it ends well when it is heard, and is told when it is not.
unheard() {
    "$@" >"$dir/out" 2>"$dir/err" || { cat "$dir/err"; fail "does not end well: $*"; }
    [ -s "$dir/out" ] || fail "says nothing: $*"
    rc=0
    "$@" >/dev/full 2>"$dir/err" || rc=$?
    told "$rc" "$@"
}
for program in "$synth" "$evaluate" "$inspect"; do
    unheard "$program" --help
    unheard "$program" --help=man
    unheard "$program" --version
done
unheard "$evaluate" knn --help
unheard "$inspect" batch --help
unheard "$synth" --out "$dir/small" --train 1 --test 1 --size 16
unheard "$inspect" runs "$dir/runs/one"
unheard "$inspect" batch embedded --recipe "$r" --out "$dir/batch.safetensors"
unheard "$inspect" sheet embedded --recipe "$r" --out "$dir/sheet.png"
unheard "$evaluate" features "$r" --backbone "$backbone" --images "$dir/flowers/test" --out "$dir/of.safetensors"
unheard "$evaluate" knn "$r" --backbone "$backbone" --train "$dir/flowers/train" --test "$dir/flowers/test"

# Nobody reads, from the start: the loader that was started is gone all the same.
{
    rc=0
    "$evaluate" knn "$r" --backbone "$backbone" --train "$dir/flowers/train" --test "$dir/flowers/test" \
        2>"$dir/err" || rc=$?
    echo "$rc" >"$dir/rc"
} | true
told "$(cat "$dir/rc")" knn into a closed pipe
[ -z "$(ls "$dir/tmp")" ] || fail 'the folder of a loader is left'
echo 'unheard: ok'
