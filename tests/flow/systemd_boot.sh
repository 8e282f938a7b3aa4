#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# systemd_boot: becomes systemd, the first process of namespaces that systemd.sh made. Its root is this
# machine's with every change in memory, beside what is installed in DIR/dest; of devices, kernel
# settings and units of this machine it sees none, so it can change none. DIR/check is its /run/check.
#   systemd_boot.sh DIR ENVIRONMENT        ENVIRONMENT: for every service, NAME=VALUE or nothing
set -eu
dir=$1
root=$dir/over/root
mount -t overlay -o "lowerdir=/,upperdir=$dir/over/upper,workdir=$dir/over/work" overlay "$root"
mkdir -p "$root/srv" "$root/etc/systemd/system"
for place in run srv dev etc/systemd/system; do
    mount -t tmpfs -o mode=755 tmpfs "$root/$place"
done
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/var/tmp"
# Where a folder here is a link there (/lib), what is in it goes where the link leads.
tar -C "$dir/dest" -c . | tar -C "$root" -x --no-overwrite-dir --keep-directory-symlink
cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty "$root/dev/"
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mkdir "$root/run/check"
mount --bind "$dir/check" "$root/run/check"

# The units that there are: the journal's, ours, and two milestones that all services wait for.
units=$root/etc/systemd/system
for target in sysinit basic check; do
    printf '[Unit]\nDescription=%s\n' "$target" >"$units/$target.target"
done
cp /lib/systemd/system/systemd-journald.service /lib/systemd/system/systemd-journald.socket "$units/"
mkdir "$units/service.d"
printf '[Service]\nEnvironment=%s\n' "$2" >"$units/service.d/environment.conf"
printf 'Requires=check.service\n' >>"$units/check.target"
cat >"$units/check.service" <<EOF
[Unit]
Description=the life of a loader
Requires=systemd-journald.service
After=systemd-journald.service
SuccessAction=exit-force
FailureAction=exit-force
[Service]
Type=oneshot
ExecStart=/bin/sh /run/check/systemd_inside.sh
StandardOutput=append:/run/check/said
StandardError=append:/run/check/said
EOF
unit_at=
# shellcheck disable=SC1091
. "$dir/check/where"
cd "$root"
pivot_root . .
umount -l .
mount --make-rshared / # a service's credentials are mounted by a helper and seen by the service
export container=augstream-test
SYSTEMD_UNIT_PATH=/etc/systemd/system:$(dirname "$unit_at")
export SYSTEMD_UNIT_PATH
export SYSTEMD_GENERATOR_PATH=/run/check/none SYSTEMD_ENVIRONMENT_GENERATOR_PATH=/run/check/none
exec /lib/systemd/systemd --system --unit=check.target --log-target=journal --show-status=no
