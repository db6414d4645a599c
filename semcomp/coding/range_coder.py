"""A binary range coder: yes or no answers, each with its probability, to bytes and back.

Compiled by numba. Both sides are one function, `code`, so that what drives them is written once.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numba import int64
from numpy.typing import NDArray

# Of int64 a range takes 56 bits, so that its rounding costs nothing.
_RANGE_BITS = 56
_TOP = 1 << _RANGE_BITS
_BOTTOM = _TOP >> 8
PROBABILITY_BITS = 16
ONE = 1 << PROBABILITY_BITS


def most_bytes(decisions: int) -> int:
    """Bytes that so many answers can need: 16 bits each, as probabilities are multiples of
    1/65536, and some to finish."""
    return 2 * decisions + 64


class Coder(NamedTuple):
    """One side of the range coder (Martin 1979); an answer True takes the range's lower part.

    data: uint8, the bytes so far, with room for all, or all bytes. state: int64 (4,), the range's
    lower end or how far above it the code points, the range, bytes passed, answers passed.
    reading: whether this is the decoder.
    """

    data: NDArray[np.uint8]
    state: NDArray[np.int64]
    reading: bool


def encoder(decisions: int) -> Coder:
    """An encoder for at most so many answers."""
    return Coder(np.zeros(most_bytes(decisions), np.uint8), np.array([0, _TOP, 0, 0]), False)


def decoder(data: bytes) -> Coder:
    """The decoder of what `finish` gave; zero bytes are implied after the end."""
    start = _RANGE_BITS // 8
    point = int.from_bytes(data[:start].ljust(start, b"\0"), "big")
    return Coder(np.frombuffer(data, np.uint8).copy(), np.array([point, _TOP, start, 0]), True)


@numba.njit(cache=True)
def code(coder, probability, answer):  # type: ignore[no-untyped-def]
    """Pass one answer and give it back; a decoder takes no notice of the one that it is given.

    probability: P(True) in 1/65536, 1..65535.
    """
    data, state, reading = coder
    bound = (state[1] >> PROBABILITY_BITS) * probability
    if reading:
        answer = state[0] < bound
    if answer:
        state[1] = bound
    else:
        state[0] += -bound if reading else bound
        state[1] -= bound
    while state[1] < _BOTTOM:
        if reading:
            byte = int64(data[state[2]]) if state[2] < len(data) else 0
            state[0] = state[0] << 8 | byte
        else:
            if state[0] >= _TOP:  # a carry into the bytes before
                state[0] -= _TOP
                last = state[2] - 1
                while data[last] == 255:
                    data[last] = 0
                    last -= 1
                data[last] += 1
            data[state[2]] = state[0] >> (_RANGE_BITS - 8)
            state[0] = (state[0] & (_BOTTOM - 1)) << 8
        state[2] += 1
        state[1] <<= 8
    state[3] += 1
    return answer


def finish(coder: Coder) -> bytes:
    """The shortest bytes inside an encoder's range; zero bytes after their end are implied."""
    low, width, done = (int(value) for value in coder.state[:3])
    low += int.from_bytes(coder.data[:done].tobytes(), "big") << _RANGE_BITS
    for bits in range(_RANGE_BITS, -1, -8):
        number = -(-low >> bits) << bits
        if number < low + width:
            break
    return number.to_bytes(done + _RANGE_BITS // 8, "big").rstrip(b"\0")
