#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/gold/render.gold: procedural images, explicit omegas, and the views that torchvision
makes of them. Run: tools/gold/render.py OUT
Needs Debian's python3-torch, python3-torchvision, python3-pil and python3-numpy.

Two oracles, by the case's kind:
  0 float  torchvision on float tensors in [0,1], rounded once at the end (the definition)
  1 pil    torchvision on a PIL image, crop and resize only: rounds to 8 bits between its two passes

Little-endian: "AUGVIEW1", u32 images; each: u32 width, u32 height, RGB bytes; u32 cases; each:
char name[32], u32 kind, u32 image, u32 size, i32 top, left, height, width, u32 flip, u32 jitter,
f32 brightness, contrast, saturation, hue, u32 order[4], u32 grayscale, u32 blur, f32 sigma,
u32 kernel, u32 solarize, f32 threshold, u32 rotation, then size * size * 3 bytes."""
import struct
import sys

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import functional as F
from torchvision.transforms.functional import InterpolationMode

FLOAT, PIL = 0, 1
BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)
ADJUST = {BRIGHTNESS: (F.adjust_brightness, "brightness"), CONTRAST: (F.adjust_contrast, "contrast"),
          SATURATION: (F.adjust_saturation, "saturation"), HUE: (F.adjust_hue, "hue")}


def smooth(w, h):
    """Soft colour waves of several frequencies."""
    y, x = np.mgrid[0:h, 0:w] / max(w, h)
    waves = [np.sin(9 * x + 4 * y) + np.sin(31 * y), np.cos(13 * y - 5 * x) + np.sin(23 * x * y),
             np.sin(17 * (x - .4) ** 2 + 11 * y) + np.cos(29 * x)]
    return np.stack([127.5 + 63 * wave for wave in waves], -1)


def blocks(w, h):
    """Hard edges: saturated primaries, black, white, grays, one-pixel lines."""
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 255, 255],
                        [255, 0, 255], [0, 0, 0], [255, 255, 255], [128, 128, 128], [250, 128, 4]])
    y, x = np.mgrid[0:h, 0:w]
    image = colours[(x // 7 + 3 * (y // 5)) % len(colours)].astype(float)
    image[::11] = 255
    image[:, ::13] = 0
    return image


def noise(w, h):
    return np.random.default_rng(5).integers(0, 256, (h, w, 3)).astype(float)


IMAGES = [np.clip(np.floor(make(w, h) + .5), 0, 255).astype(np.uint8)
          for make, w, h in ((smooth, 120, 90), (blocks, 75, 101), (noise, 64, 48), (smooth, 9, 200))]

NEUTRAL = dict(kind=FLOAT, image=0, size=32, crop=None, flip=0, jitter=0, brightness=1., contrast=1.,
               saturation=1., hue=0., order=(0, 1, 2, 3), grayscale=0, blur=0, sigma=1., kernel=9,
               solarize=0, threshold=.5, rotation=0)


def case(name, **values):
    omega = dict(NEUTRAL, name=name, **values)
    height, width = IMAGES[omega["image"]].shape[:2]
    omega["crop"] = omega["crop"] or (0, 0, height, width)
    for field in ("brightness", "contrast", "saturation", "hue", "sigma", "threshold"):
        omega[field] = float(np.float32(omega[field]))  # what the file will hold
    return omega


def resized_pil(omega):
    return F.resized_crop(Image.fromarray(IMAGES[omega["image"]]), *omega["crop"],
                          [omega["size"]] * 2, InterpolationMode.BILINEAR)


def resized_float(omega):
    x = torch.from_numpy(IMAGES[omega["image"]]).permute(2, 0, 1).float() / 255
    # antialias: what the PIL path always does and the tensor path does when asked
    top, left, height, width = omega["crop"]
    x = F.crop(x, top, left, height, width)
    return F.resize(x, [omega["size"]] * 2, InterpolationMode.BILINEAR, antialias=True).clamp(0, 1)


def rendered(omega):
    if omega["kind"] == PIL:
        return np.asarray(resized_pil(omega))
    x = resized_float(omega)
    if omega["flip"]:
        x = F.hflip(x)
    if omega["jitter"]:
        for op in omega["order"]:
            adjust, field = ADJUST[op]
            x = adjust(x, omega[field])
    if omega["solarize"]:
        # A pixel at the threshold itself would make the answer a matter of its last bit.
        jump = abs(1 - 2 * omega["threshold"]) > .01
        assert not jump or (x - omega["threshold"]).abs().min() > 1e-5, omega["name"]
        x = F.solarize(x, omega["threshold"])
    if omega["grayscale"]:
        x = F.rgb_to_grayscale(x, 3)
    if omega["blur"]:
        x = F.gaussian_blur(x, [omega["kernel"]] * 2, [omega["sigma"]] * 2)
    if omega["rotation"]:
        x = torch.rot90(x, omega["rotation"], (1, 2))
    return (x * 255 + .5).to(torch.uint8).permute(1, 2, 0).numpy()


def cases():
    boxes = {0: (11, 17, 60, 71), 1: (3, 2, 90, 66), 2: (5, 9, 16, 20), 3: (31, 1, 150, 7)}
    for kind, word in ((FLOAT, "float"), (PIL, "pil")):
        for image, box in boxes.items():
            yield case(f"crop {word} {image}", kind=kind, image=image, crop=box)
        yield case(f"crop {word} whole", kind=kind, image=0, size=48)
        yield case(f"crop {word} enlarged", kind=kind, image=1, size=40, crop=(40, 30, 13, 9))
        yield case(f"crop {word} same size", kind=kind, image=2, crop=(7, 11, 32, 32))
        yield case(f"crop {word} one pixel", kind=kind, image=1, size=8, crop=(41, 33, 1, 1))
    yield case("flip", image=1, flip=1)
    for k in (1, 2, 3):
        yield case(f"rotation {k}", image=1, rotation=k)
    for image in (0, 1, 2):
        some = dict(image=image, jitter=1)
        for factor in (.6, 1.4, 0.):
            yield case(f"brightness {factor} {image}", brightness=factor, **some)
            yield case(f"contrast {factor} {image}", contrast=factor, **some)
            yield case(f"saturation {factor} {image}", saturation=factor, **some)
        for hue in (-.1, .1, -.5, .5, .37):
            yield case(f"hue {hue} {image}", hue=hue, **some)
        yield case(f"grayscale {image}", image=image, grayscale=1)
        yield case(f"solarize {image}", image=image, solarize=1)
        for sigma, kernel in ((.1, 9), (1.3, 9), (2., 9), (2., 23), (1., 1)):
            yield case(f"blur {sigma} {kernel} {image}", image=image, blur=1, sigma=sigma, kernel=kernel)
    yield case("solarize 0.3", image=0, solarize=1, threshold=.3)
    for n, order in enumerate(((0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2), (2, 0, 3, 1))):
        yield case(f"chain {n}", image=n, crop=boxes[n], size=(32, 33, 48, 40)[n], flip=n % 2, jitter=1,
                   brightness=(1.33, .71, 1.4, .6)[n], contrast=(.64, 1.21, .93, 1.4)[n],
                   saturation=(1.39, .62, 1.1, .8)[n], hue=(.09, -.1, .03, -.04)[n], order=order,
                   grayscale=n == 3, blur=n != 1, sigma=(.4, 1, 1.9, .8)[n], kernel=(9, 9, 23, 5)[n],
                   solarize=n in (1, 2), rotation=n)


def record(omega):
    head = struct.pack("<32sIII4iII4f", omega["name"].encode(), omega["kind"], omega["image"],
                       omega["size"], *omega["crop"], omega["flip"], omega["jitter"],
                       omega["brightness"], omega["contrast"], omega["saturation"], omega["hue"])
    return head + struct.pack("<4IIIfIIfI", *omega["order"], omega["grayscale"], omega["blur"],
                              omega["sigma"], omega["kernel"], omega["solarize"], omega["threshold"],
                              omega["rotation"]) + rendered(omega).tobytes()


def main():
    records = [record(omega) for omega in cases()]
    with open(sys.argv[1], "wb") as out:
        out.write(b"AUGVIEW1" + struct.pack("<I", len(IMAGES)))
        for image in IMAGES:
            out.write(struct.pack("<II", image.shape[1], image.shape[0]) + image.tobytes())
        out.write(struct.pack("<I", len(records)) + b"".join(records))


main()
