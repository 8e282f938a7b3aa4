#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""many: large datasets of few bytes, for bench_start.

    many.py IMAGES OUT [--classes 1000] [--each 1280] [--shards 147]

OUT/tree is class folders of hard links to the JPEG files below IMAGES (which must be on the same file system);
OUT/shards is the same samples as WebDataset tars. Both are as old as yesterday, so that an index of them is kept.
"""
import argparse
import os
import tarfile
import time


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("images")
    parser.add_argument("out")
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--each", type=int, default=1280)
    parser.add_argument("--shards", type=int, default=147)
    a = parser.parse_args()
    images = sorted(os.path.join(d, f) for d, _, files in os.walk(a.images) for f in files if f.endswith(".jpg"))
    total = a.classes * a.each
    if not images or total > 60000 * len(images):  # ext4 has at most 65000 links of a file
        parser.error(f"{len(images)} images: at least one for each 60000 samples")

    tree = os.path.join(a.out, "tree")
    for c in range(a.classes):
        folder = os.path.join(tree, f"n{c:08d}")
        os.makedirs(folder)
        for i in range(a.each):
            os.link(images[(c * a.each + i) % len(images)], os.path.join(folder, f"n{c:08d}_{i}.JPEG"))

    shards = os.path.join(a.out, "shards")
    os.makedirs(shards)
    files = [open(path, "rb").read() for path in images]

    def entry(name, data):
        info = tarfile.TarInfo(name)
        info.size = len(data)
        return info.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % 512)

    for s in range(a.shards):
        with open(os.path.join(shards, f"s-{s:06d}.tar"), "wb") as f:
            for k in range(total * s // a.shards, total * (s + 1) // a.shards):
                c = k // a.each
                f.write(entry(f"n{c:08d}_{k % a.each}.jpg", files[k % len(files)]))
                f.write(entry(f"n{c:08d}_{k % a.each}.cls", b"%d" % c))
            f.write(bytes(1024))

    yesterday = time.time() - 86400.5
    for d, _, names in os.walk(shards):
        for name in names:
            os.utime(os.path.join(d, name), (yesterday, yesterday))
    for d, _, _ in os.walk(a.out):
        os.utime(d, (yesterday, yesterday))


main()
