"""Small pictures and their files, shared by the tests."""

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
"""Noise, 5 pixels high and 7 wide: the axes cannot be confused."""

D50 = (0.9642, 1.0, 0.8249)
"""White of colour profiles, XYZ."""


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


def grey_tiff(pixels: bytes, width: int, bits: int, **tags: int) -> bytes:
    """A little-endian TIFF of one row as it stands; tags: photometric 262, sample format 339."""
    entries = {256: width, 257: 1, 258: bits, 259: 1, 262: tags.get("photometric", 1)}
    entries |= {273: 8, 277: 1, 278: 1, 279: len(pixels), 339: tags.get("sample_format", 1)}
    pixels += bytes(len(pixels) % 2)
    rows = b"".join(struct.pack("<HHIHH", tag, 3, 1, v, 0) for tag, v in entries.items())
    head = b"II*\0" + struct.pack("<I", 8 + len(pixels))
    return head + pixels + struct.pack("<H", len(entries)) + rows + bytes(4)


def small_png(pixels: bytes, width: int, bits: int, kind: int = 0, key: bytes = b"") -> bytes:
    """A PNG of one row as it stands, of a colour type, with its transparent value if any."""

    def chunk(name: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + check

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, 1, bits, kind, 0, 0, 0))
    transparent = chunk(b"tRNS", key) if key else b""
    body = chunk(b"IDAT", zlib.compress(b"\0" + pixels)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + transparent + body


def colour_profile(gamma: float, *primaries: tuple[float, float, float]) -> bytes:
    """An ICC profile: of RGB with three primaries (XYZ under D50), or of grey with none."""

    def fixed(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    curve = b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256)) + bytes(2)
    tags = {b"desc": b"desc" + struct.pack(">II", 0, 5) + b"test\0" + bytes(78)}
    tags |= {b"cprt": b"text\0\0\0\0none\0", b"wtpt": b"XYZ " + bytes(4) + fixed(*D50)}
    for name, xyz in zip(b"rgb", primaries, strict=False):
        tags[bytes([name]) + b"XYZ"] = b"XYZ " + bytes(4) + fixed(*xyz)
        tags[bytes([name]) + b"TRC"] = curve
    if not primaries:
        tags[b"kTRC"] = curve
    table, data = struct.pack(">I", len(tags)), b""
    for tag, body in tags.items():
        table += tag + struct.pack(">II", 132 + 12 * len(tags) + len(data), len(body))
        data += body + bytes(-len(body) % 4)
    space = b"RGB " if primaries else b"GRAY"
    head = struct.pack(">I4sI", 128 + len(table) + len(data), b"none", 0x02400000)
    head += b"mntr" + space + b"XYZ " + bytes(12) + b"acsp" + bytes(28) + fixed(*D50)
    return head.ljust(128, b"\0") + table + data
