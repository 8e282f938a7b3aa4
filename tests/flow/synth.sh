#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# synth: the same arguments give the same files, whatever an earlier run left in the folder; what is not synth's stays.
#   synth.sh SYNTH
set -eu
synth=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() {
    echo "$*"
    exit 1
}
make() { # WHERE ARGUMENTS...
    to=$1
    shift
    "$synth" --out "$dir/$to" --size 16 "$@" >/dev/null
}
make once --train 1 --test 2
make again --train 4 --test 3 --seed 9
make again --train 1 --test 2
diff -r "$dir/once" "$dir/again" || fail 'files of the first run are left'
[ "$(find "$dir/once" -name '*.jpg' | wc -l)" -eq 36 ] || fail 'twelve kinds of 1 and 2 were wanted'

kind=$(ls "$dir/again/train" | sed -n 1p)
for mine in photo.jpg 00002.png 2.jpg; do
    echo mine >"$dir/again/train/$kind/$mine"
done
make again --train 1 --test 2
for mine in photo.jpg 00002.png 2.jpg; do
    [ -f "$dir/again/train/$kind/$mine" ] || fail "$mine is gone"
done
make again --train 0 --test 0
[ "$(find "$dir/again" -name '0*.jpg')" = '' ] || fail 'nothing was asked for'
echo 'synth: ok'
