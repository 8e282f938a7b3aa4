#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Few-shot accuracies beside scikit-learn's LogisticRegression(solver='liblinear'), episode by
episode, and the gold file of one-vs-rest.
Run: tools/gold/fewshot_sklearn.py FEATURES.safetensors EPISODES.jsonl [FIRST_SO_MANY]
         EPISODES.jsonl: augstream-evaluate fewshot --images FEATURES.safetensors --episodes-out
     tools/gold/fewshot_sklearn.py --write tests/gold/ovr.gold
Needs Debian's python3-sklearn.

Little-endian: "AUGOVR01", u32 cases; each: u32 d, classes, per_class, queries, f64 C, f32
support[classes * per_class][d], f32 query[queries][d], f64 weights[margins][d + 1] (the bias last;
two classes have one margin, the second's), u32 told[queries].
The gold's tolerance is 1e-10: what the problem's answer is, not where a solver stops."""
import json
import struct
import sys
import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression

import tensors

# The answer, with which every episode must agree; and scikit-learn's default, which stops earlier by
# another path: there a query between two classes may be told otherwise.
TOLERANCES = (1e-10, 1e-4)


def fit(x, y, c=1.0, tol=1e-4):
    return LogisticRegression(solver="liblinear", C=c, tol=tol, max_iter=1000).fit(
        x.astype(np.float64), y)


def case(rng, d, classes, per_class, queries, c):
    """Features as a ReLU leaves them: none below zero, many zeros."""
    centre = rng.standard_normal((classes, d))
    y = np.repeat(np.arange(classes), per_class)
    support = np.maximum(centre[y] + rng.standard_normal((len(y), d)), 0).astype("<f4")
    query = np.maximum(centre[rng.integers(classes, size=queries)]
                       + 1.5 * rng.standard_normal((queries, d)), 0).astype("<f4")
    model = fit(support, y, c, tol=1e-10)
    weights = np.hstack((model.coef_, model.intercept_[:, None])).astype("<f8")
    return (struct.pack("<IIIId", d, classes, per_class, queries, c) + support.tobytes()
            + query.tobytes() + weights.tobytes()
            + model.predict(query.astype(np.float64)).astype("<u4").tobytes())


def write(path):
    rng = np.random.default_rng(7)
    cases = [case(rng, *law) for law in ((20, 5, 1, 60, 1.0), (33, 5, 5, 60, 1.0),
                                         (12, 2, 3, 40, 1.0), (7, 3, 4, 40, 10.0))]
    with open(path, "wb") as out:
        out.write(b"AUGOVR01" + struct.pack("<I", len(cases)) + b"".join(cases))


def compare(features, episodes, most):
    x = tensors.load(features)[0]["features"]
    settings = {}
    with open(episodes, encoding="utf-8") as lines:
        for line in lines:
            e = json.loads(line)
            support, query = np.array(e["support"]), np.array(e["query"])
            found = settings.setdefault(support.shape[1], {"ours": [], **{tol: [] for tol in TOLERANCES}})
            if len(found["ours"]) == most:
                continue
            y = np.repeat(np.arange(support.shape[0]), support.shape[1])
            found["ours"].append(e["accuracy"])
            for tol in TOLERANCES:
                told = fit(x[support.ravel()], y, tol=tol).predict(
                    x[query.ravel()].astype(np.float64))
                found[tol].append(np.mean(
                    told == np.repeat(np.arange(query.shape[0]), query.shape[1])))
    worst = 0
    for shots, found in settings.items():
        n = len(found["ours"])
        for tol in TOLERANCES:
            differ = sum(abs(a - b) > 1e-9 for a, b in zip(found["ours"], found[tol]))
            print(f"shots {shots}, scikit-learn's tol {tol:g}: episodes {n}, of other accuracy "
                  f"{differ}; mean ours {100 * np.mean(found['ours']):.4f} %, scikit-learn's "
                  f"{100 * np.mean(found[tol]):.4f} %, half interval "
                  f"{100 * 1.96 * np.std(found[tol], ddof=1) / n ** .5:.4f} %")
            worst = max(worst, differ if tol == TOLERANCES[0] else 0)
    return 1 if worst or not settings else 0


def main():
    warnings.simplefilter("error")  # a solver that does not converge is no comparison
    if sys.argv[1] == "--write":
        write(sys.argv[2])
        return 0
    return compare(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else None)


sys.exit(main())
