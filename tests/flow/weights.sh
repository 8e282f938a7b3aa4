#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# weights: a run begins with a backbone from a file, whatever its names; evaluate takes the same files; what is no
# backbone of the recipe's is refused before anything is made.
#   weights.sh LOADERD TRAINER SYNTH EVALUATE
set -eu
evaluate=$4
. "$(dirname "$0")/run.sh"
r=$dir/recipe.yaml

train first --set optim.epochs=2
backbone=$dir/runs/first/backbone.safetensors
checkpoint=$dir/runs/first/checkpoints/step-00000020.safetensors

# The same weights under three names give the same features, and others than those that training began with.
# features NAME FILE: of the test images.
features() {
    # built, it finds the loader in its own room
    env -u AUGSTREAM_LOADERD "$evaluate" features "$r" --backbone "$2" --images "$dir/flowers/test" --out "$dir/of-$1.safetensors" >"$dir/out" 2>"$dir/err" ||
        { cat "$dir/err"; fail "evaluate does not take $2"; }
    data "$dir/of-$1.safetensors" >"$dir/$1.features"
}
# renamed FILE PREFIX: another safetensors file with prefixed names; one line of header, so sed can. Its length is
# kept even by blanks, as the format allows.
renamed() {
    length=$(od -An -tu8 -N8 "$1" | tr -d ' ')
    tail -c +9 "$1" | head -c "$length" |
        sed "s/\"\(conv1\|bn1\|layer[1-4]\)\./\"$2\1./g" | tr -d '\n' >"$dir/header"
    while [ $(($(wc -c <"$dir/header") % 8)) -ne 0 ]; do printf ' ' >>"$dir/header"; done
    length=$(wc -c <"$dir/header")
    for byte in 0 8 16 24 32 40 48 56; do
        printf "\\$(printf %03o $(((length >> byte) & 255)))"
    done
    cat "$dir/header"
    data "$1"
}
renamed "$backbone" module.encoder_q. >"$dir/moco.safetensors"
features ours "$backbone"
features whole "$checkpoint"
features moco "$dir/moco.safetensors"
features begin "$dir/runs/first/checkpoints/step-00000000.safetensors"
cmp "$dir/ours.features" "$dir/whole.features"
cmp "$dir/ours.features" "$dir/moco.features"
! cmp -s "$dir/ours.features" "$dir/begin.features" || fail 'training changed no feature'

# A run that does not learn ends with the convolutions that it was given.
"$trainer" --dry-run "$r" --set "model.weights=$dir/moco.safetensors" >"$dir/plan"
grep -q "begins with $dir/moco.safetensors" "$dir/plan"
train given --set "model.weights=$dir/moco.safetensors" --set optim.base_lr=0 --steps 1
"$trainer" "$r" --run-dir "$dir/runs/fresh" --set optim.base_lr=0 --steps 1 >/dev/null 2>"$dir/err"
loss() {
    sed -n 's/^{"step":1,.*"loss":\([-0-9.e]*\),.*/\1/p' "$dir/runs/$1/metrics.jsonl"
}
[ "$(loss given)" != "$(loss fresh)" ] || fail 'the weights made no difference'
# of its files the convolutions are cut out: the widest elements come first, in order of their names
conv() {
    length=$(od -An -tu8 -N8 "$1" | tr -d ' ')
    place=$(tail -c +9 "$1" | head -c "$length" | tr '}' '\n' |
        sed -n 's/.*"conv1.weight".*"data_offsets":\[\([0-9]*\),\([0-9]*\)\].*/\1 \2/p')
    [ -n "$place" ] || fail "no conv1.weight in $1"
    data "$1" | tail -c +$((${place% *} + 1)) | head -c $((${place#* } - ${place% *}))
}
conv "$backbone" >"$dir/one"
conv "$dir/runs/given/backbone.safetensors" >"$dir/two"
conv "$dir/runs/fresh/backbone.safetensors" >"$dir/three"
[ -s "$dir/one" ]
cmp "$dir/one" "$dir/two"
! cmp -s "$dir/one" "$dir/three" || fail 'a fresh run has the weights of the other'

# Resuming goes on from the checkpoint: the file may be gone.
mv "$dir/moco.safetensors" "$dir/away.safetensors"
"$trainer" "$r" --run-dir "$dir/runs/given" --set "model.weights=$dir/moco.safetensors" --set optim.base_lr=0 --resume --steps 2 \
    >/dev/null 2>"$dir/err" || { cat "$dir/err"; fail 'resuming wants the file'; }

# refused CODE TEXT ARGUMENTS...
refused() {
    code=$1
    text=$2
    shift 2
    for dry in '' --dry-run; do
        rc=0
        # shellcheck disable=SC2086
        "$trainer" $dry "$r" --run-dir "$dir/none" "$@" >"$dir/out" 2>"$dir/err" || rc=$?
        [ "$rc" -eq "$code" ] || { cat "$dir/err"; fail "code $rc, expected $code: $*"; }
        grep -q -- "$text" "$dir/err" || { cat "$dir/err"; fail "does not say '$text': $*"; }
        [ "$(wc -l <"$dir/err")" -eq 1 ] || { cat "$dir/err"; fail "more than one line: $*"; }
        [ ! -e "$dir/none" ] || fail "a run folder is left: $*"
    done
}
refused 65 "$dir/nosuch: cannot open" --set "model.weights=$dir/nosuch"
refused 65 "$r: is not a safetensors file" --set "model.weights=$r"
refused 65 'lacks layer1.0.conv3.weight' --set "model.weights=$backbone" --set model.backbone=resnet50
refused 65 'conv1.weight is F32 \[8,3,7,7\], expected F32 \[16,3,7,7\]' --set "model.weights=$backbone" --set model.width=16
rc=0
"$evaluate" features "$r" --set model.width=16 --backbone "$backbone" --images "$dir/flowers/test" --out "$dir/x" \
    2>"$dir/err" || rc=$?
[ "$rc" -eq 65 ] && grep -q 'conv1.weight is F32' "$dir/err" || { cat "$dir/err"; fail "evaluate: $rc"; }
