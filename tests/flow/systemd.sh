#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# systemd: the installed unit as a real service. systemd boots as the first process of namespaces of its
# own, on this machine's files with all changes in memory, and systemd_inside.sh puts the unit through
# its life there. Wants root and what namespaces, an overlay and a version 2 cgroup take, else it skips.
#   systemd.sh BUILD
set -eu
build=$1
here=$(cd "$(dirname "$0")" && pwd)
skip() {
    echo "skipped: $*"
    exit 77
}
LIMIT_S=300 # for the whole life of the nested system

[ "$(id -u)" -eq 0 ] || skip 'not root'
for tool in unshare setpriv timeout pivot_root systemctl systemd-sysusers systemd-tmpfiles meson tar; do
    command -v "$tool" >/dev/null || skip "no $tool (Debian: util-linux, coreutils, systemd, meson, tar)"
done
[ -x /lib/systemd/systemd ] || skip 'no /lib/systemd/systemd (Debian: systemd)'
[ "$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')" -ge 252 ] || skip 'systemd is older than 252'
# Everything below happens in a mount namespace of our own: what is mounted goes with us.
if [ "${AUGSTREAM_OWN_MOUNTS:-}" != yes ]; then
    said=$(unshare -m -p -f -C -n -i -u --propagation private true 2>&1) ||
        skip "no namespaces may be made here: $said"
    AUGSTREAM_OWN_MOUNTS=yes exec unshare -m --propagation private sh "$0" "$@"
fi

dir=$(mktemp -d)
group=
unshare_pid=
# Whatever is left of the nested system ends with its first process; then its cgroups are empty.
clean() {
    trap - EXIT
    if [ -n "$unshare_pid" ]; then
        kill -9 "$unshare_pid" 2>/dev/null || true
        wait "$unshare_pid" 2>/dev/null || true
    fi
    if [ -n "$group" ]; then
        tries=0 # the kernel is a little behind wait
        until find "$group" -depth -type d -exec rmdir {} + 2>/dev/null; do
            tries=$((tries + 1))
            [ "$tries" -lt 400 ] || { echo "cgroups are left: $group" && break; }
            sleep 0.05
        done
    fi
    umount "$dir/over" 2>/dev/null || true
    umount "$dir/cgroup" 2>/dev/null || true
    rm -rf --one-file-system "$dir"
}
trap clean EXIT
trap 'exit 1' HUP INT PIPE TERM

mkdir "$dir/dest" "$dir/over" "$dir/cgroup" "$dir/check"
said=$(mount -t tmpfs -o mode=755 tmpfs "$dir/over" 2>&1) || skip "no tmpfs may be mounted here: $said"
mkdir "$dir/over/upper" "$dir/over/work" "$dir/over/root"
said=$(mount -t overlay -o "lowerdir=/,upperdir=$dir/over/upper,workdir=$dir/over/work" overlay \
    "$dir/over/root" 2>&1) || skip "no overlay may be mounted here: $said"
umount "$dir/over/root"
said=$(mount -t cgroup2 none "$dir/cgroup" 2>&1) || skip "no version 2 cgroups here: $said"
group=$dir/cgroup$(sed -n 's|^0::\(.*[^/]\)*/*$|\1|p' /proc/self/cgroup)/augstream-test-$$
said=$(mkdir "$group" 2>&1) || { group= && skip "no cgroup may be made here: $said"; }
said=$(sh -c 'echo $$ >"$1"' sh "$group/cgroup.procs" 2>&1) || skip "no cgroup may be entered here: $said"

DESTDIR=$dir/dest meson install -C "$build" --no-rebuild --quiet
installed() { # NAME or the end of a path; not how a shell completes it
    find "$dir/dest" -type f -path "*/$1" ! -path '*/completions/*'
}
umask 022
"$(installed augstream-synth)" --out "$dir/check/flowers" --train 3 --test 0 --size 48 >/dev/null
cp "$here/systemd_boot.sh" "$here/systemd_inside.sh" "$dir/check/"
environment=
# Sanitizers look for leaks with a system call that the unit forbids.
case $(meson introspect --buildoptions "$build" | tr -d '\n ') in
*'"name":"b_sanitize","value":"none"'*) ;;
*) environment=ASAN_OPTIONS=detect_leaks=0 ;;
esac

# Where things will be, for those inside.
: >"$dir/check/said"
while read -r name file; do
    path=$(installed "$file")
    echo "$name='${path#"$dir/dest"}'"
done >"$dir/check/where" <<EOF
unit_at augstream-loaderd.service
sysusers sysusers.d/augstream.conf
tmpfiles tmpfiles.d/augstream.conf
example loaderd.yaml
loaderd augstream-loaderd
inspect augstream-inspect
EOF
sh -c 'echo $$ >"$1" && shift && exec "$@"' sh "$group/cgroup.procs" \
    setpriv --pdeathsig KILL timeout -s KILL $LIMIT_S \
    setpriv --pdeathsig KILL unshare --kill-child -m -p -f -C -n -i -u \
    sh "$dir/check/systemd_boot.sh" "$dir" "$environment" </dev/null >"$dir/console" 2>&1 &
unshare_pid=$!
rc=0
wait "$unshare_pid" || rc=$?
unshare_pid=
cat "$dir/check/said"
[ "$rc" -eq 0 ] && [ -e "$dir/check/passed" ] && exit 0
echo "the nested system ended with $rc"
cat "$dir/console"
exit 1
