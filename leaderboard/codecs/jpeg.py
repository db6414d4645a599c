"""JPEG by Pillow: libjpeg-turbo."""

from __future__ import annotations

from PIL import Image, features

from .base import read_pillow, whole_quality, write_pillow


class JpegCodec:
    """Baseline JPEG, 4:2:0, optimised Huffman tables."""

    name = "jpeg"
    settings = "4:2:0, optimised Huffman tables; quality is libjpeg's, 1..95"
    qualities = (3, 5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 85, 90, 92)
    search_range = (1, 95, 1)

    @property
    def version(self) -> str:
        """Pillow's libjpeg-turbo."""
        turbo = features.version("libjpeg_turbo")
        library = f"libjpeg-turbo {turbo}" if turbo else f"libjpeg {features.version('jpg')}"
        return f"{library}, Pillow {features.version('pil')}"

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """See `Codec.encode`; whole qualities 1..95."""
        step = whole_quality(self.name, quality, 1, 95)
        return write_pillow(image, "JPEG", quality=step, subsampling="4:2:0", optimize=True)

    def decode(self, data: bytes) -> Image.Image:
        """See `Codec.decode`."""
        return read_pillow(data, "JPEG")
