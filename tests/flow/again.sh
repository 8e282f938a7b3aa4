#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# again: omega is honest to the pixel. A real loader renders; from the source images and the JSON lines
# that inspect wrote, every view comes out again byte for byte: for each operation alone, for all of
# them, for views that differ in law and size. And a line that is altered in one value is found.
#   again.sh LOADERD INSPECT SYNTH AGAIN synth|real
set -eu
loaderd=$1
inspect=$2
synth=$3
again=$4

dir=$(mktemp -d)
daemon=
trap '[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true; wait; rm -rf "$dir"' EXIT

case $5 in
synth)
    "$synth" --out "$dir/flowers" --train 2 --test 0 --size 90 >/dev/null
    images=$dir/flowers/train
    views='size: 64, blur: {kernel: 9}'
    batch=12
    ;;
real)
    tar=${AUGSTREAM_DATA:-$(dirname "$0")/../../../shared/data}/fullsize.tar
    [ -r "$tar" ] || { echo "skipped: no $tar (AUGSTREAM_DATA names the folder of real images)"; exit 77; }
    tar -xf "$tar" -C "$dir"
    images=$dir/fullsize
    views='size: 224, blur: {kernel: 23}'
    batch=24
    ;;
esac
cat >"$dir/loaderd.yaml" <<EOF
listen: [ipc://$dir/loader.sock]
datasets:
  images: {path: $images, format: folder}
EOF
cat >"$dir/recipe.yaml" <<EOF
run: {name: t, seed: 5}
data: {dataset: images, batch: $batch, loaders: [ipc://$dir/loader.sock]}
views: {$views}
augself: {color: 0} # or it would miss the jitter where it is off
EOF
"$loaderd" --config "$dir/loaderd.yaml" 2>"$dir/log" &
daemon=$!

specs=0
# rendered VIEWS SETS...: fetches a batch and renders it again; VIEWS of each sample are the same.
rendered() {
    count=$(($1 * batch))
    specs=$((specs + 1))
    shift
    for set; do
        shift
        set -- "$@" --set "$set"
    done
    "$inspect" batch "ipc://$dir/loader.sock" --recipe "$dir/recipe.yaml" --epoch 2 --index 1 "$@" \
        --out "$dir/b.safetensors" --omega "$dir/b.jsonl" >/dev/null
    said=$("$again" "$images" "$dir/b.safetensors" "$dir/b.jsonl" "$dir/recipe.yaml" "$@") || true
    [ "$said" = "$count views again, 0 differ" ] || { echo "$said: $*"; exit 1; }
}

off='views={flip: 0, jitter: {p: 0}, grayscale: 0, blur: {p: 0}}'
all='views={flip: .5, jitter: {p: .8}, grayscale: .3, blur: {p: .7}, solarize: {p: .3}, rotation: .7}'
rendered 2 "$off"
rendered 2 "$off" 'views.crop={scale: [1, 1], ratio: [3, 3]}' # the fallback's box
rendered 2 "$off" 'views.crop={scale: [.0005, .002]}'         # enlarged
rendered 2 "$off" views.flip=1
for range in 'brightness: .4' 'contrast: .4' 'saturation: .4' 'hue: .1' 'hue: .5'; do
    rendered 2 "$off" 'views.jitter={p: 1, brightness: 0, contrast: 0, saturation: 0, hue: 0}' \
        "views.jitter={$range}"
done
rendered 2 "$off" views.jitter.p=1
rendered 2 "$off" 'views.jitter={p: 1, order: batch}'
rendered 2 "$off" 'views.solarize={p: 1, threshold: .3}'
rendered 2 "$off" views.grayscale=1
rendered 2 "$off" 'views.blur={p: 1, sigma: [.1, 4]}'
rendered 2 "$off" views.rotation=1
rendered 2 "$all"
rendered 1 "$all" views.count=1
rendered 2 'views={blur: {p: 1}, second: {blur: {p: .1}, solarize: {p: .2}}}'              # BYOL
rendered 8 'views={crop: {scale: [.14, 1]}, small: {count: 6, size: 40, crop: {scale: [.05, .14]}}}' # SwAV
rendered 16 "$all" 'views={count: 3, second: {rotation: 1}, small: {count: 13, size: 33, flip: 0}}'

# One value of one line altered: one view differs, and no more.
rendered 2 "$all"
python3 - "$dir/b.jsonl" "$dir/altered" <<'EOF'
import json, sys

lines = open(sys.argv[1]).read().splitlines()
kept = [json.loads(line) for line in lines]


def alter(name, fits, change):
    """A file like the first one, but for the first line that fits."""
    at = next(i for i, view in enumerate(kept) if fits(view))
    view = json.loads(lines[at])
    change(view)
    out = lines[:at] + [json.dumps(view)] + lines[at + 1:]
    with open(f"{sys.argv[2]}.{name}.jsonl", "w") as f:
        f.write("\n".join(out) + "\n")


def shift(view):  # by one source pixel, staying inside
    crop, source = view["crop"], view["source"]
    crop[1] += 1 if crop[1] + crop[3] < source[0] else -1


alter("crop", lambda v: v["crop"][3] < v["source"][0], shift)
alter("height", lambda v: v["crop"][2] > 20, lambda v: v["crop"].__setitem__(2, v["crop"][2] - 1))
for name in ("flip", "grayscale"):
    alter(name, lambda v: not v["grayscale"], lambda v: v.update({name: not v[name]}))
for name in ("brightness", "contrast", "saturation"):
    alter(name, lambda v: v["jitter"]["applied"] and not v["grayscale"] and abs(v["jitter"][name] - 1) > .1,
          lambda v: v["jitter"].update({name: 2 - v["jitter"][name]}))
alter("hue", lambda v: v["jitter"]["applied"] and not v["grayscale"] and abs(v["jitter"]["hue"]) > .02,
      lambda v: v["jitter"].update(hue=-v["jitter"]["hue"]))
alter("order", lambda v: v["jitter"]["applied"], lambda v: v["jitter"]["order"].reverse())
alter("jitter", lambda v: v["jitter"]["applied"], lambda v: v["jitter"].update(applied=False))
alter("blur", lambda v: v["blur"]["applied"], lambda v: v["blur"].update(applied=False))
alter("sigma", lambda v: v["blur"]["applied"] and v["blur"]["sigma"] > 1,
      lambda v: v["blur"].update(sigma=v["blur"]["sigma"] - .05))
alter("solarize", lambda v: v["solarize"]["applied"] and v["jitter"]["brightness"] > 1.1,  # or all is dark
      lambda v: v["solarize"].update(applied=False))
alter("rotation", lambda v: v["rotation"] == 1, lambda v: v.update(rotation=3))
EOF
altered=0
for file in "$dir"/altered.*.jsonl; do
    rc=0
    said=$("$again" "$images" "$dir/b.safetensors" "$file" "$dir/recipe.yaml" --set "$all") || rc=$?
    [ "$rc" -eq 1 ] && [ "$said" = "$((2 * batch)) views again, 1 differ" ] ||
        { echo "$file: code $rc, $said"; exit 1; }
    altered=$((altered + 1))
done
[ "$altered" -eq 14 ]
kill "$daemon"
wait "$daemon"
daemon=
echo "again: ok, every view of $specs specs came out again, $altered of $altered alterations were found"
