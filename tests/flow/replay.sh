#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# replay: the views of a run's record come out of the images again, each with the checksum that the
# loader told, and with the very bytes that `batch` fetches; whatever is altered in the record is found,
# at its place, and named where omega is not what its law draws; images that are gone, damaged or others
# are told one by one.
#   replay.sh LOADERD TRAINER SYNTH INSPECT ALTER synth|real
set -eu
. "$(dirname "$0")/run.sh"
inspect=$4
alter=$5

case $6 in
synth)
    images=$dir/flowers/train
    format=folder
    samples=12
    steps=10
    batches='0 4 9'
    ;;
real)
    images=${AUGSTREAM_DATA:-$(dirname "$0")/../../../shared/data}/pretrain64.tar
    [ -r "$images" ] || { echo "skipped: no $images (AUGSTREAM_DATA names the folder of real images)"; exit 77; }
    format=tar
    samples=250
    steps=20
    batches=$(seq 0 19) # every byte of 10 000 views
    sed -i "s|path: .*train, batch: 12|path: $images, format: tar, batch: $samples|; s/size: 32/size: 64/" \
        "$dir/recipe.yaml"
    ;;
esac
views=$((2 * samples * steps))
train run --steps "$steps" --set run.omega=true --set 'views.reduce=true' --set run.seed=7
record=$dir/runs/run/omega/step-00000000.omega
recipe=$dir/runs/run/recipe.yaml
cat >"$dir/a.yaml" <<END
listen: [ipc://$dir/a.sock]
tap: ipc://$dir/tap.sock
datasets:
  flowers: {path: $images, format: $format}
  few: {path: $dir/flowers/test, format: folder}
END
"$loaderd" --config "$dir/a.yaml" 2>"$dir/a.log" &
pids="$pids $!"

# replayed CODE COUNTS FILE ARGUMENTS...: ends so, the last line begins so; its lines in $dir/said.
replayed() {
    code=$1
    counts=$2
    shift 2
    rc=0
    "$inspect" replay "$@" >"$dir/said" 2>"$dir/err" || rc=$?
    [ "$rc" -eq "$code" ] || { cat "$dir/said" "$dir/err"; fail "code $rc, expected $code: $*"; }
    tail -n 1 "$dir/said" | grep -q "^$counts, [0-9]* views/s\$" ||
        { cat "$dir/said" "$dir/err"; fail "not '$counts': $*"; }
}
said() { grep -q -- "$1" "$dir/said" || { cat "$dir/said" "$dir/err"; fail "no '$1'"; }; }
same_bytes() { # PACKED INDEX: what replay wrote and what a loader sends
    "$inspect" batch "ipc://$dir/a.sock" --recipe "$recipe" --index "$2" --out "$dir/batch.safetensors" >/dev/null
    cmp "$1" "$dir/batch.safetensors" || fail "batch $2 is not what replay wrote"
}

replayed 0 "$views views, 0 differ" "$record" --recipe "$recipe"
[ "$(wc -l <"$dir/said")" -eq 1 ]
tail -n 1 "$dir/said"
replayed 0 "$views views, 0 differ" "$record" --data "$images" --threads 1
replayed 0 "$views views, 0 differ" "$record" --data "$images" --threads 3 --out "$dir/all.safetensors"
for index in $batches; do # a run's step is its batch's number, from 1
    replayed 0 "$((2 * samples)) views, 0 differ" "$record" --recipe "$recipe" --step $((index + 1)) \
        --out "$dir/step.safetensors" --png "$dir/step.png"
    same_bytes "$dir/step.safetensors" "$index"
    head -c 4 "$dir/step.png" | grep -q PNG
done
# All of them in one file: the same views in the same places.
python3 - "$dir" "$samples" "$((index))" <<'END'
import json, struct, sys

folder, samples, index = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def tensors(name):
    with open(f"{folder}/{name}.safetensors", "rb") as f:
        (length,) = struct.unpack("<Q", f.read(8))
        header, data = json.loads(f.read(length)), f.read()
    return {k: (v["shape"], data[slice(*v["data_offsets"])]) for k, v in header.items() if k != "__metadata__"}


whole, one = tensors("all"), tensors("batch")
n = whole["labels"][0][0]
assert whole["views"][0][:2] == [2, n] and n % samples == 0 and n > samples, whole["views"][0]
for key, values, bytes_each in ("views", 2, one["views"][0][2] ** 2 * 3), ("labels", 1, 8), ("samples", 1, 8):
    for v in range(values):
        there = (v * n + index * samples) * bytes_each
        here = v * samples * bytes_each
        assert (whole[key][1][there:there + samples * bytes_each] ==
                one[key][1][here:here + samples * bytes_each]), (key, v)
END

# What is altered is found where it is, and said by name.
altered() { # HOW
    "$alter" "$record" "$dir/$1.omega" "$1" >"$dir/place"
    step=$(sed 's/^step \([0-9]*\) .*/\1/' "$dir/place")
    sample=$(sed 's/.* sample \([0-9]*\) .*/\1/' "$dir/place")
    view=$(sed 's/.* view \([0-9]*\)$/\1/' "$dir/place")
    at="^step $step epoch [0-9]* batch [0-9]* sample $sample view $view [^ ]*"
}
for how in 'sigma blur.sigma' 'hue jitter.hue' 'flip flip'; do
    altered "${how% *}"
    replayed 65 "$views views, 1 differ, 1 not as drawn" "$dir/${how% *}.omega" --data "$images"
    said "$at: differs: ${how#* } [-.0-9]* in the record, [-.0-9]* drawn; rendered as drawn it is the recorded view\$"
    [ "$(wc -l <"$dir/said")" -eq 2 ]
    replayed 65 "$((2 * samples)) views, 1 differ, 1 not as drawn" "$dir/${how% *}.omega" --data "$images" \
        --step "$step"
done
replayed 65 '2 views, 1 differ, 1 not as drawn' "$dir/flip.omega" --data "$images" --sample "$sample" --epoch 0
replayed 0 "$((2 * samples)) views, 0 differ" "$dir/flip.omega" --data "$images" --step 1
altered idle
replayed 65 "$views views, 0 differ, 1 not as drawn" "$dir/idle.omega" --data "$images"
said "$at: the same pixels: blur.sigma "
altered check
replayed 65 "$views views, 1 differ" "$dir/check.omega" --data "$images"
said "$at: differs: omega is as drawn: the image, or what renders it, has changed\$"
altered size
replayed 65 "$views views, 0 differ, 2 not rendered\(, [12] not as drawn\)\{0,1\}" "$dir/size.omega" --data "$images"
said "^step $step .* sample $sample [^ ]*: not rendered: .*a record of sample $sample, "
altered checks
replayed 65 "$views views, 0 differ, $views without a checksum" "$dir/checks.omega" --data "$images"
replayed 0 "$views views, 0 differ, $views without a checksum" "$dir/checks.omega" --data "$images" \
    --out "$dir/checks.safetensors"
cmp "$dir/all.safetensors" "$dir/checks.safetensors"
altered spec
replayed 65 "0 views, 0 differ, $views of an older loader, which tells no spec" "$dir/spec.omega" --data "$images"

[ "$6" = real ] && exit 0

# A tap's record of two datasets: by loaderd.yaml all of it, by one's place what is of that one.
"$inspect" record "ipc://$dir/tap.sock" --out "$dir/tap.omega" --count 480 >/dev/null 2>"$dir/record.err" &
listener=$!
pids="$pids $listener"
index=0
while kill -0 "$listener" 2>/dev/null && [ "$index" -lt 200 ]; do # a tap tells only those who listen
    "$inspect" batch "ipc://$dir/a.sock" --recipe "$recipe" --index $((index % 10)) \
        --out "$dir/batch.safetensors" >/dev/null
    "$inspect" batch "ipc://$dir/a.sock" --recipe "$recipe" --index $((index % 2)) --set data.dataset=few \
        --out "$dir/batch.safetensors" >/dev/null
    index=$((index + 1))
done
wait "$listener" || { cat "$dir/record.err"; fail 'the tap was not recorded'; }
replayed 0 '480 views, 0 differ' "$dir/tap.omega" --config "$dir/a.yaml"
replayed 0 '[1-9][0-9]* views, 0 differ, [1-9][0-9]* of other datasets passed over' "$dir/tap.omega" \
    --data "$images" --dataset flowers
rc=0
"$inspect" replay "$dir/tap.omega" --data "$images" >"$dir/said" 2>"$dir/err" || rc=$?
[ "$rc" -eq 65 ]
grep -q 'dataset few: .* 120 samples are not the ones of the record' "$dir/err" || { cat "$dir/err"; fail 'no few'; }

# A record that was cut gives what lies before; one of other images is refused, or told one by one.
head -c "$(($(wc -c <"$record") - 3))" "$record" >"$dir/cut.omega"
replayed 0 "$views views, 0 differ" "$dir/cut.omega" --data "$images"
grep -q 'was not closed' "$dir/err"
cp -r "$images" "$dir/changed"
find "$dir/changed" -type f | LC_ALL=C sort >"$dir/files"
printf 'spoilt' | dd of="$(sed -n 2p "$dir/files")" bs=1 seek=2 conv=notrunc 2>/dev/null
rc=0
"$inspect" replay "$record" --data "$dir/changed" >"$dir/said" 2>"$dir/err" || rc=$?
[ "$rc" -eq 65 ] # its names and sizes are as they were
said 'sample 1 [^ ]*: not rendered: .*changed/.*: '
cp "$(sed -n 40p "$dir/files")" "$(sed -n 3p "$dir/files")"
rm "$(sed -n 4p "$dir/files")" && : >"$(sed -n 4p "$dir/files")"
rc=0
"$inspect" replay "$record" --data "$dir/changed" >"$dir/said" 2>"$dir/err" || rc=$?
[ "$rc" -eq 65 ] && [ ! -s "$dir/said" ]
grep -q 'its 120 samples are not the ones of the record: fingerprint' "$dir/err"
rc=0
"$inspect" replay "$record" --data "$dir/changed" --changed >"$dir/said" 2>"$dir/err" || rc=$?
[ "$rc" -eq 65 ]
grep -q 'their fingerprint is another' "$dir/err"
said 'sample 1 [^ ]*: not rendered: '
said 'sample 3 [^ ]*: not rendered: .*: empty'
said 'sample 2 .*\(: differs: omega is as drawn\|: not rendered: .*a record of sample 2\)'
! grep -v 'sample [123] ' "$dir/said" | grep -v ' views, ' || fail 'others are told as well'
# What a file is called steers no terminal: neither where it is named nor in the reason.
bell=$(printf '\007')
spoilt=$(sed -n 2p "$dir/files")
mv "$spoilt" "${spoilt%.*}$bell.${spoilt##*.}"
rc=0
"$inspect" replay "$record" --data "$dir/changed" --changed >"$dir/said" 2>"$dir/err" || rc=$?
[ "$rc" -eq 65 ]
said 'sample 1 [^ ]*[?]\.[a-z]*: not rendered: .*[?]\.'
! grep "$bell" "$dir/said" || fail 'a bell is rung'

# refused CODE TEXT ARGUMENTS...: one line that has TEXT.
refused() {
    code=$1
    text=$2
    shift 2
    rc=0
    "$inspect" replay "$@" >/dev/null 2>"$dir/err" || rc=$?
    [ "$rc" -eq "$code" ] || { cat "$dir/err"; fail "code $rc, expected $code: $*"; }
    grep -q -- "$text" "$dir/err" || { cat "$dir/err"; fail "no '$text'"; }
    [ "$(wc -l <"$dir/err")" -eq 1 ]
}
refused 64 'needs one FILE' --data "$images"
refused 64 'One of --data, --recipe and --config' "$record"
refused 64 'One of --data, --recipe and --config' "$record" --data "$images" --recipe "$recipe"
refused 64 'go together' "$record" --data "$images" --sample 3
refused 65 "$dir/gone.omega" "$dir/gone.omega" --data "$images"
refused 65 "$recipe" "$recipe" --data "$images"
refused 65 'step 99' "$record" --data "$images" --step 99
refused 65 'sample 500' "$record" --data "$images" --sample 500 --epoch 0
refused 65 "$dir/nothing" "$record" --data "$dir/nothing"
echo 'replay: ok'
