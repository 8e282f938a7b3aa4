#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# score: evaluate says what its figure is of: the images that were bad are counted, and sets whose labels mean
# different classes are refused.
#   score.sh LOADERD TRAINER SYNTH EVALUATE
set -eu
evaluate=$4
. "$(dirname "$0")/run.sh"
r=$dir/recipe.yaml
train one --steps 1
backbone=$dir/runs/one/backbone.safetensors
knn() {
    "$evaluate" knn "$r" --backbone "$backbone" --train "$dir/flowers/train" --test "$1" >"$dir/out" 2>"$dir/err"
}

knn "$dir/flowers/test" || { cat "$dir/err"; fail 'knn'; }
grep -q "^knn_1 [0-9.]* %$" "$dir/out" || fail "says $(cat "$dir/out")"
grep -q "^queries 24 images$" "$dir/out" && grep -q "^bank 120 images$" "$dir/out" || fail "says $(cat "$dir/out")"
! grep -q substituted "$dir/out" || fail "no image is bad: $(cat "$dir/out")"

cp -r "$dir/flowers/test" "$dir/spotted"
for bad in $(find "$dir/spotted" -name '*.jpg' | sort | sed -n '3p;14p'); do
    echo 'I am a flower' >"$bad"
done
knn "$dir/spotted" || { cat "$dir/err"; fail 'knn of a set with bad images'; }
grep -q "^substituted 2 of 24 images of $dir/spotted: " "$dir/out" || fail "says $(cat "$dir/out")"
[ "$(grep -c substituted "$dir/out")" -eq 1 ] || fail "the bank has no bad images: $(cat "$dir/out")"
"$evaluate" features "$r" --backbone "$backbone" --images "$dir/spotted" --out "$dir/of.safetensors" >"$dir/out" 2>"$dir/err"
grep -q '^substituted 2 of 24 images' "$dir/out" || fail "features says $(cat "$dir/out")"

# Two of the twelve classes: label 0 would be another one in each set. Empty folders keep their numbers.
mkdir "$dir/two"
for class in $(ls "$dir/flowers/test" | sed -n '4p;9p'); do
    cp -r "$dir/flowers/test/$class" "$dir/two"
done
rc=0
knn "$dir/two" || rc=$?
[ "$rc" -eq 78 ] || fail "twelve classes against two: code $rc, $(cat "$dir/out")"
grep -q 'flowers/train has 12 classes, .*two has 2:' "$dir/err" || { cat "$dir/err"; fail 'does not say why'; }
for class in $(ls "$dir/flowers/test"); do
    mkdir -p "$dir/two/$class"
done
knn "$dir/two" || { cat "$dir/err"; fail 'empty class folders'; }
grep -q "^queries 4 images" "$dir/out" || fail "says $(cat "$dir/out")"
echo 'score: ok'
