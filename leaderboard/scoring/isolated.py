"""Submitted files decoded in a child process with hard limits (`semcomp.isolated`).

A child for reconstructions opens PNG files, one for a format (`scoring.formats`) its files, and no
other file or socket at all; one for `.semc` files looks into the weights' folder. What a child
answers is not trusted either.
"""

from __future__ import annotations

import math
import struct
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from leaderboard.codecs.base import CodecError
from semcomp import isolated
from semcomp.bounded import Answer, problem
from semcomp.errors import BitstreamError, ImageError, SemcompError, WeightsError
from semcomp.image import load_image
from semcomp.isolated import Child, Limits

from .formats import FORMATS, SEMC, open_sent, prepared

PICTURE = "picture"
"""Reconstructions, PNG files; the other kinds that a process can be asked to open are `FORMATS`."""
FEW_FILES = 16
"""Files that may be open at a time where `.semc` are decoded."""
_MODES = {"L": 1, "RGB": 3, "RGBA": 4, "I;16": 2, "I;16B": 2, "I": 4, "F": 4}
"""Pillow's modes that a child may answer with, and their bytes per pixel."""
_IHDR = struct.Struct(">8sIIBBBBB")
_ADAM7 = (
    *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
    *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
)
"""Passes of an interlaced PNG: first column and row, steps to the next."""
_DEEP = ("I", "F")
"""Pillow's modes of pixels deeper than 8 bits, next to those that begin with `I;16`."""

Opened = tuple[Image.Image, dict[str, Any]] | str
"""A picture and what its file tells, or what is wrong with it."""


class IsolatedError(CodecError):
    """An uploaded file that cannot be opened within the limits; the message says what is wrong.

    breach: whether it took more than its share of memory or time, or broke the decoder.
    """

    def __init__(self, message: str, breach: bool = False) -> None:
        super().__init__(message)
        self.breach = breach


@dataclass(frozen=True, eq=False)
class Decoded:
    """pixels: uint8 (H, W, 3). sizes: of a `.semc` file's parts, as `semcomp.info` names them.
    cpu_s: processor seconds of the decoding."""

    pixels: NDArray[np.uint8]
    sizes: dict[str, int]
    cpu_s: float


class IsolatedDecoder(Child):
    """One child at a time for files of one kind, `PICTURE` (PNG) or one of `FORMATS`."""

    def __init__(self, kind: str, limits: Limits | None = None) -> None:
        prepare = "prepare_png" if kind == PICTURE else f"prepare_{kind}"
        super().__init__(f"{__name__}:{prepare}", limits, FEW_FILES if kind == SEMC else 0)

    def open(self, data: bytes, width: int, height: int) -> Decoded:
        """Decode a file whose picture must have this size.

        Raises IsolatedError for a file that is damaged, of another kind or size, or needs more than
        the limits; the decoder can be used again.
        """
        most = width * height * max(_MODES.values())
        try:
            answer, payload = self.ask({"width": width, "height": height}, data, most)
        except isolated.IsolatedError as error:
            raise IsolatedError(str(error), error.breach) from error
        except SemcompError as error:
            raise CodecError(str(error)) from error
        return _decoded(answer, payload, width, height)


def _decoded(
    answer: dict[str, Any], payload: bytes | bytearray, width: int, height: int
) -> Decoded:
    """The picture of an answer."""
    mode, cpu_s = answer.get("mode"), answer.get("cpu_s")
    sizes = answer.get("sizes", {})
    right = (
        mode in _MODES
        and len(payload) == _MODES[mode] * width * height
        and isinstance(cpu_s, float)
        and 0 <= cpu_s < math.inf
        and isinstance(sizes, dict)
        and all(isinstance(size, int) and size >= 0 for size in sizes.values())
    )
    if not right:
        raise IsolatedError("it broke the decoder: its answer is no picture", breach=True)
    assert isinstance(mode, str) and isinstance(cpu_s, float)
    try:
        pixels = load_image(Image.frombytes(mode, (width, height), payload))
    except (ImageError, ValueError) as error:
        raise IsolatedError(f"its pixels cannot be used: {error}") from error
    return Decoded(pixels, sizes, cpu_s)


# what runs in the child


def prepare_png() -> Answer:
    """Pillow with its decoders, which it looks for when the first picture is opened."""
    Image.init()
    stream = BytesIO()
    Image.new("RGB", (2, 2)).save(stream, "PNG")
    _png(stream.getvalue(), 2, 2)
    return _answering(_png)


def prepare_semc() -> Answer:
    """Weights and everything that decoding imports, by decoding a file made here."""
    import torch

    from semcomp.pipeline import compress, decompress
    from semcomp.weights import available

    torch.set_num_threads(1)
    ramp = np.linspace(0, 255, 64 * 64 * 3).reshape(64, 64, 3).astype(np.uint8)
    for name in available():
        decompress(compress(ramp, 1, "uniform", model=name, device="cpu").data, device="cpu")
    return _answering(_semc)


def _prepare(format: str) -> Answer:
    decode = prepared(format)
    return _answering(
        lambda data, width, height: _told(open_sent(decode, format, data, (width, height)))
    )


prepare_jpeg, prepare_webp, prepare_avif, prepare_jxl, prepare_heic, prepare_bpg = (
    partial(_prepare, format) for format in FORMATS if format != SEMC
)


def _told(opened: Image.Image | str) -> Opened:
    return opened if isinstance(opened, str) else (opened, {})


def _answering(opened_of: Callable[[bytes, int, int], Opened]) -> Answer:
    def answer(head: Mapping[str, Any], data: bytes) -> tuple[Mapping[str, Any], bytes]:
        started = time.process_time()
        opened = opened_of(data, head["width"], head["height"])
        if isinstance(opened, str):
            return problem(opened)
        picture, told = opened
        told = {**told, "mode": picture.mode, "cpu_s": time.process_time() - started}
        return told, picture.tobytes()

    return answer


def _png(data: bytes, width: int, height: int) -> Opened:
    """The pixels of a PNG, or what is wrong with it. No other format is opened."""
    try:
        with Image.open(BytesIO(data), formats=("PNG",)) as picture:
            if wrong := _wrong_size(picture.size, width, height):
                return wrong
            if missing := _missing(data):
                return missing
            picture.load()
            if picture.mode == "P" and picture.palette is not None:
                colours = len(picture.palette.palette) // len(picture.palette.mode)
                if (highest := int(np.asarray(picture).max())) >= colours:
                    return f"the PNG file is damaged: colour {highest} of a palette of {colours}"
            deep = picture.mode in _DEEP or picture.mode.startswith("I;16")
            plain = picture.mode in ("RGB", "L") and not picture.has_transparency_data
            return (picture.copy() if deep or plain else picture.convert("RGBA")), {}
    except UnidentifiedImageError:
        return "not a PNG picture: send reconstructions as PNG files"
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return f"the picture is far too large: expected {width} x {height} pixels"
    except MemoryError:
        raise
    # A damaged file makes Pillow raise nearly anything, and its text is all there is to tell.
    except Exception as error:
        return f"the PNG file is damaged or cut short: {error}"


def _missing(data: bytes) -> str | None:
    """What a PNG says if it has fewer rows than it declares, which Pillow would leave black.

    Source: PNG, W3C third edition, chapters 5, 7 and 8 (chunks, rows, interlacing).
    """
    _, width, height, depth, colour, _, _, interlaced = _IHDR.unpack_from(data, 8)
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    need = 0
    for x, y, right, down in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - x) // right), -(-(height - y) // down)
        if columns > 0 and rows > 0:
            need += rows * (1 + -(-columns * bits // 8))
    packed, at = [], 8
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if name == b"IDAT":
            packed.append(data[at + 8 : at + 8 + length])
        at += 12 + length
    try:
        have = len(zlib.decompressobj().decompress(b"".join(packed), need))
    except zlib.error as error:
        return f"the PNG file is damaged or cut short: {error}"
    if have < need:
        return f"the PNG file is damaged or cut short: it has {have} of {need} bytes of pixels"
    return None


def _semc(data: bytes, width: int, height: int) -> Opened:
    """The picture of a `.semc` file and the sizes of its parts, or what is wrong with it."""
    import warnings

    from semcomp.pipeline import TruncatedWarning, decompress, info

    try:
        told = info(data)
        if wrong := _wrong_size((told["width"], told["height"]), width, height):
            return wrong
        with warnings.catch_warnings():
            warnings.simplefilter("error", TruncatedWarning)
            return decompress(data, device="cpu"), {"sizes": told["sizes"]}
    except (BitstreamError, WeightsError, TruncatedWarning) as error:
        return str(error)
    except RuntimeError as error:
        if "allocate memory" in str(error):  # torch's way of saying it
            raise MemoryError from error
        return f"the file cannot be decoded: {error}"


def _wrong_size(size: tuple[int, int], width: int, height: int) -> str | None:
    if size == (width, height):
        return None
    return f"the picture has {size[0]} x {size[1]} pixels: expected {width} x {height}"
