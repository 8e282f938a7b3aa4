#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# manual: what each program says about itself. --help fits in 100 columns, the manual page has every
# option and every key that --help has, groff reads it without a warning, and what is no option ends
# with 64 and one line.
#   manual.sh PAGE PROGRAM [PAGE PROGRAM ...]
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() {
    echo "$*"
    exit 1
}

# Lines that begin with an option, a key or a verb: its name.
names() {
    sed -n 's/^  \(--[a-z-]*\).*/\1/p; s/^  \([a-z_.*]\{1,\}\)  .*/\1/p' "$1"
}

groff=$(command -v groff || true)
while [ $# -gt 0 ]; do
    page=$1
    program=$2
    shift 2
    name=$(basename "$program")
    "$program" --help >"$dir/help" 2>"$dir/err" || fail "$name --help: $?"
    [ ! -s "$dir/err" ] || fail "$name --help wrote to standard error"
    awk 'length > 100 { print FILENAME ": " $0; bad = 1 } END { exit bad }' "$dir/help" || fail "$name: too wide"
    head -n 1 "$dir/help" | grep -q "^Usage: $name" || fail "$name: no usage line"
    [ "$("$program" --version | sed 's/[0-9.]*$/N/')" = "$name N" ] || fail "$name --version"

    # \- and \& are how roff writes a hyphen and nothing.
    sed 's/\\-/-/g; s/\\&//g' "$page" >"$dir/page"
    n=0
    for word in $(names "$dir/help"); do
        grep -q -F -- "\\fB$word" "$dir/page" || grep -q -F -x -- ".SS $word" "$dir/page" ||
            fail "$name: $word is not in $page"
        n=$((n + 1))
    done
    [ "$n" -ge 4 ] || fail "$name: only $n names found in --help"
    if [ -n "$groff" ]; then
        "$groff" -man -ww -z "$page" 2>"$dir/err"
        [ ! -s "$dir/err" ] || { cat "$dir/err"; fail "$page: groff warns"; }
        "$groff" -man -Tascii -P-cbou "$page" | grep -q '^EXIT STATUS' || fail "$page: no EXIT STATUS"
    fi

    rc=0
    "$program" --nonsense >"$dir/out" 2>"$dir/err" || rc=$?
    [ "$rc" -eq 64 ] || fail "$name --nonsense: $rc"
    [ ! -s "$dir/out" ] && [ "$(wc -l <"$dir/err")" -eq 1 ] || fail "$name --nonsense: more than one line"
    grep -q "^$name: error: .*--nonsense" "$dir/err" || fail "$name --nonsense is not named"
    echo "$name: $n names"
done
[ -n "$groff" ] || { echo 'skipped: no groff to read the pages (Debian: groff-base)'; exit 77; }
