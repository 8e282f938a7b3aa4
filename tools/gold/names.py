#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes torchvision's state_dict names and shapes, without the classifier, one tensor a line:
    names.py resnet18 > tests/gold/resnet18.txt"""
import sys

import torchvision


def main():
    model = getattr(torchvision.models, sys.argv[1])()
    for name, value in model.state_dict().items():
        if not name.startswith("fc."):
            print(" ".join([name] + [str(side) for side in value.shape]))


if __name__ == "__main__":
    main()
