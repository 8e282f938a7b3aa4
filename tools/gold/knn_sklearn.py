#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Nearest-neighbour votes beside scikit-learn's KNeighborsClassifier, and the gold file of votes.
Run: tools/gold/knn_sklearn.py TRAIN.safetensors TEST.safetensors PREDICTIONS.safetensors K,...
         PREDICTIONS: augstream-evaluate knn --train TRAIN --test TEST --k K,... --out PREDICTIONS
     tools/gold/knn_sklearn.py --write tests/gold/vote.gold
Needs Debian's python3-sklearn. It computes in doubles here: in single floats its own cosines of near
neighbours are off by more than they differ.

Little-endian: "AUGVOTE1", u32 cases; each: u32 d, classes, n of the bank, queries, ks; u32 k[ks],
f64 temperature, f32 bank[n][d], u32 labels[n], f32 queries[queries][d], u32 told[ks][queries]."""
import struct
import sys

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

import tensors

TEMPERATURE = 0.07


def tell(bank, labels, queries, k, temperature):
    # k = 1 has one vote; what it weighs is nobody's matter
    model = KNeighborsClassifier(n_neighbors=k, metric="cosine", algorithm="brute",
                                 weights=lambda distance: np.exp((1 - distance) / temperature))
    return model.fit(bank.astype(np.float64), labels).predict(queries.astype(np.float64))


def case(rng, d, classes, n, queries, ks, temperature):
    """Features as a ReLU leaves them, of classes that lie near enough to be mistaken."""
    centre = rng.standard_normal((classes, d))

    def draw(count):
        y = rng.integers(classes, size=count)
        return np.maximum(centre[y] + 1.5 * rng.standard_normal((count, d)), 0).astype("<f4"), y

    bank, labels = draw(n)
    asked, _ = draw(queries)
    told = np.stack([tell(bank, labels, asked, k, temperature) for k in ks])
    return (struct.pack("<5I", d, classes, n, queries, len(ks)) + np.array(ks, "<u4").tobytes()
            + struct.pack("<d", temperature) + bank.tobytes() + labels.astype("<u4").tobytes()
            + asked.tobytes() + told.astype("<u4").tobytes())


def write(path):
    rng = np.random.default_rng(11)
    cases = [case(rng, *law) for law in ((16, 10, 300, 120, (1, 5, 20, 200), 0.07),
                                         (7, 4, 60, 80, (1, 2, 60), 0.5),
                                         (33, 20, 100, 60, (1, 60), 0.2))]
    with open(path, "wb") as out:
        out.write(b"AUGVOTE1" + struct.pack("<I", len(cases)) + b"".join(cases))


def compare(train, test, predictions, ks):
    bank, queries = tensors.load(train)[0], tensors.load(test)[0]
    ours = tensors.load(predictions)[0]["predictions"]
    assert ours.shape == (len(ks), len(queries["labels"])), ours.shape
    differ = 0
    for k, row in zip(ks, ours):
        theirs = tell(bank["features"], bank["labels"], queries["features"], k, TEMPERATURE)
        differ += np.sum(theirs != row)
        print(f"k {k}: {len(row)} queries, told otherwise {np.sum(theirs != row)}; right ours "
              f"{100 * np.mean(row == queries['labels']):.4f} %, scikit-learn's "
              f"{100 * np.mean(theirs == queries['labels']):.4f} %")
    return differ


if __name__ == "__main__":
    if sys.argv[1] == "--write":
        write(sys.argv[2])
    else:
        sys.exit(bool(compare(*sys.argv[1:4], [int(k) for k in sys.argv[4].split(",")])))
