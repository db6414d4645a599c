"""JPEG XL by pillow-jxl-plugin: libjxl."""

from __future__ import annotations

from importlib.metadata import version as installed_version

from PIL import Image, features

from .base import CodecError, check_data, check_size, read_pillow, whole_quality, write_pillow

_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
"""Width to height of the size header's ratios 1..7 (ISO/IEC 18181-1, SizeHeader)."""


class JxlCodec:
    """Lossy JPEG XL as a bare codestream, effort 7."""

    name = "jxl"
    settings = "lossy VarDCT, effort 7, bare codestream; quality is libjxl's, 0..99"
    qualities = (0, 5, 10, 20, 30, 45, 60, 70, 80, 85, 90, 93, 95)

    @property
    def version(self) -> str:
        """The plugin, which carries its own libjxl."""
        plugin = installed_version("pillow-jxl-plugin")
        return f"pillow-jxl-plugin {plugin}, Pillow {features.version('pil')}"

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """See `Codec.encode`; whole qualities 0..99."""
        _register()
        step = whole_quality(self.name, quality, 0, 99)
        return write_pillow(image, "JXL", quality=step, effort=7, num_threads=0)

    def decode(self, data: bytes) -> Image.Image:
        """See `Codec.decode`; reads bare codestreams, which `encode` writes."""
        check_data("JXL", data)
        # The plugin decodes the whole picture before its size can be asked for.
        check_size(*_size(data))
        _register()
        return read_pillow(data, "JXL")


def _register() -> None:
    """Make JPEG XL known to Pillow."""
    import pillow_jxl  # noqa: F401


def _size(data: bytes) -> tuple[int, int]:
    """Width and height that a codestream declares."""
    if data[:2] != b"\xff\x0a":
        raise CodecError("this is no JPEG XL codestream, or its beginning is damaged")
    bits = int.from_bytes(data[2:14], "little")

    def take(count: int) -> int:
        nonlocal bits
        value = bits & ((1 << count) - 1)
        bits >>= count
        return value

    small = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if small else take((9, 13, 18, 30)[take(2)]) + 1

    height = side()
    ratio = take(3)
    if ratio == 0:
        return side(), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height
