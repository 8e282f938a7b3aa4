#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pages: what docs/operations.md says that a loader says, its source says: each line of the table of log lines,
# between what changes in it (NAME, N, 15, why), and each exit code with what --help says of it.
set -eu
cd "$(dirname "$0")/../.."
page=docs/operations.md
said=$(mktemp)
trap 'rm -f "$said"' EXIT
cat common/*.c $(find loaderd -name '*.c') >"$said"

# rows HEAD: the first cell of each row of the table with that head.
rows() {
    sed -n "/^| $1 /,/^\$/p" "$page" | sed '1,2d' | sed -n 's/^| \([^|]*\) |.*/\1/p'
}

rows line | sed 's/^`//; s/`$//; s/[A-Z]\{1,\}\|[0-9]\{1,\}\|\.\.\.\|why\|) /\n/g' | grep '[a-z]' >"$said.pieces"
[ "$(wc -l <"$said.pieces")" -ge 10 ] || { echo "$page has no table of log lines"; exit 1; }
while IFS= read -r piece; do
    grep -q -F -- "$piece" "$said" || { echo "$page quotes '$piece', which no loader says"; bad=1; }
done <"$said.pieces"
rm "$said.pieces"

rows 'exit code' | sort >"$said.codes"
for code in $(sed -n 's/^    EXIT_[A-Z]* = \([0-9]*\),/\1/p' common/err.h); do
    grep -q -x "$code" "$said.codes" || { echo "$page does not say what exit code $code means"; bad=1; }
done
rm "$said.codes"
[ -z "${bad:-}" ] || exit 1
echo 'pages: ok'
