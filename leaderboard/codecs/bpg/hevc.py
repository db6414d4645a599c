"""One HEVC intra picture: encoded by x265, taken apart, put together again and decoded.

::

    planes -> x265 -> VPS | SPS | PPS | slice        BPG keeps a few fields of the SPS,
                            |      |      |          and PPS and slice as they are
                         SpsFields +- payload

    VPS, SPS made anew from SpsFields and the size | payload -> FFmpeg's decoder -> planes

x265 is set to what bpgenc 0.9.8 asks of the x265 it was built with, as its source and the headers
of its files say: preset veryslow (level 8 of 9), tune ssim, one qp for all, rows of blocks that can
be decoded side by side, and that x265's price of a bit (`LAMBDAS`).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from leaderboard.codecs.base import CodecError

from .colour import Plane
from .headers import (
    CHROMA_420,
    CHROMA_444,
    LAST_SLICE,
    PPS,
    SPS,
    START,
    BitsError,
    SpsFields,
    sps_fields,
    units,
)

BLOCK = 8
"""Side of the smallest coding block x265 is asked for; sides of pictures are multiples of it."""
PIXEL_FORMATS = {CHROMA_420: "yuv420p", CHROMA_444: "yuv444p"}
"""chroma_format_idc -> FFmpeg's name for planes of 8 bits."""
PRESET, TUNE = "veryslow", "ssim"
_QPS = 70
LAMBDAS = [
    [2 ** (qp / 6 - 2) for qp in range(_QPS)],
    [0.85 * 2 ** (qp / 3 - 4) for qp in range(_QPS)],
]
"""What a bit costs against absolute and squared error, by qp, in bpgenc's x265.

Later ones hold a bit a fifth cheaper against squared error (0.038·e^(0.234·qp)): at the same qp
their files are 10% larger and 0.4 dB better, and come to other curves.
"""


def encode_intra(planes: Sequence[Plane], chroma: int, qp: int) -> tuple[SpsFields, bytes]:
    """One intra picture by x265 -> the SPS's fields, and PPS and slices, the first start code less.

    planes: Y, Cb, Cr uint8, sides multiples of 8 and at least 16. qp: of the slices, 0..51.
    Raises CodecError.
    """
    height, width = planes[0].shape
    try:
        nal_units = units(encode_stream(planes, chroma, qp))
        fields = [sps_fields(unit) for kind, unit in nal_units if kind == SPS]
    except (av.error.FFmpegError, BitsError) as error:
        raise CodecError(f"x265 cannot encode {width}x{height} pixels: {error}") from error
    carried = [unit for kind, unit in nal_units if kind == PPS or kind <= LAST_SLICE]
    if len(fields) != 1 or len(carried) < 2:
        raise CodecError(f"x265 gave no picture of {width}x{height} pixels")
    return fields[0], START.join(carried)


def encode_stream(planes: Sequence[Plane], chroma: int, qp: int, named: bool = False) -> bytes:
    """x265's byte stream of one picture. named: x265 states its version in it.

    Raises CodecError where no temporary file can be written, FFmpegError for what x265 refuses.
    """
    height, width = planes[0].shape
    side = min(height, width)
    options = {
        "qp": qp,
        "ipratio": 1,  # otherwise intra pictures get a lower qp than the one asked for
        "keyint": 1,
        # x265 wants a picture of at least one tree.
        "ctu": 64 if side >= 64 else 32 if side >= 32 else 16,
        "min-cu-size": BLOCK,
        "wpp": 1,
        # Of one thread, without which x265 turns `wpp` off; the bytes are those of many.
        "pools": 1,
        "frame-threads": 1,
        "info": int(named),
        "log-level": "none",
    }
    encoder = av.CodecContext.create("libx265", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, PIXEL_FORMATS[chroma]
    encoder.time_base = Fraction(1, 25)
    frame = av.VideoFrame(width, height, PIXEL_FORMATS[chroma])
    frame.pts = 0
    for target, plane in zip(frame.planes, planes, strict=True):
        rows = np.zeros((plane.shape[0], target.line_size), np.uint8)
        rows[:, : plane.shape[1]] = plane
        target.update(rows.tobytes())
    try:
        with tempfile.TemporaryDirectory(prefix="x265-") as folder:
            table = Path(folder) / "lambda"
            text = "\n".join(", ".join(f"{value:.4f}" for value in row) for row in LAMBDAS)
            table.write_text(text, encoding="ascii")
            options["lambda-file"] = re.sub(r"([\\:'])", r"\\\1", str(table))
            encoder.options = {
                "preset": PRESET,
                "tune": TUNE,
                "x265-params": ":".join(f"{key}={value}" for key, value in options.items()),
            }
            packets = [*encoder.encode(frame), *encoder.encode(None)]
    except OSError as error:
        if isinstance(error, av.error.FFmpegError):
            raise
        raise CodecError(f"x265 needs a file in {tempfile.gettempdir()}: {error}") from error
    return b"".join(bytes(packet) for packet in packets)


def x265_version() -> str:
    """What x265 calls itself in the streams it writes, such as `x265 (build 215) 4.1`."""
    grey = np.full((16, 16), 128, np.uint8)
    stream = encode_stream([grey] * 3, CHROMA_444, 40, named=True)
    name = re.search(rb"x265 \(build \d+\) - [^: ]*", stream)
    return name[0].decode("ascii", "replace").replace("- ", "") if name else "x265"


def decode_intra(
    fields: SpsFields, payload: bytes, width: int, height: int, chroma: int
) -> tuple[Plane, Plane, Plane]:
    """Inverse of `encode_intra`: Y, Cb, Cr uint8, cropped to width x height. Raises CodecError."""
    padded = fields.padded(width), fields.padded(height)
    stream = fields.parameter_sets(*padded, chroma) + START + payload
    decoder = av.CodecContext.create("hevc", "r")
    decoder.thread_count = 1
    decoder.options = {"err_detect": "crccheck+bitstream+buffer+explode"}
    try:
        frames = [*decoder.decode(av.Packet(stream)), *decoder.decode(None)]
    except (av.error.FFmpegError, EOFError) as error:
        raise CodecError(f"the BPG file's picture data are damaged: {error}") from error
    if len(frames) != 1 or not isinstance(frames[0], av.VideoFrame) or frames[0].is_corrupt:
        raise CodecError("the BPG file's picture data are damaged or cut short")
    frame = frames[0]
    if (frame.width, frame.height) != padded or frame.format.name not in (
        PIXEL_FORMATS[chroma],
        PIXEL_FORMATS[chroma].replace("yuv", "yuvj"),
    ):
        raise CodecError("the BPG file's picture data are not of the size its header declares")
    half = 2 if chroma == CHROMA_420 else 1
    sizes = [(height, width)] + 2 * [(-(-height // half), -(-width // half))]
    luma, blue, red = (
        np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)[
            :rows, :columns
        ]
        for plane, (rows, columns) in zip(frame.planes, sizes, strict=True)
    )
    return luma, blue, red
