"""Small codecs and tables of integers for the tests, the same on every machine."""

from __future__ import annotations

import hashlib

import numpy as np

from semcomp.codec import CodecConfig
from semcomp.entropy import ContextTables, probability_table
from semcomp.features import COUNT
from semcomp.quantizer import (
    BITS,
    COEFFICIENTS,
    ITERATIONS,
    MAX_DEPTH,
    SLOTS,
    UNIT,
    QuantizerTables,
)

TINY = CodecConfig("tiny", decoder=(8, 8, 8, 4), inputs=16)
"""A codec like `small` that runs in milliseconds."""
TINY_PAPER = CodecConfig("tiny-paper", decoder=(16, 16, 16, 16), encoder=(8, 16, 16, 16, 16))
"""A codec like `paper` that runs in milliseconds."""


def integers(name: str, shape: tuple[int, ...], low: int, high: int) -> np.ndarray:
    """int64 in low..high-1 from SHAKE-256, whose stream no library version can change."""
    stream = hashlib.shake_256(name.encode()).digest(8 * int(np.prod(shape)))
    values = np.frombuffer(stream, "<u8").reshape(shape)
    return low + (values % np.uint64(high - low)).astype(np.int64)


def quantizer_tables(name: str) -> QuantizerTables:
    """Random trees: some coefficients receive eight bits, some four, some two."""
    coefficients = np.argsort(integers(f"{name} coefficients", (96,), 0, 2**62))[:56]
    pool = np.repeat(coefficients, [8] * 8 + [4] * 16 + [2] * 32)
    order = np.argsort(integers(f"{name} order", (SLOTS,), 0, 2**62))
    low = integers(f"{name} low", (SLOTS, 2 ** (MAX_DEPTH - 1)), -200 * UNIT, 200 * UNIT)
    high = low + integers(f"{name} high", low.shape, 1, 40 * UNIT)
    values = np.stack([low, high], 2).reshape(SLOTS, -1).astype(np.int16)
    directions = integers(f"{name} basis", (COEFFICIENTS, COEFFICIENTS), -1000, 1000)
    return QuantizerTables(
        basis=np.linalg.qr(directions.astype(np.float64))[0].astype(np.float32),
        schedule=pool[order].astype(np.int16),
        start=integers(f"{name} start", (COEFFICIENTS,), -80, 80).astype(np.int16),
        thresholds=((low + high) // 2).astype(np.int16),
        values=values,
        rms=np.linspace(40, 2, ITERATIONS + 1, dtype=np.float32)[:, None].repeat(COEFFICIENTS, 1),
    )


def context_tables(name: str) -> ContextTables:
    """Random networks whose logits span most of the probability table."""
    return ContextTables(
        w1=integers(f"{name} w1", (SLOTS, COUNT, 24), -400, 401).astype(np.int16),
        b1=integers(f"{name} b1", (SLOTS, 24), -(2**15), 2**15).astype(np.int32),
        w2=integers(f"{name} w2", (SLOTS, 24), -8, 9).astype(np.int16),
        bias=integers(f"{name} bias", (SLOTS, 128), -8000, 8000).astype(np.int32),
        probability=probability_table(),
    )


def random_codes(name: str, levels: np.ndarray) -> np.ndarray:
    """Fair bits under levels (Hb, Wb): int8 (max level, 8, Hb, Wb) of -1, +1, and 0."""
    iterations = int(levels.max(initial=0))
    signs = 2 * integers(f"{name} codes", (iterations, BITS, *levels.shape), 0, 2) - 1
    sent = levels > np.arange(iterations)[:, None, None]
    return (signs * sent[:, None]).astype(np.int8)
