#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Loads backbone.safetensors into torchvision's resnet18 as anybody would, and compares its features
with ours of the same images.
    backbone.py backbone.safetensors features.safetensors
features.safetensors: `views` U8 [1,N,S,S,3], `features` F32 [N,D]; metadata `mean` and `std`, three
numbers each. Prints "features_max_abs_diff VALUE abs"."""
import os
import re
import sys

import numpy as np
import torch
import torchvision
from torch import nn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tensors  # noqa: E402

ROWS = 64  # images at a time


def load_backbone(path):
    state = {name: torch.from_numpy(value) for name, value in tensors.load(path)[0].items()}
    model = torchvision.models.resnet18()
    model.fc = nn.Identity()
    model.load_state_dict(state, strict=True)
    return model.eval()


def three_numbers(text):
    numbers = [float(n) for n in re.findall(r"[-+.0-9eE]+", text)]
    assert len(numbers) == 3, text
    return torch.tensor(numbers)


def main():
    model = load_backbone(sys.argv[1])
    ours, metadata = tensors.load(sys.argv[2])
    mean, std = three_numbers(metadata["mean"]), three_numbers(metadata["std"])
    views, features = ours["views"][0], ours["features"]
    assert len(views) == len(features) > 0
    worst = 0.0
    with torch.no_grad():
        for first in range(0, len(views), ROWS):
            x = torch.from_numpy(views[first : first + ROWS].astype(np.float32) / 255)
            theirs = model(((x - mean) / std).permute(0, 3, 1, 2)).numpy()
            worst = max(worst, np.abs(theirs - features[first : first + ROWS]).max().item())
    print(f"features_max_abs_diff {worst:.3g} abs")


if __name__ == "__main__":
    main()
