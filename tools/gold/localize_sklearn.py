#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Boxes from features beside scikit-learn's Ridge, and the gold file of ridge regression.
Run: tools/gold/localize_sklearn.py SCORES.json TRAIN.safetensors TEST.safetensors [VAL.safetensors]
         SCORES.json: augstream-evaluate localize --train TRAIN --val VAL --test TEST --json
     tools/gold/localize_sklearn.py --write tests/gold/ridge.gold
Without VAL the ridge is not chosen anew, as the held-out fifth is ours: the one in SCORES is taken.
Needs Debian's python3-sklearn.

Little-endian: "AUGRIDGE", u32 cases; each: u32 n, d, t, f64 ridge, f32 x[n][d], f64 y[n][t], f64
weights[t][d], f64 intercept[t], f64 mean squared error on the same rows."""
import json
import struct
import sys

import numpy as np
from sklearn.linear_model import Ridge

import tensors


def case(rng, n, d, t, ridge):
    """Features far from zero, some of them near copies of others, as a backbone's are."""
    x = rng.standard_normal((n, d)) * rng.uniform(.1, 3, d) + rng.uniform(0, 5, d)
    x[:, 1::3] = x[:, : len(x[0, 1::3])] + .01 * x[:, 1::3]
    x = x.astype("<f4")
    y = (x[:, :t] * .1 + rng.standard_normal((n, t))).astype("<f8")
    model = Ridge(alpha=ridge, solver="svd").fit(x.astype(np.float64), y)
    error = np.mean((model.predict(x.astype(np.float64)) - y) ** 2)
    return (struct.pack("<IIId", n, d, t, ridge) + x.tobytes() + y.tobytes()
            + model.coef_.astype("<f8").tobytes() + model.intercept_.astype("<f8").tobytes()
            + struct.pack("<d", error))


def write(path):
    rng = np.random.default_rng(11)
    cases = [case(rng, *law) for law in ((60, 9, 4, 1.0), (150, 131, 2, .1), (40, 61, 4, 30.0),
                                         (9, 1, 1, .5))]
    with open(path, "wb") as out:
        out.write(b"AUGRIDGE" + struct.pack("<I", len(cases)) + b"".join(cases))


def rows(path):
    """(features, boxes) of the rows that have one."""
    found = tensors.load(path)[0]
    boxes = found["boxes"].astype(np.float64)
    have = ~np.isnan(boxes[:, 0])
    return found["features"][have].astype(np.float64), boxes[have]


def overlap(a, b):
    """Intersection over union, [n][4] against [n][4]; a side below zero is none."""
    a, b = ([m[:, 0], m[:, 1], m[:, 0] + np.maximum(m[:, 2], 0), m[:, 1] + np.maximum(m[:, 3], 0)]
            for m in (a, b))
    shared = (np.maximum(np.minimum(a[2], b[2]) - np.maximum(a[0], b[0]), 0)
              * np.maximum(np.minimum(a[3], b[3]) - np.maximum(a[1], b[1]), 0))
    areas = [(m[2] - m[0]) * (m[3] - m[1]) for m in (a, b)]
    return shared / (areas[0] + areas[1] - shared)


def compare(scores, train, test, val=None):
    with open(scores, encoding="utf-8") as file:
        ours = {s["name"]: s["value"] for s in json.load(file)["scores"]}
    x, y = rows(train)
    if val:
        vx, vy = rows(val)
        grid = 10.0 ** np.arange(-4, 6.25, .5)
        errors = [np.mean((Ridge(alpha=w).fit(x, y).predict(vx) - vy) ** 2) for w in grid]
        ridge = grid[int(np.argmin(errors))]
        x, y = np.vstack((x, vx)), np.vstack((y, vy))
    else:
        ridge = ours["ridge"]
    tx, ty = rows(test)
    told = Ridge(alpha=ridge).fit(x, y).predict(tx)
    theirs = {"ridge": ridge, "l2_error": np.mean((told - ty) ** 2),
              "mean_iou": np.mean(overlap(told, ty))}
    worst = 0.0
    for name, value in theirs.items():
        apart = abs(ours[name] - value) / abs(value)
        worst = max(worst, apart)
        print(f"{name}: ours {ours[name]:.12g}, scikit-learn's {value:.12g}, apart {apart:.2e}")
    return 0 if worst < 1e-6 else 1


def main():
    if sys.argv[1] == "--write":
        write(sys.argv[2])
        return 0
    return compare(*sys.argv[1:])


sys.exit(main())
