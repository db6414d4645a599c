"""HEVC's parameter sets and BPG's integers: their bits read, written, and the fields BPG keeps.

Section numbers are those of Rec. ITU-T H.265.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from semcomp.errors import FormatError

CHROMA_420 = 1
CHROMA_444 = 3
"""chroma_format_idc of the formats known here."""
START = b"\0\0\1"
VPS, SPS, PPS = 32, 33, 34
LAST_SLICE = 31
"""NAL unit types (7.4.2.2): up to 31 they hold slices."""
_RANGE_FLAGS = 9
"""Flags of the SPS's range extension (7.3.2.3.2)."""


class BitsError(FormatError):
    """Bits that end too early or say something impossible."""


class BitReader:
    """Reads fields from the most significant bit on."""

    def __init__(self, data: bytes) -> None:
        self._bits = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def u(self, count: int) -> int:
        """Unsigned integer of `count` bits. Raises BitsError past the end."""
        if count > self._left:
            raise BitsError("the header ends too early")
        self._left -= count
        return (self._bits >> self._left) & ((1 << count) - 1)

    def flag(self) -> bool:
        """One bit."""
        return self.u(1) == 1

    def ue(self) -> int:
        """Exponential Golomb code of order 0 (HEVC 9.2), at most 32 bits."""
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 31:
                raise BitsError("the header holds an impossible number")
        return (1 << zeros) - 1 + self.u(zeros)


class BitWriter:
    """Writes fields from the most significant bit on."""

    def __init__(self) -> None:
        self._bits = 0
        self._count = 0

    def u(self, count: int, value: int) -> None:
        """Unsigned integer of `count` bits."""
        self._bits = self._bits << count | value
        self._count += count

    def flag(self, value: bool) -> None:
        """One bit."""
        self.u(1, int(value))

    def ue(self, *values: int) -> None:
        """Exponential Golomb codes of order 0 (HEVC 9.2)."""
        for value in values:
            self.u(2 * (value + 1).bit_length() - 1, value + 1)

    def data(self) -> bytes:
        """The bytes, filled up with zeros."""
        missing = -self._count % 8
        return (self._bits << missing).to_bytes((self._count + missing) // 8, "big")


def write_ue7(value: int) -> bytes:
    """BPG's ue7: 7 bits per byte, most significant first, bit 7 set in all bytes but the last."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    return bytes(reversed(groups))


def read_ue7(data: bytes, position: int) -> tuple[int, int]:
    """A ue7 of at most 32 bits and the position after it. Raises BitsError."""
    value = 0
    for index in range(position, min(position + 5, len(data))):
        if index == position and data[index] == 0x80:
            raise BitsError("a number of the header begins with zeros")
        value = value << 7 | data[index] & 0x7F
        if data[index] < 0x80:
            if value >> 32:
                raise BitsError("a number of the header exceeds 32 bits")
            return value, index + 1
    raise BitsError("a number of the header does not end")


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
        return _unit(VPS, vps) + _unit(SPS, sps)


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
    return START + bytes([kind << 1, 1]) + body


def sps_fields(unit: bytes) -> SpsFields:
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


def units(stream: bytes) -> list[tuple[int, bytes]]:
    """(type, bytes without start code) of every NAL unit of a byte stream (annex B)."""
    parts = [part.rstrip(b"\0") for part in stream.split(START)[1:]]
    return [(part[0] >> 1 & 0x3F, part) for part in parts if len(part) > 2]
