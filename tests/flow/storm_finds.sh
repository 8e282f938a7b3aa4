#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# storm_finds: what the storm looks for it also finds: a batch that is dropped, one that is taken twice,
# pixels that differ. Each is found as what it is, and nothing else is.
#   storm_finds.sh STORM LOADERD
set -eu
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# finds PLANT LOST DOUBLED MISMATCHED
finds() {
    code=0
    "$1" --loader-kills 3 --worker-kills 1 --stops 1 --plant "$2" "$storm_loaderd" >"$out" 2>&1 || code=$?
    if [ "$code" -ne 1 ] || ! grep -q "^lost $3 batches" "$out" || ! grep -q "^doubled $4 batches" "$out" ||
        ! grep -q "^mismatched $5 batches" "$out" || ! grep -q '^unordered 0 batches' "$out"; then
        cat "$out"
        echo "plant $2: exit code $code; wanted 1 and lost $3, doubled $4, mismatched $5"
        exit 1
    fi
}
storm_loaderd=$2
finds "$1" 1 1 0 0
finds "$1" 2 0 1 0
finds "$1" 3 0 0 '[1-9][0-9]*'
