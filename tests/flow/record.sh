#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# record: what a trainer and a tap leave on disk. A run with run.omega trains bit for bit as one without, and its
# record tells of each step what the loader draws for it; a killed run's can be read, and resuming begins another.
# A tap's record has what the tap told, ends well at SIGTERM, survives kill -9, overwrites nothing; a file that
# was cut is read up to the cut, a damaged one is named; a full disk is told.
#   record.sh LOADERD TRAINER SYNTH INSPECT
set -eu
. "$(dirname "$0")/run.sh"
inspect=$4

info() { "$inspect" dump "$1" --info; }
views() { "$inspect" dump "$@" | grep -c '"crop"'; }
drawn() { # EPOCH INDEX: the omega of a batch of the recipe, asked for anew
    "$inspect" batch embedded --recipe "$dir/recipe.yaml" --epoch "$1" --index "$2" --out "$dir/b.safetensors" \
        --omega "$dir/drawn.jsonl" >/dev/null
}
# wait_for WHAT COMMAND...: until the command is true, for at most a minute
wait_for() {
    what=$1
    shift
    tries=0
    until "$@" 2>/dev/null; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || fail "waited for $what in vain"
        sleep 0.1
    done
}

# --- a run's ---
train plain --steps 24
train kept --steps 24 --set run.omega=true
same plain kept
record=$dir/runs/kept/omega/step-00000000.omega
info "$record" >"$dir/info"
grep -q '^batches  *24 in [0-9]* blocks, numbers 1 to 24$' "$dir/info" || { cat "$dir/info"; fail 'not 24 batches'; }
grep -q '^views  *576$' "$dir/info" || fail 'not 576 views'
grep -q '^state  *closed$' "$dir/info" || fail 'not closed'
grep -q 'dataset  *flowers, fingerprint [0-9a-f]\{32\}' "$dir/info" || fail 'no fingerprint'
for place in '1 0 0' '14 1 3' '24 2 3'; do # step, epoch, index
    # shellcheck disable=SC2086
    set -- $place
    drawn "$2" "$3"
    "$inspect" dump "$record" --step "$1" >"$dir/told.jsonl"
    cmp "$dir/drawn.jsonl" "$dir/told.jsonl" || fail "step $1 is not batch $3 of epoch $2"
done
# A sample is found by its epoch, with an index and without.
"$inspect" dump "$record" --epoch 1 --sample 77 >"$dir/one"
[ "$(wc -l <"$dir/one")" = 2 ] || fail 'a sample has not two views'
[ "$(grep -c '"epoch":1,.*"sample":77,' "$dir/one")" = 2 ] || { cat "$dir/one"; fail 'another sample'; }
"$inspect" dump "$record" >"$dir/all.jsonl"
[ "$(grep -c '"crop"' "$dir/all.jsonl")" = 576 ] || fail 'dump has not all views'
if grep -q gap "$dir/all.jsonl"; then fail 'a gap in a run'; fi

# Another program reads it as docs/record.md has it.
awk '/^```python/ { on = 1; next } /^```/ { on = 0 } on' "$(dirname "$0")/../../docs/record.md" >"$dir/read.py"
mkdir "$dir/taps"
python3 "$dir/read.py" "$record" "$dir/taps" >"$dir/read.txt"
[ "$(ls "$dir/taps" | wc -l)" = 24 ] || fail 'not a message a batch'
python3 - "$dir" <<'EOF'
import json, sys

folder = sys.argv[1]
read = [[int(word) for word in line.split()] for line in open(f"{folder}/read.txt")]
told = [json.loads(line) for line in open(f"{folder}/all.jsonl")]
assert len(read) == 24
for step, (sequence, epoch, batch, *samples) in enumerate(read):
    views = told[24 * step : 24 * step + 24]
    assert sequence == step + 1
    assert all((v["epoch"], v["batch"]) == (epoch, batch) for v in views)
    assert [v["sample"] for v in views] == samples
EOF

size=$(stat -c %s "$record")
head -c $((size - 30)) "$record" >"$dir/cut.omega"
info "$dir/cut.omega" | grep -q 'not closed: .* whole up to byte [0-9]' || fail 'the cut is not told'
"$inspect" dump "$dir/cut.omega" --epoch 1 --sample 77 | cmp - "$dir/one"
"$inspect" dump "$dir/cut.omega" 2>"$dir/err" | cmp - "$dir/all.jsonl"
grep -q 'cut.omega: ends at byte' "$dir/err" || { cat "$dir/err"; fail 'the cut is not told'; }
# Written anew, what was cut is closed again and has the same in it.
"$inspect" record "$dir/cut.omega" --out "$dir/mended.omega" >"$dir/said" 2>/dev/null
grep -q 'mended.omega: 24 batches, 576 views, [0-9]* bytes, [0-9.]* a view; 0 gaps, 0 batches missing$' "$dir/said" ||
    { cat "$dir/said"; fail 'not what was in it'; }
"$inspect" dump "$dir/mended.omega" | cmp - "$dir/all.jsonl"

cp "$record" "$dir/spoilt.omega"
printf '\377\377\377' | dd of="$dir/spoilt.omega" bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
code=0
"$inspect" dump "$dir/spoilt.omega" >/dev/null 2>"$dir/err" || code=$?
[ "$code" = 65 ] || fail "a damaged record ends with $code"
grep -q 'spoilt.omega: damaged at byte [0-9]' "$dir/err" || { cat "$dir/err"; fail 'the damage is not named'; }

# Killed: what was there at the last checkpoint can be read, and the next start has a file of its own.
"$trainer" "$dir/recipe.yaml" --run-dir "$dir/runs/dead" --set optim.epochs=100000 --set checkpoint.every=5 \
    --set run.omega=true >"$dir/dead.out" 2>"$dir/dead.err" &
run=$!
pids="$pids $run"
wait_step dead 12 "$run"
kill -9 "$run"
wait "$run" 2>/dev/null || true
[ "$(views "$dir/runs/dead/omega/step-00000000.omega" 2>/dev/null)" -ge $((10 * 24)) ] || fail 'not up to step 10'
info "$dir/runs/dead/omega/step-00000000.omega" | grep -q '^state  *not closed' || fail 'killed, but closed'
saved=$(ls "$dir/runs/dead/checkpoints" | tail -n 1 | sed 's/step-0*\([0-9]*\)\..*/\1/')
train dead --resume --steps $((saved + 3)) --set optim.epochs=100000 --set run.omega=true
next=$dir/runs/dead/omega/$(printf 'step-%08d' "$saved").omega
info "$next" | grep -q "numbers $((saved + 1)) to $((saved + 3))\$" || { info "$next"; fail 'not the steps since'; }

# --- a tap's ---
start_loader node "tap: ipc://$dir/tap.sock"
sed -e "s|batch: 12|batch: 12, loaders: [ipc://$dir/node.sock]|" "$dir/recipe.yaml" >"$dir/far.yaml"
ask() {
    "$inspect" batch "ipc://$dir/node.sock" --recipe "$dir/far.yaml" --epoch "$1" --index "$2" \
        --out "$dir/b.safetensors" --omega "$dir/b.jsonl" >/dev/null
}
ask 0 0
keep() { # FILE ARGUMENTS...: records in the background; its process id in $pid
    file=$1
    shift
    "$inspect" record "ipc://$dir/tap.sock" --out "$file" "$@" >"$dir/said" 2>"$dir/record.err" &
    pid=$!
    pids="$pids $pid"
}
keep "$dir/tap.omega" --count 24
i=0
while kill -0 "$pid" 2>/dev/null && [ "$i" -lt 300 ]; do
    ask 3 7
    i=$((i + 1))
done
wait "$pid" || { cat "$dir/record.err"; fail 'record failed'; }
grep -q 'tap.omega: 1 batches, 24 views, ' "$dir/said" || { cat "$dir/said"; fail 'not one batch'; }
"$inspect" dump "$dir/tap.omega" | cmp - "$dir/b.jsonl"
# Nothing is overwritten.
code=0
"$inspect" record "ipc://$dir/tap.sock" --out "$dir/tap.omega" 2>"$dir/err" || code=$?
[ "$code" = 65 ] || fail "a record that is there: $code"
grep -q 'tap.omega: is there already' "$dir/err" || fail 'it is not told'
"$inspect" dump "$dir/tap.omega" | cmp - "$dir/b.jsonl"

# SIGTERM ends it well, whenever it comes; kill -9 leaves what was on the disk.
keep "$dir/term.omega"
wait_for 'the file' test -s "$dir/term.omega"
for i in 0 1 2 3 4 5 6 7; do ask 1 "$i"; done
kill -TERM "$pid"
wait "$pid" || { cat "$dir/record.err"; fail 'SIGTERM is no failure'; }
info "$dir/term.omega" | grep -q '^state  *closed$' || fail 'not closed at SIGTERM'
keep "$dir/kill.omega"
wait_for 'the file' test -s "$dir/kill.omega"
kill -9 "$pid"
wait "$pid" 2>/dev/null || true
info "$dir/kill.omega" | grep -q '^state  *not closed' || fail 'killed, but closed'

# Of two datasets' batches those of the other are left out; a tap where nobody is leaves no file.
"$inspect" record "$dir/tap.omega" --out "$dir/none.omega" --dataset other >"$dir/said"
grep -q 'none.omega: 0 batches' "$dir/said" || { cat "$dir/said"; fail 'of another dataset'; }
code=0
"$inspect" record "ipc://$dir/nobody.sock" --timeout 1 --out "$dir/nobody.omega" 2>/dev/null || code=$?
[ "$code" = 69 ] || fail "nobody there: $code"
[ ! -e "$dir/nobody.omega" ] || fail 'a record of nothing'

# A full disk, as a limit on the file's size: the record ends after its last whole block.
code=0
(
    ulimit -f 1 # blocks of 512 or 1024 bytes
    exec "$inspect" record "$dir/mended.omega" --out "$dir/full.omega"
) >/dev/null 2>"$dir/err" || code=$?
[ "$code" = 69 ] || fail "a full disk: $code"
grep -q 'full.omega: cannot write behind byte' "$dir/err" || { cat "$dir/err"; fail 'a full disk is not told'; }

# Ours and nobody else's: what is no record is said to be none.
code=0
"$inspect" dump "$dir/recipe.yaml" 2>"$dir/err" || code=$?
[ "$code" = 65 ] || fail "a recipe as a record: $code"
grep -q 'recipe.yaml: is no record' "$dir/err" || { cat "$dir/err"; fail 'it is not told'; }
