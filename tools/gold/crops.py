#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/gold/crops.gold: how often torchvision's RandomResizedCrop draws boxes of which area,
aspect and place, for images of several shapes, some of which it must fall back for.
Run: tools/gold/crops.py OUT        (about a minute)
Needs Debian's python3-torch, python3-torchvision and python3-numpy.

Little-endian: "AUGCROP1", u32 cases; each: char name[32], u32 width, height, f64 scale[2], ratio[2],
u32 draws, then two tables: area and aspect jointly, and the centre's place. A table is u32 rows,
u32 columns, f64 row edges[rows - 1], f64 column edges[columns - 1], u32 counts[rows][columns];
a value lies in the cell whose number is how many edges are at most as large.
Rows and columns: area = h w / (H W), aspect = w / h; centre (top + h / 2) / H, (left + w / 2) / W."""
import struct
import sys

import numpy as np
import torch
from torchvision.transforms import RandomResizedCrop

DRAWS = 200_000
THIRDS = (3 / 4, 4 / 3)
# name, width, height, scale, ratio. The longer an image, the less of it a box of these aspects can
# hold, and the more often ten tries fail: never for the squares, always for ten to one.
CASES = (("square", 256, 256, (.2, 1), THIRDS), ("photograph", 500, 375, (.2, 1), THIRDS),
         ("upright", 375, 500, (.08, 1), THIRDS), ("stl10", 96, 96, (.2, 1), THIRDS),
         ("two to one", 640, 320, (.2, 1), THIRDS), ("one to three", 213, 640, (.2, 1), THIRDS),
         ("five to one", 500, 100, (.2, 1), THIRDS), ("ten to one", 1000, 100, (.2, 1), THIRDS),
         ("few pixels", 17, 11, (.2, 1), THIRDS), ("small crops", 500, 375, (.05, .14), THIRDS),
         ("wide aspects", 300, 300, (.14, 1), (1 / 3, 3)))
ROWS, COLUMNS, PLACES = 12, 10, 8


def drawn(width, height, scale, ratio):
    """[DRAWS][4]: top, left, height, width."""
    image = torch.empty(3, height, width)
    return np.array([RandomResizedCrop.get_params(image, scale, ratio) for _ in range(DRAWS)], float)


def table(rows, columns, row_edges, column_edges):
    counts = np.zeros((len(row_edges) + 1, len(column_edges) + 1), "<u4")
    np.add.at(counts, (np.searchsorted(row_edges, rows, "right"),
                       np.searchsorted(column_edges, columns, "right")), 1)
    edges = np.concatenate((row_edges, column_edges)).astype("<f8")
    return struct.pack("<II", *counts.shape) + edges.tobytes() + counts.tobytes()


def record(name, width, height, scale, ratio):
    top, left, h, w = drawn(width, height, scale, ratio).T
    area = np.linspace(*scale, ROWS + 1)[1:-1]
    aspect = np.geomspace(*ratio, COLUMNS + 1)[1:-1]
    place = np.linspace(0, 1, PLACES + 1)[1:-1]
    head = struct.pack("<32sII4dI", name.encode(), width, height, *scale, *ratio, DRAWS)
    return (head + table(h * w / (height * width), w / h, area, aspect)
            + table((top + h / 2) / height, (left + w / 2) / width, place, place))


def main():
    torch.manual_seed(1)
    records = [record(*case) for case in CASES]
    with open(sys.argv[1], "wb") as out:
        out.write(b"AUGCROP1" + struct.pack("<I", len(records)) + b"".join(records))


main()
