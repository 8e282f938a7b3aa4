#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# curve: a real loader that wants keys. Who has the right one trains; a wrong one, none, or another
# loader's gets nothing, from the tap as well, and is told why; each refusal is counted. A key that is added or
# taken away holds after SIGHUP; what is no client gets a greeting and is cut off. One trainer is served through all
# of it and notices nothing.
#   curve.sh LOADERD INSPECT SYNTH TRAINER STRANGER
set -eu
loaderd=$1
inspect=$2
synth=$3
trainer=$4
stranger=$5

dir=$(mktemp -d)
daemon=
long=
trap 'for pid in $long $daemon; do kill -9 "$pid" 2>/dev/null || true; done; wait; rm -rf "$dir"' EXIT
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
cat >"$dir/loaderd.yaml" <<EOF
listen: ["tcp://127.0.0.1:*", ipc://$dir/loader.sock]
workers: 1
tap: "tcp://127.0.0.1:*"
http: "tcp://127.0.0.1:*"
log: debug
curve: {secret: $dir/loader_secret, clients: $dir/clients}
datasets:
  flowers: {path: $dir/flowers/train, format: folder}
EOF
chmod 640 "$dir/loader_secret"
code=0
"$loaderd" --config "$dir/loaderd.yaml" --check >"$dir/said" 2>"$dir/log" || code=$?
[ "$code" = 78 ] && grep -q 'chmod 600' "$dir/log" || fail "a secret key that others may read, code $code"
chmod 600 "$dir/loader_secret"
"$loaderd" --config "$dir/loaderd.yaml" 2>"$dir/log" &
daemon=$!

# where WORDS: the endpoint behind these words of the log, once it is there
where() {
    tries=0
    until grep -q "$1 tcp" "$dir/log"; do
        tries=$((tries + 1))
        kill -0 "$daemon" 2>/dev/null && [ "$tries" -lt 600 ] || fail "no '$1'"
        sleep 0.05
    done
    sed -n "s|.*$1 \\(tcp:[^ ]*\\).*|\\1|p" "$dir/log"
}
at=$(where 'serving on')
tap=$(where 'tap on')
pages=$(where 'metrics and health on')
cat >"$dir/recipe.yaml" <<EOF
run: {name: t, dir: $dir/runs}
data: {dataset: flowers, batch: 8, loaders: [$at], retry: 3}
views: {size: 32, blur: {kernel: 5}}
model: {width: 8}
optim: {epochs: 100000} # the long run lasts until it is told to end, on any machine
checkpoint: {every: 100000}
EOF

# figure NAME: of /metrics
figure() {
    # shellcheck disable=SC2016
    bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0"
        printf "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" >&3; cat <&3' "${pages##*:}" |
        sed -n "s/^augstream_loaderd_$1 //p" | tr -d '\r'
}
# counted N: until the page says that so many were refused, and the log has as many lines of it
counted() {
    tries=0
    until [ "$(figure auth_failures_total)" = "$(grep -c 'debug: refused: ' "$dir/log")" ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || fail "$(figure auth_failures_total) refusals on the page"
        sleep 0.1
    done
    refused=$(figure auth_failures_total)
    [ "$refused" -ge "$1" ] || fail "$refused refusals, at least $1 were to be"
}
step() { wc -l <"$dir/runs/long/metrics.jsonl"; }
# goes_on: the long run takes three more steps
goes_on() {
    before=$(step)
    tries=0
    until [ "$(step)" -ge $((before + 3)) ]; do
        tries=$((tries + 1))
        kill -0 "$long" 2>/dev/null && [ "$tries" -lt 600 ] || { cat "$dir/long" >&2; fail 'who is let in is not served'; }
        sleep 0.05
    done
}

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
    code=0
    "$trainer" "$dir/recipe.yaml" --run-dir "$dir/runs/nothing" --steps 2 "$@" >"$dir/said" 2>&1 || code=$?
    [ "$code" = 69 ] && grep -q "$words" "$dir/said" || { cat "$dir/said" >&2; fail "trainer: code $code, or not told: $words"; }
    if grep -q loss "$dir/runs/nothing/metrics.jsonl" 2>/dev/null; then fail "a step in spite of: $words"; fi
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
grep -q 'let in from 127.0.0.1: client alice, key' "$dir/log" || fail 'who is let in is not told by name'
[ "$(figure auth_failures_total)" = 0 ] || fail 'a refusal, and nobody was refused'
"$trainer" "$dir/recipe.yaml" --run-dir "$dir/runs/long" --steps 1000000 \
    --set "data.curve.server=$dir/loader" --set "data.curve.secret=$dir/alice_secret" >"$dir/long" 2>&1 &
long=$!
until [ -s "$dir/runs/long/metrics.jsonl" ]; do
    kill -0 "$long" 2>/dev/null || { cat "$dir/long" >&2; fail 'no long run'; }
    sleep 0.05
done

nothing 'our key is refused' --set "data.curve.server=$dir/loader" --set "data.curve.secret=$dir/bob_secret"
nothing 'our key is refused' --set "data.curve.server=$dir/loader"
counted 4
nothing 'wants a key, and we have none'
nothing 'its key is another' --set "data.curve.server=$dir/other" --set "data.curve.secret=$dir/alice_secret"
grep -q 'refused for their keys; the last: the key .* from 127.0.0.1' "$dir/log" || fail 'refusals are not told'
grep -q 'handshakes of peers failed' "$dir/log" || fail 'handshakes that failed are not told'

# The tap is a door as well.
listen() { timeout 30 "$inspect" stream "$tap" --count 16 "$@" >"$dir/heard" 2>"$dir/err"; }
deaf() { # WORDS ARGUMENTS...: hears nothing, and is told why
    words=$1
    shift
    if listen "$@"; then fail "the tap, in spite of: $words"; fi
    grep -q "$words" "$dir/err" || { cat "$dir/err" >&2; fail "the tap does not say: $words"; }
    [ ! -s "$dir/heard" ] || fail 'the tap tells strangers'
}
listen --server "$dir/loader" --secret "$dir/alice_secret" || { cat "$dir/err" >&2; fail 'the tap with the right key'; }
[ "$(wc -l <"$dir/heard")" -ge 16 ] || fail 'the tap tells too little'
deaf 'wants a key'
deaf 'our key is refused' --server "$dir/loader" --secret "$dir/bob_secret"
deaf 'its key is another' --server "$dir/other" --secret "$dir/alice_secret"
counted 5
goes_on

# What is no client.
failed=$(figure handshake_failures_total)
"$stranger" "${at##*:}" 2 >"$dir/said" || fail 'a stranger is not cut off'
"$stranger" "${tap##*:}" 1 >>"$dir/said" || fail 'a stranger is not cut off from the tap'
cat "$dir/said"
tries=0
until [ "$(figure handshake_failures_total)" -gt "$failed" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || fail 'broken handshakes are not counted'
    sleep 0.1
done
goes_on

# bob is let in, and put out again; alice never notices
cp "$dir/bob" "$dir/clients/"
hangup '2 keys may connect'
fetch bob --set "data.curve.server=$dir/loader" --set "data.curve.secret=$dir/bob_secret" || fail 'bob is not let in'
rm "$dir/clients/bob"
hangup '1 keys may connect'
nothing 'our key is refused' --set "data.curve.server=$dir/loader" --set "data.curve.secret=$dir/bob_secret"
deaf 'our key is refused' --server "$dir/loader" --secret "$dir/bob_secret"
listen --server "$dir/loader" --secret "$dir/alice_secret" || fail 'alice hears nothing when bob is gone'
counted $((refused + 3))
alice again || fail 'alice is put out with bob'
cmp "$dir/right.safetensors" "$dir/again.safetensors"
goes_on
[ "$(grep -c 'let in from 127.0.0.1: client bob' "$dir/log")" = 1 ] || fail 'bob was let in once'
if grep -i 'lost\|no answer\|again\|refused' "$dir/long"; then fail 'the long run noticed'; fi
kill -TERM "$long"
wait "$long" || true
long=
echo "refused $refused"
kill -TERM "$daemon"
wait "$daemon" || fail "the daemon ended with $?"
daemon=
