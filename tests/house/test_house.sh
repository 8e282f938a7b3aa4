#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_house: the rules hold in this tree, and each rule can fail: one planted breach at a time in a
# tree made for it.
#   test_house.sh ROOT
set -eu
root=$1
house=$root/tests/house/house.sh
"$house" "$root"

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
head='/* SPDX-License-Identifier: Apache-2.0 */'
fresh() {
    rm -rf "$tree"
    mkdir -p "$tree/common" "$tree/proto" "$tree/loaderd" "$tree/trainer/ops" "$tree/tools" "$tree/tests/unit"
    printf '%s\nint a;\n' "$head" >"$tree/common/a.c"
    printf '%s\nint t;\n' "$head" >"$tree/tests/unit/test_a.c"
    echo "tests = ['a']" >"$tree/tests/unit/meson.build"
}

# planted RULE FILE TEXT: with TEXT added to FILE the house must name RULE.
planted() {
    fresh
    [ -f "$tree/$2" ] || printf '%s\n' "$head" >"$tree/$2"
    printf '%s\n' "$3" >>"$tree/$2"
    if out=$("$house" "$tree"); then
        echo "not found: $1"
        exit 1
    fi
    echo "$out" | grep -q -F "$1" || {
        echo "found something else than '$1': $out"
        exit 1
    }
}

fresh
"$house" "$tree" >/dev/null
planted 'common never includes trainer' common/a.c '#include "trainer/net.h"'
planted 'trainer never includes loaderd' trainer/x.h '#include "loaderd/order.h"'
planted 'door of zmq' common/a.c '#include <zmq.h>'
planted 'door of uv' trainer/x.h '#include <uv.h>'
planted 'door of matio' tools/x.c '#include <matio.h>'
planted 'door of (oneapi/dnnl/|dnnl)' trainer/x.h '#include <oneapi/dnnl/dnnl.h>'
planted 'at most 100 columns' common/a.c "/* $(printf '%0120d' 0) */"
planted 'parsed and strings copied with bounds' common/a.c 'int b(const char *s) { return atoi(s); }'
planted 'no typedef' common/a.c 'typedef struct s s_t;'
planted 'no exit' common/a.c 'void q(void) { exit(1); }'
planted 'nothing is left' common/a.c "/* TO""DO */"
planted 'every .c has' common/b.c 'int b;'
planted 'every test is in its meson.build' tests/unit/test_aa.c 'int t;'
planted 'no tabs' common/a.c "$(printf '\tint x;')"
planted 'is two' common/a.c "$(yes ';' | head -n 600)"
fresh
printf 'int a;\n' >"$tree/common/a.c"
! "$house" "$tree" >/dev/null
echo "house: every rule can fail"
