#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# stream: a real loader's tap, listened to in each format at once: all say the same of the same batch, and
# what is filtered is what the whole has. A listener who follows hears the loader's next life as one; ^C and a
# reader who goes away end it well; options that make no sense together are told.
#   stream.sh LOADERD INSPECT SYNTH
set -eu
loaderd=$1
inspect=$2
synth=$3

dir=$(mktemp -d)
daemon=
others=
trap 'for pid in $daemon $others; do kill "$pid" 2>/dev/null || true; done; wait; rm -rf "$dir"' EXIT

"$synth" --out "$dir/flowers" --train 2 --test 0 --size 40 >/dev/null
cp -r "$dir/flowers/train" "$dir/spoilt"
echo 'no picture at all' >"$(find "$dir/spoilt" -type f | LC_ALL=C sort | sed -n 13p)" # number 12
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
begin() {
    "$loaderd" --config "$dir/loaderd.yaml" 2>>"$dir/log" &
    daemon=$!
}
begin
tap="ipc://$dir/tap.sock"

# fetch INDEX [SET...]: the loader sends a batch, and tells its tap of it.
# The last of an epoch: the trainer that it plays asks ahead for the others.
fetch() {
    index=$1
    shift
    "$inspect" batch "ipc://$dir/loader.sock" --recipe "$dir/recipe.yaml" --index "$index" "$@" \
        --out "$dir/batch.safetensors" --omega "$dir/batch.jsonl" >/dev/null
}
sub() { fetch 0 --set data.dataset=spoilt --set data.batch=24; }
# listen NAME OPTION...: in the background, into $dir/NAME; its process in $pid
listen() {
    name=$1
    shift
    "$inspect" stream "$tap" "$@" >"$dir/$name" 2>"$dir/$name.err" &
    pid=$!
    others="$others $pid "
}
# waited PID: its code in $rc; it is not ours to end any more.
waited() {
    rc=0
    wait "$1" || rc=$?
    others=$(echo "$others" | sed "s/ $1 / /")
}
# The tap tells only those who listen. ended PID COMMAND...: asks again until that listener has had enough.
ended() {
    pid=$1
    shift
    tries=0
    while kill -0 "$pid" 2>/dev/null; do
        [ "$tries" -lt 400 ] || { echo "not heard: $*"; exit 1; }
        "$@"
        tries=$((tries + 1))
    done
    waited "$pid"
    [ "$rc" -eq 0 ] || { echo "a listener ended with $rc"; cat "$dir"/*.err; exit 1; }
}
# heard FILE PATTERN COMMAND...: asks until it is there.
heard() {
    file=$1
    pattern=$2
    shift 2
    tries=0
    until grep -q "$pattern" "$dir/$file"; do
        [ "$tries" -lt 400 ] || { echo "$file has no $pattern"; tail -n 3 "$dir/$file"; exit 1; }
        "$@"
        tries=$((tries + 1))
    done
}
# stopped SIGNAL PID: ends well.
stopped() {
    kill -s "$1" "$2"
    waited "$2"
    [ "$rc" -eq 0 ] || { echo "$1: code $rc"; exit 1; }
}

# --- formats and filters, side by side on one batch that is told again and again ---
listen all.jsonl --count 16
a=$pid
listen all.csv --format csv --count 16
b=$pid
listen all.table --format table --count 16
c=$pid
listen some.jsonl --dataset flowers --view 1 --where 'jitter.brightness>1' --where 'crop.top < 20' --count 2
d=$pid
listen other.jsonl --dataset spoilt --timeout 60
other=$pid
for pid in "$a" "$b" "$c" "$d"; do
    ended "$pid" fetch 2
done
fetch 2
cmp "$dir/batch.jsonl" "$dir/all.jsonl"
python3 - "$dir" <<'EOF'
import csv, json, sys

folder = sys.argv[1]
views = [json.loads(line) for line in open(f"{folder}/all.jsonl")]
assert len(views) == 16
with open(f"{folder}/all.csv", newline="") as f:
    text = f.read()
assert text.count("\r\n") == 17 and text.count("\n") == 17, "RFC 4180: lines end with CR LF"
rows = list(csv.DictReader(text.splitlines()))
assert len(rows) == 16
arrays = {"source": ("w", "h"), "crop": ("top", "left", "height", "width"), "order": "0123"}
for row, view in zip(rows, views):
    assert row["event"] == "view" and row["dataset"] == "flowers" and len(row["session"]) == 32
    assert int(row["at_us"]) > 1.7e15 and None not in row and None not in row.values()
    flat = {}

    def flatten(name, value):
        if isinstance(value, list):
            value = dict(zip(arrays[name.split(".")[-1]], value))
        if not isinstance(value, dict):
            flat[name] = value
            return
        for key, part in value.items():
            flatten(f"{name}.{key}" if name else key, part)

    flatten("", view)
    for key, value in flat.items():
        group = view[key.split(".")[0]]
        if isinstance(group, dict) and not group["applied"] and not key.endswith(".applied"):
            assert row[key] == "", (key, row[key])
        else:
            assert float(row[key]) == float(value), (key, row[key], value)
    (w, h), (top, left, height, width) = view["source"], view["crop"]
    assert abs(float(row["crop.area"]) - height * width / (w * h)) < 1e-6
    assert abs(float(row["crop.cy"]) - (top + height / 2) / h) < 1e-6
assert len({row["session"] for row in rows}) == 1

table = open(f"{folder}/all.table").read().splitlines()
assert all(len(line) <= 100 for line in table)
assert table[0] == f"-- flowers, session {rows[0]['session'][:12]}: 2 views of 8 samples", table[0]
assert table[1].split()[:5] == ["epoch", "batch", "sample", "v", "label"] and "deg" in table[2]
assert len(table) == 3 + 16
for line, view in zip(table[3:], views):
    cells = line.split()
    assert cells[:5] == [str(view[k]) for k in ("epoch", "batch", "sample", "view", "label")]
    (w, h), (top, left, height, width) = view["source"], view["crop"]
    assert cells[5] == f"{w}x{h}" and cells[6] == f"{width}x{height}+{left}+{top}"
    assert (cells[8][0] == "f") == view["flip"] and (cells[8][1] == "g") == view["grayscale"]
    assert cells[13] == ("%.2f" % view["blur"]["sigma"] if view["blur"]["applied"] else "-")

some = [json.loads(line) for line in open(f"{folder}/some.jsonl")]
wanted = [v for v in views if v["view"] == 1 and v["crop"][0] < 20 and v["jitter"]["applied"] and
          v["jitter"]["brightness"] > 1]
assert wanted, "choose another batch: nothing of this one passes the filter"
assert some == (wanted * 2)[:2], some
EOF

# --- what is not meant is not heard; who stands in for whom is told, under either number ---
listen sub.csv --format csv --dataset spoilt --sample 12 --timeout 60
b=$pid
listen sub.table --format table --dataset spoilt --count 48
ended "$pid" sub
grep -q 'in place of 12, which is bad: not_image' "$dir/sub.table"
[ "$(grep -c -v '^-- ' "$dir/sub.table")" -eq 50 ] # a head of two lines
heard sub.csv '^substituted,.*,12,not_image' sub
! grep -q '^view' "$dir/sub.csv" || { echo 'a bad sample was seen'; exit 1; }
heard other.jsonl '"substituted"' sub
stopped INT "$b"
stopped TERM "$other"
python3 - "$dir" <<'EOF'
import json, sys
lines = [json.loads(line) for line in open(f"{sys.argv[1]}/other.jsonl")]
assert len([v for v in lines if "crop" in v]) % 48 == 0 # whole batches of spoilt, none of flowers
assert all(t["substituted"]["bad"] == 12 for t in lines if "substituted" in t)
EOF

# --- a reader who goes away ---
{
    rc=0
    "$inspect" stream "$tap" --follow 2>"$dir/pipe.err" || rc=$?
    echo "$rc" >"$dir/pipe.rc"
} | head -n 1 >"$dir/pipe.out" &
ended "$!" fetch 2
[ "$(cat "$dir/pipe.rc")" -eq 0 ]
[ ! -s "$dir/pipe.err" ] || { cat "$dir/pipe.err"; exit 1; }
grep -q '^{"epoch"' "$dir/pipe.out"

# --- the loader's next life ---
listen lives.jsonl --follow
a=$pid
listen lives.table --follow --format table
b=$pid
heard lives.jsonl '"epoch"' fetch 2
heard lives.table ' 40x' fetch 2
kill "$daemon"
wait "$daemon"
begin
heard lives.jsonl '^{"restart":{"batches":[0-9]*}}$' fetch 2
heard lives.table '^-- restart: the loader was started anew' fetch 2
stopped INT "$a"
stopped INT "$b"
sed -n '/restart/{n;p;}' "$dir/lives.jsonl" | grep -q '"epoch"' # and goes on
! grep -q '"gap"' "$dir/lives.jsonl" || { echo 'a gap in a quiet stream'; exit 1; }
for name in all.jsonl all.csv all.table some.jsonl other.jsonl sub.csv sub.table lives.jsonl lives.table; do
    [ ! -s "$dir/$name.err" ] || { cat "$dir/$name.err"; exit 1; }
done

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
refused 64 'one ENDPOINT or FILE' "$inspect" stream
refused 64 'one ENDPOINT or FILE' "$inspect" stream "$tap" "$tap"
refused 64 'jsonl, csv and table' "$inspect" stream "$tap" --format xml
refused 64 'nearest: blur.sigma' "$inspect" stream "$tap" --where 'blur.sgima>1'
refused 64 'NAME OP NUMBER' "$inspect" stream "$tap" --where 'blur.sigma'
refused 64 '0 to 15' "$inspect" stream "$tap" --view 16
refused 64 'hexadecimal' "$inspect" stream "$tap" --session flowers
refused 64 'never gives up' "$inspect" stream "$tap" --follow --timeout 5
refused 64 'server' "$inspect" stream "$tap" --secret "$dir/key"
refused 64 'is a file' "$inspect" stream "$dir/run.omega" --timeout 5
refused 64 'not tcp://host:port' "$inspect" stream tcp://node1
refused 65 'neither a file nor tcp' "$inspect" stream node1:5556
refused 65 'no record of omega' "$inspect" stream "$dir/recipe.yaml"
refused 69 'nobody.sock: no loader answered for 1 s' "$inspect" stream "ipc://$dir/nobody.sock" --timeout 1
refused 70 'standard output' sh -c "exec '$inspect' stream '$tap' --format csv >/dev/full"

kill "$daemon"
wait "$daemon"
daemon=
echo 'stream: ok'
