"""Small pictures and their files, shared by the tests."""

import struct
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
"""Noise, 5 pixels high and 7 wide: the axes cannot be confused."""


def encoded(picture: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    """The picture as a file's bytes."""
    stream = BytesIO()
    picture.save(stream, format, **options)
    return stream.getvalue()


def two_compressions() -> bytes:
    """A TIFF that names Group 4, then LZW: Pillow goes by the last, libtiff by the first."""
    data = encoded(Image.fromarray(RGB).convert("1"), "TIFF", compression="group4")
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    entries = [data[start + 2 + 12 * i :][:12] for i in range(count)]
    entries.append(struct.pack("<HHIHH", 259, 3, 1, 5, 0))
    entries.sort(key=lambda entry: struct.unpack_from("<H", entry))
    directory = struct.pack("<H", count + 1) + b"".join(entries) + bytes(4)
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + directory
