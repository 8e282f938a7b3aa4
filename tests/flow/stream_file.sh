#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# stream_file: the record that a run makes is streamed while it grows and when it is whole, and both have
# every view that the run was given; a part that is damaged is a gap in each format, and a cut is an end.
#   stream_file.sh LOADERD TRAINER SYNTH INSPECT
set -eu
. "$(dirname "$0")/run.sh"
inspect=$4

# The record grows as the run goes, flushed at each checkpoint: who follows it ends when it is closed.
steps=30
views=$((2 * 12 * steps))
"$trainer" "$dir/recipe.yaml" --run-dir "$dir/runs/run" --steps "$steps" --set run.omega=true \
    --set checkpoint.every=5 >"$dir/run.out" 2>"$dir/run.err" &
run=$!
pids="$pids $run"
record=$dir/runs/run/omega/step-00000000.omega
until [ -e "$record" ]; do
    kill -0 "$run" 2>/dev/null || { cat "$dir/run.err"; fail 'the run ended before it had a record'; }
done
"$inspect" stream "$record" --follow >"$dir/grown.jsonl" 2>"$dir/err" || fail "$(cat "$dir/err")"
wait "$run" || { cat "$dir/run.err"; fail 'the run does not end well'; }
pids=
[ ! -s "$dir/err" ] || { cat "$dir/err"; fail 'something is said of a record that is whole'; }
[ "$(wc -l <"$dir/grown.jsonl")" -eq "$views" ] || fail "not $views views"

# told CODE NAME ARGUMENTS...: stream ends with that code; its lines in $dir/NAME, its words in $dir/err.
told() {
    code=$1
    name=$2
    shift 2
    rc=0
    "$inspect" stream "$@" >"$dir/$name" 2>"$dir/err" || rc=$?
    [ "$rc" -eq "$code" ] || { cat "$dir/err"; fail "code $rc, expected $code: $*"; }
}
told 0 whole.jsonl "$record"
cmp "$dir/grown.jsonl" "$dir/whole.jsonl"
for index in 0 4; do # what the run was given is what a loader sends
    "$inspect" batch embedded --recipe "$dir/recipe.yaml" --index "$index" --out "$dir/batch.safetensors" \
        --omega "$dir/batch.jsonl" >"$dir/said"
    told 0 one.jsonl "$record" --where epoch=0 --where "batch=$index"
    cmp "$dir/batch.jsonl" "$dir/one.jsonl" || fail "batch $index is not what the record has"
done
told 0 none.csv "$record" --format csv --dataset other
[ "$(wc -l <"$dir/none.csv")" -eq 1 ] || fail 'no head where nothing follows'
told 0 five.csv "$record" --format csv --count 5
[ "$(wc -l <"$dir/five.csv")" -eq 6 ]
[ ! -s "$dir/err" ]

# A byte of the middle: the blocks around it are read, in each format what is missing is told.
python3 - "$record" "$dir/spoilt.omega" "$dir/cut.omega" <<'END'
import sys

bytes_ = bytearray(open(sys.argv[1], "rb").read())
open(sys.argv[3], "wb").write(bytes_[:len(bytes_) * 2 // 3])
bytes_[len(bytes_) // 2] ^= 1
open(sys.argv[2], "wb").write(bytes_)
END
for format in jsonl csv table; do
    told 65 "spoilt.$format" "$dir/spoilt.omega" --format "$format"
    grep -q 'spoilt.omega: damaged at byte [0-9]*: ' "$dir/err" || { cat "$dir/err"; fail 'not told where'; }
    grep -q 'damaged parts that were passed over: 1' "$dir/err"
done
python3 - "$dir" "$views" <<'END'
import csv, json, sys

folder, views = sys.argv[1], int(sys.argv[2])
whole = [json.loads(line) for line in open(f"{folder}/whole.jsonl")]
lines = [json.loads(line) for line in open(f"{folder}/spoilt.jsonl")]
gaps = [line["gap"]["batches"] for line in lines if "gap" in line]
assert len(gaps) == 1, lines
at = next(i for i, line in enumerate(lines) if "gap" in line)
lost = gaps[0] * 24
assert 0 < at and lines[:at] == whole[:at] and lines[at + 1:] == whole[at + lost:]
with open(f"{folder}/spoilt.csv", newline="") as f:
    rows = list(csv.DictReader(f))
assert [row["event"] for row in rows].count("gap") == 1
assert rows[at]["event"] == "gap" and rows[at]["missing"] == str(gaps[0])
assert len(rows) == views - lost + 1
sequences = [int(row["sequence"]) for row in rows if row["event"] == "view"]
assert sequences[0] == 1 and sequences[-1] == views // 24 and sequences == sorted(sequences)
words = "batch is" if gaps[0] == 1 else "batches are"
table = open(f"{folder}/spoilt.table").read().splitlines()
assert table[3 + at] == f"-- gap: {gaps[0]} {words} missing", table[3 + at]
END
told 0 cut.jsonl "$dir/cut.omega"
grep -q 'cut.omega: ends at byte [0-9]* without having been closed' "$dir/err"
n=$(wc -l <"$dir/cut.jsonl")
[ "$n" -gt 0 ] && [ "$n" -lt "$views" ]
head -n "$n" "$dir/whole.jsonl" | cmp - "$dir/cut.jsonl"
echo 'stream_file: ok'
