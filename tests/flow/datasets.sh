#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# datasets: whatever the format, a picture is a picture. The same pixels as PNG files in class folders,
# as PNG files that a manifest names, and in the binary layouts of CIFAR-10, CIFAR-100 and STL10, each
# served by a real daemon: views, labels and omega come out the same, byte for byte. The layouts are
# written here, from their description, by nothing that the loader is made of.
#   datasets.sh LOADERD INSPECT
set -eu
loaderd=$1
inspect=$2

dir=$(mktemp -d)
daemon=
trap '[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true; wait; rm -rf "$dir"' EXIT

python3 - "$dir" <<'EOF2'
import csv, io, os, random, struct, sys, tarfile, zlib

root = sys.argv[1]
draw = random.Random(20261125)


def png(path, side, planes):
    """planes: R, G, B, each rows of samples."""
    rows = b"".join(b"\0" + bytes(planes[c][y][x] for x in range(side) for c in range(3)) for y in range(side))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)) +
                chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def picture(side):
    """A slope in each channel and some noise: no two rows, columns or channels are alike."""
    slopes = [(draw.uniform(-3, 3), draw.uniform(-3, 3), draw.uniform(60, 190)) for _ in range(3)]
    return [[[max(0, min(255, int(a * y + b * x + c + draw.gauss(0, 9)))) for x in range(side)] for y in range(side)]
            for a, b, c in slopes]


def by_rows(planes):
    return b"".join(bytes(row) for plane in planes for row in plane)


def by_columns(planes):
    return b"".join(bytes(column) for plane in planes for column in zip(*plane))


def write(path, *parts):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(b"".join(parts))


def folder(name, classes, side, n):
    """Pictures in class folders, and a manifest of them; gives (label, planes) in a source's order."""
    names = [f"class-{i:03}" for i in range(classes)]
    for class_name in names:
        os.makedirs(f"{root}/{name}/{class_name}")
    kept = sorted((draw.randrange(classes), picture(side)) for _ in range(n))
    with open(f"{root}/{name}.csv", "w", newline="") as f:
        out = csv.writer(f)  # CRLF
        out.writerow(["split", "label", "path"])
        for i, class_name in enumerate(names):  # so that every class is known
            out.writerow(["other", class_name, f"{name}.csv"])
        for i, (label, planes) in enumerate(kept):
            path = f"{name}/{names[label]}/{i:04}.png"
            png(f"{root}/{path}", side, planes)
            out.writerow(["train", names[label], path])
    return kept, "\n".join(names) + "\n\n"


def shards(name, kept):
    """The PNG files of a folder in tars of 16, in each of three forms, with labels in either place."""
    order = [f"{root}/{name}/class-{label:03}/{i:04}.png" for i, (label, _) in enumerate(kept)]
    os.makedirs(f"{root}/{name}-tar")
    for first in range(0, len(order), 16):
        form = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)[first // 16]
        with tarfile.open(f"{root}/{name}-tar/s-{first // 16:03}.tar", "w", format=form) as t:
            for i in range(first, min(first + 16, len(order))):
                key = f"some/folder/{'long-' * (30 * (i % 3))}{i}"  # beyond what ustar's name holds
                if form == tarfile.USTAR_FORMAT:
                    key = f"some/{'f' * 60 * (i % 3)}/{i:040}"
                label = kept[i][0]
                cls = (".json", b'{"label": %d}' % label) if i % 2 else (".cls", b"%d" % label)
                for ending, data in ((".png", open(order[i], "rb").read()), cls):
                    info = tarfile.TarInfo(key + ending)
                    info.size = len(data)
                    t.addfile(info, io.BytesIO(data))


kept, names = folder("small", 10, 32, 40)
shards("small", kept)
for b in range(5):
    write(f"{root}/cifar10/data_batch_{b + 1}.bin",
          *[bytes([label]) + by_rows(planes) for label, planes in kept[8 * b:8 * b + 8]])
write(f"{root}/cifar10/batches.meta.txt", names.encode())

kept, names = folder("hundred", 100, 32, 40)
write(f"{root}/cifar100/train.bin", *[bytes([label // 5, label]) + by_rows(planes) for label, planes in kept])
write(f"{root}/cifar100/fine_label_names.txt", names.encode())

kept, names = folder("large", 10, 96, 40)
shards("large", kept)
write(f"{root}/stl10/train_X.bin", *[by_columns(planes) for _, planes in kept])
write(f"{root}/stl10/train_y.bin", *[bytes([label + 1]) for label, _ in kept])
write(f"{root}/stl10/class_names.txt", names.encode())
EOF2

cat >"$dir/loaderd.yaml" <<EOF
listen: [ipc://$dir/loader.sock]
datasets:
  small: {path: $dir/small}
  small-manifest: {path: $dir/small.csv, format: manifest, split: train}
  small-tar: {path: $dir/small-tar, format: tar}
  small-raw: {path: $dir/cifar10, format: cifar10}
  hundred: {path: $dir/hundred}
  hundred-manifest: {path: $dir/hundred.csv, format: manifest, split: train}
  hundred-raw: {path: $dir/cifar100, format: cifar100, split: train}
  large: {path: $dir/large}
  large-manifest: {path: $dir/large.csv, format: manifest, split: train}
  large-tar: {path: "$dir/large-tar/s-{000..002}.tar", format: tar}
  large-raw: {path: $dir/stl10, format: stl10}
  some: {path: $dir, split: small, classes: $dir/some.txt}
  some-manifest: {path: $dir/small.csv, format: manifest, split: train, classes: $dir/some.txt}
  some-raw: {path: $dir/cifar10, format: cifar10, classes: $dir/some.txt}
EOF
# Classes in an order of their own; what is left has other labels than before.
printf 'class-007\n\nclass-002\r\nclass-004\nclass-009\nclass-001\n' >"$dir/some.txt"
cat >"$dir/recipe.yaml" <<EOF
run: {name: t, seed: 3}
data: {dataset: none, batch: 40, loaders: [ipc://$dir/loader.sock]}
views: {size: 32, blur: {kernel: 3}}
EOF
"$loaderd" --config "$dir/loaderd.yaml" --check >"$dir/check"
"$loaderd" --config "$dir/loaderd.yaml" 2>"$dir/log" &
daemon=$!

equal=0
for set in small hundred large some; do
    for format in '' -manifest -raw -tar; do
        grep -q "^  $set$format: " "$dir/loaderd.yaml" || continue
        "$inspect" batch "ipc://$dir/loader.sock" --recipe "$dir/recipe.yaml" --set "data.dataset=$set$format" \
            --set "data.batch=$([ "$set" = some ] && echo 8 || echo 40)" \
            --epoch 4 --out "$dir/$set$format.safetensors" --omega "$dir/$set$format.jsonl" >/dev/null
        for kind in safetensors jsonl; do
            cmp "$dir/$set.$kind" "$dir/$set$format.$kind"
        done
        equal=$((equal + 1))
    done
done
# ... and different sets are different.
! cmp -s "$dir/small.safetensors" "$dir/some.safetensors"
! cmp -s "$dir/small.safetensors" "$dir/hundred.safetensors"

# A file that is cut is refused before anything is served, with its name and both sizes.
truncate -s -1 "$dir/cifar100/train.bin"
code=0
"$loaderd" --config "$dir/loaderd.yaml" --check >/dev/null 2>"$dir/cut" || code=$?
[ "$code" -eq 65 ] && grep -q 'cifar100/train.bin: 122959 bytes, which is 39 records of 3074 and 3073 bytes' "$dir/cut" ||
    { echo "code $code:"; cat "$dir/cut"; exit 1; }

kill "$daemon"
wait "$daemon"
daemon=
echo "datasets: ok, $equal batches of 4 sets, the same in every format"
