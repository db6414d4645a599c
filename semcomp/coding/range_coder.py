"""A binary range coder: yes or no answers, each with its probability, to bytes and back."""

from __future__ import annotations

from typing import Protocol

# Binary range coder. Python's integers allow a 56-bit range, so that its rounding costs nothing.
_RANGE_BITS = 56
_TOP = 1 << _RANGE_BITS
_BOTTOM = _TOP >> 8
PROBABILITY_BITS = 16
ONE = 1 << PROBABILITY_BITS


def most_bytes(decisions: int) -> int:
    """Bytes that so many answers can need: 16 bits each, as probabilities are multiples of
    1/65536, and some to finish."""
    return 2 * decisions + 64


class Coder(Protocol):
    """One side of the binary range coder."""

    def code(self, probability: int, answer: bool) -> bool:
        """Pass one answer; `probability` in 1..65535 is P(True) in units of 1/65536."""


class Encoder:
    """Binary range encoder (Martin 1979) with carries; True takes the lower part of the range."""

    def __init__(self) -> None:
        self._out = bytearray()
        self._low = 0
        self._range = _TOP

    def code(self, probability: int, answer: bool) -> bool:
        """Write `answer` and return it."""
        bound = (self._range >> PROBABILITY_BITS) * probability
        if answer:
            self._range = bound
        else:
            self._low += bound
            self._range -= bound
        while self._range < _BOTTOM:
            self._shift()
            self._range <<= 8
        return answer

    def _shift(self) -> None:
        """Move the leading byte of `low` to the output, with the carry it may have."""
        if self._low >= _TOP:
            self._low -= _TOP
            last = len(self._out) - 1
            while self._out[last] == 255:
                self._out[last] = 0
                last -= 1
            self._out[last] += 1
        self._out.append(self._low >> (_RANGE_BITS - 8))
        self._low = (self._low << 8) & (_TOP - 1)

    def finish(self) -> bytes:
        """The shortest bytes inside the final range; zero bytes after their end are implied."""
        for kept in range(_RANGE_BITS, -1, -8):
            unit = 1 << kept
            rounded = (self._low + unit - 1) // unit * unit
            if rounded < self._low + self._range:
                break
        self._low = rounded
        for _ in range(_RANGE_BITS // 8):
            self._shift()
        return bytes(self._out).rstrip(b"\0")


class Decoder:
    """Binary range decoder: the mirror of `Encoder`."""

    def __init__(self, data: bytes) -> None:
        start = _RANGE_BITS // 8
        self._value = int.from_bytes(data[:start].ljust(start, b"\0"), "big")
        self._data = data
        self._next = start
        self._range = _TOP

    def code(self, probability: int, answer: bool) -> bool:
        """Read an answer and return it; the one given is ignored."""
        bound = (self._range >> PROBABILITY_BITS) * probability
        answer = self._value < bound
        if answer:
            self._range = bound
        else:
            self._value -= bound
            self._range -= bound
        while self._range < _BOTTOM:
            byte = self._data[self._next] if self._next < len(self._data) else 0
            self._value = self._value << 8 | byte
            self._next += 1
            self._range <<= 8
        return answer
