#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Linear evaluation beside scikit-learn's LogisticRegression at its optimum, for every w of a sweep,
and the gold file of logistic regression.
Run: tools/gold/linear_sklearn.py TRAIN.safetensors VAL.safetensors SWEEP.csv
         SWEEP.csv: augstream-evaluate linear --train ... --val ... --sweep-out SWEEP.csv
     tools/gold/linear_sklearn.py --write tests/gold/logistic.gold
Needs Debian's python3-sklearn.

loss = sum of cross-entropies + w |weights and bias|^2 is 2 w times what scikit-learn minimises with
C = 1 / (2 w), where a column of ones stands for the bias, so that it is penalised too. Its solver
newton-cg is the one of its solvers that comes to the optimum itself: `above` proves how near (the
loss is strongly convex with modulus 2 w), as a share of the loss.

Gold, little-endian: "AUGLOGR1", u32 cases; each: u32 n, d, classes, f32 x[n][d], u32 labels[n],
u32 values; for each of those f64 w, f64 loss, u32 told[n]."""
import csv
import struct
import sys
import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression

import tensors

LOSS, POINTS = 1e-4, 0.1  # what is allowed: relative, and in points of accuracy
ABOVE = 1e-5  # of the loss: an optimum that is not proven to be nearer than this is none


def with_ones(x):
    return np.hstack((x.astype(np.float64), np.ones((len(x), 1))))


def loss_at(x, y, weights, w):
    """The loss, and its gradient."""
    z = x @ weights.T
    z -= z.max(1, keepdims=True)
    share = np.exp(z)
    total = share.sum(1, keepdims=True)
    rows = np.arange(len(y))
    loss = (np.log(total[:, 0]) - z[rows, y]).sum() + w * (weights ** 2).sum()
    share /= total
    share[rows, y] -= 1
    return loss, share.T @ x + 2 * w * weights


class Optimum:
    """Fits one w after the other, each from where the last ended."""

    def __init__(self, x, y, tol):
        self.x, self.y = x, y
        self.model = LogisticRegression(solver="newton-cg", multi_class="multinomial", tol=tol,
                                        fit_intercept=False, warm_start=True, max_iter=2000)

    def at(self, w):
        """The weights, their loss, and how far that is above the minimum at most."""
        self.model.C = 1 / (2 * w)
        self.model.fit(self.x, self.y)
        loss, gradient = loss_at(self.x, self.y, self.model.coef_, w)
        return self.model.coef_, loss, (gradient ** 2).sum() / (4 * w)


def sharpen(x, y, weights, w):
    """Whole Newton steps from where scikit-learn's rounding ended: for few weights, near the
    optimum. The weights, their loss, and how far that is above the minimum at most."""
    classes, d = weights.shape
    for _ in range(8):
        z = x @ weights.T
        share = np.exp(z - z.max(1, keepdims=True))
        share /= share.sum(1, keepdims=True)
        bend = np.einsum("ni,nk,nl,nj->kilj", x, share, -share, x, optimize=True)
        for k in range(classes):
            bend[k, :, k, :] += (x * share[:, k:k + 1]).T @ x
        bend = bend.reshape(classes * d, -1) + 2 * w * np.eye(classes * d)
        _, gradient = loss_at(x, y, weights, w)
        weights = weights - np.linalg.solve(bend, gradient.ravel()).reshape(classes, d)
    loss, gradient = loss_at(x, y, weights, w)
    return weights, loss, (gradient ** 2).sum() / (4 * w)


def case(rng, n, d, classes, values):
    """Features as a ReLU leaves them; every class has a row."""
    y = np.concatenate((np.arange(classes), rng.integers(classes, size=n - classes)))
    centre = rng.standard_normal((classes, d))
    x = np.maximum(centre[y] + rng.standard_normal((n, d)), 0).astype("<f4")
    optimum = Optimum(with_ones(x), y, 1e-9)
    data = struct.pack("<III", n, d, classes) + x.tobytes() + y.astype("<u4").tobytes()
    data += struct.pack("<I", len(values))
    for w in values:
        weights, loss, above = sharpen(optimum.x, y, optimum.at(w)[0], w)
        assert above < 1e-9 * loss, (w, loss, above)
        told = (with_ones(x) @ weights.T).argmax(1)
        data += struct.pack("<dd", w, loss) + told.astype("<u4").tobytes()
    return data


def write(path):
    rng = np.random.default_rng(7)
    cases = [case(rng, *law) for law in ((60, 12, 5, (1e5, 10.0, 1e-1, 1e-3, 1e-6)),
                                         (300, 8, 3, (1e3, 1.0, 1e-6)),
                                         (40, 33, 7, (1e-6, 1e-2)))]
    with open(path, "wb") as out:
        out.write(b"AUGLOGR1" + struct.pack("<I", len(cases)) + b"".join(cases))


def compare(train, val, sweep):
    train, val = tensors.load(train)[0], tensors.load(val)[0]
    x, y, xv, yv = (with_ones(train["features"]), train["labels"], with_ones(val["features"]),
                    val["labels"])
    assert set(y) == set(range(y.max() + 1)), "scikit-learn numbers the classes that have rows"
    with open(sweep, encoding="utf-8") as lines:
        ours = sorted(csv.DictReader(lines), key=lambda row: -float(row["w"]))
    optimum = Optimum(x, y, 1e-8)
    print(f"{'w':>11} {'loss ours':>16} {'theirs':>16} {'apart':>9} {'above':>8}"
          f" {'val ours':>9} {'theirs':>8}")
    worst = [0, 0]
    for row in ours:
        w = float(row["w"])
        weights, loss, above = optimum.at(w)
        apart = float(row["loss"]) / loss - 1
        accuracy = [100 * float(row["val_top1"]), 100 * ((xv @ weights.T).argmax(1) == yv).mean()]
        print(f"{w:11.4e} {float(row['loss']):16.9g} {loss:16.9g} {apart:9.1e} {above / loss:8.1e}"
              f" {accuracy[0]:9.3f} {accuracy[1]:8.3f}", flush=True)
        worst = [max(worst[0], abs(apart)), max(worst[1], abs(accuracy[0] - accuracy[1]))]
        if above > ABOVE * loss:
            sys.exit("that is not the optimum")
    print(f"{len(ours)} values of w: losses at most {worst[0]:.1e} apart, accuracies {worst[1]:.3f}"
          " points")
    return 0 if ours and worst[0] <= LOSS and worst[1] <= POINTS else 1


def main():
    # Near the optimum its line search runs into rounding, and says so; how near, `above` tells.
    warnings.simplefilter("ignore")
    if sys.argv[1] == "--write":
        write(sys.argv[2])
        return 0
    return compare(*sys.argv[1:4])


sys.exit(main())
