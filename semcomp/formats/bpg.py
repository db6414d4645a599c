"""BPG: a thin header over one HEVC intra picture (Bellard's BPG specification, version 0.9.5).

Encoded by the x265 inside PyAV and decoded by FFmpeg; libbpg's own decoder reads the files, and
files of its encoder are read here::

    planes -> x265 -> VPS | SPS | PPS | slice        BPG keeps a few fields of the SPS,
                            |      |      |          and PPS and slice as they are
                         SpsFields +- payload

    VPS, SPS made anew from SpsFields and the size | payload -> FFmpeg's decoder -> planes

x265 is set to what bpgenc 0.9.8 asks of the x265 it was built with, as its source and the headers
of its files say: preset veryslow (level 8 of 9), tune ssim, one qp for all unless a map says
otherwise, rows of blocks that can be decoded side by side, and that x265's price of a bit
(`LAMBDAS`).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semcomp.errors import FormatError
from semcomp.picture_file import MAX_PIXELS

from .hevc import frame
from .hevc.colour import Plane, to_planes, to_rgb
from .hevc.frame import LEAST_SIDE, MAX_QP, PIXEL_FORMATS, decode_stream, pad, quantizers
from .hevc.headers import (
    CHROMA_420,
    CHROMA_444,
    LAST_SLICE,
    PPS,
    SPS,
    START,
    BitReader,
    BitsError,
    BitWriter,
    SpsFields,
    read_ue7,
    sps_fields,
    units,
    write_ue7,
)

MAGIC = b"BPG\xfb"
_EXIF = 1
"""Tag of the extension that holds a TIFF structure."""
_QPS = 70
LAMBDAS = [
    [2 ** (qp / 6 - 2) for qp in range(_QPS)],
    [0.85 * 2 ** (qp / 3 - 4) for qp in range(_QPS)],
]
"""What a bit costs against absolute and squared error, by qp, in bpgenc's x265.

Later ones hold a bit a fifth cheaper against squared error (0.038·e^(0.234·qp)): at the same qp
their files are 10% larger and 0.4 dB better, and come to other curves.
"""


@dataclass(frozen=True)
class BpgFile:
    """The parts of a `.bpg` file. chroma: HEVC's chroma_format_idc, 1 is 4:2:0 and 3 is 4:4:4.
    extension: tagged data as they stand in the file."""

    width: int
    height: int
    chroma: int
    fields: SpsFields
    payload: bytes
    extension: bytes = b""

    def write(self) -> bytes:
        """The file's bytes. The length of the data is stated, so that a cut shows."""
        bits = BitWriter()
        self.fields.write(bits)
        header = bits.data()
        data = write_ue7(len(header)) + header + self.payload
        # 8 bits per sample; YCbCr of BT.601 in full range, neither alpha nor animation.
        start = MAGIC + bytes([self.chroma << 5, bool(self.extension) << 3])
        sizes = b"".join(map(write_ue7, (self.width, self.height, len(data))))
        further = write_ue7(len(self.extension)) + self.extension if self.extension else b""
        return start + sizes + further + data

    @classmethod
    def read(cls, data: bytes) -> BpgFile:
        """Inverse of `write`. Raises FormatError.

        bpgenc leaves the length of the data open; of such files a cut near the end goes unnoticed.
        """
        if data[:4] != MAGIC:
            raise FormatError("this is no BPG file: it does not begin with BPG's mark")
        try:
            return cls._read(data)
        except BitsError as error:
            raise FormatError(f"the BPG file is damaged or of an unknown kind: {error}") from error

    @classmethod
    def _read(cls, data: bytes) -> BpgFile:
        if len(data) < 6:
            raise BitsError("the header ends too early")
        chroma, alpha, depth = data[4] >> 5, data[4] >> 4 & 1, data[4] & 15
        colour, extended, others = data[5] >> 4, data[5] >> 3 & 1, data[5] & 7
        if chroma not in (CHROMA_420, CHROMA_444) or depth or colour or alpha or others:
            raise BitsError(
                "only 8-bit YCbCr of BT.601 in full range, 4:2:0 or 4:4:4, without alpha and "
                "animation is read here"
            )
        width, position = read_ue7(data, 6)
        height, position = read_ue7(data, position)
        if not 0 < width * height <= MAX_PIXELS:
            raise BitsError(
                f"it declares {width}x{height} pixels, none or more than {MAX_PIXELS // 10**6} "
                "million"
            )
        length, position = read_ue7(data, position)
        extension = b""
        if extended:
            size, position = read_ue7(data, position)
            extension, position = data[position : position + size], position + size
        end = position + length if length else len(data)  # 0: all that is left
        if end > len(data):
            raise FormatError(
                f"the BPG file is cut short: {end - len(data)} of its {end} bytes are missing"
            )
        header, position = read_ue7(data, position)
        if position + header >= end:
            raise BitsError("there are no picture data")
        fields = SpsFields.read(BitReader(data[position : position + header]))
        payload = data[position + header : end]
        return cls(width, height, chroma, fields, payload, extension)


class BpgWriter:
    """4:2:0, as bpgenc's x265 is set; quality is 51 less the quantisation parameter."""

    name = "bpg"
    label = "BPG"
    suffixes = (".bpg",)
    media_type = "image/bpg"
    search_range = (0.0, float(MAX_QP), 0.25)
    default_quality = 22.0
    max_side = 16384

    def write(
        self,
        picture: NDArray[np.uint8],
        quality: float,
        grey: NDArray[np.uint8] | None = None,
        focus: float = 1.0,
        exif: bytes = b"",
    ) -> bytes:
        """See `Writer.write`."""
        qps = quantizers(picture.shape[:2], MAX_QP - quality, grey, focus)
        return encode(picture, qps, exif=exif)


def encode(
    picture: NDArray[np.uint8],
    qps: NDArray[np.int64],
    chroma: int = CHROMA_420,
    exif: bytes = b"",
) -> bytes:
    """A picture, uint8 (H, W, 3), as a file. qps: see `quantizers`. Raises FormatError."""
    height, width = picture.shape[:2]
    # The smallest coding block, of which BPG's decoders take the picture to be a multiple. One of
    # 8 is best, but x265 takes no side of a single one.
    block = 8 if min(height, width) > 8 else LEAST_SIDE
    rows, columns = (-(-side // block) * block for side in (height, width))
    subsampled = chroma == CHROMA_420
    luma, *others = to_planes(picture, subsampled)
    small = (rows // 2, columns // 2) if subsampled else (rows, columns)
    planes = [pad(luma, rows, columns), *(pad(plane, *small) for plane in others)]
    fields, payload = encode_intra(planes, chroma, qps, block)
    if (fields.padded(height), fields.padded(width)) != (rows, columns):
        raise FormatError("x265 chose another coding block than the one asked for")
    tagged = write_ue7(_EXIF) + write_ue7(len(exif)) + exif if exif else b""
    return BpgFile(width, height, chroma, fields, payload, tagged).write()


def decode(data: bytes) -> NDArray[np.uint8]:
    """The picture of a file: uint8 (H, W, 3). Raises FormatError."""
    file = BpgFile.read(data)
    return to_rgb(*decode_intra(file.fields, file.payload, file.width, file.height, file.chroma))


def encode_intra(
    planes: Sequence[Plane], chroma: int, qps: NDArray[np.int64], block: int = 8
) -> tuple[SpsFields, bytes]:
    """One intra picture by x265 -> the SPS's fields, and PPS and slices, the first start code less.

    planes: Y, Cb, Cr uint8, sides multiples of `block` and at least 16. qps: see `quantizers`.
    block: side of the smallest coding block. Raises FormatError.
    """
    nal_units = units(encode_stream(planes, chroma, qps, block))
    fields = [sps_fields(unit) for kind, unit in nal_units if kind == SPS]
    carried = [unit for kind, unit in nal_units if kind == PPS or kind <= LAST_SLICE]
    if len(fields) != 1 or len(carried) < 2:
        raise FormatError(f"x265 gave no picture of {planes[0].shape[1]}x{planes[0].shape[0]}")
    return fields[0], START.join(carried)


def encode_stream(
    planes: Sequence[Plane], chroma: int, qps: NDArray[np.int64], block: int = 8
) -> bytes:
    """x265's byte stream of one picture, by bpgenc's settings; see `encode_intra`."""
    try:
        with tempfile.TemporaryDirectory(prefix="x265-") as folder:
            table = Path(folder) / "lambda"
            text = "\n".join(", ".join(f"{value:.4f}" for value in row) for row in LAMBDAS)
            table.write_text(text, encoding="ascii")
            named = re.sub(r"([\\:'])", r"\\\1", str(table))
            return frame.encode_stream(
                planes, chroma, qps, **{"min-cu-size": block, "lambda-file": named}
            )
    except OSError as error:
        raise FormatError(f"x265 needs a file in {tempfile.gettempdir()}: {error}") from error


@cache
def x265_version() -> str:
    """What x265 calls itself in the streams it writes, such as `x265 (build 215) 4.1`."""
    grey = np.full((16, 16), 128, np.uint8)
    stream = frame.encode_stream([grey] * 3, CHROMA_444, np.full((1, 1), 40), info=1)
    name = re.search(rb"x265 \(build \d+\) - [^: ]*", stream)
    return name[0].decode("ascii", "replace").replace("- ", "") if name else "x265"


def decode_intra(
    fields: SpsFields, payload: bytes, width: int, height: int, chroma: int
) -> tuple[Plane, Plane, Plane]:
    """Inverse of `encode_intra`: Y, Cb, Cr uint8, cropped to width x height. Raises FormatError."""
    padded = fields.padded(width), fields.padded(height)
    decoded = decode_stream(fields.parameter_sets(*padded, chroma) + START + payload)
    if decoded is None:
        raise FormatError("the BPG file's picture data are damaged or cut short")
    name, planes = decoded
    if name != PIXEL_FORMATS[chroma] or planes[0].shape[::-1] != padded:
        raise FormatError("the BPG file's picture data are not of the size its header declares")
    half = 2 if chroma == CHROMA_420 else 1
    luma, blue, red = planes
    rows, columns = -(-height // half), -(-width // half)
    return luma[:height, :width], blue[:rows, :columns], red[:rows, :columns]
