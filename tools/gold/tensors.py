# SPDX-License-Identifier: Apache-2.0
"""safetensors files in and out of numpy arrays (huggingface/safetensors README, "Format"): u64
header length, JSON header, raw little-endian data. Debian has no package of it."""
import json
import struct

import numpy as np

DTYPES = {"F32": "<f4", "F64": "<f8", "I64": "<i8", "U8": "u1"}


def save(path, tensors, metadata):
    names = {np.dtype(code): name for name, code in DTYPES.items()}
    header, data, offset = {"__metadata__": metadata}, [], 0
    # the widest elements first, so that each is aligned
    for name, value in sorted(tensors.items(), key=lambda item: -item[1].dtype.itemsize):
        raw = np.ascontiguousarray(value).tobytes()
        header[name] = {
            "dtype": names[value.dtype],
            "shape": list(value.shape),
            "data_offsets": [offset, offset + len(raw)],
        }
        offset += len(raw)
        data.append(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + b"".join(data))


def load(path):
    """Returns (tensors by name, metadata)."""
    with open(path, "rb") as file:
        raw = file.read()
    (length,) = struct.unpack_from("<Q", raw)
    header = json.loads(raw[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + at for at in entry["data_offsets"])
        value = np.frombuffer(raw[begin:end], dtype=DTYPES[entry["dtype"]])
        tensors[name] = value.reshape(entry["shape"]).copy()
    return tensors, metadata
