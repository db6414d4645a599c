"""What a JPEG XL file says of itself before it is decoded (ISO/IEC 18181-1 and -2).

The plugin that decodes it does so as soon as the file is opened, and of an animation it gives the
last picture: what it should not be given has to be known before.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from .errors import ImageError

_BARE = b"\xff\x0a"
_CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
"""Width to height of the size header's ratios 1..7 (18181-1, SizeHeader)."""
_HEAD = 32
"""Bytes of a codestream that hold all of `Header`."""


class Header(NamedTuple):
    """Pixels of the picture as it is stored, and whether the file holds more than that one."""

    width: int
    height: int
    several: bool


def is_jxl(start: bytes) -> bool:
    """Whether a file that begins so, with 12 bytes or more, is JPEG XL."""
    return start.startswith((_BARE, _CONTAINER))


def read_header(data: bytes) -> Header:
    """The header of a file, bare codestream or container. Raises ImageError where there is none."""
    bits = int.from_bytes(_codestream(data)[2:], "little")

    def take(count: int) -> int:
        nonlocal bits
        value = bits & ((1 << count) - 1)
        bits >>= count
        return value

    def size() -> tuple[int, int]:
        small = take(1)

        def side() -> int:
            return 8 * (take(5) + 1) if small else take((9, 13, 18, 30)[take(2)]) + 1

        height = side()
        ratio = take(3)
        if ratio == 0:
            return side(), height
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height

    width, height = size()
    several = False
    # of ImageMetadata, unless all of it is as usual, what stands up to `have_animation`
    if not take(1) and take(1):
        take(3)  # orientation
        if take(1):
            size()  # that it is meant to be shown at
        several = bool(take(1) or take(1))  # a preview, which comes first, or an animation
    return Header(width, height, several)


def _codestream(data: bytes) -> bytes:
    """The first bytes of the codestream."""
    if data.startswith(_BARE):
        return data[:_HEAD]
    position = len(_CONTAINER) if data.startswith(_CONTAINER) else len(data)
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        start = position + 8
        if length == 1 and start + 8 <= len(data):
            length = struct.unpack_from(">Q", data, start)[0]
            start += 8
        if kind == b"jxlp":
            start += 4  # which part it is: the first one comes first
        if kind in (b"jxlc", b"jxlp") and data.startswith(_BARE, start):
            return data[start : start + _HEAD]
        if length < start - position:  # 0: up to the end
            break
        position += length
    raise ImageError("this is no JPEG XL file, or its beginning is damaged")
