#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# service: what `meson install` leaves for systemd, judged by systemd's own tools and without a running
# one: the units are clean, expose little, name a user and folders that sysusers.d and tmpfiles.d make;
# the example configuration is one.
#   service.sh BUILD
set -eu
build=$1
for tool in systemd-analyze systemd-sysusers meson; do
    command -v "$tool" >/dev/null || { echo "skipped: no $tool (Debian: systemd, meson)"; exit 77; }
done
EXPOSURE=12 # tenths; what is left: docs/operations.md

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() {
    echo "$*"
    exit 1
}
DESTDIR=$dir/dest meson install -C "$build" --no-rebuild --quiet

# one NAME: the only installed file of that name, but for how a shell completes it.
one() {
    find "$dir/dest" -type f -name "$1" ! -path '*/completions/*' | sed '2,$s/.*/and &/' | tr '\n' ' ' | sed 's/ $//'
}
for file in augstream-loaderd.service augstream-loaderd@.service loaderd.yaml operations.md \
    augstream-loaderd.8 augstream-trainer.1 augstream-inspect.1 augstream-evaluate.1 augstream-synth.1 \
    augstream-loaderd augstream-trainer augstream-inspect augstream-evaluate augstream-synth \
    augstream-loaderd-worker stl10-simsiam-augself.yaml augstream-loaderd.json alerts.yaml prometheus.yaml \
    monitoring.md; do
    [ -f "$(one "$file")" ] || fail "installed as $file: '$(one "$file")'"
done

# verified FILE: systemd finds nothing to say about the unit. Programs are where they will be, which is
# not yet: below DEST.
pages=yes # that the unit names
command -v man >/dev/null || pages=no
verified() {
    systemd-analyze verify --man=$pages "$1" >"$dir/said" 2>&1 || return 1
    ! grep augstream "$dir/said"
}
MANPATH=$(dirname "$(dirname "$(one augstream-loaderd.8)")")
export MANPATH
mkdir "$dir/units"
for name in augstream-loaderd.service augstream-loaderd@.service; do
    unit=$dir/units/$name
    sed "s|^ExecStart=|&$dir/dest|" "$(one $name)" >"$unit"
    verified "$unit" || { cat "$dir/said"; fail "$name is not clean"; }
    systemd-analyze security --offline=yes --threshold=$EXPOSURE "$unit" >"$dir/said" 2>&1 ||
        { cat "$dir/said"; fail "$name exposes more than $EXPOSURE tenths"; }
    tail -n 1 "$dir/said"
    # So is the unit with the lines in it that it proposes.
    sed 's/^#: //' "$unit" >"$dir/units/with-$name"
    ! cmp -s "$unit" "$dir/units/with-$name" || fail "$name proposes nothing"
    verified "$dir/units/with-$name" || { cat "$dir/said"; fail "what $name proposes is not clean"; }
done

# Both judges can say no.
unit=$dir/units/augstream-loaderd.service
sed 's/^WatchdogSec/WatchDogSec/' "$unit" >"$dir/augstream-wrong.service"
! verified "$dir/augstream-wrong.service" || fail 'an unknown key was not found'
sed '/^CapabilityBoundingSet/d' "$unit" >"$dir/augstream-wide.service"
! systemd-analyze security --offline=yes --threshold=$EXPOSURE "$dir/augstream-wide.service" \
    >"$dir/said" 2>&1 || fail 'a unit with every capability passed'

# The user and the group are made, the folder is theirs.
value() {
    sed -n "s/^$1=//p" "$unit"
}
sysusers=$(find "$dir/dest" -path '*/sysusers.d/augstream.conf')
mkdir -p "$dir/image/etc"
systemd-sysusers --root="$dir/image" "$sysusers" >/dev/null 2>&1 || fail 'systemd-sysusers refuses'
grep -q "^$(value User):" "$dir/image/etc/passwd" || fail "no user $(value User)"
grep -q "^$(value Group):" "$dir/image/etc/group" || fail "no group $(value Group)"
tmpfiles=$(find "$dir/dest" -path '*/tmpfiles.d/augstream.conf')
line="d /run/$(value RuntimeDirectory) $(value RuntimeDirectoryMode) $(value User) $(value Group) -"
grep -q -x "$line" "$tmpfiles" || fail "tmpfiles.d and the unit differ: $line"

# The example is a configuration; only its datasets are somewhere else.
rc=0
"$(one augstream-loaderd)" --config "$(one loaderd.yaml)" --check >"$dir/said" 2>&1 || rc=$?
[ "$rc" -eq 65 ] && grep -q ' /srv/' "$dir/said" || { cat "$dir/said"; fail "loaderd.yaml: $rc"; }
