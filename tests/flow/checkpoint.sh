#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# checkpoint: what inspect says of files that the trainer wrote, of others' types, and of files that are
# damaged, cut or empty.
#   checkpoint.sh LOADERD TRAINER SYNTH INSPECT
set -eu
inspect=$4
. "$(dirname "$0")/run.sh"

train a --steps 4 --set checkpoint.every=2
train b --steps 4 --set checkpoint.every=2
train c --steps 4 --set optim.base_lr=.1 --set 'augself={crop: 0}'
a=$dir/runs/a/checkpoints/step-00000004.safetensors
b=$dir/runs/b/checkpoints/step-00000004.safetensors
c=$dir/runs/c/checkpoints/step-00000004.safetensors

# has FILE TEXT...: each is in the file, and no line is wider than 100 columns but those with a path.
has() {
    in=$1
    shift
    for text in "$@"; do
        grep -qF -- "$text" "$in" || { cat "$in"; fail "no '$text'"; }
    done
    awk -v dir="$dir" 'length > 100 && !index($0, dir) { print; bad = 1 } END { exit bad }' "$in" ||
        fail "too wide: $in"
}
look() { "$inspect" checkpoint "$@" >"$dir/page" 2>"$dir/err" || { cat "$dir/err"; fail "checkpoint $*"; }; }

# One file. The recipe is the one of the run's folder, to the byte.
look "$a"
has "$dir/page" '; sealed, and as it was written' 'step       4' 'seed       1' 'session    ' 'backbone: ' \
    'projector: ' 'predictor: ' 'augself.crop: ' 'augself.color: ' 'optim.momentum.backbone: ' \
    'optim.momentum.augself.crop: ' 'conv1.weight' '[8,3,7,7]'
! grep -q 'NOT FINITE' "$dir/page" || fail 'a number is not finite'
look --recipe "$a"
cmp "$dir/page" "$dir/runs/a/recipe.yaml"

# A scale and a shift of batch norm begin at 1 and 0: at step 0 the figures are known.
look --name 'backbone.bn1.*' "$dir/runs/a/checkpoints/step-00000000.safetensors"
awk '$1 == "bn1.weight" && $4 == 1 && $5 == 1 && $6 == 1 && $7 == 0 { seen++ }
    $1 == "bn1.bias" && $4 == 0 && $5 == 0 && $8 == 0 && $9 == "100.0%" { seen++ }
    END { exit seen != 2 }' "$dir/page" || { cat "$dir/page"; fail 'bn1 at step 0'; }

# What it counts is what the trainer counted.
look --json "$a"
trained=$(sed -n 's/^  "trained": \([0-9]*\),$/\1/p' "$dir/page")
"$trainer" "$dir/recipe.yaml" --dry-run >"$dir/dry" 2>&1
awk -v n="$trained" '{ gsub(/[ ,]/, "") } index($0, n) { found = 1 } END { exit !found || n == "" }' "$dir/dry" ||
    { cat "$dir/dry"; fail "$trained trained numbers are not the trainer's"; }

# The same run twice is the same; a step further it is not; of another recipe the options are told.
look --equal "$a" "$b"
has "$dir/page" 'are the same, bit for bit'
! grep -q 'tensors that differ' "$dir/page" || fail 'the same run twice differs'
look "$dir/runs/a/checkpoints/step-00000002.safetensors" "$a"
has "$dir/page" 'metadata' '  step               2 ' 'tensors that differ' 'backbone.conv1.weight'
look "$a" "$c"
has "$dir/page" 'optim.base_lr                  0.2                            0.1' 'augself.crop ' \
    'only in a: ' 'augself.crop.0.weight'
! grep -q 'only in b' "$dir/page" || fail 'c has more than a'

# The backbone alone is the checkpoint's, under PyTorch's names.
look --sort norm "$dir/runs/a/backbone.safetensors"
has "$dir/page" 'format     pt' 'conv1.weight'

# refused CODE TEXT ARGUMENT...: ends with that code and one line that has TEXT.
refused() {
    code=$1
    text=$2
    shift 2
    rc=0
    "$inspect" checkpoint "$@" >"$dir/page" 2>"$dir/err" || rc=$?
    [ "$rc" -eq "$code" ] || { cat "$dir/err"; fail "code $rc, expected $code: $*"; }
    grep -qF -- "$text" "$dir/err" || { cat "$dir/err"; fail "no '$text'"; }
    [ "$(wc -l <"$dir/err")" -eq 1 ]
}
refused 65 'not the same tensors' --equal "$a" "$c"
has "$dir/page" 'only in a: ' # told all the same
refused 65 'keeps no recipe' --recipe "$dir/runs/a/backbone.safetensors"
refused 65 "no tensor is called head" --name head "$a"
refused 65 'No such file' "$dir/none"
refused 65 'is not a regular file' "$dir"
refused 64 'needs one FILE' --json
refused 64 'needs one FILE' "$a" "$b" "$c"
refused 64 '--equal is for two files' --equal "$a"
refused 64 '--sort difference: not for one file' --sort difference "$a"
refused 64 '--sort weight: ' --sort weight "$a"
refused 64 '--recipe prints the recipe of one FILE' --recipe "$a" "$b"

# Damaged: all is shown, and the exit code tells. Cut, or empty, nothing can be.
cp "$a" "$dir/bad"
printf '\377' | dd of="$dir/bad" bs=1 seek="$(($(wc -c <"$a") - 3))" conv=notrunc 2>/dev/null
refused 65 'is damaged' "$dir/bad"
has "$dir/page" 'sealed, and DAMAGED since' 'backbone: '
refused 65 'is damaged' "$a" "$dir/bad"
has "$dir/page" 'tensors that differ'
head -c 100000 "$a" >"$dir/cut"
refused 65 'lies outside the file' "$dir/cut"
: >"$dir/empty"
refused 65 'a file of 0 bytes' "$dir/empty"

# file NAME HEADER DATA: a safetensors file as anyone may write it; DATA in printf's escapes.
file() {
    printf "\\$(printf %o "${#2}")\\0\\0\\0\\0\\0\\0\\0" >"$dir/$1"
    printf %s "$2" >>"$dir/$1"
    # shellcheck disable=SC2059
    printf "$3" >>"$dir/$1"
}
# 1, -2, NaN and 0 as F16 and as BF16; an integer.
file half '{"h":{"dtype":"F16","shape":[4],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[2,2],"data_offsets":[8,16]},"n.i":{"dtype":"I16","shape":[],"data_offsets":[16,18]}} ' \
    '\000\074\000\300\000\176\000\000\200\077\000\300\300\177\000\000\377\377'
look "$dir/half"
has "$dir/page" '; not sealed' 'NOT FINITE: 1 of its 4 numbers (1 NaN, 0 infinite)' \
    '2 tensors have NUMBERS THAT ARE NOT FINITE'
awk '$1 == "h" && $2 == "F16" && $3 == "[4]" && $4 == -2 && $5 == 1 && $6 == -0.333 { seen++ }
    $1 == "b" && $2 == "BF16" && $3 == "[2,2]" && $4 == -2 && $5 == 1 && $6 == -0.333 { seen++ }
    $1 == "i" && $2 == "I16" && $3 == "[]" && $4 == -1 { seen++ }
    END { exit seen != 3 }' "$dir/page" || { cat "$dir/page"; fail 'halves'; }
refused 65 'a dtype that is not known' "$(file odd '{"a":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}}' '12345678' && echo "$dir/odd")"
echo 'checkpoint: ok'
