"""What every block's levels cost and give on one picture: the tables that `rd` allocation reads.

The encoder runs once at full level. After every iteration it measures each block's distortion, and
the context model says what each block's bits cost. Blocks own their bits, so any allocation can
then be cut out of the same codes without running the encoder again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .codec import CELL
from .image import to_tensor
from .metrics import ssim_map
from .quantizer import BLOCK
from .runtime import Window, decode_codes, encode_codes
from .weights import Model

SSIM_WEIGHT = 1000.0
"""Squared grey levels that 1 - SSIM counts for in a block's distortion."""


@dataclass(frozen=True, eq=False)
class RateDistortion:
    """Tables of a padded picture with N = Hb * Wb blocks and K measured iterations.

    codes: int8 (K, P, Hb, Wb), the bits at full level.
    rate: float64 (N, K + 1), cumulative cost in bits. distortion: float64 (N, K + 1).
    """

    codes: np.ndarray
    rate: np.ndarray
    distortion: np.ndarray

    def cost_of_level(self, level: float) -> float:
        """Bits that every block at `level` would take; fractions interpolate."""
        totals = self.rate.sum(0)
        return float(np.interp(level, np.arange(len(totals)), totals))


def block_means(values: np.ndarray) -> np.ndarray:
    """float (8 Hb, 8 Wb) -> mean of every block, float64 (Hb, Wb)."""
    rows, columns = values.shape[0] // BLOCK, values.shape[1] // BLOCK
    blocks = values[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    return np.asarray(blocks.mean((1, 3), dtype=np.float64))


def block_distortion(original: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    """Squared error mixed with 1 - SSIM, float64 (Hb, Wb); both pictures uint8 and padded.

    SSIM alone would starve the smooth blocks, squared error alone knows nothing of structure.
    """
    error = (original.astype(np.float32) - decoded.astype(np.float32)) ** 2
    return block_means(error.mean(2)) + SSIM_WEIGHT * (1 - block_means(ssim_map(original, decoded)))


def measure(
    model: Model,
    padded: np.ndarray,
    iterations: int,
    progress: Callable[[int, int, np.ndarray | None], None] | None = None,
) -> RateDistortion:
    """Run the encoder at full level for `iterations` and fill the tables.

    padded: uint8 (H, W, 3), sides multiples of 16.
    """
    height, width = padded.shape[:2]
    shape = (height // BLOCK, width // BLOCK)
    shown = np.full_like(padded, 128)
    distortion = np.zeros((iterations + 1, *shape))
    distortion[0] = block_distortion(padded, shown)

    def observe(k: int, core: Window, outer: Window, decoded: np.ndarray) -> None:
        # The SSIM windows reach over the core's edge, into the halo.
        blocks = block_distortion(padded[outer.scaled(CELL)], decoded)
        inner = core.within(outer)
        distortion[k + 1][core.scaled(CELL // BLOCK)] = blocks[inner.scaled(CELL // BLOCK)]
        if progress is not None:
            shown[core.scaled(CELL)] = decoded[inner.scaled(CELL)]
            progress(k + 1, iterations, shown)

    codes = encode_codes(
        model.codec, to_tensor(padded).to(model.device), np.full(shape, iterations)
    )
    decode_codes(model.codec, codes, model.device, observe=observe)
    cost = model.coder.cost(codes)
    rate = np.concatenate([np.zeros((1, *shape)), np.cumsum(cost, 0)])
    return RateDistortion(
        codes=codes,
        rate=rate.reshape(iterations + 1, -1).T,
        distortion=distortion.reshape(iterations + 1, -1).T,
    )
