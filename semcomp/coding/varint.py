"""Whole numbers of any size as bytes: LEB128 in its shortest form, at most 4 bytes."""

from __future__ import annotations

VARINT_LIMIT = 1 << 28
"""The least number that does not fit."""


def varint(value: int) -> bytes:
    """LEB128: 7 bits a byte, lowest first, the top bit set on all but the last byte."""
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data: bytes, position: int) -> tuple[int, int] | None:
    """(value, position after it); value -1 if it is malformed, None if the data end inside it."""
    value = 0
    for i in range(4):
        if position + i >= len(data):
            return None
        byte = data[position + i]
        value |= (byte & 127) << (7 * i)
        if byte < 128:
            # A last byte of 0 adds nothing: `varint` would not have written it.
            return (-1 if i and not byte else value), position + i + 1
    return -1, position + 4
