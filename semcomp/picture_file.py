"""The one way in for picture files, without torch: what is opened, and what is refused.

Files are hostile until shown otherwise: sizes are checked from the header before a pixel is
decoded, only common raster formats are opened, and every failure is an ImageError that names
the problem.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from .errors import ImageError

MAX_PIXELS = 50_000_000
"""Largest width times height that is decoded unless asked otherwise."""

# Pillow would also open formats that start other programs (EPS), that hide a picture of another
# size inside (ICO), or that decode before their size can be checked (JPEG XL's plugin).
_FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "JPEG2000", "AVIF")
# Of damaged fax and JPEG strips libtiff may leave rows unwritten without an error; Pillow then
# shows what stood in memory. Those left out beside them are rare.
_TIFF_COMPRESSIONS = ("raw", "packbits", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate")
# What Pillow's decoders raise on damaged files.
DECODER_ERRORS = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError),
    *(MemoryError, RuntimeError, struct.error, zlib.error),
)
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


@contextmanager
def open_picture_file(path: str | Path, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """A picture file as `open_picture` gives it, closed afterwards."""
    try:
        with Path(path).open("rb") as stream:
            yield open_picture(stream, max_pixels)
    except OSError as error:
        raise ImageError(f"cannot read {path}: {error.strerror or error}") from error


def open_picture(stream: BinaryIO, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """A picture of an accepted format and size, not yet decoded: `decode` does that."""
    if not stream.read(1):
        raise ImageError("the picture's file is empty")
    stream.seek(0)
    Image.init()  # fills Image.OPEN with the formats this Pillow was built with
    formats = [name for name in _FORMATS if name in Image.OPEN]
    try:
        picture = Image.open(stream, formats=formats)
    except _BOMBS as error:
        raise ImageError(
            f"the picture has more than the {max_pixels} pixels allowed; scale it down first"
        ) from error
    except UnidentifiedImageError as error:
        raise ImageError(
            "not a picture in a format this program reads; use PNG, JPEG, WebP, AVIF or TIFF"
        ) from error
    except DECODER_ERRORS as error:
        raise ImageError(f"the picture's file is damaged: {error}") from error
    check_size(picture.height, picture.width, max_pixels)
    return picture


def decode(picture: Image.Image) -> None:
    """Decode an open picture in place, unless it is already."""
    if isinstance(picture, TiffImagePlugin.TiffImageFile) and picture.tile:
        _check_tiff(picture)
    try:
        picture.load()
    except DECODER_ERRORS as error:
        raise ImageError(f"the picture's file is damaged or cut short: {error}") from error


def check_size(height: int, width: int, max_pixels: int) -> None:
    """Raise ImageError for a picture without pixels or with too many."""
    if height < 1 or width < 1:
        raise ImageError("the picture has no pixels")
    if height * width > max_pixels:
        raise ImageError(
            f"the picture has {width} x {height} pixels, more than the {max_pixels} allowed; "
            "scale it down first"
        )


def _check_tiff(picture: TiffImagePlugin.TiffImageFile) -> None:
    """Refuse what libtiff, which reads the file again, may decode by a rare compression."""
    instead = "; save it as PNG, or as a TIFF with LZW or Deflate compression"
    compression = picture.info["compression"]
    if compression not in _TIFF_COMPRESSIONS:
        raise ImageError(f"TIFF pictures with {compression} compression are not read{instead}")
    stream = picture.fp
    assert stream is not None and picture.tag_v2.offset is not None
    stream.seek(0)
    if stream.read(4) not in (b"II*\0", b"MM\0*"):
        raise ImageError(f"TIFF pictures of other kinds, such as BigTIFF, are not read{instead}")
    # Of a tag that is there twice Pillow goes by the last and libtiff by the first.
    stream.seek(picture.tag_v2.offset)
    count = int.from_bytes(stream.read(2), "big" if picture.tag_v2.prefix == b"MM" else "little")
    entries = stream.read(12 * count)
    tags = [entries[start : start + 2] for start in range(0, len(entries), 12)]
    if len(set(tags)) < len(tags):
        raise ImageError(f"the TIFF picture says the same thing twice{instead}")
