#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# index: what a loader keeps of its datasets changes nothing but its start. The same batch, byte for
# byte, without a folder of state, with an empty one, with a warm one, with one in which an index is
# damaged, and with one that cannot be; a tree that was changed is read again; and a loader that is
# killed while it writes leaves what was there, or nothing.
#   index.sh LOADERD INSPECT SYNTH
set -eu
loaderd=$1
inspect=$2
synth=$3

dir=$(mktemp -d)
daemon=
trap '[ -z "$daemon" ] || kill -9 "$daemon" 2>/dev/null || true; wait; rm -rf "$dir"' EXIT

"$synth" --out "$dir/set" --train 12 --test 1 --size 48 >/dev/null
set="$dir/set/train"
settle() { find "$dir/set" "$dir/many" -type d -exec touch -d "$1" {} + 2>/dev/null || true; }
settle '2020-01-01 00:00:00.5'
cat >"$dir/recipe.yaml" <<EOF2
run: {name: t, seed: 3}
data: {dataset: set, batch: 16, loaders: [ipc://$dir/loader.sock]}
views: {size: 32, blur: {kernel: 3}}
EOF2

# serve STATE: a loader, one batch of it into $dir/batch.*, its log in $dir/log.
serve() {
    printf 'listen: [ipc://%s/loader.sock]\nstate: "%s"\nworkers: 1\ndatasets:\n  set: {path: %s}\n' \
        "$dir" "$1" "$set" >"$dir/loaderd.yaml"
    "$loaderd" --config "$dir/loaderd.yaml" 2>"$dir/log" &
    daemon=$!
    "$inspect" batch "ipc://$dir/loader.sock" --recipe "$dir/recipe.yaml" --epoch 1 \
        --out "$dir/batch.safetensors" --omega "$dir/batch.jsonl" >/dev/null
    kill "$daemon"
    wait "$daemon"
    daemon=
}
says() {
    grep -q "dataset set: $1" "$dir/log" || { echo "the log does not say '$1':"; cat "$dir/log"; exit 1; }
}
keep() { cp "$dir/batch.safetensors" "$dir/want.safetensors" && cp "$dir/batch.jsonl" "$dir/want.jsonl"; }
same() { cmp "$dir/batch.safetensors" "$dir/want.safetensors" && cmp "$dir/batch.jsonl" "$dir/want.jsonl"; }

served=0
expect() { # STATE, what the log says
    serve "$1"
    says "$2"
    same
    served=$((served + 1))
}

serve ''
keep
! grep -q 'index' "$dir/log"
expect "$dir/state" 'listed anew, as no index was kept; the index is kept'
expect "$dir/state" 'index as it was kept'
for index in "$dir/state"/*.index; do
    printf 'x' | dd of="$index" bs=1 seek=700 conv=notrunc 2>/dev/null
done
expect "$dir/state" 'listed anew: .*damaged.*; the index is kept'
expect "$dir/state" 'index as it was kept'
expect /proc/none 'listed anew, as no index was kept; the index is not kept: '
grep -q 'warning: dataset set: .*the index is not kept' "$dir/log"

# Changes of the tree: a picture more, one less, a class more. What is served is what a loader that
# keeps nothing serves of the same tree, and another batch than before.
change() { # what the log then says
    settle "$2"
    mv "$dir/want.safetensors" "$dir/old.safetensors"
    serve ''
    keep
    ! cmp -s "$dir/want.safetensors" "$dir/old.safetensors"
    expect "$dir/state" "$1"
    expect "$dir/state" 'index as it was kept'
}
class=$(find "$set" -mindepth 1 -maxdepth 1 -type d | sort | head -n 1)
picture=$(find "$class" -type f | sort | head -n 1)
cp "$picture" "$class/0more.jpg"
change 'listed anew: .* has changed since; the index is kept' '2021-01-01 00:00:00.5'
rm "$picture"
change 'listed anew: .* has changed since; the index is kept' '2022-01-01 00:00:00.5'
mkdir "$set/aaa"
cp "$class/0more.jpg" "$set/aaa/1.jpg"
change 'listed anew: .* has changed since; the index is kept' '2023-01-01 00:00:00.5'

# Killed while it writes. A larger set, so that there is time to: its part of an index is seen, and
# the next loader removes that and serves.
python3 - "$class/0more.jpg" "$dir/many" <<'EOF2'
import os, sys
for c in range(8):
    os.makedirs(f"{sys.argv[2]}/{c}")
    for i in range(6000):
        os.link(sys.argv[1], f"{sys.argv[2]}/{c}/a-name-that-takes-some-room-in-an-index-{i:06}.jpg")
EOF2
set="$dir/many"
settle '2020-01-01 00:00:00.5'
serve ''
keep
printf 'listen: [ipc://%s/loader.sock]\nstate: %s/killed\nworkers: 1\ndatasets:\n  set: {path: %s}\n' \
    "$dir" "$dir" "$set" >"$dir/loaderd.yaml"
python3 - "$loaderd" "$dir/loaderd.yaml" "$dir/killed" <<'EOF2'
import os, subprocess, sys
loaderd, config, state = sys.argv[1:]
os.makedirs(state)
for tries in range(50):
    child = subprocess.Popen([loaderd, "--config", config], stderr=subprocess.DEVNULL)
    while child.poll() is None and not any(".tmp." in name or name.endswith(".index") for name in os.listdir(state)):
        pass
    child.kill()
    child.wait()
    if any(".tmp." in name for name in os.listdir(state)):
        sys.exit(0)
    for name in os.listdir(state):
        os.unlink(f"{state}/{name}")
sys.exit("it was never killed while it wrote")
EOF2
expect "$dir/killed" 'listed anew, as no index was kept; the index is kept'
[ "$(find "$dir/killed" -type f | wc -l)" -eq 2 ] || { ls -l "$dir/killed"; exit 1; }
expect "$dir/killed" 'index as it was kept'
echo "index: ok, $served batches the same as without an index"
