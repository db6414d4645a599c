"""What is tried: for each target a hostile input made from a number, and what is done with it.

A target's input may be refused with a SemcompError, and nothing else may happen.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image

MOST_PIXELS = 300_000
"""What a file may declare here; larger ones are to be refused before any work."""

FIELDS = (
    ("width", 1200),
    ("height", 1200),
    ("width", 65535),
    ("height", 65535),
    ("level_centi", 2400),
    ("floor", 24),
    ("map_height", 255),
    ("map_width", 255),
    ("map_step", 255),
)
"""Numbers in a header that are changed, and up to what."""


@dataclass(frozen=True)
class Target:
    """make: a random source -> the input's bytes. tried: gets them, and raises what it raises."""

    make: Callable[[random.Random], bytes]
    tried: Callable[[bytes], None]


def mutated(data: bytes, source: random.Random) -> bytes:
    """Bytes with a few of them changed, cut out, doubled, moved or set to awkward values."""
    out = bytearray(data)
    for _ in range(source.choice((1, 1, 2, 4, 16))):
        at = source.randrange(len(out) + 1)
        size = min(source.choice((1, 1, 2, 4, 8, 64)), len(out) - at)
        match source.randrange(6):
            case 0 if size:
                out[at] ^= 1 << source.randrange(8)
            case 1:
                out[at : at + size] = source.randbytes(size)
            case 2:
                del out[at : at + size]
            case 3:
                out[at:at] = out[at : at + size] or b"\0"
            case 4:
                out[at : at + size] = source.choice((b"\0", b"\xff", b"\x7f", b"\x80")) * size
            case 5 if source.random() < 0.3:
                del out[at:]
    return bytes(out)


@cache
def pixels() -> Image.Image:
    """A small picture with an edge, a slope and noise."""
    rng = np.random.default_rng(7)
    grey = np.add.outer(np.arange(40), 3 * np.arange(56)) % 256
    values = grey[..., None] + rng.integers(0, 40, (40, 56, 3))
    values[10:30, 20:30] = (200, 30, 30)
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


@cache
def compressed() -> tuple[bytes, ...]:
    """A `.semc` file of every allocation, small."""
    from semcomp.pipeline import compress

    return (
        compress(pixels(), 3, "uniform").data,
        compress(pixels(), 3, "proportional").data,
        compress(pixels(), 3, "rd").data,
    )


def semc(source: random.Random) -> bytes:
    """A `.semc` file, damaged; mostly with its checksums made right again."""
    from semcomp.coding import bitstream
    from semcomp.errors import SemcompError

    data = source.choice(compressed())
    if source.random() < 0.3:
        return mutated(data, source)
    parsed = bitstream.parse(data)
    header, chunks = parsed.header, list(parsed.chunks)
    try:
        for _ in range(source.choice((0, 1, 2))):
            name, most = source.choice(FIELDS)
            changed: Any = {name: source.randint(0, most)}
            header = replace(header, **changed)
        if source.random() < 0.2:
            kind = source.choice(list(bitstream.AllocationKind))
            header = replace(header, allocation=kind)
        if source.random() < 0.5:
            header = replace(header, map_section=mutated(header.map_section, source))
        if chunks and source.random() < 0.7:
            at = source.randrange(len(chunks))
            chunks[at] = mutated(chunks[at], source)
        chunks = chunks[: source.randint(0, len(chunks))] if source.random() < 0.2 else chunks
        return bitstream.write(replace(header, iterations=len(chunks)), chunks)
    except SemcompError:  # what no file can say
        return mutated(data, source)


def parse(data: bytes) -> None:
    """Take a file apart, in all ways there are."""
    from semcomp import pipeline
    from semcomp.coding import bitstream

    parsed = bitstream.parse(data, iterations=2)
    bitstream.truncate(data, len(parsed.chunks))
    pipeline.info(data)


def decode(data: bytes) -> None:
    """Decode a file; its picture is of the size it declares."""
    from semcomp import pipeline
    from semcomp.coding import bitstream

    header = bitstream.parse(data).header
    with patch.object(pipeline, "MAX_PIXELS", MOST_PIXELS):
        assert pipeline.decompress(data).size == (header.width, header.height)


def grid_bytes(source: random.Random) -> bytes:
    """Sizes of a grid and its alphabet, a byte each, and a code for it."""
    from semcomp.coding.grid_coder import encode_grid

    height, width, alphabet = source.randint(1, 40), source.randint(1, 40), source.randint(1, 256)
    grid = np.random.default_rng(source.getrandbits(32)).integers(0, alphabet, (height, width))
    code = encode_grid(grid.astype(np.uint8), alphabet)
    code = mutated(code, source) if source.random() < 0.7 else source.randbytes(len(code))
    return bytes((height, width, alphabet - 1)) + code


def grid(data: bytes) -> None:
    """Any code is some grid of the alphabet, and that grid has a code of its own."""
    from semcomp.coding.grid_coder import decode_grid, encode_grid

    height, width, alphabet = data[0], data[1], data[2] + 1
    values = decode_grid(data[3:], height, width, alphabet)
    assert values.shape == (height, width) and int(values.max()) < alphabet
    again = decode_grid(encode_grid(values, alphabet), height, width, alphabet)
    assert np.array_equal(values, again)


@cache
def picture_files() -> tuple[bytes, ...]:
    """The picture in every format that is read, in several of its modes and compressions."""
    import pillow_heif
    import pillow_jxl  # noqa: F401 - Pillow knows the format then

    pillow_heif.register_heif_opener()
    picture = pixels()
    with_alpha = picture.copy()
    with_alpha.putalpha(128)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a picture"
    deep = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    palette = picture.quantize(17)
    black = picture.convert("1")
    ways: list[tuple[Image.Image, str, dict[str, Any]]] = [
        *(
            (image, "PNG", {})
            for image in (picture, with_alpha, deep, palette, picture.convert("1"))
        ),
        *((picture, "TIFF", {"compression": way}) for way in (None, "packbits", "tiff_lzw")),
        *((image, "TIFF", {"compression": "tiff_deflate"}) for image in (picture, deep, palette)),
        (picture, "TIFF", {"compression": "jpeg"}),
        (black, "TIFF", {"compression": "group4"}),
        (picture, "JPEG", {"exif": exif}),
        (picture, "JPEG", {"progressive": True, "exif": exif}),
        (picture.convert("CMYK"), "JPEG", {}),
        (picture, "MPO", {"save_all": True, "append_images": [picture]}),
        (with_alpha, "WEBP", {"lossless": True, "exif": exif}),
        (picture, "WEBP", {"save_all": True, "append_images": [picture]}),
        (palette, "GIF", {"save_all": True, "append_images": [palette]}),
        *((image, "BMP", {}) for image in (picture, palette)),
        (picture, "DIB", {}),
        *((image, "PPM", {}) for image in (picture, black, deep)),
        *((image, "JPEG2000", {}) for image in (picture, with_alpha)),
        (picture, "AVIF", {"exif": exif}),
        (with_alpha, "AVIF", {"save_all": True, "append_images": [with_alpha]}),
        *((image, "HEIF", {"exif": exif}) for image in (picture, with_alpha)),
        (picture.resize((96, 72)), "HEIF", {"tile_size": 64}),
        (picture, "HEIF", {"save_all": True, "append_images": [picture]}),
        *((image, "JXL", {"lossless": True}) for image in (with_alpha, deep)),
        (picture, "JXL", {"use_container": True, "exif": exif.tobytes()}),
    ]
    files = []
    for image, kind, options in ways:
        stream = BytesIO()
        image.save(stream, kind, **options)
        files.append(stream.getvalue())
    return tuple(files)


def picture_bytes(source: random.Random) -> bytes:
    """A picture's file, damaged."""
    return mutated(source.choice(picture_files()), source)


def picture(data: bytes) -> None:
    """Load a picture; it is an array of the promised kind, within the limit of pixels."""
    from semcomp.image import load_image

    warnings.simplefilter("ignore")
    loaded = load_image(data, max_pixels=MOST_PIXELS)
    assert loaded.dtype == np.uint8 and loaded.ndim == 3 and loaded.shape[2] == 3
    assert loaded.shape[0] * loaded.shape[1] <= MOST_PIXELS


def metadata(data: bytes) -> None:
    """Take a picture's metadata away; a picture that loads keeps its pixels."""
    from semcomp.demo.hosting.metadata import stripped
    from semcomp.image import load_image

    warnings.simplefilter("ignore")
    clean = stripped(data)
    loaded = load_image(data, max_pixels=MOST_PIXELS)
    if clean is not None:
        assert np.array_equal(load_image(clean, max_pixels=MOST_PIXELS), loaded)


TARGETS = {
    "parse": Target(semc, parse),
    "decode": Target(semc, decode),
    "grid": Target(grid_bytes, grid),
    "picture": Target(picture_bytes, picture),
    "metadata": Target(picture_bytes, metadata),
}
