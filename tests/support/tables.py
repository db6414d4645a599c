"""Small codecs and tables of integers for the tests, the same on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from semcomp.coding.entropy import ContextTables, probability_table
from semcomp.coding.features import COUNT
from semcomp.geometry import BITS, ITERATIONS
from semcomp.networks.codec import CodecConfig
from semcomp.networks.quantizer import COEFFICIENTS, EVEN, MAX_DEPTH, UNIT, QuantizerTables

SLOTS = BITS * sum(EVEN)
"""Slots of the tables below: 192."""
MIXED = (1, 2, 1, 4, 3) + (1,) * 19
"""Rounds of iterations of different lengths."""
TINY = CodecConfig("tiny", decoder=(8, 8, 8, 4), inputs=16)
"""A codec like `recurrent` that runs in milliseconds."""
TINY_ONE_PASS = CodecConfig("tiny-one-pass", decoder=(16, 8), inputs=16, residual=(1, 1))
"""A codec like `small` that runs in milliseconds."""
TINY_PAPER = CodecConfig("tiny-paper", decoder=(16, 16, 16, 16), encoder=(8, 16, 16, 16, 16))
"""A codec like `paper` that runs in milliseconds."""


def integers(name: str, shape: tuple[int, ...], low: int, high: int) -> np.ndarray:
    """int64 in low..high-1 from SHAKE-256, whose stream no library version can change."""
    stream = hashlib.shake_256(name.encode()).digest(8 * int(np.prod(shape)))
    values = np.frombuffer(stream, "<u8").reshape(shape)
    return low + (values % np.uint64(high - low)).astype(np.int64)


def quantizer_tables(name: str, rounds: Sequence[int] = EVEN) -> QuantizerTables:
    """Random trees: some coefficients receive eight bits, some four, some two."""
    slots = BITS * sum(rounds)
    coefficients = np.argsort(integers(f"{name} coefficients", (96,), 0, 2**62))
    counts = np.array([8] * 8 + [4] * 16 + [2] * 32 + [8] * 40)
    pool = np.repeat(coefficients, counts)[:slots]
    order = np.argsort(integers(f"{name} order", (slots,), 0, 2**62))
    low = integers(f"{name} low", (slots, 2 ** (MAX_DEPTH - 1)), -200 * UNIT, 200 * UNIT)
    high = low + integers(f"{name} high", low.shape, 1, 40 * UNIT)
    values = np.stack([low, high], 2).reshape(slots, -1).astype(np.int16)
    directions = integers(f"{name} basis", (COEFFICIENTS, COEFFICIENTS), -1000, 1000)
    return QuantizerTables(
        basis=np.linalg.qr(directions.astype(np.float64))[0].astype(np.float32),
        schedule=pool[order].astype(np.int16),
        start=integers(f"{name} start", (COEFFICIENTS,), -80, 80).astype(np.int16),
        thresholds=((low + high) // 2).astype(np.int16),
        values=values,
        rms=np.linspace(40, 2, ITERATIONS + 1, dtype=np.float32)[:, None].repeat(COEFFICIENTS, 1),
        rounds=np.array(rounds, np.int16),
    )


def context_tables(name: str, rounds: Sequence[int] = EVEN, features: int = COUNT) -> ContextTables:
    """Random networks whose logits span most of the probability table."""
    slots = BITS * sum(rounds)
    return ContextTables(
        w1=integers(f"{name} w1", (slots, features, 24), -400, 401).astype(np.int16),
        b1=integers(f"{name} b1", (slots, 24), -(2**15), 2**15).astype(np.int32),
        w2=integers(f"{name} w2", (slots, 24), -8, 9).astype(np.int16),
        bias=integers(f"{name} bias", (slots, 128), -8000, 8000).astype(np.int32),
        probability=probability_table(),
    )


def random_codes(name: str, levels: np.ndarray, rounds: Sequence[int] = EVEN) -> np.ndarray:
    """Fair bits under levels (Hb, Wb): int8 (max level, P, Hb, Wb) of -1, +1, and 0."""
    iterations, planes = int(levels.max(initial=0)), BITS * max(rounds)
    signs = 2 * integers(f"{name} codes", (iterations, planes, *levels.shape), 0, 2) - 1
    sent = (levels > np.arange(iterations)[:, None, None])[:, None]
    needed = np.arange(planes) < BITS * np.array(rounds[:iterations])[:, None]
    return (signs * sent * needed[:, :, None, None]).astype(np.int8)
