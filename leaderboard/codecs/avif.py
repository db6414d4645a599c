"""AVIF by Pillow: libavif with libaom."""

from __future__ import annotations

from PIL import AvifImagePlugin, Image, features

from .base import CodecError, read_pillow, whole_quality, write_pillow


class AvifCodec:
    """AVIF, 4:2:0, speed 4. tune: aom's, `iq` (libavif's default) or `ssim`."""

    qualities = (8, 14, 20, 30, 40, 50, 60, 70, 80, 85, 90)
    search_range = (0, 100, 1)

    def __init__(self, name: str, tune: str) -> None:
        self.name = name
        self.tune = tune

    @property
    def settings(self) -> str:
        """See `Codec.settings`."""
        return f"aom, tune {self.tune}, 4:2:0, speed 4, one tile; quality is libavif's, 0..100"

    @property
    def version(self) -> str:
        """Pillow's libavif and libaom."""
        encoder = AvifImagePlugin.get_codec_version("aom")
        return (
            f"libavif {features.version('avif')}, aom {encoder}, Pillow {features.version('pil')}"
        )

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """See `Codec.encode`; whole qualities 0..100."""
        step = whole_quality(self.name, quality, 0, 100)
        if not features.check("avif"):
            raise CodecError("this Pillow was built without AVIF: install one from PyPI's wheels")
        # At 100, without loss, libavif takes this tune for none of aom's and refuses it.
        tune = {} if step == 100 and self.tune == "iq" else {"tune": self.tune}
        # The number of tiles must not depend on the machine, and one tile is the smallest file.
        return write_pillow(
            image,
            "AVIF",
            quality=step,
            speed=4,
            subsampling="4:2:0",
            codec="aom",
            max_threads=1,
            autotiling=False,
            advanced=tune,
        )

    def decode(self, data: bytes) -> Image.Image:
        """See `Codec.decode`."""
        return read_pillow(data, "AVIF")
