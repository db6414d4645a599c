"""What every block's levels cost and give on one picture: the tables that `rd` allocation reads.

The encoder runs once at full level. After every iteration it measures each block's distortion, and
the context model says what each block's bits cost. Blocks own their bits, so any allocation can
then be cut out of the same codes without running the encoder again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from semcomp.geometry import BLOCK, CELL, Window
from semcomp.image import to_tensor
from semcomp.networks.runtime import decode_codes, encode_codes
from semcomp.weights import Model

from .distortion import BlockDistortion


@dataclass(frozen=True, eq=False)
class RateDistortion:
    """Tables of a padded picture with N = Hb * Wb blocks and K measured iterations.

    codes: int8 (K, P, Hb, Wb), the bits at full level.
    rate: float64 (N, K + 1), cumulative cost in bits. distortion: float64 (N, K + 1), what
    `BlockDistortion` finds in every block where all have come as far.
    """

    codes: np.ndarray
    rate: np.ndarray
    distortion: np.ndarray

    def cost_of_level(self, level: float) -> float:
        """Bits that every block at `level` would take; fractions interpolate."""
        totals = self.rate.sum(0)
        return float(np.interp(level, np.arange(len(totals)), totals))


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
    references: dict[Window, BlockDistortion] = {}

    def note(k: int, core: Window, outer: Window, decoded: np.ndarray) -> None:
        # The windows reach over the core's edge, into the halo.
        blocks = references[outer].of(decoded)[core.within(outer).scaled(CELL // BLOCK)]
        distortion[k][core.scaled(CELL // BLOCK)] = blocks

    def observe(k: int, core: Window, outer: Window, decoded: np.ndarray) -> None:
        if outer not in references:
            references.clear()  # the tile before is done
            references[outer] = BlockDistortion(padded[outer.scaled(CELL)])
            note(0, core, outer, np.full_like(decoded, 128))
        note(k + 1, core, outer, decoded)
        if progress is not None:
            shown[core.scaled(CELL)] = decoded[core.within(outer).scaled(CELL)]
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
