"""BPG as `semcomp.formats.bpg` writes and reads it: x265 set to what bpgenc asks of its own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import av
import numpy as np
from PIL import Image

from semcomp.errors import FormatError
from semcomp.formats import bpg
from semcomp.formats.hevc.frame import MAX_QP, PRESET, TUNE
from semcomp.formats.hevc.headers import CHROMA_420

from .base import CodecError, check_data, rgb, whole_quality


class BpgCodec:
    """BPG at one chroma format. quality: 51 less the quantisation parameter, so that higher is
    better."""

    qualities: Sequence[float] = (8, 11, 14, 17, 20, 23, 26, 29, 32, 35)
    search_range = (0, MAX_QP, 1)

    def __init__(self, name: str, chroma: int = CHROMA_420) -> None:
        self.name = name
        self.chroma = chroma

    @property
    def settings(self) -> str:
        """See `Codec.settings`."""
        sampling = "4:2:0" if self.chroma == CHROMA_420 else "4:4:4"
        return (
            f"x265 preset {PRESET}, tune {TUNE}, fixed qp, lambdas and rows as bpgenc 0.9.8's, "
            f"full-range BT.601, {sampling}, 8 bits; quality is {MAX_QP} less the slice's qp"
        )

    @cached_property
    def version(self) -> str:
        """The x265 that encodes and the FFmpeg that decodes."""
        libavcodec = ".".join(map(str, av.library_versions["libavcodec"]))
        return f"{bpg.x265_version()}, libavcodec {libavcodec}, PyAV {av.__version__}"

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """See `Codec.encode`; whole qualities 0..51."""
        qp = MAX_QP - whole_quality(self.name, quality, 0, MAX_QP)
        try:
            return bpg.encode(np.asarray(rgb(image)), np.full((1, 1), qp), self.chroma)
        except FormatError as error:
            raise CodecError(f"{self.name}: {error}") from error

    def decode(self, data: bytes) -> Image.Image:
        """See `Codec.decode`."""
        check_data(self.name, data)
        try:
            return Image.fromarray(bpg.decode(data))
        except FormatError as error:
            raise CodecError(str(error)) from error
