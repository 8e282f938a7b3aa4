#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# promtool: Prometheus' own checker looks at what a real daemon exposes, at the alert rules and at the
# dashboard's expressions; and each alert, fed with figures, speaks when it should and not otherwise.
#   promtool.sh LOADERD INSPECT SYNTH
set -eu
command -v promtool >/dev/null || { echo 'skipped: no promtool (tools/deps monitoring)'; exit 77; }
loaderd=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
deploy=$root/deploy

dir=$(mktemp -d)
daemon=
trap '[ -z "$daemon" ] || kill -9 "$daemon" 2>/dev/null || true; rm -rf "$dir"' EXIT
fail() {
    echo "$*"
    exit 1
}

# --- what a daemon exposes ---

"$3" --out "$dir/flowers" --train 1 --test 0 --size 40 >/dev/null
cat >"$dir/loaderd.yaml" <<EOF
listen: [ipc://$dir/loader.sock]
datasets: {flowers: {path: $dir/flowers/train}}
workers: 1
http: tcp://127.0.0.1:*
EOF
cat >"$dir/recipe.yaml" <<EOF
run: {name: t}
data: {dataset: flowers, batch: 12, loaders: [ipc://$dir/loader.sock]}
views: {size: 32}
EOF
"$loaderd" --config "$dir/loaderd.yaml" 2>"$dir/log" &
daemon=$!
"$2" batch "ipc://$dir/loader.sock" --recipe "$dir/recipe.yaml" --out "$dir/batch" >/dev/null
url=$(sed -n 's|.*metrics and health on tcp://|http://|p' "$dir/log")/metrics
python3 -c 'import sys, urllib.request as u; sys.stdout.write(u.urlopen(sys.argv[1]).read().decode())' "$url" >"$dir/text"
kill "$daemon"
wait "$daemon"
daemon=
grep -q '^augstream_loaderd_batches_sent_total 1$' "$dir/text" || fail 'no batch is counted'
promtool check metrics <"$dir/text" >"$dir/said" 2>&1 || { cat "$dir/said"; fail 'promtool refuses /metrics'; }
[ ! -s "$dir/said" ] || { cat "$dir/said"; fail 'promtool has something to say of /metrics'; }
# The judge can say no.
! sed 's/^# TYPE augstream_loaderd_batches_sent_total counter/# TYPE x y/' "$dir/text" |
    promtool check metrics >/dev/null 2>&1 || fail 'a wrong line was not found'

# --- the rules, and the dashboard's expressions as if they were rules ---

promtool check config "$deploy/prometheus/prometheus.yaml" >"$dir/said" 2>&1 || { cat "$dir/said"; fail prometheus.yaml; }
cp "$deploy/prometheus/alerts.yaml" "$dir"
python3 - "$deploy/grafana/augstream-loaderd.json" "$dir" <<'EOF'
import json, sys

board, folder = sys.argv[1:]
expressions = [t["expr"] for p in json.load(open(board))["panels"] for t in p.get("targets", [])]
rules = [{"record": f"panel:{i}", "expr": e.replace("$__rate_interval", "5m").replace("$instance", ".+")}
         for i, e in enumerate(expressions)]
json.dump({"groups": [{"name": "panels", "rules": rules}]}, open(f"{folder}/panels.yaml", "w"))

# Alerts: a loader that is well, and what is not well of each other one.
P = "augstream_loaderd_"
WELL = {
    "up": "1", P + "serving": "1", P + "insecure": "0", P + 'requests{stage="working"}': "4",
    P + 'requests{stage="waiting"}': "0", P + "batches_sent_total": "0+60x90", P + "render_seconds_count": "0+9999x90",
    P + "stalls_total": "0", P + 'samples_sent_total{dataset="d"}': "0+6000x90",
    P + 'samples_substituted_total{dataset="d"}': "0+10x90", P + 'worker_restarts_total{reason="recycled"}': "0+3x90",
    P + 'worker_restarts_total{reason="killed"}': "0", P + 'workers{state="down"}': "0",
    P + "internal_errors_total": "0", P + "jams_total": "0", P + "lost_edges_total": "0",
    P + "auth_failures_total": "2", P + 'loop_lag_seconds_bucket{le="0.1"}': "0+600x90",
    P + 'loop_lag_seconds_bucket{le="1"}': "0+600x90", P + 'loop_lag_seconds_bucket{le="+Inf"}': "0+600x90",
    "process_open_fds": "40", "process_max_fds": "65536", "process_resident_memory_bytes": "2e9",
    P + 'slots{state="idle"}': "6", P + 'slots{state="taken"}': "10", P + "slot_bytes": "134217728",
    P + "cache_bytes": "268435456",
}
LATE = "0+1x90"
ILL = {
    "AugstreamLoaderDown": ("page", "", {"up": "0"}),
    "AugstreamLoaderNotServing": ("page", "", {P + "serving": "0"}),
    "AugstreamLoaderNoProgress": ("page", "", {P + "batches_sent_total": "60", P + "render_seconds_count": "9999"}),
    "AugstreamLoaderWatchdog": ("ticket", "", {P + "stalls_total": LATE}),
    "AugstreamLoaderBadSamples": ("ticket", ', dataset="d"', {P + 'samples_substituted_total{dataset="d"}': "0+90x90"}),
    "AugstreamLoaderWorkerRestarts": ("ticket", "", {P + 'worker_restarts_total{reason="killed"}': LATE}),
    "AugstreamLoaderWorkersDown": ("ticket", ', state="down"', {P + 'workers{state="down"}': "1"}),
    "AugstreamLoaderInternalErrors": ("ticket", "", {P + "internal_errors_total": LATE}),
    "AugstreamLoaderSlowReaders": ("ticket", "", {P + "jams_total": LATE}),
    "AugstreamLoaderLostEdges": ("ticket", "", {P + "lost_edges_total": LATE}),
    "AugstreamLoaderAuthFailures": ("ticket", "", {P + "auth_failures_total": LATE}),
    "AugstreamLoaderInsecure": ("ticket", "", {P + "insecure": "1"}),
    "AugstreamLoaderLoopLag": ("ticket", "", {P + 'loop_lag_seconds_bucket{le="0.1"}': "0+500x90"}),
    "AugstreamLoaderDescriptors": ("page", "", {"process_open_fds": "60000"}),
    "AugstreamLoaderMemory": ("ticket", "", {"process_resident_memory_bytes": "6e9"}),
}
import re
declared = re.findall(r"- alert: (\w+)", open(f"{folder}/alerts.yaml").read())
assert declared == list(ILL), set(declared) ^ set(ILL)


def series(figures):
    where = 'instance="n", job="augstream-loaderd"'
    for name, values in figures.items():
        name = f"{name[:-1]}, {where}}}" if "{" in name else f"{name}{{{where}}}"
        yield {"series": name, "values": values if "x" in values else f"{values}x90"}


def case(name, figures, firing):
    return {"name": name, "interval": "1m", "input_series": list(series(figures)), "promql_expr_test": [{
        "expr": 'ALERTS{alertstate="firing"}', "eval_time": "85m", "exp_samples": [{"labels": l, "value": 1} for l in firing]}]}


cases = [case("well", WELL, [])]
for name, (severity, more, figures) in ILL.items():
    assert set(figures) <= set(WELL), name
    cases.append(case(name, {**WELL, **figures}, [
        f'ALERTS{{alertname="{name}", alertstate="firing", instance="n", job="augstream-loaderd", severity="{severity}"{more}}}']))
json.dump({"rule_files": ["alerts.yaml"], "evaluation_interval": "1m", "tests": cases}, open(f"{folder}/cases.yaml", "w"))
EOF
for rules in alerts panels; do
    promtool check rules "$dir/$rules.yaml" >"$dir/said" 2>&1 || { cat "$dir/said"; fail "$rules"; }
    sed -n 's/.*SUCCESS: //p' "$dir/said"
done
promtool test rules "$dir/cases.yaml" >"$dir/said" 2>&1 || { cat "$dir/said"; fail 'alerts speak at another time'; }
sed -i 's/"60000x90"/"50000x90"/' "$dir/cases.yaml"
! promtool test rules "$dir/cases.yaml" >/dev/null 2>&1 || fail 'an alert that does not speak was not missed'
echo 'promtool: ok'
