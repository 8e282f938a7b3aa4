#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# curve: a real loader that wants keys. Who has the right one trains; a wrong one, none, or another
# loader's gets nothing and is told why; a key that is added or taken away holds after SIGHUP, while others are served.
#   curve.sh LOADERD INSPECT SYNTH TRAINER
set -eu
loaderd=$1
inspect=$2
synth=$3
trainer=$4

dir=$(mktemp -d)
daemon=
trap '[ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true; wait; rm -rf "$dir"' EXIT
fail() {
    echo "curve: $*" >&2
    cat "$dir/log" >&2
    exit 1
}

umask 022
mkdir "$dir/clients"
for name in loader other alice bob; do
    "$loaderd" keygen --out "$dir/$name" >"$dir/said"
done
[ "$(stat -c %a "$dir/alice_secret")" = 600 ] || fail 'a secret key that others may read'
cp "$dir/alice" "$dir/clients/"
"$synth" --out "$dir/flowers" --train 2 --test 0 --size 40 >/dev/null
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
tap=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
at=tcp://127.0.0.1:$port
cat >"$dir/loaderd.yaml" <<EOF
listen: [$at, ipc://$dir/loader.sock]
workers: 1
tap: tcp://127.0.0.1:$tap
curve: {secret: $dir/loader_secret, clients: $dir/clients}
datasets:
  flowers: {path: $dir/flowers/train, format: folder}
EOF
cat >"$dir/recipe.yaml" <<EOF
run: {name: t, dir: $dir/runs}
data: {dataset: flowers, batch: 8, loaders: [$at], retry: 3}
views: {size: 32, blur: {kernel: 5}}
model: {width: 8}
EOF
chmod 640 "$dir/loader_secret"
code=0
"$loaderd" --config "$dir/loaderd.yaml" --check >"$dir/said" 2>"$dir/log" || code=$?
[ "$code" = 78 ] && grep -q 'chmod 600' "$dir/log" || fail "a secret key that others may read, code $code"
chmod 600 "$dir/loader_secret"
"$loaderd" --config "$dir/loaderd.yaml" 2>"$dir/log" &
daemon=$!

# fetch NAME [--set ...]: batch 2 of epoch 1, over tcp
fetch() {
    name=$1
    shift
    "$inspect" batch "$at" --recipe "$dir/recipe.yaml" --epoch 1 --index 2 \
        --out "$dir/$name.safetensors" "$@" >"$dir/said" 2>"$dir/err"
}
alice() { fetch "$1" --set "data.curve.server=$dir/loader" --set "data.curve.secret=$dir/alice_secret"; }
# nothing WORDS [--set ...]: no batch, and the user is told why
nothing() {
    words=$1
    shift
    code=0
    fetch nothing "$@" || code=$?
    [ "$code" = 69 ] || fail "code $code in place of 69 ($words)"
    grep -q "$words" "$dir/err" || { cat "$dir/err" >&2; fail "not told: $words"; }
    [ ! -e "$dir/nothing.safetensors" ] || fail "a batch in spite of: $words"
}
hangup() { # LINE: until the daemon has said it once more
    before=$(grep -c "$1" "$dir/log" || true)
    kill -HUP "$daemon"
    tries=0
    while [ "$(grep -c "$1" "$dir/log" || true)" -le "$before" ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || fail "SIGHUP, and no '$1'"
        sleep 0.05
    done
}

alice right || { cat "$dir/err" >&2; fail 'the right key gets nothing'; }
"$inspect" batch "ipc://$dir/loader.sock" --recipe "$dir/recipe.yaml" --epoch 1 --index 2 \
    --out "$dir/ipc.safetensors" >"$dir/said"
cmp "$dir/right.safetensors" "$dir/ipc.safetensors"
"$trainer" "$dir/recipe.yaml" --steps 2 --set "data.curve.server=$dir/loader" \
    --set "data.curve.secret=$dir/alice_secret" >"$dir/said" 2>&1 || { cat "$dir/said" >&2; fail 'no training'; }

nothing 'our key is refused' --set "data.curve.server=$dir/loader" --set "data.curve.secret=$dir/bob_secret"
nothing 'our key is refused' --set "data.curve.server=$dir/loader"
nothing 'wants a key, and we have none'
nothing 'its key is another' --set "data.curve.server=$dir/other" --set "data.curve.secret=$dir/alice_secret"
grep -q 'refused for their keys; the last: the key .* from .*127.0.0.1' "$dir/log" || fail 'refusals are not told'
grep -q 'handshakes of peers failed' "$dir/log" || fail 'handshakes that failed are not told'

# The tap is a door as well.
listen() { "$inspect" stream "tcp://127.0.0.1:$tap" --count 16 "$@" >"$dir/heard" 2>"$dir/err"; }
if listen; then fail 'the tap without a key'; fi
grep -q 'wants a key' "$dir/err" || fail 'the tap does not say why'
if listen --server "$dir/loader" --secret "$dir/bob_secret"; then fail 'the tap with a wrong key'; fi
grep -q 'our key is refused' "$dir/err" || fail 'the tap does not say why'
[ ! -s "$dir/heard" ] || fail 'the tap tells strangers'

# bob is let in, and put out again; alice never notices
cp "$dir/bob" "$dir/clients/"
hangup '2 keys may connect'
fetch bob --set "data.curve.server=$dir/loader" --set "data.curve.secret=$dir/bob_secret" || fail 'bob is not let in'
rm "$dir/clients/bob"
hangup '1 keys may connect'
nothing 'our key is refused' --set "data.curve.server=$dir/loader" --set "data.curve.secret=$dir/bob_secret"
alice again || fail 'alice is put out with bob'
cmp "$dir/right.safetensors" "$dir/again.safetensors"
kill -TERM "$daemon"
wait "$daemon" || fail "the daemon ended with $?"
daemon=
