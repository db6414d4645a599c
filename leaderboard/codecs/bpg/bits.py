"""Bits of HEVC headers and BPG's variable-length integers, read and written."""

from __future__ import annotations

from semcomp.errors import SemcompError


class BitsError(SemcompError, ValueError):
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
