#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/gold/odd.gold: what Pillow makes of the odd images (odd.tar of the real images), as two
views of 8 pixels each of the upright picture: its whole centre square, and a square in its middle that is
1/128 of the shorter side. Coarse on purpose: no picture can be had back from it.
Run: tools/gold/odd.py ODD_TAR OUT
Needs Debian's python3-pil and python3-numpy.

Little-endian: "AUGODD01", u32 files; each: char name[96], and for each view u32 top, left, side of the
crop and 8 * 8 * 3 bytes of RGB."""
import io
import struct
import sys
import tarfile
import warnings

import numpy as np
from PIL import Image, ImageOps

SIZE, RESIZES = 8, (8, 1024)
PIXELS_MAX = 64 << 20


def upright(data):
    """As loaderd has it: upright, alpha dropped, of 16 bits the upper 8 (Pillow's convert clips them)."""
    with Image.open(io.BytesIO(data)) as image:
        if image.width * image.height > PIXELS_MAX or getattr(image, "n_frames", 1) > 1:
            return None
        image.load()
        exif = Image.Exif()  # Image.getexif() takes XMP's orientation for EXIF's where there is none
        exif.load(image.info.get("exif", b""))
        if image.mode in ("I", "I;16", "I;16B"):
            image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
        turned = image.convert("RGB")
        turned.info.pop("exif", None)
        k = exif.get(0x0112)
        if k in range(2, 9):
            tag = Image.Exif()
            tag[0x0112] = k
            turned.info["exif"] = tag.tobytes()
            turned = ImageOps.exif_transpose(turned)
        return turned


def centred(extent, exact, side):
    """Where a crop of `side` begins whose exact length is `exact`, as common/omega.c has it."""
    return min(max(int(np.rint((extent - exact) / 2)), 0), extent - side)


def views(image):
    out = b""
    for resize in RESIZES:
        exact = min(image.size) * SIZE / resize
        side = int(max(1, np.rint(exact)))
        top, left = centred(image.height, exact, side), centred(image.width, exact, side)
        view = image.crop((left, top, left + side, top + side)).resize((SIZE, SIZE), Image.BILINEAR)
        out += struct.pack("<III", top, left, side) + view.tobytes()
    return out


def main():
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = PIXELS_MAX
    files = []
    with tarfile.open(sys.argv[1]) as tar:
        for member in sorted(tar.getmembers(), key=lambda m: m.name):
            if not member.isfile():
                continue
            try:
                image = upright(tar.extractfile(member).read())
            except Exception:  # whatever Pillow says: it has no opinion then
                continue
            if image:
                files.append((member.name.split("/")[-1], views(image)))
    with open(sys.argv[2], "wb") as out:
        out.write(b"AUGODD01" + struct.pack("<I", len(files)))
        for name, data in files:
            assert len(name) < 96
            out.write(struct.pack("<96s", name.encode()) + data)
    print(f"{len(files)} files")


main()
