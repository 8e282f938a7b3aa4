#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# stats: the tap of a real loader, tallied. What the loader makes of a symmetric recipe, of an asymmetric
# one with small views, and of one order a batch follows the laws that the tap tells; what it makes of
# another recipe than the one that is expected is found, and named. The table fits 80 columns, in block
# characters where the locale has them and in ASCII where not; an interrupted listener still tells its
# figures.
#   stats.sh LOADERD INSPECT SYNTH
set -eu
loaderd=$1
inspect=$2
synth=$3

dir=$(mktemp -d)
daemon=
listener=
trap '[ -z "$listener" ] || kill "$listener" 2>/dev/null || true
    [ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true; wait; rm -rf "$dir"' EXIT

"$synth" --out "$dir/flowers" --train 84 --test 0 --size 40 >/dev/null # 1008 images
cat >"$dir/loaderd.yaml" <<END
listen: [ipc://$dir/loader.sock]
tap: ipc://$dir/tap.sock
datasets: {flowers: {path: $dir/flowers/train}}
END
cat >"$dir/recipe.yaml" <<END
run: {name: t}
data: {dataset: flowers, batch: 1000, loaders: [ipc://$dir/loader.sock]}
views: {size: 12, blur: {kernel: 5}}
END
"$loaderd" --config "$dir/loaderd.yaml" 2>"$dir/log" &
daemon=$!

# fetch EPOCH KEY=VALUE...: one batch of that recipe.
fetch() {
    epoch=$1
    shift
    sets=
    for set in "$@"; do sets="$sets --set $set"; done
    # shellcheck disable=SC2086
    "$inspect" batch "ipc://$dir/loader.sock" --recipe "$dir/recipe.yaml" $sets --epoch "$epoch" \
        --out "$dir/b.safetensors" >/dev/null
}
# feed KEY=VALUE...: batches of that recipe, epoch after epoch, until the listener has heard enough. The
# tap tells only those who listen, so how many that takes is not said beforehand.
feed() {
    fed=0
    while kill -0 "$listener" 2>/dev/null && [ "$fed" -lt 300 ]; do
        fetch "$fed" "$@"
        fed=$((fed + 1))
    done
}
# expect CODE: of the listener.
expect() {
    rc=0
    wait "$listener" || rc=$?
    listener=
    [ "$rc" -eq "$1" ] || { echo "code $rc, expected $1"; cat "$dir/out" "$dir/err"; exit 1; }
}
listen() { # ARGUMENTS of stats
    "$inspect" stats "ipc://$dir/tap.sock" "$@" >"$dir/out" 2>"$dir/err" &
    listener=$!
}
said() { grep -q -- "$1" "$dir/out" || { echo "no '$1' in:"; cat "$dir/out"; exit 1; }; }

# Right ones.
LC_ALL=C.UTF-8 COLUMNS=80 listen --count 12000 --check
feed
expect 0
said "^flowers, session .* 12000 views of 6 batches; the law: the session's own"
said '^as the law says: none of 38 tests disagrees, at level 0.001 for all together'
said '▆▆▆▆▆▆'
python3 - "$dir/out" <<'END'
import sys

lines = open(sys.argv[1], encoding="utf-8").read().splitlines()
assert max(map(len, lines[:-3])) == 80, max(lines[:-3], key=len)
assert not any(line.endswith(" ") for line in lines)
END

LC_ALL=C listen --count 20000 --check
feed views.small.count=3 views.small.size=8 'views.small.crop.scale=[.05,.14]' views.rotation=.5 \
    views.second.blur.p=.1 views.second.solarize.p=.2 views.second.flip=.3
expect 0
said '^view 4, 8 px'
said '^view 0 minus view 1'
! grep -n '[^ -~]' "$dir/out" || { echo 'that is no ASCII'; exit 1; }

COLUMNS=140 listen --count 12000 --check
feed views.jitter.order=batch
expect 0
said '^jitter.order  *6  any of 24, one a batch'

# Another pipeline than the recipe that is expected.
listen --count 12000 --check --recipe "$dir/recipe.yaml"
feed views.jitter.hue=.05 views.second.flip=.6
expect 65
said '^NOT as the law says: jitter.hue of view 0, flip of view 1, jitter.hue of view 1, '
grep -q 'tests say that the law is another one' "$dir/err"
! grep '^crop.*WRONG' "$dir/out"
! grep '^blur.*WRONG' "$dir/out"

# An evaluation's batches come through the same tap: views of another kind are not the recipe's.
listen --count 12000 --json --recipe "$dir/recipe.yaml"
fed=0
while kill -0 "$listener" 2>/dev/null && [ "$fed" -lt 300 ]; do
    fetch "$fed"
    fetch "$fed" views.size=16
    fed=$((fed + 1))
done
expect 0
python3 - "$dir/out" <<'END'
import json, sys

told = json.load(open(sys.argv[1]))
assert told["tests"] == 38 and told["wrong"] == [] and told["other_batches"] >= 4, told["tests"]
(session,) = told["sessions"]
assert session["views"] == 12000 and len(session["by_view"]) == 2
for view in session["by_view"]:
    assert view["size"] == 12
    for row in view["parameters"]:
        assert row["views"] == 6000 and row["n"] <= 6000
        bars = row["histogram"]  # null: it has one value alone
        assert not bars or sum(bars["count"]) + bars["outside"] == row["n"]
        assert row["n"] == 0 or row["min"] <= row["quantiles"]["50"] <= row["max"]
    (area,) = (r for r in view["parameters"] if r["name"] == "crop.area")
    assert .5 < area["mean"] < .55 and area["test"].startswith("Kolmogorov-Smirnov")
loss = session["pair"]["constant_loss"]
assert .68 < loss["flip"] < .694 and .11 < loss["color"] < .16 and loss["rotation"] == 0
END

# Interrupted: what was heard until then is told. A listener that heard nothing yet says so, and is
# followed by another one.
tries=0
while [ "$tries" -lt 40 ]; do
    listen
    fetch 0
    fetch "$((tries + 1))"
    fetch "$((tries + 2))"
    kill -TERM "$listener"
    rc=0
    wait "$listener" || rc=$?
    listener=
    [ "$rc" -ne 0 ] || break
    grep -q 'no views to tally came' "$dir/err" || { cat "$dir/err"; exit 1; }
    tries=$((tries + 1))
done
[ "$rc" -eq 0 ]
said '^as the law says'

rc=0
"$inspect" stats "ipc://$dir/nobody.sock" --timeout 1 2>"$dir/err" || rc=$?
[ "$rc" -eq 69 ] && grep -q 'nobody.sock' "$dir/err"

kill "$daemon"
wait "$daemon"
daemon=
echo "stats: ok, the interrupted listener heard something after $tries tries"
