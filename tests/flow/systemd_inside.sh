#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# systemd_inside: the life of augstream-loaderd.service under a real systemd, as docs/operations.md tells
# it: user, folder, configuration, keys; start, reload, watchdog, crash, drain, stop. systemd.sh gives it
# a machine of its own, where it is root and /run/check holds what it needs.
set -eu
# shellcheck disable=SC1091,SC2154
. /run/check/where # where all is installed: $unit_at, $sysusers, $tmpfiles, $example ...
unit=augstream-loaderd.service
config=/etc/augstream/loaderd.yaml
dropins=/etc/systemd/system/$unit.d
PATIENCE_S=60

fail() {
    echo "systemd: $*"
    systemctl status --no-pager -n 0 "$unit" || true
    cat /run/check/ends 2>/dev/null || true
    journalctl --no-pager -o short-monotonic -p info -n 100 || true
    exit 1
}
value() { # PROPERTY [UNIT]
    systemctl show -P "$1" "${2:-$unit}"
}
is() { # PROPERTY VALUE [UNIT]
    [ "$(value "$1" "${3:-$unit}")" = "$2" ] || fail "$1 is '$(value "$1" "${3:-$unit}")', not '$2'"
}
await() { # WHAT COMMAND...: until it succeeds
    what=$1
    shift
    end=$(($(date +%s) + PATIENCE_S))
    until "$@"; do
        [ "$(date +%s)" -lt $end ] || fail "never: $what"
        sleep 0.05
    done
}
status_has() {
    value StatusText | grep -q "$1"
}
journal() { # OPTIONS...
    journalctl -q --no-pager -o cat -u "$unit" "$@"
}
logged() { # TEXT: since mark, by the daemon or about it
    journal | tail -n "+$((marked + 1))" | grep -q -- "$1"
}
mark() {
    journalctl --sync
    marked=$(journal | wc -l)
}
dropin() { # NAME LINE...: beside the unit
    name=$1
    shift
    mkdir -p "$dropins"
    { echo '[Service]' && printf '%s\n' "$@"; } >"$dropins/$name.conf"
    systemctl daemon-reload
}
ended() { # N RESULT CODE STATUS: the Nth end of the daemon was this
    await "end $1" has_ended "$1"
    [ "$(sed -n "$1p" /run/check/ends)" = "$2 $3 $4" ] || fail "end $1: $(sed -n "$1p" /run/check/ends), not $2 $3 $4"
}
has_ended() {
    [ "$(wc -l </run/check/ends)" -ge "$1" ]
}
# fetch USER NAME ENDPOINT [--set ...]: batch 2 of epoch 1 into /tmp/NAME
fetch() {
    user=$1
    name=$2
    at=$3
    shift 3
    setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups \
        "$inspect" batch "$at" --recipe /run/check/recipe.yaml --epoch 1 --index 2 \
        --out "/tmp/$name" "$@" >/tmp/said 2>&1
}
ipc=ipc:///run/augstream/loaderd
# same: who may gets the batch, and it is the one that it always is.
same() {
    rm -f /tmp/now
    fetch member now "$ipc" || { cat /tmp/said; fail 'a member of the group gets no batch'; }
    cmp /tmp/first /tmp/now || fail 'another batch than before'
}

# --- as operations.md says ---

install_it() {
    systemd-sysusers "$sysusers" || fail 'no user'
    systemd-sysusers --inline 'u member -' 'm member augstream' 'u stranger -'
    systemd-tmpfiles --create "$tmpfiles" || fail 'no folder'
    [ "$(stat -c '%a %U %G' /run/augstream)" = '750 augstream augstream' ] || fail 'whose is /run/augstream?'
    install -D -m 644 "$example" $config
    # The example, with its lines for other machines, the key as a credential, and another dataset.
    sed -i -e '/^listen: /d;/^tap: /d;s/^#: //;s|secret: /etc/augstream/|secret: |' \
        -e '/^  imagenet100:/d;s|^  stl10-unlabelled: .*|  flowers: {path: /srv/data/flowers/train}|' $config
    mkdir -p /srv/data /etc/augstream/clients
    cp -r /run/check/flowers /srv/data/
    find /srv/data -type d -exec touch -d '2020-01-01 00:00:00.5' {} +
    "$loaderd" keygen --out /etc/augstream/loader >/dev/null
    "$loaderd" keygen --out /tmp/member >/dev/null
    install -m 644 /tmp/member /etc/augstream/clients/
    install -m 600 -o member /tmp/member_secret /tmp/members_own
    cat >/run/check/recipe.yaml <<EOF
run: {name: t}
data: {dataset: flowers, batch: 8, loaders: [$ipc], retry: 3}
views: {size: 32, blur: {kernel: 5}}
EOF
    # Each end of the daemon, as systemd judges it.
    # shellcheck disable=SC2016
    dropin record 'ExecStopPost=+/bin/sh -c "echo $${SERVICE_RESULT} $${EXIT_CODE} $${EXIT_STATUS} >>/run/check/ends"'
}

# The secret key is root's. Without the credential there is none, which no restart mends.
without_credential() {
    ! systemctl start "$unit" 2>/dev/null || fail 'it starts without its key'
    ended 1 exit-code exited 78
    is ActiveState failed
    is NRestarts 0
    logged 'curve.secret: loader_secret' || fail 'it does not say what is missing'
}

with_credential() {
    dropin key "$(sed -n 's/^#: LoadCredential=/LoadCredential=/p' "$unit_at")" # as the unit proposes
    systemctl start "$unit" || fail 'it does not start'
    is ActiveState active # Type=notify: it has said READY=1
    is Type notify
    is Result success
    await 'a status' status_has '^0 peers, 0 sessions, 0 requests outstanding; 0 batches'
    logged 'dataset flowers: .*listed anew, as no index was kept; the index is kept' || fail 'no index is kept'
    main=$(value MainPID)
    key=$(tr '\0' '\n' <"/proc/$main/environ" | sed -n 's/^CREDENTIALS_DIRECTORY=//p')/loader_secret
    [ "$(stat -c '%a %U' "$key")" = '400 augstream' ] || fail "the credential $key: $(stat -c '%a %U' "$key")"
    cmp "$key" /etc/augstream/loader_secret || fail 'the credential is another key'
}

confined() {
    for line in 'CapEff:	0000000000000000' 'NoNewPrivs:	1' 'Seccomp:	2'; do
        grep -q "^$line\$" "/proc/$main/status" || fail "the daemon's status has no '$line'"
    done
    [ "$(stat -c '%U %G' "/proc/$main")" = 'augstream augstream' ] || fail 'it runs as somebody else'
    [ "$(stat -c '%a %U %G' /run/augstream/loaderd)" = '660 augstream augstream' ] || fail 'whose is the socket?'
    [ "$(stat -c '%a %U %G' /var/lib/augstream)" = '700 augstream augstream' ] || fail 'whose is the state?'
    ls /var/lib/augstream/*.index >/dev/null || fail 'no index in the state'
}

serves() {
    fetch member first "$ipc" || { cat /tmp/said; fail 'a member of the group gets no batch'; }
    same
    ! fetch stranger strange "$ipc" || fail 'a stranger gets a batch'
    grep -q 'no loader answered' /tmp/said || { cat /tmp/said; fail 'a stranger fails at something else'; }
    [ ! -e /tmp/strange ] || fail 'a stranger gets a file'
    fetch member keyed tcp://127.0.0.1:5555 --set data.curve.server=/etc/augstream/loader \
        --set data.curve.secret=/tmp/members_own || { cat /tmp/said; fail 'the right key gets no batch'; }
    cmp /tmp/first /tmp/keyed || fail 'another batch over tcp'
    ! fetch member unkeyed tcp://127.0.0.1:5555 || fail 'a batch without a key'
    await 'a status' status_has '[1-9][0-9]* batches, '
}

# --- what a service manager does to it ---

reloads() {
    systemctl log-level debug # systemd then tells what it is told
    mark
    sed -i 's/^log: info/log: debug/;s/^workers: 0/workers: 3/' $config
    systemctl reload "$unit" || fail 'no reload'
    await 'RELOADING=1' logged 'Got notification message from PID .*RELOADING=1'
    await 'READY=1' logged 'Got notification message from PID .*READY=1'
    systemctl log-level info
    logged 'SIGHUP: .*loaderd.yaml is read again; changed: log' || fail 'log did not change'
    logged 'kept until a restart: workers' || fail 'workers is not named'
    mark
    sed -i 's/^window: .*/windows: 4/' $config
    systemctl reload "$unit" || fail 'no reload of a wrong file'
    await 'a complaint' logged 'loaderd.yaml:[0-9]*: windows: unknown key'
    complains 'windows: unknown key' || fail 'no warning by its priority'
    ! complains 'list of clients is read' || fail 'all lines are warnings'
    sed -i 's/^windows: .*/window: 4/;s/^log: debug/log: info/' $config
    is ActiveState active
    is MainPID "$main"
    same
}

complains() { # TEXT: ever, with a warning's priority or a worse one
    journal -p warning | grep -q -- "$1"
}

# A daemon that stands still gives no sign of life; one that is killed gives none either.
restarts() {
    dropin short WatchdogSec=5
    mark
    systemctl restart "$unit"
    ended 2 success exited 0
    logged 'dataset flowers: index as it was kept' || fail 'the index is not used'
    main=$(value MainPID)
    kill -STOP "$main"
    ended 3 watchdog killed ABRT
    await 'active again' active_after "$main"
    is NRestarts 1
    same
    rm "$dropins/short.conf"
    systemctl daemon-reload
    main=$(value MainPID)
    kill -KILL "$main"
    ended 4 signal killed KILL
    await 'active again' active_after "$main"
    is NRestarts 2
    same
}
active_after() { # PID
    [ "$(value ActiveState)" = active ] && [ "$(value MainPID)" != "$1" ]
}

# Another daemon of the template beside it, with a configuration and a socket of its own.
template() {
    sed -e 's|tcp://0.0.0.0:[0-9]*, ||;/^tap: /d;/^curve: /d;/^http: /d' \
        -e 's|/run/augstream/loaderd|/run/augstream/second|' $config >/etc/augstream/second.yaml
    systemctl start augstream-loaderd@second || fail 'the template does not start'
    fetch member second ipc:///run/augstream/second || { cat /tmp/said; fail 'no batch from the second'; }
    cmp /tmp/first /tmp/second || fail 'another batch from the second'
    systemctl stop augstream-loaderd@second
    is Result success augstream-loaderd@second.service
}

# What was asked for is sent before it ends: asked while the workers stand still.
stops() {
    main=$(value MainPID)
    workers=$(cat "/proc/$main/task/$main/children")
    processes=$(value ControlGroup)
    grep -q "^$main\$" "/sys/fs/cgroup$processes/cgroup.procs" || fail 'where is the daemon?'
    # shellcheck disable=SC2086
    kill -STOP $workers
    fetch member late "$ipc" --set run.seed=5 &
    asked=$!
    await 'a request' status_has '[1-9][0-9]* requests outstanding'
    mark
    systemctl stop --no-block "$unit"
    await 'the drain' logged 'finishing [1-9][0-9]* requests'
    is ActiveState deactivating
    # shellcheck disable=SC2086
    kill -CONT $workers
    wait $asked || { cat /tmp/said; fail 'what was asked for before the end did not come'; }
    [ -s /tmp/late ] || fail 'no batch'
    ended 5 success exited 0
    await 'the end' inactive
    [ ! -e /run/augstream/loaderd ] || fail 'the socket is left'
    [ -d /run/augstream ] || fail 'the folder of sockets has gone'
    [ ! -e "/sys/fs/cgroup$processes" ] || fail 'processes are left'
}
inactive() {
    [ "$(value ActiveState)" = inactive ]
}

: >/run/check/ends
mark
install_it
without_credential
with_credential
confined
serves
reloads
restarts
template
stops
echo "the unit lived: $(wc -l </run/check/ends) ends, each as it should be"
: >/run/check/passed
