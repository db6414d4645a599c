"""Ordinary formats as `semcomp.formats` writes them, with the paper's map or without one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin, Image, features

import semcomp
from semcomp.errors import SemcompError
from semcomp.formats import bpg
from semcomp.formats.registry import WRITERS, read, write
from semcomp.semantics.activation import analyse

from .base import CodecError, Seconds, check_data, read_pillow, rgb

_SETTINGS = {
    "jpeg": "progressive, 4:2:0, coefficients dropped by rate and distortion, mozjpeg's packing",
    "webp": "VP8 by libvpx, four segments",
    "avif": "aom, tune iq, deltaq-mode 3, 4:2:0, speed 6, one tile",
    "heic": "x265 preset veryslow, tune ssim, full-range BT.601, 4:2:0",
    "bpg": "x265 and lambdas as for bpg, 4:2:0",
}
"""What is fixed beside quality and map."""


class FormatCodec:
    """A format whose bits follow the paper's map, or the same writer without one."""

    def __init__(
        self, name: str, writer: str, qualities: Sequence[float], semantic: bool = True
    ) -> None:
        self.name = name
        self.qualities = qualities
        self.semantic = semantic
        self.writer = WRITERS[writer]
        self.search_range = self.writer.search_range

    @property
    def settings(self) -> str:
        """See `Codec.settings`."""
        low, high, _ = self.search_range
        led = "by the paper's map, focus 1" if self.semantic else "without a map"
        return (
            f"{_SETTINGS[self.writer.name]}; {led}; quality is the writer's own, {low:g}..{high:g}"
        )

    @cached_property
    def version(self) -> str:
        """The package and the libraries that do the work."""
        return f"semcomp {semcomp.__version__}, {_LIBRARIES[self.writer.name]()}"

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """See `Codec.encode`; qualities as the settings say."""
        return self.session(image).encode(quality)

    def session(self, image: Image.Image) -> FormatSession:
        """See `leaderboard.codecs.base.Session`."""
        return FormatSession(self, image)

    def decode(self, data: bytes) -> Image.Image:
        """See `Codec.decode`."""
        check_data(self.name, data)
        if self.writer.name in ("jpeg", "webp", "avif"):
            return read_pillow(data, self.writer.name.upper())
        try:
            return Image.fromarray(read(data))
        except (SemcompError, ValueError, EOFError, OSError, RuntimeError, SyntaxError) as error:
            reason = str(error).split("\n")[0]
            raise CodecError(f"the {self.writer.label} file is damaged: {reason}") from error


class FormatSession:
    """A picture at many qualities; its map is made once."""

    def __init__(self, codec: FormatCodec, image: Image.Image) -> None:
        self.correction = Seconds(0.0, 0.0)
        self._codec = codec
        self._pixels = np.asarray(rgb(image))
        self._map: tuple[NDArray[np.uint8], Seconds] | None = None

    def encode(self, quality: float) -> bytes:
        """See `Codec.encode`; the same bytes, sooner."""
        self.correction = Seconds(0.0, 0.0)
        grey = None
        try:
            if self._codec.semantic:
                if self._map is None:
                    started = Seconds.now()
                    self._map = analyse(self._pixels).grey, Seconds.now() - started
                else:
                    self.correction = self._map[1]
                grey = self._map[0]
            return write(self._codec.writer, self._pixels, quality, grey)
        except SemcompError as error:
            raise CodecError(f"{self._codec.name}: {error}") from error


def _pillow(library: str, version: str | None) -> str:
    return f"{library} {version}, Pillow {features.version('pil')}"


def _avif() -> str:
    encoder = AvifImagePlugin.get_codec_version("aom")
    return _pillow(f"libavif {features.version('avif')}, aom", encoder)


def _ffmpeg() -> str:
    import av

    libavcodec = ".".join(map(str, av.library_versions["libavcodec"]))
    return f"libavcodec {libavcodec}, PyAV {av.__version__}"


def _heic() -> str:
    import pillow_heif

    return f"{bpg.x265_version()}, {_ffmpeg()}, libheif {pillow_heif.libheif_version()}"


_LIBRARIES: dict[str, Callable[[], str]] = {
    "jpeg": lambda: _pillow("libjpeg-turbo", features.version("libjpeg_turbo")),
    "webp": lambda: f"{_ffmpeg()}, {_pillow('libwebp', features.version('webp'))}",
    "avif": _avif,
    "heic": _heic,
    "bpg": lambda: f"{bpg.x265_version()}, {_ffmpeg()}",
}
"""What encodes and what decodes, by writer."""
