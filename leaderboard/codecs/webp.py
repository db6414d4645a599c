"""WebP by Pillow: libwebp."""

from __future__ import annotations

from PIL import Image, features

from .base import read_pillow, whole_quality, write_pillow


class WebpCodec:
    """Lossy WebP at its slowest method."""

    name = "webp"
    settings = "lossy, method 6; quality is libwebp's, 0..100"
    qualities = (0, 1, 5, 10, 25, 40, 50, 60, 70, 80, 85, 90, 95)
    search_range = (0, 100, 1)

    @property
    def version(self) -> str:
        """Pillow's libwebp."""
        return f"libwebp {features.version('webp')}, Pillow {features.version('pil')}"

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """See `Codec.encode`; whole qualities 0..100."""
        step = whole_quality(self.name, quality, 0, 100)
        return write_pillow(image, "WEBP", quality=step, method=6)

    def decode(self, data: bytes) -> Image.Image:
        """See `Codec.decode`."""
        return read_pillow(data, "WEBP")
