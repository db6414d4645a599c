"""The formats by name or by a file's ending, and the largest file of a format within a size."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from semcomp.allocation.levels import check_focus
from semcomp.errors import FormatError
from semcomp.search import FileSearch, check_fits

from . import bpg
from .avif import AvifWriter
from .base import Writer, package
from .bpg import BpgWriter
from .heic import HeicWriter
from .jpeg import JpegWriter
from .webp import WebpWriter

WRITERS: dict[str, Writer] = {
    writer.name: writer
    for writer in (JpegWriter(), AvifWriter(), HeicWriter(), WebpWriter(), BpgWriter())
}
"""Every format, by name."""


def writer_for(name: str | Path) -> Writer:
    """The format of a name (`avif`) or of a file's ending (`photo.avif`).

    Raises FormatError for others.
    """
    wanted = Path(name).suffix.lower() or str(name).lower()
    for writer in WRITERS.values():
        if wanted == writer.name or wanted in writer.suffixes:
            return writer
    names = ", ".join(("semc", *WRITERS))  # `semc` is its callers'
    raise FormatError(f"no format here is called {wanted!r}: take one of {names}")


def write(
    writer: Writer,
    picture: NDArray[np.uint8],
    quality: float | None = None,
    grey: NDArray[np.uint8] | None = None,
    focus: float = 1.0,
    exif: bytes = b"",
) -> bytes:
    """A file of a quality, None for the format's default; the rest as `Writer.write` takes it.

    A focus of 0 is the plain format. Raises FormatError for a quality or a picture that the
    format has no room for.
    """
    low, high, _ = writer.search_range
    quality = writer.default_quality if quality is None else quality
    if not low <= quality <= high:  # written so that NaN fails
        raise FormatError(
            f"{writer.label} has qualities from {low:g} to {high:g}, not {quality:g}: choose one"
        )
    _check(writer, picture, focus)
    return writer.write(picture, quality, grey if focus else None, focus, exif)


def largest_within(
    writer: Writer,
    picture: NDArray[np.uint8],
    max_bytes: int,
    grey: NDArray[np.uint8] | None = None,
    focus: float = 1.0,
    exif: bytes = b"",
    close: float = 0.0,
) -> tuple[float, bytes]:
    """Quality and file: the largest of at most `max_bytes`, the rest as `Writer.write` takes it.

    close: share of `max_bytes` by which the file may stay below, for fewer tries. Raises
    SizeError where even the smallest file is larger, naming its size.
    """
    _check(writer, picture, focus)
    grey = grey if focus else None
    search = FileSearch(
        lambda quality: writer.write(picture, quality, grey, focus, exif), *writer.search_range
    )
    quality, data = search.largest(max_bytes, close=close)
    check_fits(len(data), max_bytes, writer.label)
    return quality, data


def read(data: bytes) -> NDArray[np.uint8]:
    """The picture of a file that a writer gave: uint8 (H, W, 3), sRGB. Raises FormatError."""
    if data.startswith(bpg.MAGIC):
        return bpg.decode(data)
    if data[4:12] == b"ftypheic":
        return np.asarray(package("pillow_heif", "pillow-heif", "HEIC").read_heif(data))
    with Image.open(BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def _check(writer: Writer, picture: NDArray[np.uint8], focus: float) -> None:
    check_focus(focus)
    height, width = picture.shape[:2]
    if max(height, width) > writer.max_side:
        raise FormatError(
            f"{width}x{height}: {writer.label} has room for sides up to {writer.max_side} pixels; "
            "scale the picture down or choose another format"
        )
