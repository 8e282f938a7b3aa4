# SPDX-License-Identifier: Apache-2.0
"""FFCV, reading a .beton that holds the very bytes of the JPEG files (its own writer would encode
them anew). Task a is what it has of the chain: two views, each decoded, cropped and flipped, with
brightness, contrast and saturation; it has no hue, grayscale or blur. Task c is the two views with
crop and flip alone."""
import importlib.metadata
import pathlib
import time

import numpy as np
from ffcv.fields import RGBImageField
from ffcv.fields.rgb_image import IMAGE_MODES, RandomResizedCropRGBImageDecoder
from ffcv.loader import Loader, OrderOption
from ffcv.pipeline import PipelineSpec
from ffcv.transforms import (RandomBrightness, RandomContrast, RandomHorizontalFlip,
                             RandomSaturation, ToTensor)
from ffcv.writer import DatasetWriter
from PIL import Image

BATCH_MOST = 64


def versions():
    return f"FFCV {importlib.metadata.version('ffcv')}"


class JpegField(RGBImageField):
    """An image whose value is the path of its JPEG file."""

    def encode(self, destination, path, malloc):
        bytes_ = np.frombuffer(pathlib.Path(path).read_bytes(), np.uint8)
        with Image.open(path) as image:
            destination["width"], destination["height"] = image.size
        destination["mode"] = IMAGE_MODES["jpg"]
        destination["data_ptr"], storage = malloc(bytes_.nbytes)
        storage[:] = bytes_


class Files:
    def __init__(self, files):
        self.files = files

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        return (self.files[index],)


def pipeline(size, colour):
    steps = [RandomHorizontalFlip()]
    if colour:
        steps += [RandomBrightness(.4, .8), RandomContrast(.4, .8), RandomSaturation(.4, .8)]
    return PipelineSpec("image", RandomResizedCropRGBImageDecoder((size, size), scale=(.2, 1)),
                        steps + [ToTensor()])


def open(job):
    turns = -(-job.images // len(job.files))
    batch = min(BATCH_MOST, len(job.files))
    beton = job.scratch + "/files.beton"
    DatasetWriter(beton, {"image": JpegField()}, num_workers=1).from_indexed_dataset(
        Files(job.files * turns))
    views = {"a": {"image": pipeline(job.size, True), "other": pipeline(job.size, True)},
             "b": {"image": pipeline(job.size, False)},
             "c": {"image": pipeline(job.size, False), "other": pipeline(job.size, False)}}
    task = {name: Loader(beton, batch_size=batch, num_workers=job.cores, os_cache=True,
                         order=OrderOption.SEQUENTIAL, pipelines=pipelines,
                         custom_fields={"image": JpegField})
            for name, pipelines in views.items()}

    def run(name):
        begin = time.perf_counter()
        images = sum(len(batch[0]) for batch in task[name])
        return time.perf_counter() - begin, images

    for name in task:
        run(name)
    return run
