#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# inspect: a real loader, looked at from outside. The batch that inspect fetches has the tensors and the
# omega lines that docs/protocol.md promises, with small views as well, is the same when fetched again,
# and the tap tells of it what the batch itself does; both say which sample stands in for which bad one, and
# why; bad arguments and a missing loader give one line and the right code.
#   inspect.sh LOADERD INSPECT SYNTH
set -eu
loaderd=$1
inspect=$2
synth=$3

dir=$(mktemp -d)
daemon=
trap '[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true; wait; rm -rf "$dir"' EXIT

"$synth" --out "$dir/flowers" --train 2 --test 0 --size 40 >/dev/null
# Two bad ones of 24, in the order of names: number 3 has lost its end, 12 never was a picture.
cp -r "$dir/flowers/train" "$dir/spoilt"
spoil() { find "$dir/spoilt" -type f | LC_ALL=C sort | sed -n "$(($1 + 1))p"; }
truncate -s 700 "$(spoil 3)"
echo 'no picture at all' >"$(spoil 12)"

cat >"$dir/loaderd.yaml" <<EOF
listen: [ipc://$dir/loader.sock]
tap: ipc://$dir/tap.sock
datasets:
  flowers: {path: $dir/flowers/train, format: folder}
  spoilt: {path: $dir/spoilt}
EOF
cat >"$dir/recipe.yaml" <<EOF
run: {name: t}
data: {dataset: flowers, batch: 8, loaders: [ipc://$dir/loader.sock]}
views: {size: 32, blur: {kernel: 5}}
EOF
# SIGTERM, and ^C likewise, ends a loader of its own that is not ready yet, and leaves nothing of it.
mkdir "$dir/private"
printf '#!/bin/sh\n: >"%s/started"\nexec sleep 100\n' "$dir" >"$dir/slow"
chmod +x "$dir/slow"
TMPDIR=$dir/private AUGSTREAM_LOADERD=$dir/slow "$inspect" batch embedded --recipe "$dir/recipe.yaml" \
    --set "data.path=$dir/flowers/train" --out "$dir/none.safetensors" 2>"$dir/err" &
fetcher=$!
until [ -e "$dir/started" ]; do kill -0 "$fetcher" || { cat "$dir/err"; exit 1; }; done
kill -TERM "$fetcher"
rc=0
wait "$fetcher" || rc=$?
[ "$rc" -eq 70 ] && grep -q 'stopped by a signal' "$dir/err" || { echo "code $rc"; cat "$dir/err"; exit 1; }
[ -z "$(ls "$dir/private")" ] || { echo 'the folder of a loader is left'; exit 1; }

"$loaderd" --config "$dir/loaderd.yaml" 2>"$dir/log" &
daemon=$!

at="ipc://$dir/loader.sock"
fetch() { # NAME
    "$inspect" batch "$at" --recipe "$dir/recipe.yaml" --epoch 1 --index 2 \
        --out "$dir/$1.safetensors" --omega "$dir/$1.jsonl" >"$dir/said"
}
fetch a
grep -q 'epoch 1 batch 2, 2 views of 8 samples, 0 substituted' "$dir/said"

# The tap tells only those who listen: ask for the batch until the listener has heard it.
"$inspect" stream "ipc://$dir/tap.sock" --format jsonl --count 16 >"$dir/tap.jsonl" &
listener=$!
tries=0
while kill -0 "$listener" 2>/dev/null && [ "$tries" -lt 200 ]; do
    fetch b
    tries=$((tries + 1))
done
wait "$listener"
cmp "$dir/a.safetensors" "$dir/b.safetensors"
cmp "$dir/a.jsonl" "$dir/b.jsonl"
cmp "$dir/a.jsonl" "$dir/tap.jsonl"

python3 - "$dir" <<'EOF'
import json, math, struct, sys

folder = sys.argv[1]
with open(f"{folder}/a.safetensors", "rb") as f:
    (length,) = struct.unpack("<Q", f.read(8))
    header = json.loads(f.read(length))
shapes = {k: (v["dtype"], v["shape"]) for k, v in header.items() if k != "__metadata__"}
assert shapes == {"views": ("U8", [2, 8, 32, 32, 3]), "labels": ("I64", [8]), "samples": ("I64", [8])}, shapes

views = [json.loads(line) for line in open(f"{folder}/a.jsonl")]
assert len(views) == 16
keys = ["epoch", "batch", "sample", "view", "label", "source", "crop", "size", "flip", "jitter",
        "grayscale", "blur", "solarize", "rotation"]
for i, v in enumerate(views):
    assert list(v) == keys, list(v)
    assert (v["epoch"], v["batch"], v["view"]) == (1, 2, i // 8)
    assert v["sample"] == views[i % 8]["sample"] and v["label"] == v["sample"] // 2
    (w, h), (top, left, height, width) = v["source"], v["crop"]
    assert min(w, h) == 40 and 0 <= top <= h - height and 0 <= left <= w - width
    assert sorted(v["jitter"]["order"]) == [0, 1, 2, 3]
    assert all(math.isfinite(v["jitter"][k]) for k in ("brightness", "contrast", "saturation", "hue"))
    assert isinstance(v["flip"], bool) and isinstance(v["blur"]["applied"], bool)
    assert (v["size"], v["blur"]["kernel"]) == (32, 5)
assert len({v["sample"] for v in views}) == 8
EOF

# Substitutions: all of an epoch in one batch, so that both bad samples are in it.
spoilt() {
    "$inspect" batch "$at" --recipe "$dir/recipe.yaml" --set data.dataset=spoilt --set data.batch=24 \
        --out "$dir/sub.safetensors" --omega "$dir/sub.jsonl" >"$dir/sub.said"
}
spoilt
"$inspect" stream "ipc://$dir/tap.sock" --count 48 >"$dir/sub.tap" &
listener=$!
tries=0
while kill -0 "$listener" 2>/dev/null && [ "$tries" -lt 200 ]; do
    spoilt
    tries=$((tries + 1))
done
wait "$listener"
python3 - "$dir" <<'EOF'
import json, sys

folder = sys.argv[1]
said = open(f"{folder}/sub.said").read()
omega = [json.loads(line) for line in open(f"{folder}/sub.jsonl")]
lines = [json.loads(line) for line in open(f"{folder}/sub.tap")]
told = [line["substituted"] for line in lines if "substituted" in line]
assert "24 samples, 2 substituted" in said, said
assert {t["bad"]: t["reason"] for t in told} == {3: "truncated", 12: "not_image"}, told
assert [line for line in lines if "crop" in line] == omega
assert all("substituted" in line for line in lines[:2])  # before the views
for t in told:
    assert (t["epoch"], t["batch"]) == (0, 0)
    assert omega[t["position"]]["sample"] == omega[24 + t["position"]]["sample"] == t["sample"]
    assert t["sample"] not in (3, 12)
    assert f"position {t['position']}: another in place of sample {t['bad']}, which is bad: {t['reason']}\n" in said
assert said.count("in place of") == 2
EOF

# Multi-crop and an asymmetric second view: small views are apart, each view keeps its own law.
"$inspect" batch "$at" --recipe "$dir/recipe.yaml" --set 'views.small={count: 3, size: 16}' \
    --set 'views.small.crop.scale=[.05, .14]' --set 'views.second={blur: {p: 1}, flip: 0}' \
    --set views.blur.p=0 --out "$dir/m.safetensors" --omega "$dir/m.jsonl" >"$dir/said"
grep -q '5 views of 8 samples' "$dir/said"
python3 - "$dir" <<'EOF'
import json, struct, sys

folder = sys.argv[1]
with open(f"{folder}/m.safetensors", "rb") as f:
    (length,) = struct.unpack("<Q", f.read(8))
    header = json.loads(f.read(length))
    body = f.read()
shapes = {k: v["shape"] for k, v in header.items() if k != "__metadata__"}
assert shapes == {"views": [2, 8, 32, 32, 3], "small": [3, 8, 16, 16, 3], "labels": [8], "samples": [8]}, shapes
images = {}  # every image of the batch is another one
for name, side in (("views", 32), ("small", 16)):
    begin, end = header[name]["data_offsets"]
    step = side * side * 3
    for i in range(begin, end, step):
        images[body[i:i + step]] = name
assert len(images) == 40, len(images)

lines = [json.loads(line) for line in open(f"{folder}/m.jsonl")]
assert [v["view"] for v in lines] == [n for n in range(5) for _ in range(8)]
for v in lines:
    (w, h), (top, left, height, width) = v["source"], v["crop"]
    small = v["view"] >= 2
    assert v["size"] == (16 if small else 32)
    assert not small or .04 < height * width / (w * h) < .16, v
    assert v["blur"]["applied"] == (v["view"] == 1)
    assert not (v["view"] == 1 and v["flip"])
assert any(v["flip"] for v in lines) and not all(v["flip"] for v in lines if v["view"] != 1)
EOF
# refused CODE TEXT COMMAND...: ends with that code and one line that has TEXT.
refused() {
    code=$1
    text=$2
    shift 2
    rc=0
    "$@" >/dev/null 2>"$dir/err" || rc=$?
    [ "$rc" -eq "$code" ] || { echo "code $rc, expected $code: $*"; cat "$dir/err"; exit 1; }
    grep -q -- "$text" "$dir/err" || { echo "no '$text' in:"; cat "$dir/err"; exit 1; }
    [ "$(wc -l <"$dir/err")" -eq 1 ]
}
refused 64 'no such verb' "$inspect" look
refused 64 'needs ENDPOINT' "$inspect" batch "$at"
refused 64 'whole number' "$inspect" batch "$at" --recipe "$dir/recipe.yaml" --index -1 --out "$dir/x"
refused 78 'an epoch of flowers has 3 batches' \
    "$inspect" batch "$at" --recipe "$dir/recipe.yaml" --index 3 --out "$dir/x"
refused 78 'views.size' "$inspect" batch "$at" --recipe "$dir/recipe.yaml" --set views.size=0 --out "$dir/x"
refused 65 'nosuch' \
    "$inspect" batch "$at" --recipe "$dir/recipe.yaml" --set data.dataset=nosuch --out "$dir/x"
# A recipe that says nothing of loaders will do: the command names the endpoint.
sed 's/, loaders: .*}/}/' "$dir/recipe.yaml" >"$dir/bare.yaml"
! grep -q loaders "$dir/bare.yaml"
"$inspect" batch "$at" --recipe "$dir/bare.yaml" --epoch 1 --index 2 --out "$dir/c.safetensors" >/dev/null
cmp "$dir/a.safetensors" "$dir/c.safetensors"
refused 78 'data.path' "$inspect" batch embedded --recipe "$dir/recipe.yaml" --out "$dir/x"
# data.retry is how long a fetch waits for a loader.
refused 69 'nobody.sock: no loader answered within 1 s' \
    "$inspect" batch "ipc://$dir/nobody.sock" --recipe "$dir/recipe.yaml" --set data.retry=1 --out "$dir/x"
refused 69 'nobody.sock: no loader answered within 1 s' \
    "$inspect" sheet "ipc://$dir/nobody.sock" --recipe "$dir/recipe.yaml" --set data.retry=1 --out "$dir/x"
# Both files or neither, and a folder is no file to write.
mkdir "$dir/folder"
refused 65 "$dir/folder: " "$inspect" batch "$at" --recipe "$dir/recipe.yaml" --out "$dir/folder"
refused 65 "$dir/folder: " "$inspect" sheet "$at" --recipe "$dir/recipe.yaml" --out "$dir/folder"
refused 65 "$dir/none/o.jsonl: " \
    "$inspect" batch "$at" --recipe "$dir/recipe.yaml" --out "$dir/x" --omega "$dir/none/o.jsonl"
refused 65 "$dir/folder: " "$inspect" batch "$at" --recipe "$dir/recipe.yaml" --out "$dir/x" --omega "$dir/folder"
refused 65 "$dir/folder: " "$inspect" batch "$at" --recipe "$dir/recipe.yaml" --out "$dir/folder" --omega "$dir/x"
! ls "$dir" | grep tmp || { echo 'a temporary file is left'; exit 1; }
refused 69 'nobody.sock' "$inspect" stream "ipc://$dir/nobody.sock" --timeout 1
[ ! -e "$dir/x" ]

kill "$daemon"
wait "$daemon"
daemon=
echo "inspect: ok, the tap was heard after $tries tries"
