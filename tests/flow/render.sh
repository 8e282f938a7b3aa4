#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# render, grid: the view that `render` makes of an image file and a line of `batch --omega` is the loader's
# own, pixel for pixel; each cell of a grid is what render makes of that value, with the rest of omega as told;
# what is wrong is one line that says so.
#   render.sh LOADERD INSPECT SYNTH
set -eu
loaderd=$1
inspect=$2
synth=$3

dir=$(mktemp -d)
daemon=
trap '[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true; wait; rm -rf "$dir"' EXIT

"$synth" --out "$dir/flowers" --train 1 --test 0 --size 70 >/dev/null
cat >"$dir/loaderd.yaml" <<EOT
listen: [ipc://$dir/loader.sock]
datasets:
  flowers: {path: $dir/flowers/train, format: folder}
EOT
cat >"$dir/recipe.yaml" <<EOT
run: {name: t}
data: {dataset: flowers, batch: 8, loaders: [ipc://$dir/loader.sock]}
views: {size: 40, blur: {kernel: 5}, solarize: {p: .3}, rotation: .5}
augself: {color: 0}
EOT
"$loaderd" --config "$dir/loaderd.yaml" 2>"$dir/log" &
daemon=$!
"$inspect" batch "ipc://$dir/loader.sock" --recipe "$dir/recipe.yaml" \
    --out "$dir/a.safetensors" --omega "$dir/a.jsonl" >/dev/null
kill "$daemon"
wait "$daemon"
daemon=

find "$dir/flowers/train" -type f | LC_ALL=C sort >"$dir/files"
split -l 1 -a 2 -d "$dir/a.jsonl" "$dir/line."
[ "$(ls "$dir"/line.* | wc -l)" -eq 16 ]
for line in "$dir"/line.*; do
    sample=$(sed 's/.*"sample":\([0-9]*\).*/\1/' "$line")
    "$inspect" render --image "$(sed -n "$((sample + 1))p" "$dir/files")" --omega "@$line" \
        --out "$dir/view.${line##*.}.png" >"$dir/said"
    grep -q 'png: 40x40$' "$dir/said"
done
image=$(sed -n 3p "$dir/files")
rest='{"crop": [3, 5, 50, 40], "flip": true, "blur": {"sigma": 1, "kernel": 7}}'
"$inspect" grid --image "$image" --param blur.sigma --from .5 --to 2 --steps 4 --columns 3 --size 48 \
    --omega "$rest" --out "$dir/sigma.png" >"$dir/said"
grep -q ', 4 views$' "$dir/said"
"$inspect" grid --image "$image" --param rotation --columns 3 --zoom 2 --size 24 --omega "$rest" \
    --out "$dir/rotation.png" >"$dir/said"
grep -q ', 4 views$' "$dir/said"
for at in 0 1 2 3; do
    sigma=$(echo "$at" | awk '{ print .5 + $1 * .5 }')
    "$inspect" render --image "$image" --size 48 --out "$dir/sigma.$at.png" --omega \
        "{\"crop\": [3, 5, 50, 40], \"flip\": true, \"blur\": {\"sigma\": $sigma, \"kernel\": 7}}" >/dev/null
    "$inspect" render --image "$image" --size 24 --out "$dir/rotation.$at.png" --omega \
        "{\"rotation\": $at, \"crop\": [3, 5, 50, 40], \"flip\": true, \"blur\": {\"sigma\": 1, \"kernel\": 7}}" \
        >/dev/null
done
"$inspect" render --image "$image" --size 70 --out "$dir/plain.png" >/dev/null
"$inspect" grid --image "$image" --param flip --out "$dir/flip.png" >"$dir/said"
grep -q ', 2 views$' "$dir/said"

python3 - "$dir" <<'EOT'
import json, struct, sys, zlib

folder = sys.argv[1]


def png(name):
    """Rows of RGB bytes: 8 bits, no interlace (the PNG specification, section 9)."""
    data = open(f"{folder}/{name}.png", "rb").read()
    at, packed = 8, b""
    while at < len(data):
        (length,), kind = struct.unpack(">I", data[at:at + 4]), data[at + 4:at + 8]
        if kind == b"IHDR":
            w, h, depth, colour, *rest = struct.unpack(">IIBBBBB", data[at + 8:at + 21])
            assert (depth, colour, rest) == (8, 2, [0, 0, 0])
        if kind == b"IDAT":
            packed += data[at + 8:at + 8 + length]
        at += 12 + length
    raw, rows, above = zlib.decompress(packed), [], bytes(3 * w)
    for y in range(h):
        how, row = raw[y * (3 * w + 1)], bytearray(raw[y * (3 * w + 1) + 1:(y + 1) * (3 * w + 1)])
        for i in range(3 * w):
            a, b, c = row[i - 3] if i > 2 else 0, above[i], above[i - 3] if i > 2 else 0
            p = a + b - c
            near = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            row[i] = row[i] + (0, a, b, (a + b) // 2, near)[how] & 255
        rows.append(bytes(row))
        above = row
    return rows


def cut(rows, x, y, w, h):
    return [row[3 * x:3 * (x + w)] for row in rows[y:y + h]]


def enlarged(rows, n):
    wide = [b"".join(row[3 * x:3 * x + 3] * n for x in range(len(row) // 3)) for row in rows]
    return [row for row in wide for _ in range(n)]


with open(f"{folder}/a.safetensors", "rb") as f:
    (length,) = struct.unpack("<Q", f.read(8))
    begin, end = json.loads(f.read(length))["views"]["data_offsets"]
    f.seek(begin, 1)
    views = f.read(end - begin)
for i in range(16):
    assert b"".join(png(f"view.{i:02}")) == views[i * 4800:(i + 1) * 4800], i

MARGIN, GAP, TEXT = 12, 8, 9
for name, side, zoom in ("sigma", 48, 1), ("rotation", 24, 2):
    rows, shown = png(name), side * zoom
    for i in range(4):
        x, y = MARGIN + i % 3 * (shown + GAP), MARGIN + TEXT + GAP + i // 3 * (shown + 2 + TEXT + GAP)
        want = enlarged(png(f"{name}.{i}"), zoom)
        assert cut(rows, x, y, shown, shown) == want, (name, i)
        ink = sum(p == 0x20 for row in cut(rows, x, y + shown + 2, shown, TEXT) for p in row)
        assert ink > 20, "a value is written under each view"
assert len({b"".join(png(f"rotation.{i}")) for i in range(4)}) == 4
EOT

# refused CODE TEXT COMMAND...: ends with that code and one line that has TEXT.
refused() {
    code=$1
    text=$2
    shift 2
    rc=0
    "$@" --out "$dir/x.png" >/dev/null 2>"$dir/err" || rc=$?
    [ "$rc" -eq "$code" ] || { echo "code $rc, expected $code: $*"; cat "$dir/err"; exit 1; }
    grep -q -- "$text" "$dir/err" || { echo "no '$text' in:"; cat "$dir/err"; exit 1; }
    [ "$(wc -l <"$dir/err")" -eq 1 ]
    [ ! -e "$dir/x.png" ]
}
refused 64 'needs --image' "$inspect" render
refused 65 'gone.jpg' "$inspect" render --image "$dir/gone.jpg"
refused 65 "the nearest known one is 'blur.sigma'" "$inspect" render --image "$image" --omega '{"blur":{"sigme":1}}'
refused 65 'source: 9x9, but the picture has' "$inspect" render --image "$image" --omega '{"source":[9,9]}'
refused 65 'not JSON' "$inspect" render --image "$image" --omega '{'
refused 65 'recipe.yaml: ' "$inspect" render --image "$dir/recipe.yaml"
refused 64 'an odd number' "$inspect" render --image "$image" --kernel 4
refused 64 'the nearest is blur.sigma' "$inspect" grid --image "$image" --param blur.sigm
refused 64 'change places, none alone: it cannot be swept' "$inspect" grid --image "$image" --param jitter.order.0
refused 78 'blur.sigma: .*not in \[0.01,1024\]' "$inspect" grid --image "$image" --param blur.sigma --from 2000 --to 3000
refused 64 'cannot be swept' "$inspect" grid --image "$image" --param crop.area
refused 78 'jitter.hue: 0.6' "$inspect" grid --image "$image" --param jitter.hue --from .6 --to 1
refused 78 'tell a smaller crop' "$inspect" grid --image "$image" --param crop.top
echo 'render: ok'
