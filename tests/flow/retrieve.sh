#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# retrieve: precision of a bank that a person can check, exactly; its page and sheet; what is refused; and real
# datasets, whose features and pictures come through a loader, give what their features files give.
#   retrieve.sh LOADERD TRAINER SYNTH EVALUATE MAKE
set -eu
evaluate=$4
make=$5
. "$(dirname "$0")/run.sh"
"$make" "$dir"
retrieve() {
    "$evaluate" retrieve "$@" >"$dir/out" 2>"$dir/err"
}
says() {
    grep -q -x -F "$1" "$dir/out" || fail "does not say '$1': $(cat "$dir/out")"
}
# refuses CODE WORDS ARGUMENTS...
refuses() {
    want=$1 words=$2 rc=0
    shift 2
    retrieve "$@" || rc=$?
    [ "$rc" -eq "$want" ] || fail "retrieve $*: code $rc, not $want: $(cat "$dir/err")"
    grep -q -F -e "$words" "$dir/err" || fail "retrieve $*: does not say '$words': $(cat "$dir/err")"
    [ "$(grep -c error: "$dir/err")" -eq 1 ] || fail "retrieve $*: not one line: $(cat "$dir/err")"
}
bank=$dir/bank.safetensors
queries=$dir/queries.safetensors

retrieve --bank "$bank" --queries "$queries" --k 3 --query 2,0 --out "$dir/a/b" --json "$dir/json" ||
    { cat "$dir/err"; fail 'retrieve'; }
says 'precision_1 66.6667 %'
says 'precision_3 44.4444 %'
says 'precision_5 60 %'
says 'bank 6 images'
says 'queries 3 images'
grep -q '"precision_3"' "$dir/json" || fail "JSON: $(cat "$dir/json")"
page=$dir/a/b/index.html
[ "$(grep -c '<section' "$page")" -eq 2 ] || fail 'the page has not two queries'
[ "$(grep -o 'alt="neighbour [0-9]: row [0-9]' "$page" | tr -d -c '0-9\n' | tr '\n' ' ')" = '14 22 35 10 21 33 ' ] ||
    fail "not the neighbours in order: $(grep -o 'alt="[^"]*"' "$page")"
if grep -q -E '(src|href)="([^d]|d[^a])' "$page"; then fail 'the page wants other files'; fi
[ "$(head -c 8 "$dir/a/b/sheet.png" | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a ] || fail 'the sheet is no PNG'
[ "$(ls "$dir/a/b" | wc -l)" -eq 2 ] || fail "also made $(ls "$dir/a/b")"

# In itself, by another name too: no row is its own neighbour.
ln -s "$bank" "$dir/too.safetensors"
for name in "$bank" "$dir/too.safetensors"; do
    retrieve --bank "$bank" --queries "$name" --k 2 || { cat "$dir/err"; fail 'a set in itself'; }
    says 'precision_1 50 %'
    says 'precision_2 33.3333 %'
    says 'precision_5 40 %'
done

refuses 64 'needs --bank and --queries' --bank "$bank"
refuses 64 '--k 0: a whole number from 1 to 100' --bank "$bank" --queries "$queries" --k 0
refuses 64 '--query 1;2: a whole number' --bank "$bank" --queries "$queries" --out "$dir/c" --query '1;2'
refuses 64 '--query ' --bank "$bank" --queries "$queries" --out "$dir/c" --query 1,
refuses 64 'want --out' --bank "$bank" --queries "$queries" --query 1
refuses 64 'not both' --bank "$bank" --queries "$queries" --out "$dir/c" --query 1 --seed 2
refuses 78 'there is no row 3: it has 3, the first is 0' --bank "$bank" --queries "$queries" --k 2 --out "$dir/c" --query 3
refuses 78 '--random 4' --bank "$bank" --queries "$queries" --k 2 --out "$dir/c" --random 4
refuses 78 '7 of them, but the bank has 6 rows' --bank "$bank" --queries "$queries" --k 7
refuses 78 'the query itself one of them' --bank "$bank" --queries "$bank" --k 6
refuses 65 'row 2 (sample 2) has no label' --bank "$bank" --queries "$dir/unlabelled.safetensors" --k 2
refuses 65 'bare.safetensors: holds no pictures' --bank "$bank" --queries "$dir/bare.safetensors" --k 2 --out "$dir/c"
retrieve --bank "$bank" --queries "$dir/bare.safetensors" --k 2 || fail 'figures need no pictures'
[ ! -e "$dir/c" ] || fail "made $(ls "$dir/c") for what it refused"

train one --steps 1
backbone=$dir/runs/one/backbone.safetensors
for set in train test; do
    "$evaluate" features "$dir/recipe.yaml" --backbone "$backbone" --images "$dir/flowers/$set" --views \
        --out "$dir/$set.safetensors" >/dev/null 2>"$dir/err" || { cat "$dir/err"; fail 'features'; }
done
retrieve --bank "$dir/train.safetensors" --queries "$dir/test.safetensors" --out "$dir/files" --random 5 --seed 9 ||
    { cat "$dir/err"; fail 'features files'; }
grep -v '^pictures' "$dir/out" >"$dir/files.out"
retrieve "$dir/recipe.yaml" --backbone "$backbone" --bank "$dir/flowers/train" --queries "$dir/flowers/test" \
    --out "$dir/sets" --random 5 --seed 9 || { cat "$dir/err"; fail 'datasets'; }
grep -v '^pictures' "$dir/out" | diff "$dir/files.out" - || fail 'other figures of datasets than of their files'
sed 's|<code>[^<]*|<code>|g' "$dir/files/index.html" >"$dir/files.html"
sed 's|<code>[^<]*|<code>|g' "$dir/sets/index.html" | cmp -s "$dir/files.html" - || fail 'other pictures'
# One of each.
retrieve "$dir/recipe.yaml" --backbone "$backbone" --bank "$dir/train.safetensors" --queries "$dir/flowers/test" \
    --out "$dir/mixed" --random 5 --seed 9 || { cat "$dir/err"; fail 'a file and a dataset'; }
sed 's|<code>[^<]*|<code>|g' "$dir/mixed/index.html" | cmp -s "$dir/files.html" - || fail 'other pictures'

# The classes' names go from the folders through the loader into the file and onto the page, as text: whatever they
# are, they are no markup; and names that may not be told are not told, numbers stand alone.
kind=$(ls "$dir/flowers/test" | LC_ALL=C sort | head -n 1)
names=$(head -c 8192 "$dir/test.safetensors" | grep -a -o '"class_names":"[^]]*\]' | tr -d '\\')
[ "$names" = "\"class_names\":\"[$(ls "$dir/flowers/test" | LC_ALL=C sort | sed 's/.*/"&"/' | paste -s -d ,)]" ] ||
    fail "the file's names are $names"
grep -o '<bdi>[^<]*' "$dir/files/index.html" | cut -c 6- | LC_ALL=C sort -u >"$dir/shown"
ls "$dir/flowers/test" | LC_ALL=C sort | LC_ALL=C comm -13 - "$dir/shown" | grep . && fail 'names that no class has'
[ "$(grep -o '<bdi>' "$dir/files/index.html" | wc -l)" -eq "$(grep -o '<figcaption>' "$dir/files/index.html" | wc -l)" ] ||
    fail 'a picture without its name'
hostile='!<script>alert("1")&'
mv "$dir/flowers/test/$kind" "$dir/flowers/test/$hostile"
retrieve "$dir/recipe.yaml" --backbone "$backbone" --bank "$dir/train.safetensors" --queries "$dir/flowers/test" \
    --out "$dir/hostile" --query 0 || { cat "$dir/err"; fail 'a hostile name'; }
grep -q -F '<bdi>!&lt;script&gt;alert(&quot;1&quot;)&amp;</bdi>' "$dir/hostile/index.html" || fail 'not as text'
if grep -q -i '<script' "$dir/hostile/index.html"; then fail 'a name is markup'; fi
escape=$(printf '!\033[2J')
mv "$dir/flowers/test/$hostile" "$dir/flowers/test/$escape"
"$evaluate" features "$dir/recipe.yaml" --backbone "$backbone" --images "$dir/flowers/test" --out "$dir/untold.safetensors" \
    >/dev/null 2>"$dir/err" || { cat "$dir/err"; fail 'features'; }
if head -c 8192 "$dir/untold.safetensors" | grep -a -q class_names; then fail 'tells a name that steers a terminal'; fi
echo 'retrieve: ok'
