"""One HEVC intra picture: encoded by x265, taken apart, put together again and decoded.

::

    planes -> x265 -> VPS | SPS | PPS | slice        BPG keeps a few fields of the SPS,
                            |      |      |          and PPS and slice as they are
                         SpsFields +- payload

    VPS, SPS made anew from SpsFields and the size | payload -> FFmpeg's decoder -> planes

Section numbers are those of Rec. ITU-T H.265.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from .base import CodecError
from .bpg_bits import BitReader, BitsError, BitWriter
from .bpg_colour import Plane

BLOCK = 8
"""Side of the smallest coding block x265 is asked for; sides of pictures are multiples of it."""
CHROMA_420 = 1
CHROMA_444 = 3
PIXEL_FORMATS = {CHROMA_420: "yuv420p", CHROMA_444: "yuv444p"}
"""chroma_format_idc -> FFmpeg's name for planes of 8 bits."""

_START = b"\0\0\1"
_VPS, _SPS, _PPS = 32, 33, 34
_LAST_SLICE = 31
"""NAL unit types (7.4.2.2): up to 31 they hold slices."""
_RANGE_FLAGS = 9
"""Flags of the SPS's range extension (7.3.2.3.2)."""


@dataclass(frozen=True)
class SpsFields:
    """The fields of an SPS that a BPG file carries, in its order; sizes as their logarithms."""

    min_coding_block: int
    coding_block_range: int
    min_transform: int
    transform_range: int
    intra_depth: int
    adaptive_offset: bool
    strong_smoothing: bool
    range_extension: int | None = None

    @classmethod
    def read(cls, bits: BitReader) -> SpsFields:
        """From BPG's HEVC header. Raises BitsError."""
        sizes = bits.ue() + 3, bits.ue(), bits.ue() + 2, bits.ue(), bits.ue()
        # HEVC allows coding blocks of 8 to 64 and transforms of 4 to 32 (7.4.3.2).
        if not (sizes[0] + sizes[1] <= 6 and sizes[2] + sizes[3] <= 5 and sizes[2] < sizes[0]):
            raise BitsError("the header's block sizes are impossible")
        adaptive_offset = bits.flag()
        if bits.flag():
            raise BitsError("the picture uses PCM blocks, which this reader does not know")
        strong_smoothing = bits.flag()
        extension = None
        if bits.flag():
            present, others = bits.flag(), bits.u(7)
            if others:
                raise BitsError("the picture uses an extension of HEVC beyond version 2")
            extension = bits.u(_RANGE_FLAGS) if present else None
        return cls(*sizes, adaptive_offset, strong_smoothing, extension)

    def write(self, bits: BitWriter) -> None:
        """As BPG's HEVC header; `read` is the inverse."""
        self._write_sizes(bits)
        bits.ue(self.intra_depth)
        bits.flag(self.adaptive_offset)
        bits.flag(False)  # no PCM
        bits.flag(self.strong_smoothing)
        self._write_extension(bits)

    def _write_sizes(self, bits: BitWriter) -> None:
        bits.ue(self.min_coding_block - 3, self.coding_block_range)
        bits.ue(self.min_transform - 2, self.transform_range)

    def _write_extension(self, bits: BitWriter) -> None:
        bits.flag(self.range_extension is not None)
        if self.range_extension is not None:
            bits.u(8, 0x80)
            bits.u(_RANGE_FLAGS, self.range_extension)

    def padded(self, size: int) -> int:
        """A side of the picture rounded up to whole coding blocks."""
        block = 1 << self.min_coding_block
        return -(-size // block) * block

    def parameter_sets(self, width: int, height: int, chroma: int) -> bytes:
        """VPS and SPS, with start codes, of a padded picture of 8 bits (7.3.2.1, 7.3.2.2)."""
        vps = BitWriter()
        vps.u(4, 0)  # vps_video_parameter_set_id
        vps.u(2, 3)  # base layer internal and available
        vps.u(9, 0)  # one layer, one sub-layer
        vps.u(17, 0x1FFFF)  # temporal nesting, reserved ones
        _write_profile(vps)
        vps.flag(True)
        vps.ue(0, 0, 0)  # picture buffer, reorder, latency
        vps.u(6, 0)
        vps.ue(0)
        vps.u(2, 0)  # no timing, no extension
        sps = BitWriter()
        sps.u(4, 0)  # sps_video_parameter_set_id
        sps.u(3, 0)
        sps.flag(True)
        _write_profile(sps)
        sps.ue(0, chroma)
        if chroma == CHROMA_444:
            sps.flag(False)  # separate_colour_plane_flag
        sps.ue(width, height)
        sps.flag(False)  # BPG's own size crops, not HEVC's window
        sps.ue(0, 0)  # bit depths less 8
        sps.ue(4)  # log2_max_pic_order_cnt_lsb_minus4
        sps.flag(True)
        sps.ue(0, 0, 0)
        self._write_sizes(sps)
        sps.ue(self.intra_depth, self.intra_depth)  # inter, which nothing uses, and intra
        sps.u(2, 0b01)  # no scaling list, asymmetric partitions
        sps.flag(self.adaptive_offset)
        sps.flag(False)  # no PCM
        sps.ue(0)
        sps.u(2, 0b01)  # no long-term references, temporal prediction
        sps.flag(self.strong_smoothing)
        sps.flag(False)  # no VUI
        self._write_extension(sps)
        return _unit(_VPS, vps) + _unit(_SPS, sps)


def _write_profile(bits: BitWriter) -> None:
    """profile_tier_level (7.3.3): the format range extensions profile, level 8.5, no limits."""
    bits.u(8, 4)
    bits.u(32, 1 << 27)
    bits.u(48, 0b1001 << 44)  # progressive frames
    bits.u(8, 255)


def _unit(kind: int, bits: BitWriter) -> bytes:
    """A NAL unit with its start code, its stop bit and the bytes that keep start codes out."""
    bits.flag(True)
    body = re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", bits.data())
    return _START + bytes([kind << 1, 1]) + body


def _sps_fields(unit: bytes) -> SpsFields:
    """From an SPS as x265 writes it, with its NAL header."""
    bits = BitReader(unit[2:].replace(b"\0\0\3", b"\0\0"))
    bits.u(4)
    if bits.u(3):
        raise BitsError("x265 wrote several sub-layers")
    bits.u(1 + 96)  # nesting, profile_tier_level
    bits.ue()
    if bits.ue() == CHROMA_444:
        bits.u(1)
    bits.ue(), bits.ue()
    if bits.flag():
        raise BitsError("x265 cropped a padded picture")
    for _ in range(3):  # bit depths, picture order count
        bits.ue()
    bits.u(1)
    for _ in range(3):
        bits.ue()
    sizes = bits.ue() + 3, bits.ue(), bits.ue() + 2, bits.ue()
    bits.ue()
    intra_depth = bits.ue()
    if bits.flag():
        raise BitsError("x265 wrote a scaling list, which BPG has no room for")
    bits.u(1)
    adaptive_offset = bits.flag()
    if bits.flag() or bits.ue() or bits.flag():
        raise BitsError("x265 used PCM or reference pictures, which BPG has no room for")
    bits.u(1)
    # After this come only the VUI, which BPG drops, and the extensions, of which x265 uses none.
    return SpsFields(*sizes, intra_depth, adaptive_offset, bits.flag())


def _units(stream: bytes) -> list[tuple[int, bytes]]:
    """(type, bytes without start code) of every NAL unit of a byte stream (annex B)."""
    parts = [part.rstrip(b"\0") for part in stream.split(_START)[1:]]
    return [(part[0] >> 1 & 0x3F, part) for part in parts if len(part) > 2]


def encode_intra(
    planes: Sequence[Plane], chroma: int, qp: int, preset: str, tune: str
) -> tuple[SpsFields, bytes]:
    """One intra picture by x265 -> the SPS's fields, and PPS and slices, the first start code less.

    planes: Y, Cb, Cr uint8, sides multiples of 8 and at least 16. qp: of the slices, 0..51.
    Raises CodecError.
    """
    height, width = planes[0].shape
    try:
        stream = _encode(planes, PIXEL_FORMATS[chroma], qp, preset, tune, False)
        units = _units(stream)
        fields = [_sps_fields(unit) for kind, unit in units if kind == _SPS]
    except (av.error.FFmpegError, BitsError) as error:
        raise CodecError(f"x265 cannot encode {width}x{height} pixels: {error}") from error
    kept = [unit for kind, unit in units if kind == _PPS or kind <= _LAST_SLICE]
    if len(fields) != 1 or len(kept) < 2:
        raise CodecError(f"x265 gave no picture of {width}x{height} pixels")
    return fields[0], _START.join(kept)


def _encode(
    planes: Sequence[Plane], pixel_format: str, qp: int, preset: str, tune: str, named: bool
) -> bytes:
    """x265's byte stream of one picture. named: x265 states its version in it."""
    height, width = planes[0].shape
    side = min(height, width)
    options = {
        "qp": qp,
        "ipratio": 1,  # otherwise intra pictures get a lower qp than the one asked for
        "keyint": 1,
        # x265 wants a picture of at least one tree.
        "ctu": 64 if side >= 64 else 32 if side >= 32 else 16,
        "min-cu-size": BLOCK,
        # One thread: the bytes must not depend on the machine.
        "pools": "none",
        "frame-threads": 1,
        "wpp": 0,
        "info": int(named),
        "log-level": "none",
    }
    encoder = av.CodecContext.create("libx265", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, pixel_format
    encoder.time_base = Fraction(1, 25)
    encoder.options = {
        "preset": preset,
        "tune": tune,
        "x265-params": ":".join(f"{key}={value}" for key, value in options.items()),
    }
    frame = av.VideoFrame(width, height, pixel_format)
    frame.pts = 0
    for target, plane in zip(frame.planes, planes, strict=True):
        rows = np.zeros((plane.shape[0], target.line_size), np.uint8)
        rows[:, : plane.shape[1]] = plane
        target.update(rows.tobytes())
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


def x265_version() -> str:
    """What x265 calls itself in the streams it writes, such as `x265 (build 215) 4.1`."""
    grey = np.full((16, 16), 128, np.uint8)
    stream = _encode([grey] * 3, PIXEL_FORMATS[CHROMA_444], 40, "ultrafast", "ssim", True)
    found = re.search(rb"x265 \(build \d+\) - [^: ]*", stream)
    return found[0].decode("ascii", "replace").replace("- ", "") if found else "x265"


def decode_intra(
    fields: SpsFields, payload: bytes, width: int, height: int, chroma: int
) -> tuple[Plane, Plane, Plane]:
    """Inverse of `encode_intra`: Y, Cb, Cr uint8, cropped to width x height. Raises CodecError."""
    padded = fields.padded(width), fields.padded(height)
    stream = fields.parameter_sets(*padded, chroma) + _START + payload
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
