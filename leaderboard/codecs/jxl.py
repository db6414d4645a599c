"""JPEG XL by pillow-jxl-plugin: libjxl."""

from __future__ import annotations

from importlib.metadata import version as installed_version

from PIL import Image, features

from semcomp.errors import ImageError
from semcomp.jxl import read_header

from .base import CodecError, check_data, check_size, read_pillow, whole_quality, write_pillow


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
        """See `Codec.decode`."""
        check_data("JXL", data)
        # The plugin decodes the whole picture before its size can be asked for.
        try:
            check_size(*read_header(data)[:2])
        except ImageError as error:
            raise CodecError(str(error)) from error
        _register()
        return read_pillow(data, "JXL")


def _register() -> None:
    """Make JPEG XL known to Pillow."""
    import pillow_jxl  # noqa: F401
