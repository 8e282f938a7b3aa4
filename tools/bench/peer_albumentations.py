# SPDX-License-Identifier: Apache-2.0
"""Albumentations on OpenCV's decoder: the fastest common practice in Python. Crops are resized
bilinearly without antialiasing, its default and its fastest; the blur's kernel is as short as sigma
allows; colours are jittered by 8-bit tables."""
import albumentations as A
import cv2
import numpy as np

from serve import timed


def versions():
    return f"Albumentations {A.__version__}, OpenCV {cv2.__version__}"


def open(job):
    cv2.setNumThreads(0)
    crop = [A.RandomResizedCrop((job.size, job.size), scale=(.2, 1), ratio=(3 / 4, 4 / 3)),
            A.HorizontalFlip(p=.5)]
    colour = [A.ColorJitter((.6, 1.4), (.6, 1.4), (.6, 1.4), (-.1, .1), p=.8), A.ToGray(p=.2),
              A.GaussianBlur(blur_limit=0, sigma_limit=(.1, 2), p=.5)]
    task = {"a": (2, A.Compose(crop + colour)), "b": (1, A.Compose(crop))}

    def render(file, views, transform):
        image = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_COLOR_RGB)
        return [transform(image=image)["image"] for _ in range(views)]

    def run(name):
        views, transform = task[name]
        return timed(lambda file: render(file, views, transform), job.files, job.images)

    for name in task:
        run(name)
    return run
