"""JPEG's coefficients: which of them are worth their bits, and the baseline file of those kept.

Compiled by numba, which is loaded with this module and keeps what it made beside it. Blocks are
arrays (n, 64) of coefficients in zigzag order. Symbols of AC are numbered: 0 is the end of a block,
1 are 16 zeros, and 2 + 10 * run + size - 1 is a coefficient of `size` bits after `run` zeros.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numba
import numpy as np
from numpy.typing import NDArray

_SUMS = np.add.outer(np.arange(8), np.arange(8))
_ROWS = np.repeat(np.arange(8), 8).reshape(8, 8)
ZIGZAG = np.lexsort((np.where(_SUMS % 2, _ROWS, -_ROWS).ravel(), _SUMS.ravel()))
"""Indices of a block's coefficients, row by row, in JPEG's order: int64 (64,)."""
_SIZES = 10
"""Most bits of an AC coefficient."""
_SYMBOLS = 2 + 16 * _SIZES


@numba.njit(cache=True)
def _bits_of(value: int) -> int:
    value, size = abs(value), 0
    while value >> size:
        size += 1
    return size


@numba.njit(cache=True)
def choose(
    blocks: NDArray[np.float32], prices: NDArray[np.float32], bits: NDArray[np.float64]
) -> NDArray[np.int16]:
    """The whole coefficients that cost least in squared error and bits: int16 (n, 64).

    blocks: float32 (n, 64), coefficients over their steps. prices: float32 (n,), the squared error,
    in steps, that a bit of each block is worth. bits: float64 (162,), what each symbol takes.

    A coefficient may come nearer to 0 or become 0; the best way through a block is found by dynamic
    programming over the coefficients that stay, as mozjpeg does it. DC is rounded.
    """
    chosen = np.zeros(blocks.shape, np.int16)
    cost = np.zeros(64)  # of all up to a coefficient that stays, without its block's end
    before = np.zeros(64, np.int64)  # the one that stays before it; 0 for none
    value = np.zeros(64, np.int64)
    lost = np.zeros(65)  # squared error where all AC before a coefficient are 0
    kept = np.zeros(64, np.int64)  # coefficients that may stay, DC first
    for n in range(len(blocks)):
        block, price = blocks[n], prices[n]
        chosen[n, 0] = round(block[0])
        for z in range(1, 64):
            lost[z + 1] = lost[z] + block[z] ** 2
        end, least, count = 0, lost[64] + price * bits[0], 1
        for z in range(1, 64):
            size = abs(block[z])
            candidate = min(int(size + 0.5), (1 << _SIZES) - 1)
            if candidate == 0:
                continue
            cost[z] = np.inf
            while candidate:
                width = _bits_of(candidate)
                for k in range(count):
                    last = kept[k]
                    run = z - last - 1
                    rate = bits[2 + 10 * (run & 15) + width - 1] + width + (run >> 4) * bits[1]
                    total = cost[last] + lost[z] - lost[last + 1] + price * rate
                    total += (size - candidate) ** 2
                    if total < cost[z]:
                        cost[z], before[z], value[z] = total, last, candidate
                candidate = (1 << (width - 1)) - 1  # the largest that takes a bit less
            kept[count] = z
            count += 1
            total = cost[z] + lost[64] - lost[z + 1] + (price * bits[0] if z < 63 else 0.0)
            if total < least:
                end, least = z, total
        while end:
            chosen[n, end] = value[end] if block[end] > 0 else -value[end]
            end = before[end]
    return chosen


@numba.njit(cache=True)
def _put(state: NDArray[np.int64], out: NDArray[np.uint8], code: int, width: int) -> None:
    """Append bits. state: bits that are no byte yet, their number, bytes written."""
    held, have = (state[0] << width) | code, state[1] + width
    while have >= 8:
        have -= 8
        byte = held >> have
        held &= (1 << have) - 1
        out[state[2]] = byte
        state[2] += 1
        if byte == 255:  # it would begin a marker
            out[state[2]] = 0
            state[2] += 1
    state[0], state[1] = held, have


@numba.njit(cache=True)
def _put_value(state: NDArray[np.int64], out: NDArray[np.uint8], value: int, size: int) -> None:
    _put(state, out, value if value > 0 else value + (1 << size) - 1, size)


@numba.njit(cache=True)
def scan(blocks: NDArray[np.int16]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """A component's scan, uint8, and how often each symbol of AC stands in it, int64 (162,)."""
    state = np.zeros(3, np.int64)
    counts = np.zeros(_SYMBOLS, np.int64)
    out = np.empty(2 * 64 * 3 * len(blocks) + 16, np.uint8)  # each byte may need another
    dc = 0
    for block in blocks:
        step, dc, run = block[0] - dc, block[0], 0
        size = _bits_of(step)
        _put(state, out, size, 4)
        _put_value(state, out, step, size)
        for z in range(1, 64):
            if block[z] == 0:
                run += 1
                continue
            while run > 15:
                counts[1] += 1
                _put(state, out, 1, 8)
                run -= 16
            size = _bits_of(block[z])
            symbol = 2 + 10 * run + size - 1
            counts[symbol] += 1
            _put(state, out, symbol, 8)
            _put_value(state, out, block[z], size)
            run = 0
        if run:
            counts[0] += 1
            _put(state, out, 0, 8)
    _put(state, out, 127, 7)
    return out[: state[2]].copy(), counts


def file_of(
    size: tuple[int, int],
    tables: Sequence[NDArray[np.uint8]],
    scans: Sequence[bytes],
    exif: bytes = b"",
) -> bytes:
    """A baseline JPEG, 4:2:0, of scans of Y, Cb and Cr, each by itself.

    size: height and width. tables: quantizer's steps of Y and of chroma, uint8 (64,) in zigzag
    order. Huffman codes are plain numbers: whoever optimises the file gives it better ones.
    """
    dc = bytes([0, 0, 0, 12]) + bytes(12) + bytes(range(12))
    ac = bytes(7) + bytes([_SYMBOLS]) + bytes(8) + bytes([0, 0xF0])
    ac += bytes(16 * run + size for run in range(16) for size in range(1, _SIZES + 1))
    parts = [b"\xff\xd8", _segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")]
    parts += [_segment(0xE1, b"Exif\0\0" + exif)] if exif else []
    parts += [_segment(0xDB, bytes([i]) + table.tobytes()) for i, table in enumerate(tables)]
    sampling = bytes([1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1])
    parts += [_segment(0xC0, struct.pack(">BHHB", 8, *size, 3) + sampling)]
    parts += [_segment(0xC4, b"\0" + dc), _segment(0xC4, b"\x10" + ac)]
    for component, data in enumerate(scans, 1):
        parts += [_segment(0xDA, bytes([1, component, 0, 0, 63, 0])), data]
    return b"".join([*parts, b"\xff\xd9"])


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload
