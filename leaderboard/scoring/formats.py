"""Picture formats that the board decodes itself, so that a submission's rates prove themselves.

Their decoders run in a bounded process (`scoring.isolated`), each in one of its own kind: what a
file's suffix says is the only format that is tried.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO

import numpy as np
from PIL import Image, UnidentifiedImageError, features

from semcomp.picture_file import prepare_heif, prepare_jxl

SEMC = "semc"
"""This project's own, see `isolated.prepare_semc`."""


@dataclass(frozen=True)
class Format:
    """name: as people call it. suffixes: of its files, the usual one first. start: a regular
    expression for its first bytes. pillow: what Pillow calls it; empty where it does not open it.
    """

    name: str
    suffixes: tuple[str, ...]
    start: bytes
    pillow: str = ""


FORMATS = {
    SEMC: Format(".semc", ("semc",), rb"SEMC"),
    "jpeg": Format("JPEG", ("jpg", "jpeg"), rb"\xff\xd8\xff", "JPEG"),
    "webp": Format("WebP", ("webp",), rb"RIFF....WEBP", "WEBP"),
    "avif": Format("AVIF", ("avif",), rb"....ftypavi[fs]", "AVIF"),
    "jxl": Format("JPEG XL", ("jxl",), rb"\xff\x0a|....JXL \r\n\x87\n", "JXL"),
    "heic": Format("HEIC", ("heic", "heif"), rb"....ftyp(hei[cx]|mif1)", "HEIF"),
    "bpg": Format("BPG", ("bpg",), rb"BPG\xfb"),
}
"""By the name that stands for each in code."""
_BY_SUFFIX = {suffix: name for name, each in FORMATS.items() for suffix in each.suffixes}


def format_of(file: str) -> str | None:
    """The format that a file's suffix names, whatever its case; None for any other."""
    return _BY_SUFFIX.get(file.rpartition(".")[2].casefold())


def format_of_bytes(data: bytes) -> str | None:
    """The format that a file begins like; None for any other."""
    return next((n for n, each in FORMATS.items() if re.match(each.start, data, re.DOTALL)), None)


def decoder_version(format: str) -> str:
    """The library that decodes a format here, with its version."""
    if format in ("jxl", "heic"):
        package = "pillow-jxl-plugin" if format == "jxl" else "pillow-heif"
        return f"{package} {version(package)}"
    if format == "bpg":
        return f"PyAV {version('av')}"
    library = {"jpeg": "libjpeg_turbo"}.get(format, format)
    return f"{library} {features.version(library)}, Pillow {version('pillow')}"


def prepared(format: str) -> Callable[[bytes], Image.Image]:
    """A decoder with all that it needs in memory: it opens no file afterwards.

    It gives a picture whose size is known and whose pixels may be decoded later, and raises
    whatever its library does for a file that is damaged, or of another format.
    """
    ramp = np.arange(48 * 48 * 3).astype(np.uint8)  # wraps round
    sample = Image.fromarray(ramp.reshape(48, 48, 3))
    if format == "bpg":
        from leaderboard.codecs import CODECS

        codec = CODECS["bpg"]
        codec.decode(codec.encode(sample, 20))
        return codec.decode
    if format == "jxl":
        prepare_jxl()
    elif format == "heic":
        prepare_heif()
    elif format == "avif":
        from PIL import AvifImagePlugin

        AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # each would take address space
    Image.init()
    kind = FORMATS[format].pillow

    def opened(data: bytes) -> Image.Image:
        return Image.open(BytesIO(data), formats=(kind,))

    if kind in Image.SAVE and format != "heic":
        stream = BytesIO()
        sample.save(stream, kind)
        opened(stream.getvalue()).load()
    return opened


def open_sent(
    decode: Callable[[bytes], Image.Image], format: str, data: bytes, size: tuple[int, int]
) -> Image.Image | str:
    """The RGB picture of a file, or what is wrong with it. size: that it must have."""
    name = FORMATS[format].name
    try:
        with decode(data) as picture:
            if picture.size != size:
                expected = f"expected {size[0]} x {size[1]}"
                return f"the picture has {picture.width} x {picture.height} pixels: {expected}"
            if getattr(picture, "n_frames", 1) > 1:
                return f"the {name} file holds several pictures: expected one"
            return picture.convert("RGB")
    except UnidentifiedImageError:
        return f"not a {name} file, or damaged at its beginning"
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return f"the picture is far too large: expected {size[0]} x {size[1]} pixels"
    except MemoryError:
        raise
    # A damaged file makes decoders raise nearly anything, and its text is all there is to tell.
    except Exception as error:
        return f"the {name} file is damaged or cut short: {error}"
