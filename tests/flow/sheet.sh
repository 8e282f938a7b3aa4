#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sheet: a sheet of cards has the very pixels of the views that `batch` fetches, in borders of their
# colours, and every box where omega says; drawn from a loader, from a loader elsewhere with --data and
# out of a run's record it is one and the same picture; without the images it has outlines; stand-ins
# are told in red; other images than the record's are refused.
#   sheet.sh LOADERD TRAINER SYNTH INSPECT LOOK
set -eu
. "$(dirname "$0")/run.sh"
inspect=$4
look=$5
train run --steps 4 --set run.omega=true --set run.seed=7 --set augself.crop=1 --set augself.color=1
record=$dir/runs/run/omega/step-00000000.omega
recipe=$dir/runs/run/recipe.yaml
images=$dir/flowers/train

sheet() { # NAME ARGUMENTS...
    name=$1
    shift
    "$inspect" sheet "$@" --out "$dir/$name.png" >"$dir/said" 2>"$dir/err" || { cat "$dir/err"; fail "sheet $*"; }
    grep -q "$name.png: [0-9]*x[0-9]*" "$dir/said" || fail "nothing is said of $name"
}
same_picture() { cmp "$dir/$1.png" "$dir/$2.png" || fail "$1 and $2 are not one picture"; }
other_picture() { ! cmp -s "$dir/$1.png" "$dir/$2.png" || fail "$1 and $2 are one picture"; }

sheet fetched embedded --recipe "$recipe" --index 2 --samples 5
sheet replayed "$record" --recipe "$recipe" --step 3 --samples 5
sheet data "$record" --data "$images" --recipe "$recipe" --step 3 --samples 5
same_picture fetched replayed
same_picture fetched data
sheet first "$record" --recipe "$recipe" --samples 5
other_picture fetched first
sheet six "$record" --data "$images" --step 3 --samples 5 # no recipe says which targets: all of them
other_picture fetched six

"$inspect" batch embedded --recipe "$recipe" --index 2 --out "$dir/b.safetensors" --omega "$dir/b.jsonl" >/dev/null
"$look" views "$dir/fetched.png" "$dir/b.safetensors" 0 5 || fail 'the views are not those of the batch'

# One sample: the card that it has among the others, alone.
sample=$(sed -n '4s/.*"sample":\([0-9]*\).*/\1/p' "$dir/b.jsonl")
sheet alone "$record" --recipe "$recipe" --sample "$sample"
sheet again "$record" --recipe "$recipe" --sample "$sample" --epoch 0
same_picture alone again
"$look" views "$dir/alone.png" "$dir/b.safetensors" 3 1 || fail 'it is another sample'

# A loader of somebody else's: its pictures are where --data says, or nowhere. Stand-ins in red.
cp -r "$images" "$dir/spoilt"
find "$dir/spoilt" -type f | sort | sed -n '5p;9p' | while read -r file; do echo 'no picture' >"$file"; done
cat >"$dir/loaderd.yaml" <<EOF
listen: [ipc://$dir/l.sock]
tap: ipc://$dir/t.sock
datasets:
  train: {path: $images, format: folder}
  spoilt: {path: $dir/spoilt, format: folder}
EOF
"$loaderd" --config "$dir/loaderd.yaml" 2>"$dir/l.log" &
pids="$pids $!"
sed 's/^\( *path: \).*/\1""/; s/^\( *dataset: \).*/\1train/' "$recipe" >"$dir/elsewhere.yaml"
at=ipc://$dir/l.sock
sheet bare "$at" --recipe "$dir/elsewhere.yaml" --index 2 --samples 5
sheet told "$at" --recipe "$dir/elsewhere.yaml" --index 2 --samples 5 --data "$images"
sheet config "$at" --recipe "$dir/elsewhere.yaml" --index 2 --samples 5 --config "$dir/loaderd.yaml"
same_picture told config
other_picture told bare
sheet gone "$at" --recipe "$dir/elsewhere.yaml" --index 2 --samples 5 --set data.path=/nonexistent
grep -q 'no source pictures, but their outlines: .*nonexistent' "$dir/err"
same_picture bare gone
sheet spoilt "$at" --recipe "$dir/elsewhere.yaml" --set data.dataset=spoilt --set data.batch=120 --samples 256 \
    --data "$dir/spoilt"
sheet whole "$at" --recipe "$dir/elsewhere.yaml" --set data.batch=120 --samples 256 --data "$images"
[ "$("$look" red "$dir/spoilt.png")" -gt 1000 ] && [ "$("$look" red "$dir/whole.png")" -eq 0 ] ||
    fail 'stand-ins are not told, or some that are none'

# Views of every number and kind.
for set in 'views.small={count: 6, size: 16}' 'views.count=1' 'views.rotation=1' 'views.size=200'; do
    more=
    [ "$set" = 'views.count=1' ] && more='--set method.name=supervised --set augself.crop=0 --set augself.color=0'
    sheet some "$at" --recipe "$dir/elsewhere.yaml" --set "$set" $more --samples 3 --data "$images"
done

# refused CODE TEXT ARGUMENTS...: ends with that code and one line that has TEXT, and leaves no picture.
refused() {
    code=$1
    text=$2
    shift 2
    rc=0
    "$inspect" sheet "$@" --out "$dir/x.png" >/dev/null 2>"$dir/err" || rc=$?
    [ "$rc" -eq "$code" ] || { cat "$dir/err"; fail "code $rc, expected $code: $*"; }
    grep -q -- "$text" "$dir/err" && [ "$(wc -l <"$dir/err")" -eq 1 ] || { cat "$dir/err"; fail "no '$text'"; }
    [ ! -e "$dir/x.png" ] || fail "a picture of $*"
}
refused 65 'fingerprint' "$record" --data "$dir/spoilt"
refused 65 'fingerprint' "$at" --recipe "$dir/elsewhere.yaml" --data "$dir/spoilt"
refused 65 'step 99 is not in there' "$record" --recipe "$recipe" --step 99
refused 65 'sample 4000000 of epoch 0 is not in there' "$record" --recipe "$recipe" --sample 4000000
refused 65 'is no record' "$dir/elsewhere.yaml" --data "$images"
refused 64 'which images' "$record"
refused 64 '--index is a loader' "$record" --data "$images" --index 1
refused 64 'one of them' "$record" --data "$images" --step 1 --sample 2
refused 64 'wants --sample' "$record" --data "$images" --epoch 1
refused 64 'are of a record' "$at" --recipe "$recipe" --step 1
refused 64 'of a loader --recipe is needed' "$at"
refused 64 "$dir/gone.omega: no file" "$dir/gone.omega" --data "$images"
[ ! -e "$dir/x.png" ]
echo 'sheet: ok'
