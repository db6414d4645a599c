"""Codecs of the benchmark behind one protocol, by name.

`CODECS["jpeg"].encode(image, 75)`; a codec and its libraries are loaded when it is first asked for.

To add a codec, write one class with what `leaderboard.codecs.base.Codec` lists, in a module of its
own here, such as ``png.py``::

    from importlib.metadata import version

    from PIL import Image

    from leaderboard.codecs.base import read_pillow, rgb, whole_quality, write_pillow


    class PaletteCodec:
        \"\"\"PNG of few colours. quality: bits per pixel of the palette.\"\"\"

        name = "png"
        settings = "median cut, no dithering; quality is the palette's bits per pixel"
        qualities = (1, 2, 3, 4, 5, 6, 7, 8)
        version = f"Pillow {version('pillow')}"

        def encode(self, image: Image.Image, quality: float) -> bytes:
            bits = whole_quality(self.name, quality, 1, 8)
            few = rgb(image).quantize(2**bits, dither=Image.Dither.NONE)
            return write_pillow(few, "PNG", optimize=True)

        def decode(self, data: bytes) -> Image.Image:
            return read_pillow(data, "PNG")

and one line in `CODECS` below: ``"png": _codec("png", "PaletteCodec"),``. The contract tests and
``python -m leaderboard run --codecs png`` find it there. If work on a picture can be shared by its
qualities, offer `session` too (`leaderboard.codecs.base.Session`); `sizes` itemises a file,
`weights_sha256` names weights, and `search_range`, (lowest, highest, step), lets the studies look
for the quality of a file of a given size.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from .base import Codec, CodecError

__all__ = ["CODECS", "Codec", "CodecError"]


class _Registry(Mapping[str, Codec]):
    """Names in the order of the tables; values are made on first use and kept."""

    def __init__(self, makers: Mapping[str, Callable[[], Codec]]) -> None:
        self._makers = makers
        self._made: dict[str, Codec] = {}

    def __getitem__(self, name: str) -> Codec:
        if name not in self._makers:
            raise KeyError(f"no codec {name!r}: use one of {', '.join(self._makers)}")
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)


def _make(module: str, name: str, *arguments: Any, **options: Any) -> Codec:
    codec: Codec = getattr(importlib.import_module(f".{module}", __name__), name)(
        *arguments, **options
    )
    return codec


def _codec(module: str, name: str, *arguments: Any, **options: Any) -> Callable[[], Codec]:
    """Makes a codec of a class in a module of this folder, which is imported only then."""
    return partial(_make, module, name, *arguments, **options)


_PAPER: dict[str, Any] = {"model": "paper", "qualities": (1, 2, 3, 4, 8)}
"""The paper's own network. Its loop is slow, and from 8 to 16 iterations it gains half a decibel as
it is trained here; published are the first four."""

_QUALITIES = {
    "jpeg": (3, 8, 15, 28, 45, 65, 82, 92),
    "webp": (0, 8, 16, 24, 32, 40, 48, 56),
    "avif": (8, 20, 32, 44, 56, 68, 78, 88),
    "heic": (14, 20, 27, 34, 41, 48, 55, 62),
    "bpg": (8, 12, 16, 20, 24, 28, 32, 35),
}
"""Of the ordinary formats that are written here."""
_PLAIN = {"jpeg": "jpeg-plain", "webp": "webp-plain", "avif": "avif-deltaq", "heic": "heic"}
"""The same writers without a map; `bpg` is BPG's."""

CODECS: Mapping[str, Codec] = _Registry(
    {
        "jpeg": _codec("jpeg", "JpegCodec"),
        "jpegli": _codec("jpegli", "JpegliCodec"),
        "webp": _codec("webp", "WebpCodec"),
        "avif": _codec("avif", "AvifCodec", "avif", tune="iq"),
        "jxl": _codec("jxl", "JxlCodec"),
        "bpg": _codec("bpg", "BpgCodec", "bpg"),
        "bpg444": _codec("bpg", "BpgCodec", "bpg444", chroma=3),  # HEVC's chroma_format_idc
        "avif-ssim": _codec("avif", "AvifCodec", "avif-ssim", tune="ssim"),
        **{
            name: _codec("formats", "FormatCodec", name, writer, qualities, semantic=led)
            for writer, qualities in _QUALITIES.items()
            for name, led in ((_PLAIN.get(writer), False), (f"{writer}-semantic", True))
            if name is not None
        },
        "george": _codec("semcomp", "SemcompCodec", "george", "uniform"),
        "semantic": _codec("semcomp", "SemcompCodec", "semantic", "proportional"),
        "semantic0": _codec("semcomp", "SemcompCodec", "semantic0", "proportional", floor=0),
        "semantic-rd": _codec("semcomp", "SemcompCodec", "semantic-rd", "rd"),
        "recurrent": _codec("semcomp", "SemcompCodec", "recurrent", "uniform", model="recurrent"),
        "george-paper": _codec("semcomp", "SemcompCodec", "george-paper", "uniform", **_PAPER),
        "semantic-paper": _codec(
            "semcomp", "SemcompCodec", "semantic-paper", "proportional", **_PAPER
        ),
        "semantic0-paper": _codec(
            "semcomp", "SemcompCodec", "semantic0-paper", "proportional", floor=0, **_PAPER
        ),
        "george-paper-raw": _codec(
            "semcomp_raw", "RawSemcompCodec", "george-paper-raw", "uniform", **_PAPER
        ),
        "semantic0-paper-raw": _codec(
            "semcomp_raw",
            "RawSemcompCodec",
            "semantic0-paper-raw",
            "proportional",
            floor=0,
            **_PAPER,
        ),
    }
)
"""Every codec by its name."""
