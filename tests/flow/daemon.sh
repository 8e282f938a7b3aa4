#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# daemon: loaderd from the command line. What is wrong with its options, its loaderd.yaml or its place in
# the world is one line that names it, the right exit code, and nothing left behind; and a batch is the
# same, byte for byte, from 1, 2 and 8 workers and from two daemons.
#   daemon.sh LOADERD INSPECT SYNTH
set -eu
loaderd=$1
inspect=$2
synth=$3

dir=$(mktemp -d)
pids=
trap '[ -z "$pids" ] || kill -9 $pids 2>/dev/null || true; rm -rf "$dir"' EXIT

fail() {
    echo "$*"
    exit 1
}

"$synth" --out "$dir/flowers" --train 4 --test 0 --size 60 >/dev/null
cat >"$dir/good.yaml" <<END
listen: [ipc://$dir/a.sock]
tap: ipc://$dir/tap.sock
workers: 1
log: warning
datasets:
  flowers: {path: $dir/flowers/train}
END

# --- the command line ---

"$loaderd" --help >"$dir/out" 2>"$dir/err"
[ ! -s "$dir/err" ]
for word in Usage: --config --check listen datasets.*.path workers window deadline 'Exit codes'; do
    grep -qF -- "$word" "$dir/out" || fail "--help does not say $word"
done
"$loaderd" --version >"$dir/out" 2>"$dir/err"
[ ! -s "$dir/err" ]
grep -qE '^augstream-loaderd [0-9]+\.[0-9]+\.[0-9]+$' "$dir/out" || fail '--version'
"$loaderd" --check --config "$dir/good.yaml" >"$dir/out" 2>"$dir/err"
[ ! -s "$dir/err" ]
[ "$(cat "$dir/out")" = 'flowers: 48 samples, 12 classes, 0 other files left out' ] || fail '--check'
[ ! -e "$dir/a.sock" ]

# left BEFORE: the folder holds what it held.
left() {
    (cd "$dir" && find . -path ./flowers -prune -o -print | grep -v -E '^\./(out|err|before|now)$' | sort)
}

# refused CODE TEXT ARGUMENTS...: one line on standard error that has TEXT, nothing else anywhere.
refused() {
    code=$1
    text=$2
    shift 2
    left >"$dir/before"
    rc=0
    timeout 60 "$loaderd" "$@" >"$dir/out" 2>"$dir/err" || rc=$?
    [ "$rc" -eq "$code" ] || { cat "$dir/err"; fail "code $rc, expected $code: $*"; }
    grep -q -- "$text" "$dir/err" || { cat "$dir/err"; fail "does not say '$text': $*"; }
    [ "$(wc -l <"$dir/err")" -eq 1 ] || { cat "$dir/err"; fail "more than one line: $*"; }
    [ ! -s "$dir/out" ] || fail "words on standard output: $*"
    left >"$dir/now"
    cmp -s "$dir/before" "$dir/now" || { diff "$dir/before" "$dir/now"; fail "something is left: $*"; }
}

# bad CODE TEXT SED-SCRIPT: good.yaml so changed is refused, by --check too.
bad() {
    sed "$3" "$dir/good.yaml" >"$dir/bad.yaml"
    refused "$1" "$2" --config "$dir/bad.yaml"
    refused "$1" "$2" --check --config "$dir/bad.yaml"
}

refused 64 '--config FILE'
refused 64 '--config FILE' --check
refused 64 'fast' --config "$dir/good.yaml" --fast
refused 64 'config needs a value' --config
refused 64 '--config FILE' --config "$dir/good.yaml" more
rc=0
"$loaderd" --check --config "$dir/good.yaml" >/dev/full 2>"$dir/err" || rc=$?
[ "$rc" -eq 70 ] || fail "--check into a full disk: code $rc"

# --- loaderd.yaml ---

refused 78 "$dir/nosuch.yaml" --config "$dir/nosuch.yaml"
refused 78 "$dir" --config "$dir"
bad 78 'bad.yaml:3: workerz: unknown key; .*workers' 's/^workers/workerz/'
bad 78 'bad.yaml:3: workers: .*0\.\.256' 's/^workers: 1/workers: 257/'
bad 78 'bad.yaml:3: workers: .*0\.\.256' 's/^workers: 1/workers: -1/'
bad 78 'bad.yaml:3: workers: .*integer' 's/^workers: 1/workers: many/'
bad 78 'bad.yaml:3: window: .*1\.\.64' 's/^workers: 1/window: 0/'
bad 78 'bad.yaml:3: deadline: ' 's/^workers: 1/deadline: .nan/'
bad 78 'bad.yaml:4: log: ' 's/^log: warning/log: loud/'
bad 78 'bad.yaml:1: listen: must be given' 's/^listen: .*/listen: []/'
bad 78 'bad.yaml:1: listen: must be given' '/^listen/d'
bad 78 'bad.yaml:6: datasets.flowers.path: must be given' 's/{path: .*}/{format: folder}/'
bad 78 'bad.yaml:7: datasets.flowers: is given twice, first in line 6' "\$a\\  flowers: {path: $dir/flowers/train}"
bad 78 "bad.yaml:6: datasets.flowers.format: .*'parquet'" 's/}/, format: parquet}/'
bad 78 'bad.yaml: datasets: none is declared' '/^datasets/d;/^  flowers/d'
bad 78 'bad.yaml:' 's/^workers: 1/workers: [/'

# Endpoints: whatever is wrong with the text of one is told with its line.
bad 78 'bad.yaml:1: listen: .*udp://x' 's#ipc://.*a.sock#udp://x#'
bad 78 'bad.yaml:1: listen: tcp://127.0.0.1: not tcp://host:port' 's#ipc://.*a.sock#tcp://127.0.0.1#'
bad 78 'bad.yaml:1: listen: .*1 to 65535' 's#ipc://.*a.sock#tcp://127.0.0.1:70000#'
bad 78 'bad.yaml:1: listen: .*insecure' 's#ipc://.*a.sock#tcp://0.0.0.0:5555#'
bad 78 'bad.yaml:1: listen: .*abstract' 's#ipc://.*a.sock#ipc://@loader#'
bad 78 'bad.yaml:1: listen: .*at most 107' "s#a.sock#$(printf '%0120d' 0)#"
bad 78 'bad.yaml:2: tap: .*path is missing' 's#ipc://.*tap.sock#ipc://#'

bad 78 "bad.yaml:2: tap: ipc://$dir/a.sock is listened on already" 's#tap.sock#a.sock#'
bad 78 "bad.yaml:1: listen: ipc://$dir/a.sock is there twice" \
    "s#^listen: .*#listen: [ipc://$dir/a.sock, ipc://$dir/a.sock]#"

# --- datasets ---

mkdir "$dir/empty"
bad 65 "$dir/nosuch: " "s#$dir/flowers/train#$dir/nosuch#"
bad 65 "$dir/empty: no images" "s#$dir/flowers/train#$dir/empty#"
bad 65 "$dir/good.yaml: not a folder" "s#$dir/flowers/train#$dir/good.yaml#"
mkdir -p "$dir/loop/a"
ln -s .. "$dir/loop/a/up"
bad 65 "$dir/loop/a/up: a link that leads back" "s#$dir/flowers/train#$dir/loop#"

# --- the world: --check cannot know of it ---

# taken CODE TEXT SED-SCRIPT
taken() {
    sed "$3" "$dir/good.yaml" >"$dir/bad.yaml"
    refused "$1" "$2" --config "$dir/bad.yaml"
}
taken 69 "ipc://$dir/nosuch/a.sock: " "s#a.sock#nosuch/a.sock#"
taken 69 "ipc://$dir/good.yaml: .*not a socket" "s#a.sock#good.yaml#"
taken 69 'tcp://localhost:45671: .*no address of this machine' 's#ipc://.*a.sock#tcp://localhost:45671#'

# --- one batch, however it is made ---

cat >"$dir/recipe.yaml" <<END
run: {name: t}
data: {dataset: flowers, batch: 12, loaders: [ipc://$dir/a.sock]}
views: {size: 48, blur: {kernel: 5}}
END

# start NAME WORKERS
start() {
    sed "s#a.sock#$1.sock#;s#tap.sock#$1.tap#;s#^workers: 1#workers: $2#" "$dir/good.yaml" >"$dir/$1.yaml"
    "$loaderd" --config "$dir/$1.yaml" 2>"$dir/$1.log" &
    pid=$!
    pids="$pids $pid"
}

# fetch NAME EPOCH INDEX TO
fetch() {
    "$inspect" batch "ipc://$dir/$1.sock" --recipe "$dir/recipe.yaml" --epoch "$2" --index "$3" \
        --out "$dir/$4.safetensors" --omega "$dir/$4.jsonl" >/dev/null || fail "no batch from $1"
}

for workers in 1 2 8; do
    start "w$workers" "$workers"
    for name in 0.0 0.3 7.1; do
        fetch "w$workers" "${name%.*}" "${name#*.}" "w$workers-$name"
    done
    kill "$pid"
    wait "$pid" || fail "with $workers workers it ended with $?"
    [ ! -s "$dir/w$workers.log" ] || { cat "$dir/w$workers.log"; fail 'it had a warning to give'; }
    [ ! -e "$dir/w$workers.sock" ] && [ ! -e "$dir/w$workers.tap" ] || fail 'sockets are left behind'
done
start x 2
start y 3
for name in 0.0 0.3 7.1; do
    fetch x "${name%.*}" "${name#*.}" "x-$name"
    fetch y "${name%.*}" "${name#*.}" "y-$name"
    for other in w2 w8 x y; do
        cmp "$dir/w1-$name.safetensors" "$dir/$other-$name.safetensors"
        cmp "$dir/w1-$name.jsonl" "$dir/$other-$name.jsonl"
    done
done
[ "$(wc -l <"$dir/w1-0.0.jsonl")" -eq 24 ] || fail 'a batch of 12 has 24 views'
cmp -s "$dir/w1-0.0.safetensors" "$dir/w1-0.3.safetensors" && fail 'all batches are the same: nothing is compared'
cmp -s "$dir/w1-0.0.jsonl" "$dir/w1-7.1.jsonl" && fail 'all omegas are the same: nothing is compared'

# An address that is in use is refused and not taken away.
taken 69 "ipc://$dir/x.sock: another process listens there" 's#a.sock#x.sock#'
fetch x 0 0 again
cmp "$dir/w1-0.0.safetensors" "$dir/again.safetensors"

# What a killed daemon leaves is no hindrance to the next.
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
[ -e "$dir/y.sock" ]
start y 1
fetch y 0 0 again
cmp "$dir/w1-0.0.safetensors" "$dir/again.safetensors"
