#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/gold/decode.gold: small image files of every kind that loaderd meets, and what Pillow
makes of them (or the fault that loaderd must answer). Run: tools/gold/decode.py OUT
Needs Debian's python3-pil and python3-numpy.

Little-endian: "AUGDEC01", u32 cases; each case: char name[32], u32 fault (enum wire_fault), u32 width,
u32 height, u32 tolerance (largest difference of a byte), u32 length, the file, and where fault is 0
width * height * 3 bytes of RGB."""
import io
import struct
import sys
import zlib

import numpy as np
from PIL import Image

TRUNCATED, TOO_LARGE, NOT_IMAGE, UNSUPPORTED = 2, 3, 4, 5
W, H = 21, 13
EXACT, IDCT = 0, 1  # another libjpeg-turbo may choose another SIMD path


def picture():
    """A gradient per channel, not symmetric under any turn, with one sharp corner block."""
    y, x = np.mgrid[0:H, 0:W]
    rgb = np.stack([x * 255 // (W - 1), y * 255 // (H - 1), (x + 2 * y) * 255 // (W + 2 * H - 3)], -1)
    rgb[:4, :5] = [230, 30, 60]
    return Image.fromarray(rgb.astype(np.uint8))


def encoded(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exif(orientation, big=True):
    order, mark = (">", b"MM\0*") if big else ("<", b"II*\0")
    tiff = mark + struct.pack(order + "I", 8) + struct.pack(order + "H", 2)
    tiff += struct.pack(order + "HHIHH", 0x0100, 3, 1, W, 0)  # another tag before it
    tiff += struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0) + bytes(4)
    return b"Exif\0\0" + tiff


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(depth, colour, rows, extra=b"", size=(W, H)):
    """A PNG by hand, for the kinds that Pillow does not write."""
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", data)
            + chunk(b"IEND", b""))


TURNS = {2: Image.FLIP_LEFT_RIGHT, 3: Image.ROTATE_180, 4: Image.FLIP_TOP_BOTTOM, 5: Image.TRANSPOSE,
         6: Image.ROTATE_270, 7: Image.TRANSVERSE, 8: Image.ROTATE_90}


class Gold:
    def __init__(self):
        self.cases = []

    def good(self, name, data, rgb=None, tolerance=EXACT):
        """rgb None: what Pillow's convert("RGB") gives."""
        rgb = rgb or Image.open(io.BytesIO(data)).convert("RGB")
        self.cases.append((name, 0, rgb.size, tolerance, data, rgb.tobytes()))

    def bad(self, name, fault, data):
        self.cases.append((name, fault, (0, 0), 0, data, b""))

    def write(self, path):
        with open(path, "wb") as out:
            out.write(b"AUGDEC01" + struct.pack("<I", len(self.cases)))
            for name, fault, size, tolerance, data, rgb in self.cases:
                out.write(struct.pack("<32sIIIII", name.encode(), fault, *size, tolerance, len(data)))
                out.write(data + rgb)


def jpegs(gold, image):
    plain = encoded(image, "JPEG", quality=90)
    gold.good("jpeg 4:2:0", plain, tolerance=IDCT)
    gold.good("jpeg 4:4:4", encoded(image, "JPEG", quality=90, subsampling=0), tolerance=IDCT)
    gold.good("jpeg 4:2:2 restart", encoded(image, "JPEG", subsampling=1), tolerance=IDCT)
    gold.good("jpeg progressive", encoded(image, "JPEG", progressive=True), tolerance=IDCT)
    gold.good("jpeg gray", encoded(image.convert("L"), "JPEG"), tolerance=IDCT)
    cmyk = encoded(image.convert("CMYK"), "JPEG")
    gold.good("jpeg cmyk adobe", cmyk, tolerance=IDCT)
    app14 = cmyk.index(b"\xff\xee")
    unmarked = cmyk[:app14] + cmyk[app14 + 2 + int.from_bytes(cmyk[app14 + 2:app14 + 4], "big"):]
    gold.good("jpeg cmyk unmarked", unmarked, tolerance=IDCT)
    for k in range(1, 9):
        data = encoded(image, "JPEG", exif=exif(k, big=k % 2 == 0))
        upright = Image.open(io.BytesIO(data)).convert("RGB")
        gold.good(f"jpeg exif {k}", data, upright.transpose(TURNS[k]) if k > 1 else upright, IDCT)
    for k in (0, 9):
        gold.good(f"jpeg exif invalid {k}", encoded(image, "JPEG", exif=exif(k)), tolerance=IDCT)
    gold.good("jpeg garbage after end", plain + b"garbage" * 9, tolerance=IDCT)
    gold.good("jpeg no end marker", plain[:-2], Image.open(io.BytesIO(plain)), IDCT)
    gold.bad("jpeg half", TRUNCATED, plain[:len(plain) - 120])
    gold.bad("jpeg progressive half", TRUNCATED, encoded(image, "JPEG", progressive=True)[:-60])
    gold.bad("jpeg header only", TRUNCATED, plain[:100])
    wrong = bytearray(plain)
    sof = plain.index(b"\xff\xc0")
    wrong[sof + 4] = 12
    gold.bad("jpeg 12 bits", UNSUPPORTED, bytes(wrong))
    wrong = bytearray(plain)
    wrong[sof + 1] = 0xc3
    gold.bad("jpeg lossless", UNSUPPORTED, bytes(wrong))
    wrong = bytearray(plain)
    wrong[sof + 5:sof + 9] = struct.pack(">HH", 20000, 20000)
    gold.bad("jpeg sides", TOO_LARGE, bytes(wrong))
    wrong[sof + 5:sof + 9] = struct.pack(">HH", 16000, 16000)
    gold.bad("jpeg area", TOO_LARGE, bytes(wrong))
    wrong = bytearray(encoded(image, "JPEG", progressive=True))
    sof = wrong.index(b"\xff\xc2")
    wrong[sof + 5:sof + 9] = struct.pack(">HH", 6000, 6000)
    gold.bad("jpeg progressive area", TOO_LARGE, bytes(wrong))


def pngs(gold, image):
    rgb = np.asarray(image)
    gray = np.asarray(image.convert("L"))
    gold.good("png rgb", encoded(image, "PNG"))
    gold.good("png gray", encoded(image.convert("L"), "PNG"))
    gold.good("png palette", encoded(image.quantize(16), "PNG"))
    gold.good("png palette transparent", encoded(image.quantize(16), "PNG", transparency=3))
    gold.good("png 1 bit", encoded(image.convert("1"), "PNG"))
    alpha = image.convert("RGBA")
    alpha.putalpha(image.convert("L"))
    gold.good("png alpha", encoded(alpha, "PNG"), image)
    gold.good("png gray alpha", encoded(alpha.convert("LA"), "PNG"), image.convert("L").convert("RGB"))
    for bits in (2, 4):
        levels = gray >> (8 - bits)
        rows = [np.packbits(np.unpackbits(row[:, None], axis=1)[:, 8 - bits:].ravel()).tobytes()
                for row in levels]
        full = Image.fromarray((levels.astype(int) * 255 // (2 ** bits - 1)).astype(np.uint8))
        gold.good(f"png gray {bits} bits", png(bits, 0, rows), full.convert("RGB"))
    wide = rgb.astype(np.uint16) * 256 + 255 - rgb  # low bytes that a rounding would carry
    gold.good("png rgb 16 bits", png(16, 2, [row.astype(">u2").tobytes() for row in wide]), image)
    wide = gray.astype(np.uint16) * 256 + 255 - gray
    gold.good("png gray 16 bits", png(16, 0, [row.astype(">u2").tobytes() for row in wide]),
              Image.fromarray(gray).convert("RGB"))
    turned = png(8, 2, [row.tobytes() for row in rgb], chunk(b"eXIf", exif(6)[6:]))
    gold.good("png exif 6", turned, image.transpose(TURNS[6]))
    plain = encoded(image, "PNG")
    gold.bad("png half", TRUNCATED, plain[:len(plain) // 2])
    wrong = bytearray(plain)
    wrong[plain.index(b"IDAT") + 60] ^= 0x55
    gold.bad("png corrupt", TRUNCATED, bytes(wrong))
    gold.bad("png animated", UNSUPPORTED, encoded(image, "PNG", save_all=True,
                                                  append_images=[image.rotate(90)]))
    gold.bad("png sides", TOO_LARGE, png(8, 0, [b""], size=(20000, 1)))
    gold.bad("png area", TOO_LARGE, png(8, 0, [b""], size=(16000, 16000)))


def others(gold, image):
    gold.good("webp lossless", encoded(image, "WEBP", lossless=True))
    gold.good("webp lossy", encoded(image, "WEBP", quality=90), tolerance=IDCT)
    alpha = image.convert("RGBA")
    alpha.putalpha(image.convert("L").point(lambda v: max(v, 1)))
    gold.good("webp alpha", encoded(alpha, "WEBP", lossless=True, exact=True), image)
    gold.good("webp exif 8", encoded(image, "WEBP", lossless=True, exif=exif(8)),
              image.transpose(TURNS[8]))
    plain = encoded(image, "WEBP", lossless=True)
    gold.bad("webp half", TRUNCATED, plain[:len(plain) // 2])
    gold.bad("webp animated", UNSUPPORTED, encoded(image, "WEBP", save_all=True, lossless=True,
                                                   append_images=[image.rotate(90)]))
    for kind in ("GIF", "TIFF", "BMP", "PPM"):
        gold.bad(kind.lower(), UNSUPPORTED, encoded(image, kind))
    gold.bad("svg", NOT_IMAGE, b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    gold.bad("empty", NOT_IMAGE, b"")
    gold.bad("text", NOT_IMAGE, b"not an image\n")
    gold.bad("signature only", TRUNCATED, b"\xff\xd8\xff")


def main():
    gold, image = Gold(), picture()
    jpegs(gold, image)
    pngs(gold, image)
    others(gold, image)
    gold.write(sys.argv[1])


main()
