# SPDX-License-Identifier: Apache-2.0
"""torchvision's transforms on PIL images: SimSiam's and MoCo's own loader. Blur is PIL's filter, as
there: several times faster than torchvision's, which goes through a convolution."""
import random

import numpy as np
import PIL
import torch
import torchvision
from PIL import Image, ImageFilter
from torchvision import transforms as T

from serve import timed


def versions():
    return f"torchvision {torchvision.__version__}, Pillow {PIL.__version__}"


def blur(image):
    return image.filter(ImageFilter.GaussianBlur(random.uniform(.1, 2)))


def open(job):
    torch.set_num_threads(1)
    crop = [T.RandomResizedCrop(job.size, scale=(.2, 1)), T.RandomHorizontalFlip()]
    colour = [T.RandomApply([T.ColorJitter(.4, .4, .4, .1)], p=.8), T.RandomGrayscale(.2),
              T.RandomApply([blur], p=.5)]
    # SimSiam crops, jitters, blurs and flips in that order; the cost is the same.
    task = {"a": (2, T.Compose(crop + colour)), "b": (1, T.Compose(crop))}

    def render(file, views, transform):
        with Image.open(file) as image:
            image = image.convert("RGB")
        return [np.asarray(transform(image)) for _ in range(views)]

    def run(name):
        views, transform = task[name]
        return timed(lambda file: render(file, views, transform), job.files, job.images)

    for name in task:
        run(name)
    return run
