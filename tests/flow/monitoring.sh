#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# monitoring: what is written about the metrics is what there is: the table of docs/monitoring.md is the
# loader's own, to the letter; dashboard and alert rules name no metric, label or label's value beside it;
# the dashboard has a panel for each; docs/monitoring.md names each alert.
#   monitoring.sh METRICS_LIST
set -eu
python3 - "$(dirname "$0")/../.." "$1" <<'EOF'
import json, re, subprocess, sys

root, program = sys.argv[1:]
table = subprocess.run([program], check=True, capture_output=True, text=True).stdout
page = open(f"{root}/docs/monitoring.md").read()
assert table in page, f"docs/monitoring.md: its table is not what {program} prints; put this in its place:\n{table}"
rows = [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
types = {name: kind for name, kind, _, _ in rows}
labels = {name: set(filter(None, names.split(", "))) for name, _, names, _ in rows}
assert len(types) > 40, len(types)

OF_PROMETHEUS = {"instance", "job", "le"}


def metrics(expression, where):
    """The families that an expression names, each of which must be there, with these labels."""
    found = set()
    for name, selector in re.findall(r"\b((?:augstream|process)_\w+)(?:\{([^}]*)\})?", expression):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        family = base if types.get(base) == "histogram" else name
        assert family in types, f"{where}: there is no metric {name}"
        assert (family == name) != (types[family] == "histogram"), f"{where}: {name} is a histogram"
        for label in re.findall(r"(\w+) *(?:=~|!~|!=|=)", selector):
            assert label in labels[family] | OF_PROMETHEUS, f"{where}: {name} has no label {label}"
        counter = types[family] != "gauge"
        if counter:  # only its growth says something, but for a few that should never grow at all
            before = expression[:expression.index(name)]
            assert re.search(r"(rate|increase)\($", before) or "quarantined" in name, f"{where}: {name} is a counter"
        found.add(family)
    return found


def bad(expression):
    try:
        metrics(expression, "")
        return False
    except AssertionError:
        return True


# This judge can say no.
assert metrics("rate(augstream_loaderd_batches_sent_total[5m])", "") == {"augstream_loaderd_batches_sent_total"}
assert bad("rate(augstream_loaderd_batches_total[5m])") and bad("augstream_loaderd_batches_sent_total > 0")
assert bad('augstream_loaderd_workers{stage="idle"}') and bad("rate(augstream_loaderd_render_seconds[5m])")

board = json.load(open(f"{root}/deploy/grafana/augstream-loaderd.json"))
shown, ids = set(), set()
for panel in board["panels"]:
    assert panel["id"] not in ids and panel["title"], panel
    ids.add(panel["id"])
    place = panel["gridPos"]
    assert place["x"] + place["w"] <= 24
    for target in panel.get("targets", []):
        shown |= metrics(target["expr"], f"dashboard, {panel['title']}")
        assert "$instance" in target["expr"], panel["title"]
assert shown == set(types), f"no panel has {set(types) - shown}"

rules = open(f"{root}/deploy/prometheus/alerts.yaml").read()
metrics_used = set()
alerts = re.split(r"\n +- alert: ", rules)[1:]
for alert in alerts:
    name = alert.split("\n")[0]
    expression = re.search(r"expr: (?:>-\n)?((?:.|\n)*?)\n +(?:for|labels):", alert)[1]
    metrics_used |= metrics(expression, name)
    assert re.search(r"severity: (page|ticket)\}", alert) and "summary: " in alert, name
    assert f"| {name} |" in page, f"docs/monitoring.md does not tell of {name}"
    assert re.search(r"\n +for: \d+[mh]\n", alert) or "increase(" in expression, f"{name}: speaks at once"
assert len(alerts) >= 10 and len(metrics_used) >= 15
print(f"monitoring: {len(types)} metrics, {len(ids)} panels, {len(alerts)} alerts: ok")
EOF
