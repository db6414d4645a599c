"""BPG: a thin header over one HEVC intra picture (Bellard's BPG specification, version 0.9.5).

Encoded by the x265 inside PyAV and decoded by FFmpeg; libbpg's own decoder reads the files, and
files of its encoder are read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import av
import numpy as np
from PIL import Image

from leaderboard.codecs.base import CodecError, check_data, check_size, rgb, whole_quality

from .colour import Plane, to_planes, to_rgb
from .headers import (
    CHROMA_420,
    CHROMA_444,
    BitReader,
    BitsError,
    BitWriter,
    SpsFields,
    read_ue7,
    write_ue7,
)
from .hevc import BLOCK, PRESET, TUNE, decode_intra, encode_intra, x265_version

MAGIC = b"BPG\xfb"
MAX_QP = 51


@dataclass(frozen=True)
class BpgFile:
    """The parts of a `.bpg` file. chroma: HEVC's chroma_format_idc, 1 is 4:2:0 and 3 is 4:4:4."""

    width: int
    height: int
    chroma: int
    fields: SpsFields
    payload: bytes

    def write(self) -> bytes:
        """The file's bytes. The length of the data is stated, so that a cut shows."""
        bits = BitWriter()
        self.fields.write(bits)
        header = bits.data()
        data = write_ue7(len(header)) + header + self.payload
        # 8 bits per sample; YCbCr of BT.601 in full range, neither alpha, extension nor animation.
        start = MAGIC + bytes([self.chroma << 5, 0])
        return start + b"".join(map(write_ue7, (self.width, self.height, len(data)))) + data

    @classmethod
    def read(cls, data: bytes) -> BpgFile:
        """Inverse of `write`; skips extensions. Raises CodecError.

        bpgenc leaves the length of the data open; of such files a cut near the end goes unnoticed.
        """
        check_data("BPG", data)
        if data[:4] != MAGIC:
            raise CodecError("this is no BPG file: it does not begin with BPG's mark")
        try:
            return cls._read(data)
        except BitsError as error:
            raise CodecError(f"the BPG file is damaged or of an unknown kind: {error}") from error

    @classmethod
    def _read(cls, data: bytes) -> BpgFile:
        if len(data) < 6:
            raise BitsError("the header ends too early")
        chroma, alpha, depth = data[4] >> 5, data[4] >> 4 & 1, data[4] & 15
        colour, extension, others = data[5] >> 4, data[5] >> 3 & 1, data[5] & 7
        if chroma not in (CHROMA_420, CHROMA_444) or depth or colour or alpha or others:
            raise BitsError(
                "only 8-bit YCbCr of BT.601 in full range, 4:2:0 or 4:4:4, without alpha and "
                "animation is read here"
            )
        width, position = read_ue7(data, 6)
        height, position = read_ue7(data, position)
        check_size(width, height)
        length, position = read_ue7(data, position)
        if extension:
            skipped, position = read_ue7(data, position)
            position += skipped
        end = position + length if length else len(data)  # 0: all that is left
        if end > len(data):
            raise CodecError(
                f"the BPG file is cut short: {end - len(data)} of its {end} bytes are missing"
            )
        header, position = read_ue7(data, position)
        if position + header >= end:
            raise BitsError("there are no picture data")
        fields = SpsFields.read(BitReader(data[position : position + header]))
        return cls(width, height, chroma, fields, data[position + header : end])


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
        return f"{x265_version()}, libavcodec {libavcodec}, PyAV {av.__version__}"

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """See `Codec.encode`; whole qualities 0..51, sides over 8 pixels."""
        qp = MAX_QP - whole_quality(self.name, quality, 0, MAX_QP)
        pixels = np.asarray(rgb(image))
        height, width = pixels.shape[:2]
        if min(height, width) <= BLOCK:
            raise CodecError(
                f"{self.name} takes sides over {BLOCK} pixels, not {width}x{height}: x265's "
                "smallest coding tree is 16"
            )
        padded = -(-height // BLOCK) * BLOCK, -(-width // BLOCK) * BLOCK
        subsampled = self.chroma == CHROMA_420
        luma, *chroma = to_planes(pixels, subsampled)
        filled = [_pad(luma, padded, False), *(_pad(plane, padded, subsampled) for plane in chroma)]
        fields, payload = encode_intra(filled, self.chroma, qp)
        if (fields.padded(height), fields.padded(width)) != padded:
            raise CodecError("x265 chose another coding block than the one asked for")
        return BpgFile(width, height, self.chroma, fields, payload).write()

    def decode(self, data: bytes) -> Image.Image:
        """See `Codec.decode`."""
        file = BpgFile.read(data)
        planes = decode_intra(file.fields, file.payload, file.width, file.height, file.chroma)
        return Image.fromarray(to_rgb(*planes))


def _pad(plane: Plane, luma: tuple[int, int], halved: bool) -> Plane:
    """Repeat the last column and row until the plane has the size of the padded picture."""
    rows, columns = (side // 2 if halved else side for side in luma)
    margin = (0, rows - plane.shape[0]), (0, columns - plane.shape[1])
    return np.ascontiguousarray(np.pad(plane, margin, mode="edge"))
