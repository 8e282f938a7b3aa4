#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# datasets_real: the real CIFAR-100. Every picture of an epoch, with nothing done to it, and its label are
# what Python reads in the same files by itself; each is there once.
#   datasets_real.sh LOADERD INSPECT
set -eu
loaderd=$1
inspect=$2
tar=${AUGSTREAM_DATA:-$(dirname "$0")/../../../shared/data}/cifar100.tar
[ -r "$tar" ] || { echo "skipped: no $tar (AUGSTREAM_DATA names the folder of real images)"; exit 77; }

dir=$(mktemp -d)
daemon=
trap '[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true; wait; rm -rf "$dir"' EXIT
tar -xf "$tar" -C "$dir"
set=$(dirname "$(find "$dir" -name train.bin)")

cat >"$dir/loaderd.yaml" <<EOF
listen: [ipc://$dir/loader.sock]
datasets:
  train: {path: $set, format: cifar100}
  test: {path: $set, format: cifar100, split: test}
  coarse: {path: $set, format: cifar100-coarse, split: test}
EOF
cat >"$dir/recipe.yaml" <<EOF
run: {name: t, seed: 3}
data: {dataset: none, batch: 250, loaders: [ipc://$dir/loader.sock]}
views: {size: 32, count: 1, crop: {scale: [1, 1], ratio: [1, 1]}, flip: 0, jitter: {p: 0}, grayscale: 0, blur: {p: 0}}
augself: {crop: 0, color: 0}
EOF
"$loaderd" --config "$dir/loaderd.yaml" 2>"$dir/log" &
daemon=$!
for data in train test coarse; do
    index=0
    while "$inspect" batch "ipc://$dir/loader.sock" --recipe "$dir/recipe.yaml" --set "data.dataset=$data" \
        --index "$index" --out "$dir/$data.$index.safetensors" >/dev/null 2>"$dir/end"; do
        index=$((index + 1))
    done
    [ "$index" -gt 0 ] || { cat "$dir/end" "$dir/log"; exit 1; }
done
kill "$daemon"
wait "$daemon"
daemon=

python3 - "$dir" "$set" <<'EOF'
import glob, json, struct, sys

root, cifar = sys.argv[1:]


def tensors(path):
    data = open(path, "rb").read()
    (n,) = struct.unpack_from("<Q", data)
    for name, t in json.loads(data[8:8 + n]).items():
        if name != "__metadata__":
            yield name, data[8 + n + t["data_offsets"][0]:8 + n + t["data_offsets"][1]]


total = 0
for data, file, label_at in ("train", "train", 1), ("test", "test", 1), ("coarse", "test", 0):
    raw = open(f"{cifar}/{file}.bin", "rb").read()
    records = [raw[i:i + 3074] for i in range(0, len(raw), 3074)]
    seen = set()
    for path in glob.glob(f"{root}/{data}.*.safetensors"):
        batch = dict(tensors(path))
        n = len(batch["samples"]) // 8
        samples, labels = (struct.unpack(f"<{n}q", batch[name]) for name in ("samples", "labels"))
        for i, (sample, label) in enumerate(zip(samples, labels)):
            record = records[sample]
            assert label == record[label_at], (data, sample, label, record[label_at])
            planes = record[2:]
            rgb = bytes(planes[c * 1024 + p] for p in range(1024) for c in range(3))
            assert batch["views"][i * 3072:(i + 1) * 3072] == rgb, (data, sample)
            seen.add(sample)
    assert seen == set(range(len(records))), (data, len(seen), len(records))
    total += len(seen)
print(f"datasets_real: ok, {total} pictures are what Python reads")
EOF
