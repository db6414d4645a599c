"""JPEG by Google's jpegli: its adaptive quantization, in files that every decoder reads."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from PIL import Image

from .base import read_pillow, rgb, whole_quality


class JpegliCodec:
    """Baseline JPEG, 4:2:0, as jpegli makes it by default."""

    name = "jpegli"
    settings = "jpegli's defaults (4:2:0, adaptive quantization); quality is its own, 1..100"
    qualities = (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 85, 90, 93)
    search_range = (1, 100, 1)

    @property
    def version(self) -> str:
        """The binding that brings jpegli, and Pillow, which decodes."""
        return f"pyjpegli {version('pyjpegli')}, Pillow {version('pillow')}"

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """See `Codec.encode`; whole qualities 1..100."""
        import pyjpegli

        step = whole_quality(self.name, quality, 1, 100)
        pixels = np.ascontiguousarray(rgb(image))
        data: bytes = pyjpegli.encode(pixels, pixels.shape[1], pixels.shape[0], quality=step)
        return data

    def decode(self, data: bytes) -> Image.Image:
        """See `Codec.decode`."""
        return read_pillow(data, "JPEG")
