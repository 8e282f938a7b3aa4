#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# features: a dataset's features as a file: boxes with them, as shares of the view; a file in place of a dataset
# gives the same scores; formats are guessed; what cannot be is refused with one line.
#   features.sh LOADERD TRAINER SYNTH EVALUATE
set -eu
evaluate=$4
. "$(dirname "$0")/run.sh"
r=$dir/recipe.yaml
train one --steps 1
backbone=$dir/runs/one/backbone.safetensors

# features OUT SET [ARGUMENTS]
features() {
    out=$1
    set=$2
    shift 2
    "$evaluate" features "$r" --backbone "$backbone" --images "$set" --out "$out" "$@" >"$dir/out" 2>"$dir/err"
}
# refused CODE TEXT COMMAND...
refused() {
    code=$1
    text=$2
    shift 2
    rc=0
    "$@" >"$dir/out" 2>"$dir/err" || rc=$?
    [ "$rc" -eq "$code" ] || { cat "$dir/err"; fail "code $rc, expected $code: $*"; }
    grep -q -- "$text" "$dir/err" || { cat "$dir/err"; fail "does not say '$text': $*"; }
    [ "$(grep -c 'error:' "$dir/err")" -eq 1 ] || { cat "$dir/err"; fail "more than one error: $*"; }
}

# The same images by another way in, and in the order of a manifest: the same features.
(cd "$dir" && find flowers/test -name '*.jpg' | LC_ALL=C sort) >"$dir/list"
{
    echo 'path,label,split,x,y,w,h'
    awk -F/ 'NR == 1 { print $0 "," $3 ",test,,,,"; next } { print $0 "," $3 ",test,0,0,40,40" }' "$dir/list"
    echo "$(head -n 1 "$dir/list"),none,other,0,0,400,40"
} >"$dir/m.csv"
features "$dir/folder.safetensors" "$dir/flowers:test" --json "$dir/f.json" || { cat "$dir/err"; fail 'features'; }
grep -q '^images 24$' "$dir/out" || fail "says $(cat "$dir/out")"
grep -q '"verb": "features"' "$dir/f.json" || fail "$(cat "$dir/f.json")"
grep -q 'features of .*: 24 of 24' "$dir/err" || { cat "$dir/err"; fail 'does not tell how far it is'; }
features "$dir/manifest.safetensors" "$dir/m.csv:test" || { cat "$dir/err"; fail 'features of a manifest'; }
# of a file: labels and samples, 8 bytes a row; boxes, 16; features
data "$dir/folder.safetensors" | tail -c +$((24 * 16 + 1)) >"$dir/one"
data "$dir/manifest.safetensors" | tail -c +$((24 * 32 + 1)) >"$dir/two"
[ "$(wc -c <"$dir/one")" -gt 0 ]
cmp "$dir/one" "$dir/two"

# The first image has no box; the others' is the upper left of an image whose shorter side is 40: one side of it is
# the view's, of the other what the crop's middle leaves.
data "$dir/manifest.safetensors" | tail -c +$((24 * 16 + 1)) | head -c $((24 * 16)) | od -An -v -tf4 -w16 >"$dir/boxes"
awk 'NR == 1 { if ($0 !~ /nan +-?nan +-?nan +-?nan/) exit 1; next }
    { low = $3 < $4 ? $3 : $4; high = $3 < $4 ? $4 : $3
      if ($1 != 0 || $2 != 0 || high != 1 || low < 0.7 || low > 1) exit 1; some += low < 1 }
    END { if (NR != 24 || some < 6) exit 1 }' "$dir/boxes" || { cat "$dir/boxes"; fail 'boxes'; }
refused 65 'the box x 0, y 0, w 400, h 40 is outside its image of' features "$dir/x.safetensors" "$dir/m.csv:other"

# Files and datasets score alike, also mixed; files need nothing else.
features "$dir/train.safetensors" "$dir/flowers/train"
"$evaluate" knn "$r" --backbone "$backbone" --train "$dir/flowers/train" --test "$dir/flowers/test" 2>/dev/null >"$dir/one"
"$evaluate" knn --train "$dir/train.safetensors" --test "$dir/folder.safetensors" >"$dir/two"
"$evaluate" knn "$r" --backbone "$backbone" --train "$dir/train.safetensors" --test "$dir/flowers/test" 2>/dev/null >"$dir/three"
grep -q '^knn_1 ' "$dir/one" || fail "says $(cat "$dir/one")"
cmp "$dir/one" "$dir/two"
cmp "$dir/one" "$dir/three"

# --- what neighbours say ---
# figures: the names that knn printed.
figures() {
    sed -n 's/^\(knn_[0-9]*\) .*/\1/p' "$dir/out" | tr '\n' ' '
}
knn() {
    "$evaluate" knn --train "$dir/train.safetensors" --test "$dir/folder.safetensors" "$@" >"$dir/out" 2>"$dir/err"
}
knn || { cat "$dir/err"; fail 'knn'; }
[ "$(figures)" = 'knn_1 knn_20 ' ] || fail "a bank of 120 has no 200 neighbours: $(cat "$dir/out")"
knn --k 7,1,120 --temperature .5 --metric mean-per-class --out "$dir/told.safetensors" || { cat "$dir/err"; fail 'knn --k'; }
[ "$(figures)" = 'knn_7 knn_1 knn_120 ' ] || fail "says $(cat "$dir/out")"
grep -q '^metric: mean-per-class$' "$dir/out" && grep -q '^temperature: 0.5$' "$dir/out" || fail "says $(cat "$dir/out")"
# the share of right ones, once more from what was told: two images of each class, in order; of k 1 the second row
data "$dir/told.safetensors" | od -An -v -td8 -w8 | sed -n '25,48p' |
    awk '{ right += $1 == int((NR - 1) / 2) } END { printf "knn_1 %.6g %%\n", 100 * right / NR }' >"$dir/one"
grep -q -x -F "$(cat "$dir/one")" "$dir/out" || fail "says $(cat "$dir/out"), and told $(cat "$dir/one")"
refused 78 '121 of them, but the bank has 120 rows' knn --k 121
refused 64 '--k' knn --k 0
refused 64 '--k' knn --k 1,1
refused 64 '--k' knn --k 1001
refused 64 '--temperature' knn --temperature 0
refused 64 '--metric f1: top1 or mean-per-class' knn --metric f1

# --- what cannot be ---
refused 64 'flowers/test is a dataset, whose features need RECIPE.yaml and --backbone' \
    "$evaluate" knn --train "$dir/train.safetensors" --test "$dir/flowers/test"
refused 65 'lacks layer1.0.conv3.weight' features "$dir/x.safetensors" "$dir/flowers/test" --set model.backbone=resnet50
mkdir -p "$dir/empty/rose" "$dir/empty/daisy"
refused 65 'empty: no images' features "$dir/x.safetensors" "$dir/empty"
refused 65 'nowhere: no such dataset' features "$dir/x.safetensors" "$dir/nowhere:test"
refused 78 'is no folder, no manifest' features "$dir/x.safetensors" "$dir/list"
refused 65 "$dir/nowhere/x.safetensors: cannot create" features "$dir/nowhere/x.safetensors" "$dir/flowers/test"
if grep -q 'of 24' "$dir/err"; then fail 'images were looked at for a file that cannot be written'; fi
[ ! -e "$dir/x.safetensors" ] || fail 'a file is left of what failed'
cp "$dir/folder.safetensors" "$dir/nan.safetensors"
printf '\377\377\377\377' | dd of="$dir/nan.safetensors" bs=1 seek=$(($(wc -c <"$dir/nan.safetensors") - 4)) \
    conv=notrunc 2>/dev/null
refused 65 'nan.safetensors: row 23, column 63 of features is -\{0,1\}nan' \
    "$evaluate" knn --train "$dir/train.safetensors" --test "$dir/nan.safetensors"
refused 65 'lacks the tensor features' "$evaluate" knn --train "$backbone" --test "$dir/folder.safetensors"
echo 'features: ok'
