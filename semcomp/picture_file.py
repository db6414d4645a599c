"""The one way in for picture files, without torch: what is opened, and what is refused.

Files are hostile until shown otherwise: sizes are checked from the header before a pixel is
decoded, only common raster formats are opened, and every failure is an ImageError that names
the problem.
"""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, PngImagePlugin, TiffImagePlugin, UnidentifiedImageError
from PIL.Image import Transpose

from .errors import ImageError
from .jxl import is_jxl, read_header

MAX_PIXELS = 50_000_000
"""Largest width times height that is decoded unless asked otherwise."""

# Pillow would also open formats that start other programs (EPS) or that hide a picture of another
# size inside (ICO). The last is a plugin's; so is JPEG XL, which is opened by itself.
_FORMATS = (
    *("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM", "JPEG2000", "AVIF"),
    "HEIF",
)
_HEIF_BRANDS = (
    b"heic",
    b"heix",
    b"heim",
    b"heis",
    b"hevc",
    b"hevx",
    b"hevm",
    b"hevs",
    b"mif1",
    b"msf1",
)
_SAFE_LIBHEIF = 1, 23, 4  # https://heif-heist.com
# Of damaged fax and JPEG strips libtiff may leave rows unwritten without an error; Pillow then
# shows what stood in memory. Those left out beside them are rare.
_TIFF_COMPRESSIONS = ("raw", "packbits", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate")
# What Pillow's decoders raise on damaged files.
DECODER_ERRORS = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError),
    *(MemoryError, RuntimeError, struct.error, zlib.error),
)
# EXIF orientation -> how to turn the stored pixels upright (EXIF 2.32, tag 0x0112).
_UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
_TOLD = {
    *(ExifTags.Base.ImageDescription, ExifTags.Base.Make, ExifTags.Base.Model),
    *(ExifTags.Base.Software, ExifTags.Base.DateTime, ExifTags.Base.Artist),
    *(ExifTags.Base.Copyright, ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo),
}
"""What EXIF says of a photograph, not of the file it lies in."""
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


@contextmanager
def open_picture_file(path: str | Path, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """A picture file as `open_picture` gives it, closed afterwards."""
    try:
        with Path(path).open("rb") as stream:
            # Pillow seeks, which a pipe cannot.
            seekable = stream if stream.seekable() else BytesIO(stream.read())
            yield open_picture(seekable, max_pixels)
    except OSError as error:
        raise ImageError(f"cannot read {path}: {error.strerror or error}") from error


def open_picture(stream: BinaryIO, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """A picture of an accepted format and size, not yet decoded: `decode` does that."""
    start = stream.read(12)
    if not start:
        raise ImageError("the picture's file is empty")
    stream.seek(0)
    Image.init()  # fills Image.OPEN with the formats this Pillow was built with
    if is_jxl(start):
        return _open_jxl(stream, max_pixels)
    if is_heif(start):
        prepare_heif()
    formats = [name for name in _FORMATS if name in Image.OPEN]
    try:
        picture = Image.open(stream, formats=formats)
    except _BOMBS as error:
        raise ImageError(
            f"the picture has more than the {max_pixels} pixels allowed; scale it down first"
        ) from error
    except UnidentifiedImageError as error:
        raise ImageError(
            "not a picture in a format this program reads; use PNG, JPEG, WebP, AVIF, HEIC or TIFF"
        ) from error
    except DECODER_ERRORS as error:
        raise ImageError(f"the picture's file is damaged: {error}") from error
    check_size(picture.height, picture.width, max_pixels)
    return picture


def is_heif(data: bytes) -> bool:
    """Whether a file that begins so, with 12 bytes or more, may be HEIC."""
    return data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS


def prepare_heif() -> None:
    """Make HEIC known to Pillow: the main picture alone, decoded by one thread."""
    try:
        import pillow_heif
    except ModuleNotFoundError as error:
        raise ImageError(
            "HEIC is read by a package that is not installed: pip install pillow-heif, or save the "
            "picture as PNG or JPEG"
        ) from error
    version = pillow_heif.libheif_version()
    if tuple(int(part) for part in version.split(".")) < _SAFE_LIBHEIF:
        raise ImageError(
            f"HEIC is not read by libheif {version}, in which a file can run code: "
            "pip install --upgrade pillow-heif"
        )
    pillow_heif.register_heif_opener(
        thumbnails=False, depth_images=False, aux_images=False, decode_threads=1
    )


def prepare_jxl() -> None:
    """Make JPEG XL known to Pillow, decoded by one thread."""
    try:
        from pillow_jxl import JpegXLImagePlugin
    except ModuleNotFoundError as error:
        raise ImageError(
            "JPEG XL is read by a package that is not installed: pip install pillow-jxl-plugin, or "
            "save the picture as PNG or JPEG"
        ) from error
    JpegXLImagePlugin.DECODE_THREADS = 0


def _open_jxl(stream: BinaryIO, max_pixels: int) -> Image.Image:
    """A JPEG XL picture, which the plugin decodes at once."""
    header = read_header(stream.read())
    stream.seek(0)
    check_size(header.height, header.width, max_pixels)
    if header.several:
        raise ImageError("animated JPEG XL pictures are not read; save one of them as PNG")
    prepare_jxl()
    try:
        return Image.open(stream, formats=["JXL"])
    except (*_BOMBS, *DECODER_ERRORS) as error:
        raise ImageError("the picture's file is damaged, or of a kind that is not read") from error


def decode(picture: Image.Image) -> None:
    """Decode an open picture in place, unless it is already."""
    if isinstance(picture, TiffImagePlugin.TiffImageFile) and picture.tile:
        _check_tiff(picture)
    stored = ""  # how a PNG's pixels stand in the file
    if isinstance(picture, PngImagePlugin.PngImageFile) and picture.tile:
        stored = str(picture.tile[0].args)
    try:
        picture.load()
    except DECODER_ERRORS as error:
        raise ImageError(f"the picture's file is damaged or cut short: {error}") from error
    if picture.mode in ("P", "PA") and picture.palette is None:
        raise ImageError("the picture's file is damaged: it has no palette")
    # Pillow decodes these depths to 8 bits and leaves the transparent value at the file's depth.
    key = picture.info.get("transparency")
    if stored in ("L;2", "L;4") and key is not None:
        picture.info["transparency"] = key * (85 if stored == "L;2" else 17)
    elif stored == "RGB;16B" and key is not None:
        picture.info["transparency"] = tuple(value >> 8 for value in key)


def has_more_frames(picture: Image.Image) -> bool:
    """Whether an open picture is the first of several that its maker meant to be seen.

    Not of MPO, the photographs of phones, whose second picture is a preview or a map of light.
    """
    try:
        return picture.format != "MPO" and bool(getattr(picture, "is_animated", False))
    except DECODER_ERRORS:
        return False  # what follows is damaged


def upright(picture: Image.Image) -> Image.Image:
    """The picture turned as its EXIF orientation says."""
    if picture.format == "JXL" and not getattr(picture, "jpeg", False):
        return picture  # its own orientation counts, by which it was turned already
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
    except DECODER_ERRORS:
        return picture  # damaged metadata should not cost the picture
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return picture if turn is None else picture.transpose(turn)


def read_exif(source: str | Path | bytes | Image.Image) -> bytes:
    """A picture's EXIF for a copy that is upright and sRGB: a TIFF structure; empty without any.

    What it says of camera, time, place and author stays; what it says of the old file goes, and so
    does the small picture that cameras put in. Raises ImageError for what is no picture file.
    """
    if isinstance(source, str | Path):
        with open_picture_file(source) as picture:
            return read_exif(picture)
    if isinstance(source, bytes):
        with open_picture(BytesIO(source)) as picture:
            return read_exif(picture)
    try:
        exif = source.getexif()
        for tag in set(exif) - _TOLD:
            del exif[tag]
        details = exif.get_ifd(ExifTags.IFD.Exif)
        details.pop(ExifTags.IFD.Interop, None)
        if ExifTags.Base.ColorSpace in details:
            details[ExifTags.Base.ColorSpace] = 1
        return exif.tobytes().removeprefix(b"Exif\0\0") if exif else b""
    except DECODER_ERRORS as error:
        raise ImageError(f"the picture's EXIF is damaged, leave it out: {error}") from error


def deep_grey(picture: Image.Image) -> NDArray[np.uint16] | None:
    """Decoded grey of 9 to 16 bits, upright, as uint16 (H, W): 0 is black and 65535 white.

    What the file says of itself decides (bits, sign, which end is white), not the values that
    occur. A file with a transparent value gives (H, W, 2), alpha 0 or 65535. None for all other
    pictures, those of 32 bits included, whose range no file says.

    Raises ImageError for negative pixels.
    """
    if picture.mode.startswith("I;16"):
        white = 65535
    elif picture.mode == "I" and picture.format == "PPM":
        white = 65535  # Pillow has scaled the file's maximum to this
    elif picture.mode == "I" and _tag(picture, TiffImagePlugin.BITSPERSAMPLE) == 16:
        white = 32767  # signed
    else:
        return None
    if _tag(picture, TiffImagePlugin.BITSPERSAMPLE) == 12:
        white = 4095
    pixels = np.asarray(upright(picture)).astype(np.int32)
    if pixels.min() < 0:
        raise ImageError(f"pixel values {pixels.min()}..{pixels.max()} are outside 0..{white}")
    if white == 65535:
        grey = pixels.astype(np.uint16)
    else:
        grey = np.rint(pixels * (65535 / white)).astype(np.uint16)
    if white_is_zero(picture):
        grey = 65535 - grey
    key = picture.info.get("transparency")
    if not isinstance(key, int):
        return grey
    return np.stack([grey, np.where(pixels == key, 0, 65535).astype(np.uint16)], axis=2)


def white_is_zero(picture: Image.Image) -> bool:
    """Whether a deep TIFF is inverted; of 8 bits and fewer Pillow turns the values itself."""
    return _tag(picture, TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0


def _tag(picture: Image.Image, tag: int) -> int | None:
    """The first value of a TIFF's tag; None for other pictures."""
    if not isinstance(picture, TiffImagePlugin.TiffImageFile):
        return None
    value = picture.tag_v2.get(tag)
    return value[0] if isinstance(value, tuple) else value


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
