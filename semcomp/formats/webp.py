"""WebP: a key frame of VP8 by libvpx, its blocks in four segments of different quality."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .base import octaves, package
from .regions import TIME_BASE, frame_of, with_regions

_STRENGTH = 0.7
"""Octaves of the step for each octave of importance; chosen on pictures of the training set."""
_COARSEST = 63
"""libvpx's largest quantizer."""
_SEGMENTS = (1 / 8, 3 / 8, 5 / 8, 7 / 8)
"""Shares of the blocks below the middle of each segment; the format has room for four."""
_BLOCK = 16


class WebpWriter:
    """Lossy; quality is 63 less libvpx's quantizer."""

    name = "webp"
    label = "WebP"
    suffixes = (".webp",)
    media_type = "image/webp"
    search_range = (0.0, 63.0, 1.0)
    default_quality = 40.0
    max_side = 16383

    def write(
        self,
        picture: NDArray[np.uint8],
        quality: float,
        grey: NDArray[np.uint8] | None = None,
        focus: float = 1.0,
        exif: bytes = b"",
    ) -> bytes:
        """See `Writer.write`."""
        frame = frame_of(picture, self.label)
        quantizer = _COARSEST - round(quality)
        height, width = picture.shape[:2]
        if grey is not None:
            steers = octaves(grey, -(-height // _BLOCK), -(-width // _BLOCK), focus * _STRENGTH)
            middles = np.quantile(steers, _SEGMENTS)
            nearest = np.abs(steers[..., None] - middles).argmin(-1)
            # About how many quantizers halve the step; the coarsest is coarsest for everybody.
            octave = min(15.0, 3 + quantizer / 2)
            wanted = np.rint(np.maximum(quantizer + octave * middles, 2 * quantizer - _COARSEST))
            wanted = np.clip(wanted, 0, _COARSEST)
            quantizer = int(wanted[-1])
            # FFmpeg cuts off what is no whole quantizer.
            offsets = np.maximum((wanted - quantizer) * 1.001 / _COARSEST, -1)
            frame = with_regions(frame, offsets[nearest], _BLOCK)
        return _container(_key_frame(frame, quantizer), width, height, exif)


def _key_frame(frame: Any, quantizer: int) -> bytes:
    """A frame as VP8."""
    encoder = package("av", "av", "WebP").CodecContext.create("libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "yuv420p"
    encoder.time_base, encoder.thread_count = TIME_BASE, 1
    fixed = {name: str(quantizer) for name in ("qmin", "qmax", "crf")}
    encoder.options = fixed | {"b": "1G", "deadline": "good", "cpu-used": "0"}
    return bytes((encoder.encode(frame) + encoder.encode(None))[0])


def _container(frame: bytes, width: int, height: int, exif: bytes) -> bytes:
    """A WebP file of a frame of VP8; of the extended kind where it carries EXIF."""
    chunks = _chunk(b"VP8 ", frame)
    if exif:
        sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        chunks = _chunk(b"VP8X", b"\x08\0\0\0" + sides) + chunks + _chunk(b"EXIF", exif)
    return _chunk(b"RIFF", b"WEBP" + chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
