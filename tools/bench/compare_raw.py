#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Small raw pictures, side by side: batches of two 32-pixel views of a CIFAR-100 folder through a real
loader with one worker (tests/bench/bench_serve), and through torchvision's own CIFAR100 dataset in a
torch DataLoader with one worker. Same pictures, same laws (crop .2 to 1, flip, jitter .8, gray .2), uint8
out of both; rounds in which each is measured once, so that a drift of the clock meets both.

    compare_raw.py --build build --data cifar-100-binary     measures; prints `name value unit`

Needs torchvision (tools/deps gold)."""
import argparse
import os
import pathlib
import pickle
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
import torchvision
from torchvision import transforms as T

BATCH = 256
RECORD = 2 + 3 * 32 * 32


def ours(build, data, seconds):
    sets = [f"data.path={data}", "data.format=cifar100", f"data.batch={BATCH}", "data.workers=1", "views.size=32",
            "views.blur.p=0", "augself.color=0"]
    process = subprocess.Popen([f"{build}/tests/bench/bench_serve", "--pass", str(seconds)] +
                               [word for s in sets for word in ("--set", s)],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if process.stdout.readline() != "ready\n":
        sys.exit("bench_serve does not begin")

    def one_pass():
        process.stdin.write("\n")
        process.stdin.flush()
        took, views = process.stdout.readline().split()
        return int(views) / float(took)

    return one_pass


class Cifar(torchvision.datasets.CIFAR100):
    """Any number of pictures: only the official files have the official digests."""
    train_list = [["train", None]]

    def _check_integrity(self):
        return True

    def _load_meta(self):
        pass


class TwoViews:
    def __init__(self):
        self.one = T.Compose([T.RandomResizedCrop(32, scale=(.2, 1)), T.RandomHorizontalFlip(),
                              T.RandomApply([T.ColorJitter(.4, .4, .4, .1)], p=.8), T.RandomGrayscale(.2),
                              T.PILToTensor()])

    def __call__(self, image):
        return self.one(image), self.one(image)


def theirs(data, scratch, seconds):
    records = np.fromfile(f"{data}/train.bin", np.uint8).reshape(-1, RECORD)
    folder = pathlib.Path(scratch) / Cifar.base_folder
    folder.mkdir()
    with open(folder / "train", "wb") as f:
        pickle.dump({"data": records[:, 2:].copy(), "fine_labels": records[:, 1].tolist()}, f)
    loader = torch.utils.data.DataLoader(Cifar(scratch, transform=TwoViews()), batch_size=BATCH, shuffle=True,
                                         num_workers=1, drop_last=True, persistent_workers=True)

    def forever():
        while True:
            yield from loader

    batches = forever()

    def one_pass():
        for _ in range(3):  # made while nobody asked
            next(batches)
        begin, views = time.perf_counter(), 0
        while time.perf_counter() - begin < seconds:
            (a, b), _ = next(batches)
            assert a.shape == b.shape == (BATCH, 3, 32, 32) and a.dtype == torch.uint8
            views += 2 * BATCH
        return views / (time.perf_counter() - begin)

    return one_pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--pass", dest="seconds", type=float, default=2.)
    job = parser.parse_args()
    torch.set_num_threads(1)
    data = os.path.abspath(job.data)
    with tempfile.TemporaryDirectory() as scratch:
        runs = {"augstream": ours(job.build, data, job.seconds), "torchvision": theirs(data, scratch, job.seconds)}
        figures = {name: [] for name in runs}
        for _ in range(job.rounds):
            for name, one_pass in runs.items():
                figures[name].append(one_pass())
        for name, values in figures.items():
            low, middle, high = statistics.quantiles(values, n=4)
            print(f"raw32_{name}_views_per_s {middle:.0f} views/s\nraw32_{name}_spread {(high - low) / middle:.3f} "
                  f"fraction")
        ratios = [a / b for a, b in zip(figures["augstream"], figures["torchvision"])]
        print(f"raw32_ratio {statistics.median(ratios):.2f} x\nraw32_ratio_least {min(ratios):.2f} x")
        print(f"torchvision {torchvision.__version__}, torch {torch.__version__}", file=sys.stderr)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
