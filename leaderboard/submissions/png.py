"""PNG files by their chunks, without decoding a pixel (W3C, PNG specification, third edition)."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from .problems import shown

__all__ = ["Header", "pixel_digest", "problems", "read_header"]

MAGIC = b"\x89PNG\r\n\x1a\n"
_COLOURS = {0: "grey", 2: "RGB", 3: "a palette", 4: "grey with transparency", 6: "transparency"}
_PLAIN = (0, 2, 3)
_IHDR = struct.Struct(">L4s2L5B")
_CHUNK = struct.Struct(">L4s")
_CRC = struct.Struct(">L")


@dataclass(frozen=True)
class Header:
    """What a PNG says of itself. depth: bits per channel. colour: the format's colour type."""

    width: int
    height: int
    depth: int
    colour: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height


def read_header(data: bytes) -> Header | None:
    """The header of a PNG, or None for anything else."""
    if not data.startswith(MAGIC) or len(data) < len(MAGIC) + _IHDR.size:
        return None
    length, name, width, height, depth, colour, *_ = _IHDR.unpack_from(data, len(MAGIC))
    return Header(width, height, depth, colour) if name == b"IHDR" and length == 13 else None


def problems(data: bytes, size: tuple[int, int]) -> Iterator[tuple[str, str]]:
    """What is wrong with a file that should be a plain 8-bit PNG of a size: (found, expected)."""
    header = read_header(data)
    if header is None:
        yield f"a start of {shown(data[:12])}", "a PNG file"
        return
    if header.size != size:
        expected = f"{size[0]}x{size[1]}, the picture's size"
        yield f"{header.width}x{header.height} pixels", expected
    names = set()
    whole = False
    for name, _, right in _chunks(data):
        if not right:
            yield f"a damaged PNG (part {shown(name.decode('latin-1'))})", "a whole PNG file"
            return
        names.add(name)
        whole = name == b"IEND"
    if not whole or b"IDAT" not in names:
        yield "a PNG that is cut short, or followed by something else", "a whole PNG file"
        return
    if header.depth != 8 or header.colour not in _PLAIN or b"tRNS" in names:
        colours = _COLOURS.get(header.colour, "unknown colours")
        told = "transparent colours" if b"tRNS" in names else colours
        yield f"{header.depth} bits, {told}", "8 bits per channel, RGB, no transparency"
    if b"acTL" in names:
        yield "an animation", "one picture"


def pixel_digest(data: bytes) -> bytes:
    """SHA-256 of the header and the packed pixels: two files with the same show the same."""
    digest = hashlib.sha256()
    for name, content, _ in _chunks(data):
        if name in (b"IHDR", b"PLTE", b"IDAT"):
            digest.update(content)
    return digest.digest()


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """(name, content, whether its checksum is right) of the chunks that are whole, up to IEND.

    What follows IEND comes as a last chunk without a name.
    """
    at = len(MAGIC)
    while at + _CHUNK.size + _CRC.size <= len(data):
        length, name = _CHUNK.unpack_from(data, at)
        start, end = at + _CHUNK.size, at + _CHUNK.size + length
        if end + _CRC.size > len(data):
            return
        content = data[start:end]
        (check,) = _CRC.unpack_from(data, end)
        yield name, content, check == zlib.crc32(content, zlib.crc32(name))
        at = end + _CRC.size
        if name == b"IEND":
            break
    if at < len(data):
        yield b"", data[at:], True
