#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# recipes: every recipe that is shipped can be run: --dry-run accepts it, the list names it, and one of the small
# ones trains. What a recipe stands on is not itself one.
#   recipes.sh LOADERD TRAINER SYNTH RECIPES
set -eu
recipes=$4
. "$(dirname "$0")/run.sh"
"$3" --out "$dir/many" --train 12 --test 2 --size 64 >/dev/null # 144 pictures: a batch of 128 and some

count=0
for recipe in "$recipes"/*.yaml; do
    name=$(basename "$recipe" .yaml)
    case $name in report-*) continue ;; esac # of augstream-evaluate report: tests/unit/test_agenda.c reads them
    set -- "$recipe" --set data.retry=.05 # nobody is there
    case $name in tiny64-*) set -- "$recipe" --set "data.path=$dir/many/train" ;; esac
    case $name in tiny64-supervised*) set -- "$@" --set method.classes=12 ;; esac
    "$trainer" --dry-run "$@" >"$dir/plan" 2>"$dir/err" || { cat "$dir/err"; fail "$name is refused"; }
    [ ! -s "$dir/err" ] || { cat "$dir/err"; fail "$name: words on standard error"; }
    grep -q "^recipe      $name: " "$dir/plan" || fail "$name calls itself otherwise"
    grep -q -w -- "${name%-augself}" "$recipes/README.md" || fail "$name is not in README.md"
    count=$((count + 1))
done
[ "$count" -ge 38 ] || fail "only $count recipes"
for base in "$recipes"/base/*.yaml; do
    rc=0
    "$trainer" --dry-run "$base" >"$dir/plan" 2>"$dir/err" || rc=$?
    [ "$rc" -eq 78 ] && grep -q "$base:[0-9]*: run.name: must be given" "$dir/err" || fail "$base is a recipe"
    grep -q "base: base/$(basename "$base")\$" "$recipes"/*.yaml || fail "nothing stands on $base"
done

# A small one trains as it is shipped, with its own batch and its own loader.
"$trainer" "$recipes/tiny64-simsiam-augself.yaml" --set "data.path=$dir/many/train" --set "run.dir=$dir/runs" \
    --set data.workers=1 --steps 3 >"$dir/out" 2>"$dir/err" || { cat "$dir/err"; fail "it does not train"; }
grep -q '^steps   3 of ' "$dir/out"
run=$dir/runs/tiny64-simsiam-augself
[ "$(grep -c '"augself.color":' "$run/metrics.jsonl")" -eq 3 ]
[ -s "$run/backbone.safetensors" ]
! grep -q '^base:' "$run/recipe.yaml" || fail 'the dump is not whole'
"$trainer" --dry-run "$run/recipe.yaml" >"$dir/plan"
grep -q '^data        tiny64: 144 images, 1 steps an epoch, 30 in 30 epochs$' "$dir/plan" || { cat "$dir/plan"; exit 1; }
